"""Bounds from pools and slots are bounds, and plans of slots that keep to one fleet are plans."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, by_parts, solve_program
from planner.milp.blocks import Bounded, with_pool_bounds, with_slot_bounds
from planner.milp.bridge import to_arrays
from planner.milp.held_slots import slots_with_the_fleet
from planner.milp.highs import relaxed, solve_arrays
from planner.milp.slots import part_of, pools_of, slots_of
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)


def big_day(blocks=6, elastic=8):
    names = [f"o{i}" for i in range(12)]
    demand = worlds.demand({"chat": [10.0, 20.0, 30.0, 30.0, 20.0, 10.0][:blocks]})
    options = worlds.option_set(
        [worlds.option(name, f"h{i}", 1) for i, name in enumerate(names)],
        [
            worlds.capacity("chat", name, (1, 1.0), (4, 1.5 + i / 10))
            for i, name in enumerate(names)
        ],
        [
            worlds.offer(f"n{i}", 8.0 + i, f"h{i}", 8, startup_h=0.1, elastic_max_nodes=elastic)
            for i in range(len(names))
        ],
    )
    return demand, options


def quarters(seed):
    """Return two workloads over two periods of a day of four blocks, to rent or to reserve."""
    rng = np.random.default_rng(seed)
    rates = {
        name: np.round(rng.uniform(0.5, 3.0, (2, 4)), 2).tolist() for name in ("chat", "code")
    }
    options, capacities = [], []
    for name in rates:
        for i, hardware in enumerate(("a", "b", "a")):
            key = f"{name}-{i}"
            options.append(worlds.option(key, hardware, 1 + i // 2))
            speed = float(rng.uniform(0.8, 1.6)) * (1 + i // 2)
            points = ((1, speed / 2), (3, speed))
            capacities.append(worlds.capacity(name, key, *points))
    offers = [
        worlds.offer("ra", [2.0, 1.9], "a", 2, 0.1, 0.0, 3),
        worlds.offer("rb", [2.4, 2.2], "b", 1, 0.1, 0.0, 3),
        worlds.reserved("la", 1.3, "a", 2, 2, 2),
    ]
    tokens = [worlds.api(name, [2e-3, 2e-3]) for name in rates]
    return worlds.demand(rates), worlds.option_set(options, capacities, offers, tokens)


def bounded(demand, options, limits=None):
    program = build_program(demand, options, limits or Limits())
    arrays = to_arrays(program.problem)
    relaxation = solve_arrays(relaxed(arrays), EXACT)
    return program, Bounded(arrays, relaxation, relaxation.bound)


def slots(program, *, is_static=False):
    return slots_of(program.arrays, is_static=is_static)


def test_every_slot_of_a_day_gets_a_bound_row():
    _, before = bounded(*big_day())

    after = with_slot_bounds(before, slots(before), EXACT, 60.0)

    assert len(after.arrays.row_names) == len(before.arrays.row_names) + 6
    assert after.arrays.row_names[-1] == "bound_5"


def test_rows_of_slots_follow_those_of_pools():
    _, before = bounded(*big_day())
    pools = with_pool_bounds(before, slots(before), EXACT, 60.0)

    after = with_slot_bounds(pools, slots(pools), EXACT, 60.0)

    added = after.arrays.row_names[len(before.arrays.row_names) :]
    assert added == tuple(f"bound_{i}" for i in range(len(added)))
    assert len(set(after.arrays.row_names)) == len(after.arrays.row_names)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("spare_replicas", [0, 1])
def test_bounds_rise_and_never_pass_the_optimum(seed, spare_replicas):
    demand, options = quarters(seed)
    _, plain = bounded(demand, options, Limits(spare_replicas=spare_replicas))
    best = solve_arrays(plain.arrays, SolverSettings(gap=1e-6))
    optimum = float(plain.arrays.cost @ best.values)

    pools = with_pool_bounds(plain, slots(plain), EXACT, 60.0)
    whole = with_slot_bounds(pools, slots(pools), EXACT, 60.0)

    assert plain.bound - 1e-9 <= pools.bound <= whole.bound + 1e-9
    assert whole.bound <= optimum * (1 + 1e-9)
    assert whole.bound > plain.bound


@pytest.mark.parametrize("seed", range(2))
def test_no_bound_row_cuts_off_the_optimum(seed):
    _, plain = bounded(*quarters(seed), Limits(spare_replicas=1))
    best = solve_arrays(plain.arrays, EXACT).values
    pools = with_pool_bounds(plain, slots(plain), EXACT, 60.0)

    whole = with_slot_bounds(pools, slots(pools), EXACT, 60.0).arrays

    rows = np.repeat(np.arange(whole.row_lower.size), np.diff(whole.start))
    activity = np.bincount(rows, weights=whole.value * best[whole.index])
    assert np.all(activity >= whole.row_lower - 1e-6)


def test_pools_of_a_slot_share_its_nodes_and_nothing_else():
    _, program = bounded(*quarters(0), Limits(spare_replicas=1))
    own = slots(program)

    parts = pools_of(program.arrays, own)

    assert len(parts) == 2 * len(own)
    columns = np.concatenate([part.columns for part in parts])
    assert len(set(columns.tolist())) == columns.size
    kinds = {program.arrays.column_names[c].split("_")[0] for c in columns}
    assert kinds == {"n", "y", "e", "f", "a", "r"}
    for part in parts:
        inside = part_of(program.arrays, part)
        pools = {n.split("_")[1] for n in inside.column_names if n[0] == "n"}
        assert len(pools) == 1


def test_a_part_counts_what_is_fixed_outside_it():
    _, program = bounded(*quarters(0))
    arrays = program.arrays
    bought = np.array([name.startswith("B_") for name in arrays.column_names])
    held = replace(arrays, lower=np.where(bought, 2.0, arrays.lower))

    part = part_of(held, slots_of(held, is_static=False, fixed=bought)[0])

    row = next(i for i, name in enumerate(part.row_names) if name.startswith("held_"))
    served = sum(name.startswith("B_2_") for name in arrays.column_names)
    assert part.row_lower[row] in {2.0 * k for k in range(1, served + 1)}
    assert part.row_lower[row] == part.row_upper[row]


@pytest.mark.parametrize("is_narrow", [False, True])
def test_slots_are_held_to_what_offers_can_follow(is_narrow):
    _, before = bounded(*big_day(elastic=1))
    program = with_slot_bounds(before, slots(before), EXACT, 60.0)

    values = slots_with_the_fleet(
        program, SolverSettings(), is_static=False, is_narrow=is_narrow, limit_s=60.0
    )

    by_name = dict(zip(program.arrays.column_names, values.tolist(), strict=True))
    for o in range(12):
        nodes = [by_name[f"N_{o}_0_{b}"] for b in range(6)]
        assert max(nodes) - min(nodes) <= 1 + 1e-6


def test_where_offers_can_follow_slots_differ():
    _, before = bounded(*big_day())
    program = with_slot_bounds(before, slots(before), EXACT, 60.0)

    values = slots_with_the_fleet(
        program, SolverSettings(), is_static=False, is_narrow=False, limit_s=60.0
    )

    by_name = dict(zip(program.arrays.column_names, values.tolist(), strict=True))
    total = [sum(by_name[f"N_{o}_0_{b}"] for o in range(12)) for b in range(6)]
    assert total[2] > total[0]


def test_a_small_program_is_left_alone(day, one_gpu):
    program, before = bounded(day, one_gpu)

    begun = by_parts.begin(program.model, before, SolverSettings(), time.perf_counter() + 60.0)

    assert begun.program is before


def test_a_static_day_is_one_slot():
    program, before = bounded(*big_day(), Limits(scaling="static"))

    begun = by_parts.begin(program.model, before, SolverSettings(), time.perf_counter() + 60.0)

    assert begun.program is before
    assert begun.is_plan


@pytest.mark.parametrize("seed", range(2))
def test_the_optimum_by_parts_is_the_optimum(seed, monkeypatch):
    demand, options = quarters(seed)
    program = build_program(demand, options, Limits(spare_replicas=1))
    whole = solve_program(program, EXACT)
    monkeypatch.setattr(by_parts, "_SMALLEST_PROGRAM", 0)

    found = solve_program(program, EXACT)

    assert found.objective_usd == pytest.approx(whole.objective_usd, rel=1e-7)
    assert found.proof.status == "optimal"


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_by_parts_keeps_its_gap(seed, monkeypatch):
    demand, options = quarters(seed)
    program = build_program(demand, options, Limits(spare_replicas=1))
    best = solve_program(program, EXACT).objective_usd
    monkeypatch.setattr(by_parts, "_SMALLEST_PROGRAM", 0)

    found = solve_program(program, SolverSettings(gap=0.05))

    assert found.proof.bound_usd <= best * (1 + 1e-7) <= found.objective_usd * (1 + 2e-7)
    assert found.objective_usd <= found.proof.bound_usd / 0.95 * (1 + 1e-9)
