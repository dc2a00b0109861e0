"""Space on the site: owned nodes up to a number, those that are there included."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.diagnosis import diagnose_program
from planner.milp import Limits, SolverSettings, build_program, solve_program
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)


def world(there=0):
    """Return 6 requests/s; a node carries one, bought for 7,500 USD or rented for 8,760."""
    rack = worlds.owned("rack", hardware="gpu", accelerators=1)
    offers = [rack, worlds.offer("rent", 12.0)]
    if there:
        build = replace(rack.builds[0], payments=(), fixed_nodes=there)
        offers.append(replace(rack, offer_id="there", instance="there", builds=(build,)))
    options = worlds.option_set([worlds.option("r")], [worlds.capacity("chat", "r", 1.0)], offers)
    return worlds.demand({"chat": [6.0]}), options


def nodes(limits, there=0):
    demand, options = world(there)
    found = solve_program(build_program(demand, options, limits), EXACT)
    return {row.offer_id: row.nodes for row in found.decisions.nodes}, found


def test_without_a_limit_everything_is_bought():
    assert nodes(Limits())[0] == {"rack": 6}


def test_what_has_no_space_is_rented():
    held, found = nodes(Limits(owned_nodes=2))

    assert held == {"rack": 2, "rent": 4}
    (price,) = [p for p in found.shadow_prices if p.what == "owned_nodes"]
    assert (price.where, price.unit) == ("space of the site", "node")


def test_nodes_that_are_there_take_space():
    assert nodes(Limits(owned_nodes=3), there=2)[0] == {"there": 2, "rack": 1, "rent": 3}


def test_more_nodes_than_space_are_diagnosed():
    demand, options = world(there=4)
    limits = Limits(owned_nodes=3)

    found = solve_program(build_program(demand, options, limits), EXACT)

    assert found.proof.status == "infeasible"
    assert "owned_nodes 3" in " ".join(diagnose_program(demand, options, limits, EXACT))
    # Without time nobody knows, and nothing is said to be no cause.
    (unsure,) = diagnose_program(demand, options, limits, replace(EXACT, time_limit_s=1e-9))
    assert "was not found out within the time limit" in unsure


def test_a_price_of_space_is_never_negative():
    costs = [nodes(Limits(owned_nodes=most))[1].objective_usd for most in range(7)]

    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(nodes(Limits())[1].objective_usd)
