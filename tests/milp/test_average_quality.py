"""Requests reach a score on average: what the plan mixes, and against trying every corner."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.demand.deferral import Deferral
from planner.diagnosis import diagnose_program
from planner.errors import InternalError
from planner.milp import (
    AverageFloor,
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    solve_within_caps,
    verify_decisions,
)
from planner.plan.average_quality import average_by_block
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS, SECONDS = 730.0, 730.0 * 3600.0
SCORES = {"small": 0.6, "large": 0.9}


def floor(least, workload="chat"):
    return Limits(average_quality=(AverageFloor(workload, 0, "exam", least),))


def scored(options, **scores):
    known = SCORES | scores
    return replace(
        options,
        capacities=tuple(replace(c, averaged=(known[c.option_id],)) for c in options.capacities),
        api=tuple(replace(a, averaged=(known[a.model],)) for a in options.api),
    )


@pytest.fixture
def two_models():
    """Return a small model at 1 USD/h and a large one at 4 USD/h, each of 1 request/s."""
    return scored(
        worlds.option_set(
            [worlds.option("small", "gpu", 1, "s"), worlds.option("large", "npu", 1, "l")],
            [worlds.capacity("chat", name, 1.0) for name in ("small", "large")],
            [worlds.offer("cheap", 1.0, "gpu"), worlds.offer("dear", 4.0, "npu")],
        )
    )


def solve(demand, options, limits):
    return solve_program(build_program(demand, options, limits), EXACT)


def served(result, name, block=0):
    rows = (*result.decisions.flows, *result.decisions.api_flows)
    return sum(f.planned_rps for f in rows if f.supply_id == name and f.block == block)


@pytest.mark.parametrize(
    ("least", "small", "large", "usd_per_h"),
    [(0.6, 6, 0, 6.0), (0.7, 4, 2, 12.0), (0.75, 3, 3, 15.0), (0.9, 0, 6, 24.0)],
)
def test_the_dearer_model_serves_as_much_as_the_average_needs(
    two_models, least, small, large, usd_per_h
):
    # 6 requests/s: a share x of the large model gives 0.6 + 0.3 x.
    result = solve(worlds.demand({"chat": [6.0]}), two_models, floor(least))

    assert served(result, "small") == pytest.approx(small, abs=1e-9)
    assert served(result, "large") == pytest.approx(large, abs=1e-9)
    assert result.objective_usd == pytest.approx(usd_per_h * HOURS)


def test_every_block_reaches_the_floor_by_itself(two_models):
    # The night alone could be on the large model, and the day on the small one.
    demand = worlds.demand({"chat": [8.0, 2.0]})

    result = solve(demand, two_models, floor(0.75))
    averages = average_by_block(
        demand, two_models, result.decisions, floor(0.75).average_quality[0]
    )

    assert averages == {(0, 0): pytest.approx(0.75), (0, 1): pytest.approx(0.75)}


def test_tokens_count_like_replicas(two_models):
    options = replace(two_models, api=(worlds.api("chat", 1e-3, model="api"),))
    options = scored(options, api=0.9)

    result = solve(worlds.demand({"chat": [3.0]}), options, floor(0.7))

    # A request/s of tokens costs 2,628 USD, of the large model 2,920 USD.
    assert served(result, "api-chat") == pytest.approx(1.0)
    assert served(result, "small") == pytest.approx(2.0)


def test_no_model_reaches_a_floor_above_all_scores(two_models):
    demand = worlds.demand({"chat": [1.0]})

    result = solve(demand, two_models, floor(0.95))
    reasons = diagnose_program(demand, two_models, floor(0.95), EXACT)

    assert result.proof.status == "infeasible"
    assert "without the average exam of at least 0.95 for chat there is a plan" in reasons, reasons


def test_a_floor_that_costs_has_a_shadow_price(two_models):
    # A point of the floor moves 1/30 of 6 requests/s, at 3 USD/h more each, in the relaxation.
    result = solve(worlds.demand({"chat": [6.0]}), two_models, floor(0.75))

    price = next(p for p in result.shadow_prices if p.what == "average_quality")
    assert price.where == "average exam of at least 0.75 for chat"
    assert price.usd_per_unit == pytest.approx(6.0 / 30.0 * 3.0 * HOURS)


def test_every_floor_that_holds_is_named_though_one_has_the_price_of_both(two_models):
    # Half on the large model gives 0.75 in one exam and 0.7 in the other, and neither more.
    both = {"small": (0.6, 0.5), "large": (0.9, 0.9)}
    options = replace(
        two_models,
        capacities=tuple(replace(c, averaged=both[c.option_id]) for c in two_models.capacities),
    )
    floors = (
        AverageFloor("chat", 0, "exam", 0.75),
        AverageFloor("chat", 1, "essay", 0.7),
        AverageFloor("chat", 1, "essay", 0.6),
    )

    result = solve(worlds.demand({"chat": [6.0]}), options, Limits(average_quality=floors))

    prices = {p.where: p.usd_per_unit for p in result.shadow_prices if "average" in p.what}
    assert set(prices) == {
        "average exam of at least 0.75 for chat",
        "average essay of at least 0.7 for chat",
    }
    assert max(prices.values()) > 0
    assert served(result, "large") == pytest.approx(3.0)


def test_work_that_waits_counts_with_the_rest_of_its_workload(two_models):
    # 2 requests/s at once, 24 h of 2 requests/s that wait: half of what each block serves.
    deferral = Deferral("chat", 24.0, None, np.ones(1))
    waiting = replace(worlds.demand({"chat/deferred": [2.0]}).workloads[0], deferral=deferral)
    demand = worlds.demand({"chat": [2.0]})
    demand = replace(demand, workloads=(*demand.workloads, waiting))
    later = [worlds.capacity("chat/deferred", name, 2.0) for name in ("small", "large")]
    options = scored(replace(two_models, capacities=(*two_models.capacities, *later)))

    result = solve(demand, options, floor(0.75))

    # One large replica serves all that waits, at once the small one is enough.
    assert result.objective_usd == pytest.approx((2 * 1.0 + 4.0) * HOURS)
    assert average_by_block(demand, options, result.decisions, floor(0.75).average_quality[0]) == {
        (0, 0): pytest.approx(0.75)
    }


def test_a_floor_binds_its_own_workload_only(two_models):
    demand = worlds.demand({"chat": [1.0], "code": [2.0]})
    more = [worlds.capacity("code", name, 1.0) for name in ("small", "large")]
    options = scored(replace(two_models, capacities=(*two_models.capacities, *more)))

    result = solve(demand, options, floor(0.9))

    assert result.objective_usd == pytest.approx((4.0 + 2.0) * HOURS)


def test_one_model_only_has_to_reach_the_floor_alone(two_models):
    demand = worlds.demand({"chat": [6.0]})

    result = solve_within_caps(demand, two_models, replace(floor(0.75), max_models=1), EXACT)

    assert result.objective_usd == pytest.approx(24.0 * HOURS)


def test_decisions_below_the_floor_are_a_fault(two_models):
    demand = worlds.demand({"chat": [6.0]})
    decisions = solve(demand, two_models, floor(0.7)).decisions

    with pytest.raises(InternalError, match=r"chat averages 0\.700000 of average exam"):
        verify_decisions(demand, two_models, floor(0.71), decisions)


def random_world(seed):
    """Return two models, tokens and a price of unserved requests, with scores at random."""
    rng = np.random.default_rng(seed)
    names = ("small", "large")
    options = worlds.option_set(
        [worlds.option("small", "gpu", 1, "s"), worlds.option("large", "npu", 1, "l")],
        [worlds.capacity("chat", name, float(rng.uniform(0.5, 1.5))) for name in names],
        [
            worlds.offer("gpu", float(rng.uniform(0.5, 2.0)), "gpu"),
            worlds.offer("npu", float(rng.uniform(1.0, 4.0)), "npu"),
        ],
        [worlds.api("chat", float(rng.uniform(3e-4, 2e-3)))] if rng.random() < 0.6 else [],
    )
    low, middle, high = sorted(rng.uniform(0.5, 0.9, 3).tolist())
    options = scored(options, small=low, large=high, api=middle)
    limits = floor(float(rng.uniform(low, high)))
    if rng.random() < 0.4:
        limits = replace(limits, unserved_usd_per_request=(("chat", 1e-3),))
    demand = worlds.demand({"chat": rng.uniform(0.3, 3.0, 2).tolist()}, mean_share=0.5)
    return demand, options, limits


def least_cost_usd(demand, options, limits):
    """Return the least cost over all node counts, each block at its best corner of flows."""
    usd = 0.0
    for b in range(2):
        nodes = itertools.product(range(8), repeat=2)
        usd += min(_corner_usd(demand, options, limits, b, counts) for counts in nodes)
    return usd


def _corner_usd(demand, options, limits, b, counts):
    planned = float(demand.workloads[0].planned_rps[0, b])
    mu = [c.points[0].planned_rps * n for c, n in zip(options.capacities, counts, strict=True)]
    mean_seconds = SECONDS / 2 * 0.5
    prices = [api.usd_per_request_at(0, b) for api in options.api]
    worth = [api.averaged[0] - limits.average_quality[0].least for api in options.api]
    prices += [usd for _, usd in limits.unserved_usd_per_request]
    gains = [c.averaged[0] - limits.average_quality[0].least for c in options.capacities]
    gains += worth + [0.0] * len(limits.unserved_usd_per_request)
    size = len(gains)
    rows = [(np.eye(size)[i], 0.0) for i in range(size)]
    rows += [(-np.eye(size)[i], -mu[i]) for i in range(2)] + [(np.array(gains), 0.0)]
    best = np.inf
    for active in itertools.combinations(rows, size - 1):
        left = np.array([np.ones(size), *(row for row, _ in active)])
        right = np.array([planned, *(bound for _, bound in active)])
        if abs(np.linalg.det(left)) < 1e-12:
            continue
        point = np.linalg.solve(left, right)
        if all(row @ point >= bound - 1e-9 for row, bound in rows):
            best = min(best, float(np.dot(prices, point[2:])) * mean_seconds)
    own = [o.price_usd_per_hour[0] * n for o, n in zip(options.offers, counts, strict=True)]
    return best + sum(own) * HOURS / 2


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_the_least_cost_by_trying_everything(seed):
    demand, options, limits = random_world(seed)

    result = solve(demand, options, limits)

    expected_usd = least_cost_usd(demand, options, limits)
    assert result.objective_usd == pytest.approx(expected_usd, rel=1e-7)


def test_random_worlds_are_bound_by_their_floors():
    bound = 0
    for seed in range(10):
        demand, options, limits = random_world(seed)
        free = solve(demand, options, replace(limits, average_quality=()))
        held = solve(demand, options, limits)
        bound += held.objective_usd > free.objective_usd * (1 + 1e-6)

    assert bound >= 5
