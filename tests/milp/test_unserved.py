"""Rate may stay unserved at its price: what the plan leaves, and what it pays for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import (
    BudgetLimit,
    Limits,
    Quota,
    SolverSettings,
    build_program,
    decisions_usd,
    solve_program,
    verify_decisions,
)
from planner.plan.records import UnservedDecision
from tests import worlds
from tests.truth.enumeration import World, least_cost_usd
from tests.truth.test_enumeration import MOST_NODES, random_world

EXACT = SolverSettings(gap=0.0)
HOURS, SECONDS = 730.0, 730.0 * 3600.0


def solve(demand, options, **limits):
    return solve_program(build_program(demand, options, Limits(**limits)), EXACT)


def unserved(result):
    return {(r.workload, r.block): r.planned_rps for r in result.decisions.unserved}


def test_the_last_replica_is_not_worth_its_price(one_gpu):
    # A node of 1 request/s costs 1,460 USD. The last 0.25 requests/s planned are 0.125 at the
    # mean: 328,500 requests, 1,314 USD at 0.004 USD each, and 1,642.50 USD at 0.005 USD.
    demand = worlds.demand({"chat": [2.25]}, mean_share=0.5)

    cheap = solve(demand, one_gpu, unserved_usd_per_request=(("chat", 0.004),))
    dear = solve(demand, one_gpu, unserved_usd_per_request=(("chat", 0.005),))

    assert unserved(cheap) == {("chat", 0): pytest.approx(0.25)}
    assert cheap.objective_usd == pytest.approx(2 * 2.0 * HOURS + 0.125 * SECONDS * 0.004)
    assert unserved(dear) == {}
    assert dear.objective_usd == pytest.approx(3 * 2.0 * HOURS)


def test_a_price_of_a_workload_that_is_not_planned_here_counts_for_nothing(one_gpu):
    # As where what each workload costs alone is looked for.
    demand = worlds.demand({"chat": [2.25]}, mean_share=0.5)
    prices = ("chat", 0.004), ("code", 0.1)

    alone = solve(demand, one_gpu, unserved_usd_per_request=prices)

    both = solve(demand, one_gpu, unserved_usd_per_request=prices[:1])
    assert alone.objective_usd == both.objective_usd
    assert unserved(alone) == unserved(both)


def test_what_costs_least_to_leave_stays_unserved_where_capacity_is_short(one_gpu):
    demand = worlds.demand({"chat": [1.0], "code": [1.0]})
    options = replace(
        one_gpu, capacities=tuple(worlds.capacity(w, "o", 1.0) for w in ("chat", "code"))
    )
    one_node = {"quotas": (Quota("gpu", 1),)}

    result = solve(
        demand, options, **one_node, unserved_usd_per_request=(("chat", 0.1), ("code", 0.2))
    )

    assert unserved(result) == {("chat", 0): pytest.approx(1.0)}


def test_only_workloads_with_a_price_may_stay_unserved(one_gpu):
    demand = worlds.demand({"chat": [1.0], "code": [1.0]})
    options = replace(
        one_gpu, capacities=tuple(worlds.capacity(w, "o", 1.0) for w in ("chat", "code"))
    )

    result = solve(
        demand,
        options,
        quotas=(Quota("gpu", 0),),
        unserved_usd_per_request=(("chat", 0.1),),
    )

    assert result.proof.status == "infeasible"


def test_no_budget_counts_the_price(one_gpu):
    demand = worlds.demand({"chat": [2.0]})
    budget = BudgetLimit("cash", 0, 1.0 * 2.0 * HOURS)

    result = solve(demand, one_gpu, budgets=(budget,), unserved_usd_per_request=(("chat", 1.0),))

    assert unserved(result) == {("chat", 0): pytest.approx(1.0)}
    assert result.objective_usd == pytest.approx(2.0 * HOURS + SECONDS)


def test_a_workload_that_nothing_serves_stays_unserved_entirely():
    demand = worlds.demand({"chat": [1.0, 2.0]}, mean_share=0.5, discount_per_period=0.9)
    options = worlds.option_set([], [], [])

    result = solve(demand, options, unserved_usd_per_request=(("chat", 0.01),))

    assert unserved(result) == {("chat", 0): 1.0, ("chat", 1): 2.0}
    assert result.objective_usd == pytest.approx(3.0 * 0.5 * SECONDS / 2 * 0.01)


def test_what_is_served_keeps_its_spare(one_gpu):
    demand = worlds.demand({"chat": [2.0]})

    result = solve(
        demand,
        one_gpu,
        spare_replicas=1,
        quotas=(Quota("gpu", 2),),
        unserved_usd_per_request=(("chat", 1.0),),
    )

    assert unserved(result) == {("chat", 0): pytest.approx(1.0)}


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_the_least_cost_by_trying_everything(seed):
    world = random_world(seed)
    rng = np.random.default_rng(1000 + seed)
    prices = tuple(
        (w.workload, float(np.round(rng.uniform(2e-4, 2e-3), 6)))
        for w in world.demand.workloads
        if rng.random() < 0.8
    )
    limits = replace(world.limits, unserved_usd_per_request=prices)
    expected_usd = least_cost_usd(World(world.demand, world.options, limits), MOST_NODES)

    result = solve_program(build_program(world.demand, world.options, limits), EXACT)

    if np.isinf(expected_usd):
        assert result.proof.status == "infeasible"
    else:
        assert result.objective_usd == pytest.approx(expected_usd, rel=1e-7)
        again_usd = decisions_usd(world.demand, world.options, limits, result.decisions)
        assert again_usd == result.objective_usd


def test_random_worlds_do_leave_rate_unserved():
    left = 0
    for seed in range(10):
        world = random_world(seed)
        prices = tuple((w.workload, 3e-4) for w in world.demand.workloads)
        limits = replace(world.limits, unserved_usd_per_request=prices)
        result = solve_program(build_program(world.demand, world.options, limits), EXACT)
        left += bool(result.decisions.unserved)

    assert left >= 5


@pytest.mark.parametrize(
    ("prices", "rate_rps", "message"),
    [
        ((), 1.0, r"1 requests/s of chat stay unserved"),
        ((("chat", 1.0),), 0.5, r"chat is served 1\.5 of 2 requests/s"),
        ((("chat", 1.0),), -1.0, r"-1 requests/s of chat stay unserved"),
    ],
)
def test_unserved_rate_without_a_price_or_a_sum_is_a_fault(one_gpu, prices, rate_rps, message):
    demand = worlds.demand({"chat": [2.0]})
    half = solve(
        demand,
        one_gpu,
        quotas=(Quota("gpu", 1),),
        unserved_usd_per_request=(("chat", 1.0),),
    ).decisions
    wrong = replace(half, unserved=(UnservedDecision("chat", 0, 0, rate_rps),))

    with pytest.raises(InternalError, match=message):
        verify_decisions(demand, one_gpu, Limits(unserved_usd_per_request=prices), wrong)
