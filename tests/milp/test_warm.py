"""A start from an earlier plan is taken when it is a plan and cheaper, and left otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, solve_within_caps
from planner.milp.bridge import to_arrays
from planner.milp.highs import solve_arrays, with_fixed_integers
from planner.milp.start import complete_start, with_fleet
from planner.milp.warm import warmer_start
from planner.plan.records import Decisions, ReplicaDecision
from tests import worlds

SETTINGS = SolverSettings(gap=0.0)
RATES = [[2.0, 3.0], [4.0, 5.0]]


def world():
    """Return a big option that looks cheap by accelerator, and a small one that is cheaper."""
    options = worlds.option_set(
        [worlds.option("big", accelerators=4), worlds.option("small", accelerators=1)],
        [worlds.capacity("chat", "big", 3.9), worlds.capacity("chat", "small", 1.0)],
        [
            worlds.offer("node", [2.0, 2.0], accelerators=4),
            worlds.offer("single", [0.6, 0.6], accelerators=1),
            worlds.reserved("lease", 0.5, accelerators=1, periods=2, term_months=2),
        ],
    )
    return worlds.demand({"chat": RATES}), options


def parts(incumbent):
    program = build_program(*world(), Limits())
    arrays = to_arrays(program.problem)
    start = complete_start(program.model, arrays, np.full(arrays.cost.size, np.nan))
    start = with_fleet(program.model, arrays, start, 30.0, SETTINGS)
    asked = replace(SETTINGS, incumbent=incumbent)
    return arrays, start, warmer_start(program.model, arrays, start, asked)


def usd(arrays, start):
    values = solve_arrays(with_fixed_integers(arrays, start), SETTINGS).values
    return None if values is None else float(arrays.cost @ values)


def best():
    demand, options = world()
    return solve_within_caps(demand, options, Limits(), SETTINGS)


def test_the_best_plan_as_incumbent_is_where_the_solver_starts():
    arrays, start, warm = parts(best().decisions)
    program = build_program(*world(), Limits())

    assert usd(arrays, warm) * program.money_unit_usd == pytest.approx(best().objective_usd)
    assert usd(arrays, start) >= usd(arrays, warm)


@pytest.mark.parametrize(
    "incumbent",
    [
        Decisions((ReplicaDecision("chat", "small", 0, 0, 1, 1),), (), (), ()),  # too few
        Decisions((ReplicaDecision("chat", "gone", 0, 0, 9, 1),), (), (), ()),
        Decisions((ReplicaDecision("other", "small", 0, 0, 9, 1),), (), (), ()),
        Decisions((ReplicaDecision("chat", "big", 0, 0, 9, 1),), (), (), ()),  # dear
    ],
)
def test_an_incumbent_that_is_no_plan_or_dearer_changes_nothing_for_the_worse(incumbent):
    arrays, start, warm = parts(incumbent)

    assert usd(arrays, warm) is not None
    assert usd(arrays, warm) <= usd(arrays, start)


def test_one_shared_slot_is_taken_over_and_the_rest_stays():
    rows = tuple(r for r in best().decisions.replicas if (r.period, r.block) == (1, 0))

    arrays, start, warm = parts(Decisions(rows, (), (), ()))

    assert usd(arrays, warm) <= usd(arrays, start)


def test_without_an_incumbent_the_start_stays():
    _, start, warm = parts(None)

    assert warm is start


def test_a_solve_with_an_incumbent_finds_the_same_cost():
    demand, options = world()

    again = solve_within_caps(
        demand, options, Limits(), replace(SETTINGS, incumbent=best().decisions)
    )

    assert again.objective_usd == pytest.approx(best().objective_usd)
    assert again.proof.status == "optimal"
