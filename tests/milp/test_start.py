"""The plan to begin from is feasible, and repaired where rules couple blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program
from planner.milp.blocks import strengthen
from planner.milp.bridge import to_arrays
from planner.milp.highs import solve_arrays, with_fixed_integers
from planner.milp.start import complete_start
from tests import worlds


def started(demand, options, limits):
    program = build_program(demand, options, limits)
    arrays = to_arrays(program.problem)
    start = complete_start(program.model, arrays, np.full(arrays.cost.size, np.nan))
    return dict(zip(arrays.column_names, start.tolist(), strict=True)), arrays, start


@pytest.mark.parametrize("scaling", ["hourly", "static"])
@pytest.mark.parametrize("spare_replicas", [0, 1, 2])
@pytest.mark.parametrize("elastic", [0, 1, 9])
def test_a_start_from_nothing_is_a_plan(day, one_gpu, scaling, spare_replicas, elastic):
    offers = (worlds.offer("node", 2.0, min_billing_h=12.0, elastic_max_nodes=elastic),)
    options = replace(one_gpu, offers=offers)

    _, arrays, start = started(day, options, Limits(scaling, spare_replicas))

    assert solve_arrays(with_fixed_integers(arrays, start), SolverSettings()).status == "solved"


def test_elasticity_raises_the_quiet_blocks(day, one_gpu):
    offers = (worlds.offer("node", 2.0, elastic_max_nodes=1),)

    values, _, _ = started(day, replace(one_gpu, offers=offers), Limits())

    assert [values[f"N_0_0_{b}"] for b in range(4)] == [3, 3, 4, 3]


def test_minimum_billing_raises_the_blocks_after_a_start(day, one_gpu):
    demand = worlds.demand({"chat": [1.0, 3.0, 1.0, 1.0]})
    offers = (worlds.offer("node", 2.0, min_billing_h=12.0),)

    values, _, _ = started(demand, replace(one_gpu, offers=offers), Limits())

    assert [values[f"N_0_0_{b}"] for b in range(4)] == [1, 3, 2, 1]


def test_cheap_tokens_leave_the_start_without_nodes(day, one_gpu):
    values, _, _ = started(day, replace(one_gpu, api=(worlds.api("chat", 1e-9),)), Limits())

    assert all(values[f"N_0_0_{b}"] == 0 for b in range(4))


def test_workloads_without_a_common_option_choose_alone():
    demand = worlds.demand({"a": [1.5], "b": [2.5]})
    options = worlds.option_set(
        [worlds.option("x"), worlds.option("y")],
        [worlds.capacity("a", "x", 1.0), worlds.capacity("b", "y", 1.0)],
        [worlds.offer("node", 1.0)],
        pools={"a": "p", "b": "p"},
    )

    values, _, _ = started(demand, options, Limits())

    assert [values[f"n_0_{c}_0_0"] for c in range(2)] == [2, 3]
    assert values["N_0_0_0"] == 5


def test_values_of_solved_slots_are_kept(day, one_gpu):
    program = build_program(day, one_gpu, Limits())
    arrays = to_arrays(program.problem)
    solved = np.where(arrays.integer, 7.0, 0.0)

    start = complete_start(program.model, arrays, solved)

    assert set(start[arrays.integer]) == {7.0}


def big_day(blocks=6):
    names = [f"o{i}" for i in range(12)]
    demand = worlds.demand({"chat": [10.0, 20.0, 30.0, 30.0, 20.0, 10.0][:blocks]})
    options = worlds.option_set(
        [worlds.option(name, f"h{i}", 1) for i, name in enumerate(names)],
        [
            worlds.capacity("chat", name, (1, 1.0), (4, 1.5 + i / 10))
            for i, name in enumerate(names)
        ],
        [worlds.offer(f"n{i}", 8.0 + i, f"h{i}", 8, startup_h=0.1) for i in range(len(names))],
    )
    return demand, options


def test_every_block_of_a_large_program_gets_a_bound_row():
    arrays = to_arrays(build_program(*big_day(), Limits()).problem)

    stronger = strengthen(arrays, SolverSettings(), is_static=False)

    assert len(stronger.arrays.row_names) == len(arrays.row_names) + 6
    assert stronger.arrays.row_names[-1] == "slotbound_5"
    assert stronger.bound > 0


def test_bound_rows_raise_the_relaxation_but_not_above_a_plan():
    program = build_program(*big_day(), Limits())
    arrays = to_arrays(program.problem)
    relax = SolverSettings(gap=0.0, time_limit_s=20)

    stronger = strengthen(arrays, relax, is_static=False)

    free = replace(arrays, integer=np.zeros_like(arrays.integer))
    bounded = replace(stronger.arrays, integer=np.zeros_like(arrays.integer))
    plain_bound = solve_arrays(free, relax).bound
    strong_bound = solve_arrays(bounded, relax).bound
    best = solve_arrays(arrays, relax)
    assert strong_bound > plain_bound
    assert strong_bound <= float(best.values @ arrays.cost) * (1 + 1e-9)


def test_equal_blocks_have_equal_plans():
    arrays = to_arrays(build_program(*big_day(), Limits()).problem)

    values = strengthen(arrays, SolverSettings(), is_static=False).values

    by_name = dict(zip(arrays.column_names, values.tolist(), strict=True))
    first = [by_name[f"N_{o}_0_0"] for o in range(12)]
    last = [by_name[f"N_{o}_0_5"] for o in range(12)]
    assert first == last


def test_slots_are_held_to_what_offers_can_follow():
    demand, options = big_day()
    offers = tuple(replace(o, elastic_max_nodes=1) for o in options.offers)
    arrays = to_arrays(build_program(demand, replace(options, offers=offers), Limits()).problem)

    values = strengthen(arrays, SolverSettings(), is_static=False).values

    by_name = dict(zip(arrays.column_names, values.tolist(), strict=True))
    for o in range(12):
        nodes = [by_name[f"N_{o}_0_{b}"] for b in range(6)]
        assert max(nodes) - min(nodes) <= 1 + 1e-6


def test_without_elasticity_slots_are_free_to_follow_the_day():
    arrays = to_arrays(build_program(*big_day(), Limits()).problem)

    values = strengthen(arrays, SolverSettings(), is_static=False).values

    by_name = dict(zip(arrays.column_names, values.tolist(), strict=True))
    total = [sum(by_name[f"N_{o}_0_{b}"] for o in range(12)) for b in range(6)]
    assert total[2] > total[0]


def test_a_small_program_is_left_alone(day, one_gpu):
    arrays = to_arrays(build_program(day, one_gpu, Limits()).problem)

    stronger = strengthen(arrays, SolverSettings(), is_static=False)

    assert stronger.arrays is arrays
    assert np.isnan(stronger.values).all()


def test_a_static_day_is_one_slot():
    arrays = to_arrays(build_program(*big_day(), Limits(scaling="static")).problem)

    stronger = strengthen(arrays, SolverSettings(), is_static=True)

    assert stronger.arrays is arrays
