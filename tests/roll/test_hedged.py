"""Orders that suit several courses of demand, against all orders counted out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from planner.milp import SolverSettings
from planner.plan.records import Decisions
from planner.preparation import prepare
from planner.roll.hedged import hedged_orders
from planner.roll.records import Actuals
from planner.roll.replay import replay
from planner.roll.scenarios import SCENARIOS, demand_scenarios, forecast_spread
from planner.roll.stage import Stage
from planner.roll.world import World
from tests.roll.world import LEASE_USD, PROBLEM, RENT_USD, write_quarters

EXACT = SolverSettings(gap=0.0, time_limit_s=60.0)
NOTHING = Decisions((), (), (), ())
UNSERVED = "workloads.0.unserved_penalty_usd_per_request=1"


def world_of(folder, rates, *, cv=0.6, rps=10.0, periods=2, forecast="last-seen"):
    text = PROBLEM.replace("periods: 2", f"periods: {periods}").replace(
        "mean_rate_rps: 10,", f"mean_rate_rps: {rps}, forecast_cv: {cv},"
    )
    ready = prepare(write_quarters(folder, text), None, (UNSERVED,))
    return World(ready, Actuals({"chat": tuple(rates)}, {}), forecast)


def nodes_needed(demand, period):
    return math.ceil(demand.workloads[0].planned_rps[period, 0] / 5 - 1e-9)


def best_orders(demands):
    """Return every first order of the least expected cost, and that cost, by trying them all."""

    def usd(first, demand):
        now, later = nodes_needed(demand, 0), nodes_needed(demand, 1)
        return min(
            2 * first * LEASE_USD
            + second * LEASE_USD
            + max(now - first, 0) * RENT_USD
            + max(later - first - second, 0) * RENT_USD
            for second in range(12)
        )

    costs = {n: sum(usd(n, d) for d in demands) / len(demands) for n in range(12)}
    least = min(costs.values())
    return [n for n, cost in costs.items() if cost == pytest.approx(least)], least


@pytest.mark.parametrize("cv", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("rps", [10.0, 23.0])
def test_the_first_orders_are_the_best_of_all(tmp_path, cv, rps):
    world = world_of(tmp_path, (1, 1), cv=cv, rps=rps)
    demands = demand_scenarios(world, 0)

    orders = hedged_orders(Stage(world, 0, {}, NOTHING, EXACT), demands)

    best, _ = best_orders(demands)
    assert len(demands) == SCENARIOS
    assert sum(orders.values()) in best


@pytest.mark.parametrize(
    ("courses", "nodes"), [((4, 8, 14), 1), ((4, 8, 8, 8, 14), 2), ((8, 8, 8), 2)]
)
def test_a_year_is_signed_for_what_is_needed_in_enough_courses(tmp_path, courses, nodes):
    # 1, 2 or 3 nodes in both quarters. Signed now, a node costs two quarters of its lease. Who
    # waits pays the rent of the first quarter and the lease of the second, where it is needed: in
    # a share p of the courses. So it is signed now for p > 2 lease / (rent + lease) = 3/4.
    stage = Stage(world_of(tmp_path, (1, 1)), 0, {}, NOTHING, EXACT)
    demands = [
        world_of(tmp_path, (1, 1), cv=0.0, rps=float(rps)).expected_demand(0) for rps in courses
    ]

    orders = hedged_orders(stage, demands)

    assert sum(orders.values()) == nodes


def test_courses_that_are_all_the_same_give_the_orders_of_one(tmp_path):
    world = world_of(tmp_path, (1.0, 1.7, 0.6, 1.2), cv=0.0, periods=4)
    same = [world.expected_demand(0)] * 3
    stage = Stage(world, 0, {}, NOTHING, EXACT)

    alone = hedged_orders(stage, same[:1])

    assert hedged_orders(stage, same) == alone
    assert sum(alone.values()) == 2


def test_without_doubt_hedged_is_rolling(tmp_path):
    world = world_of(tmp_path, (1, 1, 1, 1), cv=0.0, periods=4)

    hedged, rolling = (replay(world, policy, EXACT) for policy in ("hedged", "rolling"))

    assert len(demand_scenarios(world, 0)) == 1
    assert hedged.orders == rolling.orders
    assert hedged.cost_usd == rolling.cost_usd


def test_what_was_seen_counts_beside_what_the_problem_states(tmp_path):
    world = world_of(tmp_path, (1.0, 2.0, 0.5, 1.0), cv=0.3, periods=4)
    stated = 4 * math.log(1.09)
    up, down = math.log(2.0), math.log(4.0)

    assert forecast_spread(world, "chat", 0) == pytest.approx(math.sqrt(stated / 4))
    assert forecast_spread(world, "chat", 1) == pytest.approx(math.sqrt(stated / 5))
    assert forecast_spread(world, "chat", 2) == pytest.approx(math.sqrt((stated + up**2) / 6))
    assert forecast_spread(world, "chat", 3) == pytest.approx(
        math.sqrt((stated + up**2 + down**2) / 7)
    )
    as_stated = world_of(tmp_path, (1.0, 2.0, 0.5, 1.0), cv=0.3, periods=4, forecast="as-stated")
    assert forecast_spread(as_stated, "chat", 3) == pytest.approx(
        math.sqrt((stated + 2 * up**2) / 7)
    )


def test_scenarios_lie_around_the_level_seen_last_and_spread_out(tmp_path):
    world = world_of(tmp_path, (1.5, 1.5, 1.5, 1.5), cv=0.3, periods=4)
    spread = forecast_spread(world, "chat", 1)

    factors = np.array(
        [d.workloads[0].mean_rps[:, 0] / (1.5 * 10.0) for d in demand_scenarios(world, 1)]
    )

    assert factors[:, 0].tolist() == [0, 0, 0]  # that period is over
    for ahead in (1, 2, 3):
        deviation = spread * math.sqrt(ahead)
        low, middle, high = np.log(factors[:, ahead]) + deviation**2 / 2
        assert middle == pytest.approx(0.0, abs=1e-12)
        assert high == pytest.approx(0.9674215661 * deviation)  # normal quantile of 5/6
        assert low == pytest.approx(-high)


def test_on_courses_as_it_expects_them_hedging_costs_less_than_rolling(tmp_path):
    walk, courses = 0.4, 8
    random = np.random.default_rng(5)
    steps = random.normal(-(walk**2) / 2, walk, (courses, 4))
    cv = math.sqrt(math.expm1(walk**2))
    rolling = hedged = 0.0
    for course in np.exp(np.cumsum(steps, axis=1)).tolist():
        world = world_of(tmp_path, course, cv=cv, rps=40.0, periods=4)
        rolling += replay(world, "rolling", EXACT).cost_usd or math.nan
        hedged += replay(world, "hedged", EXACT).cost_usd or math.nan

    assert hedged < rolling
