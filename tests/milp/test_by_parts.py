"""Plans of pools alone: the first plan of programs so large that slots take all the time."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, by_parts
from planner.milp.blocks import Bounded, with_pool_bounds, with_pool_plans
from planner.milp.bridge import to_arrays
from planner.milp.held_slots import constants
from planner.milp.highs import relaxed, solve_arrays
from planner.milp.slots import slots_of
from tests import worlds

SETTINGS = SolverSettings(gap=0.0, time_limit_s=60.0)


def world(seed, *, is_committed, count=6):
    """Return some chats on four kinds of nodes over two periods of four blocks."""
    rng = np.random.default_rng(seed)
    chats = [f"chat-{i}" for i in range(count)]
    rates = {chat: rng.uniform(2.0, 30.0, (2, 4)).tolist() for chat in chats}
    options, capacities = [], []
    for chat in chats:
        for hardware in ("a", "b"):
            for size in (1, 4):
                name = f"{chat}-{hardware}{size}"
                options.append(worlds.option(name, hardware, size, chat))
                mu = float(size * rng.uniform(0.7, 1.3))
                capacities.append(worlds.capacity(chat, name, (1, 0.7 * mu), (4, mu)))
    offers = [
        worlds.offer(f"{h}{n}", [n * usd] * 2, h, n) for h, usd in (("a", 2.0), ("b", 2.2))
        for n in (4, 8)
    ]  # fmt: skip
    if is_committed:
        offers.append(worlds.reserved("a-1y", 8 * 1.2, "a", 8, 2, 4))
    return worlds.demand(rates), worlds.option_set(options, capacities, offers)


def bounded(program):
    arrays = to_arrays(program.problem)
    relaxation = solve_arrays(relaxed(arrays), SETTINGS)
    return Bounded(arrays, relaxation, relaxation.bound)


def none(program):
    return by_parts.Begun(program, np.zeros(program.arrays.cost.size), is_plan=False)


@pytest.mark.parametrize(
    ("is_committed", "left_out", "has_time"),
    [(False, 0.0, True), (True, 0.0, False), (True, 0.3, True), (False, 1.0, True)],
)
def test_pools_alone_make_a_plan_even_where_some_were_not_solved(
    is_committed, left_out, has_time, monkeypatch
):
    if not has_time:  # the fleet of the replicas is not found in time
        monkeypatch.setattr(by_parts, "with_fleet", lambda _model, _arrays, start, *_: start)
    monkeypatch.setattr(by_parts, "_SMALLEST_PROGRAM", 0)
    monkeypatch.setattr(by_parts, "_LARGE_PROGRAM", 0)
    monkeypatch.setattr(by_parts, "with_slot_bounds", lambda program, *_: program)
    monkeypatch.setattr(by_parts, "_with_the_fleet", lambda _, program, *__, **___: none(program))
    solve_pools = by_parts.with_pool_bounds
    rng = np.random.default_rng(1)

    def some_pools(*args):
        found = solve_pools(*args)
        names = np.array(["_".join(n.split("_")[-2:]) for n in found.arrays.column_names])
        lost = [name for name in sorted(set(names)) if rng.random() < left_out]
        found.parts[np.isin(names, lost)] = np.nan
        return found

    monkeypatch.setattr(by_parts, "with_pool_bounds", some_pools)
    program = build_program(*world(3, is_committed=is_committed), Limits(spare_replicas=1))

    begun = by_parts.begin(program.model, bounded(program), SETTINGS, time.perf_counter() + 60.0)

    assert begun.is_plan
    arrays = begun.program.arrays
    rows = np.zeros(arrays.row_lower.size)
    np.add.at(
        rows, np.repeat(np.arange(rows.size), np.diff(arrays.start)),
        arrays.value * begun.values[arrays.index],
    )  # fmt: skip
    assert np.all(rows >= arrays.row_lower - 1e-6)
    assert np.all(rows <= arrays.row_upper + 1e-6)
    assert begun.usd >= begun.program.bound * (1 - 1e-9)
    if left_out < 1.0 and has_time:
        assert begun.usd <= 1.25 * begun.program.bound


@pytest.mark.parametrize("is_committed", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_the_computed_bound_is_between_the_relaxation_and_any_plan(
    seed, is_committed, monkeypatch
):
    monkeypatch.setattr(by_parts, "_SMALLEST_PROGRAM", 0)
    data = world(seed, is_committed=is_committed, count=2)
    program = build_program(*data, Limits(spare_replicas=1))
    before = bounded(program)
    slots = slots_of(before.arrays, is_static=False, fixed=constants(before.arrays))

    computed = with_pool_plans(before, slots, SETTINGS, 60.0)
    relaxed_again = with_pool_bounds(before, slots, SETTINGS, 60.0)
    plan = by_parts.begin(
        program.model, before, replace(SETTINGS, gap=0.05), time.perf_counter() + 60
    )

    assert computed.arrays is before.arrays
    assert before.bound < computed.bound <= relaxed_again.bound * (1 + 1e-7)
    assert plan.is_plan
    assert computed.bound <= plan.usd


@pytest.mark.parametrize("reason", [("_RELAXATIONS", np.inf), ("_HUGE_PROGRAM", 0)])
def test_a_program_that_is_not_relaxed_again_has_a_plan_and_a_computed_bound(monkeypatch, reason):
    monkeypatch.setattr(by_parts, "_SMALLEST_PROGRAM", 0)
    monkeypatch.setattr(by_parts, "_LARGE_PROGRAM", 0)
    monkeypatch.setattr(by_parts, *reason)
    program = build_program(*world(5, is_committed=True), Limits(spare_replicas=1))
    before = bounded(program)

    begun = by_parts.begin(program.model, before, SETTINGS, time.perf_counter() + 59.0)

    assert begun.is_plan
    assert begun.program.arrays is before.arrays
    assert before.bound < begun.program.bound <= begun.usd
    assert begun.usd < 1.2 * begun.program.bound
