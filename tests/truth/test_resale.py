"""Nodes that are there and may be sold: the optimum against every way to part with them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from planner.milp import BudgetLimit, Limits, SolverSettings
from planner.milp.check import verify_decisions
from planner.milp.families import build_program
from planner.milp.solver import solve_program
from planner.options.existing import existing_nodes
from planner.problem.supply import ExistingNodes
from tests import worlds
from tests.options.world import problem, workload

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0


def asked(resale, *, periods, nodes, usd_per_node_hour, **changes):
    """Return the problem that states the nodes, in periods of a month."""
    stated = {
        "hardware": "gpu", "tenure": "owned", "nodes": nodes, "accelerators_per_node": 1,
        "usd_per_node_hour": usd_per_node_hour, "resale": resale, "provider": "cloud",
    }  # fmt: skip
    return problem(
        workload(),
        horizon={"start": "2027-01", "periods": periods, "months_per_period": 1},
        supply={"existing": [stated | changes]},
    )


def solve(stated, demand, rent_usd, limits=Limits()):  # noqa: B008 - immutable
    (there,) = existing_nodes(stated, demand.grid)
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("rent", [rent_usd] * demand.grid.periods), there],
    )
    result = solve_program(build_program(demand, options, limits), EXACT)
    verify_decisions(demand, options, limits, result.decisions)
    assert result.proof.bound_usd == pytest.approx(result.objective_usd, abs=1e-3)
    return result, there


def sold(result, there):
    """Return nodes by the month of their sale."""
    return {there.builds[b.build].sold_month: b.nodes for b in result.decisions.builds}


def test_nodes_are_sold_when_renting_is_cheaper_than_keeping_them():
    # Keeping one over the second month costs 730 and 1,000 of value; renting costs 2 * 730.
    resale = {"usd_per_node": [3_000, 2_900, 1_900]}
    demand = worlds.demand({"chat": [[1.0], [1.0]]})

    cheap, there = solve(asked(resale, periods=2, nodes=1, usd_per_node_hour=1.0), demand, 2.0)
    dear, _ = solve(asked(resale, periods=2, nodes=1, usd_per_node_hour=1.0), demand, 3.0)

    assert sold(cheap, there) == {1: 1}
    assert cheap.objective_usd == pytest.approx(730 - 2_900 + 2 * 730)
    assert sold(dear, there) == {None: 1}
    assert dear.objective_usd == pytest.approx(2 * 730 - 1_900)


def test_nodes_without_work_are_sold_at_once_when_their_value_falls():
    demand = worlds.demand({"chat": [[0.5], [0.5]]})
    stated = asked(
        {"usd_per_node": 9_000, "change_per_year": -0.5}, periods=2, nodes=3,
        usd_per_node_hour=1.0,
    )  # fmt: skip

    result, there = solve(stated, demand, 50.0)

    assert sold(result, there) == {None: 1, 0: 2}
    assert result.objective_usd == pytest.approx(2 * 730 - 9_000 * 0.5 ** (2 / 12) - 2 * 9_000)


def test_what_a_sale_brings_is_no_budget():
    # Rent after a sale costs 1,460 a month; the budget stops at 1,000 in the second one.
    resale = {"usd_per_node": [3_000, 2_900, 1_900]}
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    limits = Limits(budgets=(BudgetLimit("cash", 1, 1_000.0),))
    result, there = solve(
        asked(resale, periods=2, nodes=1, usd_per_node_hour=1.0), demand, 2.0, limits
    )

    assert sold(result, there) == {None: 1}


def by_trying(rates, rent_usd, nodes, hour_usd, values, last_value):
    """Return the least cost of every number of nodes sold at every moment."""
    periods = len(rates)
    best = np.inf
    for ways in itertools.combinations_with_replacement([*range(periods), None], nodes):
        usd = 0.0
        for moment in ways:
            if moment is not None and values[moment] <= 0:
                break
            kept = periods if moment is None else moment
            usd += kept * HOURS * hour_usd
            usd -= last_value if moment is None else values[moment]
        else:
            for t, blocks in enumerate(rates):
                there = sum(moment is None or moment > t for moment in ways)
                for rate in blocks:
                    rented = max(int(np.ceil(rate)) - there, 0)
                    usd += rented * rent_usd * HOURS / len(blocks)
            best = min(best, usd)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_no_other_way_to_part_with_nodes_costs_less(seed):
    rng = np.random.default_rng(seed)
    periods, nodes = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    rates = rng.integers(0, 5, size=(periods, 2)).astype(float)
    hour_usd, rent_usd = float(rng.uniform(0.2, 2.0)), float(rng.uniform(0.5, 4.0))
    values = rng.uniform(0, 4_000, size=periods + 1).round() * (rng.random(periods + 1) < 0.8)
    rates[0, 0] = max(rates[0, 0], 1.0)
    stated = asked(
        {"usd_per_node": values.tolist()}, periods=periods, nodes=nodes,
        usd_per_node_hour=hour_usd,
    )  # fmt: skip

    result, _ = solve(stated, worlds.demand({"chat": rates.tolist()}), rent_usd)

    least = by_trying(rates, rent_usd, nodes, hour_usd, values, values[-1])
    assert result.objective_usd == pytest.approx(least, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_a_higher_price_of_sold_nodes_never_costs_more(seed):
    rng = np.random.default_rng(100 + seed)
    rates = rng.integers(0, 4, size=(3, 2)).astype(float)
    rates[1, 0] = 2.0
    costs = []
    for factor in (0.0, 0.5, 1.0, 3.0):
        stated = asked(
            {"usd_per_node": 2_000.0 * factor, "change_per_year": -0.6}, periods=3, nodes=2,
            usd_per_node_hour=1.0,
        )  # fmt: skip
        result, _ = solve(stated, worlds.demand({"chat": rates.tolist()}), 2.5)
        costs.append(result.objective_usd)

    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_lent_nodes_that_are_sold_are_gone_in_all_their_hours():
    stated = asked(
        {"usd_per_node": [500, 500, 0]}, periods=2, nodes=1, usd_per_node_hour=1.0,
        hours=[[0, 12]],
    )  # fmt: skip
    demand = worlds.demand({"chat": [[1.0, 1.0], [1.0, 1.0]]})

    # Half a day of it costs 365 a month; rent of the same hours 182.5
    result, there = solve(stated, demand, 0.5)

    assert sold(result, there) == {0: 1}
    assert {n.offer_id for n in result.decisions.nodes} == {"rent"}
    assert result.objective_usd == pytest.approx(2 * 0.5 * HOURS - 500)


def test_the_entry_of_a_problem_is_the_one_that_users_write():
    nodes = ExistingNodes.model_validate(
        {
            "hardware": "gpu", "tenure": "owned", "nodes": 1, "accelerators_per_node": 1,
            "usd_per_node_hour": 1.0, "resale": {"usd_per_node": 100.0, "change_per_year": -0.5},
        }
    )  # fmt: skip

    assert nodes.resale.usd_at(2, 6) == pytest.approx(50.0)
