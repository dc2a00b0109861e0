"""Commitments that were decided before: exactly so many early, at least so many later."""

from __future__ import annotations

import pytest

from planner.milp import Limits, SolverSettings, solve_within_caps
from planner.options.held import hold
from tests import worlds

HOURS = 730.0
GPU = [worlds.option("o")], [worlds.capacity("chat", "o", 1.0)]


def options(periods=3):
    rent = worlds.offer("rent", [2.0] * periods)
    lease = worlds.reserved("lease", 1.0, accelerators=1, periods=periods, term_months=periods)
    return worlds.option_set(*GPU, [rent, lease])


def solve(offered, rates):
    result = solve_within_caps(
        worlds.demand({"chat": rates}), offered, Limits(), SolverSettings(gap=0.0)
    )
    starts = {o.offer_id: [b.start for b in o.builds] for o in offered.offers}
    taken = {(b.offer_id, starts[b.offer_id][b.build]): b.nodes for b in result.decisions.builds}
    return taken, result.objective_usd


@pytest.mark.parametrize("nodes", [1, 3])
def test_held_nodes_are_paid_whether_needed_or_not_and_the_rest_is_rented(nodes):
    offered = hold(options(), {("lease", 0): nodes}, free_from=3)

    taken, usd = solve(offered, [[2.0]] * 3)

    assert taken == {("lease", 0): nodes}
    assert usd == pytest.approx((nodes * 1.0 * 3 + max(2 - nodes, 0) * 2.0 * 3) * HOURS)


def test_nothing_else_may_be_taken_on_before_the_free_period():
    free, _ = solve(hold(options(), {}, free_from=0), [[1.0]] * 3)
    later, usd = solve(hold(options(), {}, free_from=1), [[1.0]] * 3)

    assert free == {("lease", 0): 1}
    # a lease from the second month on is paid for three months: more than two months of rent
    assert later == {} or min(start for _, start in later) >= 1
    assert usd == pytest.approx((2.0 + min(2 * 2.0, 3 * 1.0)) * HOURS)


def test_more_may_be_added_to_what_is_held_from_the_free_period_on():
    taken, _ = solve(hold(options(), {("lease", 0): 1}, free_from=0), [[3.0]] * 3)

    assert taken == {("lease", 0): 3}


def test_an_offer_with_nothing_to_take_on_is_gone_not_rented():
    offered = hold(options(), {}, free_from=3)

    assert [o.offer_id for o in offered.offers] == ["rent"]
