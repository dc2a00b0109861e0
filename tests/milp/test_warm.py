"""A start from an earlier plan is taken when it is a plan and cheaper, and left otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, solve_within_caps
from planner.milp.bridge import to_arrays
from planner.milp.highs import solve_arrays, with_fixed_integers
from planner.milp.start import complete_start, with_fleet
from planner.milp.warm import on_terms_of_incumbent, warmer_start
from planner.options.held import bound_builds
from planner.plan.purchases import on_other_options
from planner.plan.records import BuildDecision, Decisions, ReplicaDecision
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
    arrays, start, warmer = parts(best().decisions)
    program = build_program(*world(), Limits())

    assert usd(arrays, warmer) * program.money_unit_usd == pytest.approx(best().objective_usd)
    assert usd(arrays, start) >= usd(arrays, warmer)


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
    arrays, start, warmer = parts(incumbent)

    assert usd(arrays, warmer) is not None
    assert usd(arrays, warmer) <= usd(arrays, start)


def test_one_shared_slot_is_taken_over_and_the_rest_stays():
    rows = tuple(r for r in best().decisions.replicas if (r.period, r.block) == (1, 0))

    arrays, start, warmer = parts(Decisions(rows, (), (), ()))

    assert usd(arrays, warmer) <= usd(arrays, start)


def test_without_an_incumbent_the_start_stays():
    _, start, warmer = parts(None)

    assert warmer is start


def test_a_solve_with_an_incumbent_finds_the_same_cost():
    demand, options = world()

    again = solve_within_caps(
        demand, options, Limits(), replace(SETTINGS, incumbent=best().decisions)
    )

    assert again.objective_usd == pytest.approx(best().objective_usd)
    assert again.proof.status == "optimal"


def with_a_lease(most=None, usd_per_hour=0.4):
    """Return a lease that is worth taking three times, or may be taken so often at most."""
    demand, options = world()
    lease = worlds.reserved("lease", usd_per_hour, accelerators=1, periods=2, term_months=2)
    options = replace(options, offers=(*options.offers[:2], lease))
    return demand, bound_builds(options, lambda *_: None if most == 0 else (0, most))


@pytest.mark.parametrize(("most", "usd_of_an_hour"), [(0, 7.6), (1, 7.2), (2, 6.8), (9, 6.6)])
def test_the_terms_of_an_incumbent_are_taken_over_as_far_as_they_are_allowed(most, usd_of_an_hour):
    # one to five nodes at 0.6, or four at 2.0: 1.2 + 1.8 + 2.0 + 2.6 in four blocks. A lease is
    # paid in all four, 1.6, and takes a node from each; the fourth would be used in two of them
    demand, before = with_a_lease()
    best = solve_within_caps(demand, before, Limits(), SETTINGS).decisions
    assert [(row.offer_id, row.build, row.nodes) for row in best.builds] == [("lease", 0, 3)]
    _, options = with_a_lease(most)
    moved = on_other_options(before, options, demand.grid, best)
    program = build_program(demand, options, Limits())
    arrays = to_arrays(program.problem)

    asked = replace(SETTINGS, incumbent=moved, incumbent_terms=True)
    values = on_terms_of_incumbent(program.model, arrays, asked)

    cost_usd = float(arrays.cost @ values) * program.money_unit_usd
    assert cost_usd == pytest.approx(usd_of_an_hour * demand.grid.hours_in_period(0))
    assert on_terms_of_incumbent(program.model, arrays, replace(SETTINGS, incumbent=moved)) is None
    again = solve_within_caps(demand, options, Limits(), asked)
    assert again.objective_usd == pytest.approx(cost_usd)
    assert again.proof.status == "optimal"


def test_an_incumbent_with_too_few_replicas_gives_no_plan_of_its_terms():
    program = build_program(*world(), Limits())
    few = Decisions((ReplicaDecision("chat", "small", 0, 0, 1, 1),), (), (), ())

    asked = replace(SETTINGS, incumbent=few, incumbent_terms=True)

    assert on_terms_of_incumbent(program.model, to_arrays(program.problem), asked) is None
    assert solve_within_caps(*world(), Limits(), asked).proof.status == "optimal"


def test_builds_are_found_again_where_others_are_missing():
    demand, options = with_a_lease()
    lease = options.offers[-1]
    later = replace(lease, builds=(lease.builds[1],))
    fewer = replace(options, offers=(*options.offers[:2], later))
    taken = (BuildDecision("lease", 0, 3), BuildDecision("lease", 1, 2))
    decisions = replace(best().decisions, builds=taken)

    moved = on_other_options(options, fewer, demand.grid, decisions)
    gone = on_other_options(options, with_a_lease(0)[1], demand.grid, decisions)

    assert moved.builds == (BuildDecision("lease", 0, 2),)
    assert gone.builds == ()
    assert moved.replicas == gone.replicas == decisions.replicas
