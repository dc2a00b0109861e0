"""The plan to begin from is feasible, and repaired where rules couple blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program
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
