"""Electricity by the hour: the optimum against hand-computed and enumerated costs."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from planner.demand.deferral import Deferral
from planner.milp import BudgetLimit, Limits, SolverSettings, build_program, solve_program
from planner.options.energy_records import EnergyFacts, HardwarePower, Place, PowerDraw
from planner.plan.power_prices import power_price_rows
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0
IDLE_W, BASE_W, MARGINAL_J, PUE = 200.0, 300.0, 400.0, 1.5
"""An accelerator takes 200 W idle, a replica on it 300 W and 400 J for each request."""
BUSY_W = BASE_W + MARGINAL_J


def world(prices, *offers, apis=(), assumed_w=800.0, workloads=("chat",)):
    """Return options with one replica of one accelerator that draws by its load.

    Prices begin at the lowest one: the program pays what hours cost beyond it.
    """
    draw = PowerDraw(100.0, BASE_W - 100.0, BASE_W, MARGINAL_J, 1.0, 100.0)
    capacities = [replace(worlds.capacity(w, "o", 1.0), power=draw) for w in workloads]
    least = min(prices)
    facts = EnergyFacts(
        (HardwarePower("gpu", IDLE_W, 650.0, BUSY_W),),
        tuple(
            Place(o.offer_id, PUE, 100.0, assumed_w=assumed_w)
            if o.tenure == "owned"
            else Place(o.offer_id, 1.0, 100.0)
            for o in offers
        ),
        tuple(prices),
        tuple(p - least for p in prices) if max(prices) > least else (),
    )
    options = worlds.option_set([worlds.option("o")], capacities, offers, apis)
    return replace(options, energy=facts)


def rack(usd_per_month=100.0, periods=1):
    """Return servers of one accelerator that cost so much a month beside dear hours."""
    return worlds.owned(
        "rack", 0.0, "gpu", 1, periods=periods, opex_usd_per_month=usd_per_month,
        value_left_usd=0.0,
    )  # fmt: skip


def solve(demand, options, limits=Limits()):  # noqa: B008 - immutable
    return solve_program(build_program(demand, options, limits), EXACT)


def test_what_hours_cost_beyond_the_lowest_price_follows_idle_power_and_load():
    # Half a day at 0.1, half at 0.3; 1 request/s by night, 0.25 by day.
    demand = worlds.demand({"chat": [1.0, 0.25]})
    options = world([0.1, 0.3], rack())

    result = solve(demand, options)
    (row,) = power_price_rows(demand, options, result.decisions)

    kwh = PUE * HOURS / 2 * (BASE_W + 0.25 * MARGINAL_J) / 1_000
    assert (row.period, row.block, row.hardware, row.accelerators) == (0, 1, "gpu", 1)
    assert row.kwh == pytest.approx(kwh)
    assert row.usd == pytest.approx(0.2 * kwh)
    assert result.objective_usd == pytest.approx(100.0 + 0.2 * kwh)


def test_equal_prices_change_nothing():
    demand = worlds.demand({"chat": [2.0, 0.25]})

    flat = solve(demand, world([0.2, 0.2], rack()))
    plain = solve(demand, replace(world([0.2, 0.2], rack()), energy=EnergyFacts()))

    assert flat.decisions == plain.decisions
    assert flat.objective_usd == plain.objective_usd


def test_tokens_take_the_dear_hours_when_power_costs_more_than_they_do():
    # A request on a running replica takes 400 J, times PUE at 2 USD a kWh more: 0.000333 USD.
    per_request = MARGINAL_J * PUE / 3.6e6 * 2.0
    demand = worlds.demand({"chat": [1.0, 1.0]})
    share = {}
    for factor in (0.9, 4.0):
        tokens = worlds.api("chat", per_request * factor)
        options = world([0.1, 2.1], rack(10.0), apis=[tokens])
        decisions = solve(demand, options).decisions
        share[factor] = {flow.block for flow in decisions.api_flows}

    assert share == {0.9: {1}, 4.0: set()}


def test_work_that_waits_is_done_when_power_is_cheap():
    deferral = Deferral("docs", 24.0, None, np.ones(1))
    demand = worlds.demand({"docs/deferred": [0.5, 0.5]})
    waiting = tuple(replace(w, deferral=deferral) for w in demand.workloads)
    demand = replace(demand, workloads=waiting)
    for prices, block in (([0.1, 0.4], 0), ([0.4, 0.1], 1)):
        options = world(prices, rack(), workloads=("docs/deferred",))

        decisions = solve(demand, options).decisions

        assert {flow.block for flow in decisions.flows} == {block}


def test_budgets_count_what_dear_hours_cost():
    demand = worlds.demand({"chat": [1.0, 1.0]})
    options = world([0.1, 0.3], rack(), worlds.offer("rent", 5.0))
    dear_usd = 0.2 * PUE * HOURS / 2 * BUSY_W / 1_000

    def used(limit_usd):
        limits = Limits(budgets=(BudgetLimit("opex", 0, limit_usd),))
        result = solve(demand, options, limits)
        return None if result.decisions is None else {n.offer_id for n in result.decisions.nodes}

    assert used(100.0 + dear_usd + 0.01) == {"rack"}
    assert used(100.0 + dear_usd - 0.01) is None


def least_cost(rates, prices, own_usd, rent_usd, token_usd, assumed_w):
    """Return the least cost over every number of own nodes, rented nodes and replicas."""
    blocks, best = len(rates), math.inf
    hours, least, idle_w = HOURS / blocks, min(prices), min(IDLE_W, assumed_w)
    for own in range(int(max(map(math.ceil, rates))) + 1):
        usd = own * own_usd
        for rate, price in zip(rates, prices, strict=True):
            found = math.inf
            for rented, n in itertools.product(range(math.ceil(rate) + 1), repeat=2):
                if n > own + rented:
                    continue
                served = min(rate, float(n))
                load = n * (BASE_W - IDLE_W) + MARGINAL_J * served
                watts = own * idle_w + min(load, own * (assumed_w - idle_w))
                here = rented * rent_usd * hours
                here += (price - least) * PUE * hours * watts / 1_000
                here += (rate - served) * 3600 * hours * token_usd
                found = min(found, here)
            usd += found
        best = min(best, usd)
    return best


@pytest.mark.parametrize("seed", range(16))
def test_no_other_fleet_costs_less(seed):
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.1, 3.5, size=4)
    prices = rng.uniform(0.0, 1.5, size=4)
    own_usd, rent_usd = float(rng.uniform(50, 900)), float(rng.uniform(0.3, 2.0))
    token_usd = float(rng.uniform(1e-4, 1e-3)) if seed % 2 else 1.0
    assumed_w = float(rng.uniform(100.0, 900.0))
    with_rent = seed % 4 < 2
    offers = [rack(own_usd), *([worlds.offer("rent", rent_usd)] if with_rent else [])]
    options = world(
        prices.tolist(), *offers, apis=[worlds.api("chat", token_usd)], assumed_w=assumed_w
    )

    result = solve(worlds.demand({"chat": rates.tolist()}), options)

    rent = rent_usd if with_rent else 1e6
    want = least_cost(rates, prices, own_usd, rent, token_usd, assumed_w)
    assert result.objective_usd == pytest.approx(want, rel=1e-6)
    assert result.proof.bound_usd == pytest.approx(result.objective_usd, rel=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_a_lower_price_in_any_hour_never_costs_more(seed):
    rng = np.random.default_rng(50 + seed)
    rates = worlds.demand({"chat": rng.uniform(0.1, 3.0, size=4).tolist()})
    assumed_w, kwh_usd = float(rng.uniform(100.0, 900.0)), PUE * HOURS / 1_000
    prices = rng.uniform(0.1, 1.0, size=4)
    hour = seed % 4
    costs = []
    for factor in (1.0, 0.7, 0.3, 0.0):
        lower = prices.copy()
        lower[hour] *= factor
        # The lowest price is paid on the assumed power all day, within what a server costs.
        month = 100.0 + min(lower) * kwh_usd * assumed_w
        offers = [rack(month), *([worlds.offer("rent", 1.0)] if seed % 2 else [])]
        options = world(lower.tolist(), *offers, assumed_w=assumed_w)
        costs.append(solve(rates, options).objective_usd)

    assert costs == sorted(costs, reverse=True)
