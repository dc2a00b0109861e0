"""Rate limits of tokens: by hand, against a greedy choice written apart, and what they are worth.

A month has 730 h, so one request/s is 2.628 million requests a month.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.diagnosis import diagnose_program
from planner.errors import InternalError
from planner.milp import (
    ApiLimit,
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from planner.milp.api_limits import exceeded_by
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_S = 730 * 3_600.0


def requests(per_minute, model=None, provider="api"):
    return ApiLimit(provider, model, "live", "requests", per_minute)


def solve(demand, options, *limits):
    return solve_program(build_program(demand, options, Limits(api_limits=limits)), EXACT)


def tokens_world(prices, rates=(10.0,), mean_share=1.0):
    """Return a world of tokens only: prices by workload and name of the API."""
    apis = [worlds.api(w, usd, name) for (w, name), usd in prices.items()]
    names = list(dict.fromkeys(w for w, _ in prices))
    demand = worlds.demand({n: list(rates) for n in names}, mean_share=mean_share)
    return demand, worlds.option_set([], [], [], apis)


def test_what_a_limit_does_not_let_through_goes_to_the_next_provider():
    demand, options = tokens_world({("chat", "api"): 1e-6, ("chat", "dear"): 3e-6})

    found = solve(demand, options, requests(360.0))

    # 360 a minute are 6 of 10 requests/s.
    assert found.objective_usd == pytest.approx((6 * 1e-6 + 4 * 3e-6) * MONTH_S)
    assert {f.supply_id: f.planned_rps for f in found.decisions.api_flows} == pytest.approx(
        {"api-chat": 6.0, "dear-chat": 4.0}
    )


def test_a_limit_binds_on_the_planned_rate_and_not_on_the_mean():
    demand, options = tokens_world({("chat", "api"): 1e-6, ("chat", "dear"): 3e-6}, mean_share=0.5)

    found = solve(demand, options, requests(360.0))

    assert found.objective_usd == pytest.approx(0.5 * (6 * 1e-6 + 4 * 3e-6) * MONTH_S)


@pytest.mark.parametrize(
    ("measure", "per_request"), [("tokens", 110), ("input_tokens", 100), ("output_tokens", 10)]
)
def test_limits_on_tokens_count_those_of_a_mean_request(measure, per_request):
    demand, options = tokens_world({("chat", "api"): 1e-6, ("chat", "dear"): 3e-6})

    found = solve(demand, options, ApiLimit("api", None, "live", measure, 60.0 * per_request))

    assert found.objective_usd == pytest.approx((1 * 1e-6 + 9 * 3e-6) * MONTH_S)


def test_workloads_that_use_one_offer_share_its_limit():
    prices = {
        ("chat", "api"): 1e-6, ("chat", "dear"): 3e-6,
        ("code", "api"): 1e-6, ("code", "dear"): 5e-6,
    }  # fmt: skip
    demand, options = tokens_world(prices)

    found = solve(demand, options, requests(720.0))

    # 12 requests/s: all 10 of code, where they save more, and 2 of chat.
    assert found.objective_usd == pytest.approx((12 * 1e-6 + 8 * 3e-6) * MONTH_S)


def test_a_limit_of_another_model_or_mode_or_provider_does_not_count():
    demand, options = tokens_world({("chat", "api"): 1e-6})

    found = solve(
        demand, options, requests(60.0, "other"), requests(60.0, provider="dear"),
        ApiLimit("api", None, "batch", "requests", 60.0),
    )  # fmt: skip

    assert found.objective_usd == pytest.approx(10 * 1e-6 * MONTH_S)


def test_every_block_has_the_whole_limit():
    demand, options = tokens_world(
        {("chat", "api"): 1e-6, ("chat", "dear"): 3e-6}, rates=(2.0, 10.0)
    )

    found = solve(demand, options, requests(300.0))

    assert found.objective_usd == pytest.approx(
        (2 * 1e-6 + 5 * 1e-6 + 5 * 3e-6) * MONTH_S / 2
    )  # fmt: skip


def test_the_shadow_price_is_what_one_more_request_a_minute_saves():
    demand, options = tokens_world({("chat", "api"): 1e-6, ("chat", "dear"): 3e-6})

    found = solve(demand, options, requests(360.0))

    (price,) = [p for p in found.shadow_prices if p.what == "api_limit"]
    assert price.where == "360 requests per minute to api all models (live)"
    assert price.unit == "requests/minute"
    assert price.usd_per_unit == pytest.approx(2e-6 * MONTH_S / 60)
    more = solve(demand, options, requests(361.0))
    assert found.objective_usd - more.objective_usd == pytest.approx(price.usd_per_unit)


def test_a_limit_that_leaves_no_plan_is_named():
    demand, options = tokens_world({("chat", "api"): 1e-6})
    limits = Limits(api_limits=(requests(599.0),))

    assert solve(demand, options, requests(599.0)).proof.status == "infeasible"
    lines = diagnose_program(demand, options, limits, EXACT)
    assert "without the rate limit of 599 requests per minute to api all models (live)" in lines[1]


def test_decisions_above_a_limit_are_refused():
    demand, options = tokens_world({("chat", "api"): 1e-6})
    free = solve(demand, options).decisions

    verify_decisions(demand, options, Limits(api_limits=(requests(600.0),)), free)
    with pytest.raises(InternalError, match=r"600 of 599 requests per minute"):
        verify_decisions(demand, options, Limits(api_limits=(requests(599.0),)), free)


def test_an_offer_that_cannot_carry_a_rate_alone_is_known():
    demand, options = tokens_world({("chat", "api"): 1e-6})
    limits = Limits(api_limits=(requests(60.0),))

    assert exceeded_by(limits, options.api[0], 1.0, 0) is None
    assert exceeded_by(limits, options.api[0], 1.1, 0) == limits.api_limits[0]
    assert demand.workloads[0].workload == options.api[0].workload


def least_usd(rate_rps, node_usd, mu_rps, prices, shares):
    """Return the least cost of one workload by trying every number of nodes of one replica.

    What is left goes to the providers by price, each up to its share.
    """
    best = np.inf
    for nodes in range(int(np.ceil(rate_rps / mu_rps)) + 1):
        left = max(rate_rps - nodes * mu_rps, 0.0)
        usd = nodes * node_usd * 730
        for price, share in sorted(zip(prices, shares, strict=True)):
            used = min(left, share)
            usd += used * price * MONTH_S
            left -= used
        if left <= 1e-12:
            best = min(best, usd)
    return best


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_equals_the_least_cost_by_trying_everything(seed):
    rng = np.random.default_rng(seed)
    rate = float(rng.uniform(1, 8))
    node_usd, mu = float(rng.uniform(0.5, 3)), float(rng.uniform(0.5, 2))
    prices = rng.uniform(1e-7, 2e-6, 3).tolist()
    shares = rng.uniform(0.1, 3, 3).tolist()
    apis = [worlds.api("chat", usd, f"api{i}") for i, usd in enumerate(prices)]
    options = worlds.option_set(
        [worlds.option("o")], [worlds.capacity("chat", "o", mu)],
        [worlds.offer("node", node_usd)], apis,
    )  # fmt: skip
    limits = [requests(60 * share, provider=f"api{i}") for i, share in enumerate(shares)]

    found = solve(worlds.demand({"chat": [rate]}), options, *limits)

    expected = least_usd(rate, node_usd, mu, prices, shares)
    assert found.objective_usd == pytest.approx(expected, rel=1e-7)
    assert found.proof.status == "optimal"


@pytest.mark.parametrize("seed", range(6))
def test_a_tighter_limit_never_costs_less(seed):
    rng = np.random.default_rng(seed)
    prices = {
        (w, name): float(rng.uniform(1e-7, 2e-6)) for w in ("chat", "code") for name in "abc"
    }
    demand, options = tokens_world(prices, rates=tuple(rng.uniform(1, 9, 4)))
    limits = [requests(float(rng.uniform(60, 900)), provider=name) for name in "ab"]

    wide = solve(demand, options, *limits).objective_usd
    tight = solve(
        demand, options, *(replace(limit, per_minute=limit.per_minute / 2) for limit in limits)
    ).objective_usd

    assert tight >= wide * (1 - 1e-9)
