"""Volume discounts: by hand, and against the least cost over every split of the nodes.

A month has 730 h, and a node carries one request/s.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import BudgetLimit, Limits, SolverSettings, build_program, solve_program
from planner.options.supply_records import VolumeDiscount
from planner.plan.volumes import volume_rows
from tests import worlds
from tests.milp.test_spend import promise

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0
TWO_NODES = 2 * 2.0 * MONTH_H
"""Rent of two nodes of `mine` for a month."""


def world(rates, *volumes, mine=2.0, other=1.8, **offer):
    """Return demand and options: nodes of two providers that are alike but for the price."""
    periods = np.atleast_2d(rates).shape[0]
    demand = worlds.demand({"chat": rates})
    options = worlds.option_set(
        [worlds.option("r")],
        [worlds.capacity("chat", "r", 1.0)],
        [
            worlds.offer("mine", [mine] * periods, provider="mine", **offer),
            worlds.offer("other", [other] * periods, provider="other"),
        ],
    )
    return demand, replace(options, volumes=volumes)


def half_off(above=TWO_NODES, *more):
    return VolumeDiscount("edp", "mine", ("on_demand",), ((above, 0.5), *more))


def solve(demand, options, limits=Limits()):  # noqa: B008
    return solve_program(build_program(demand, options, limits), EXACT)


@pytest.mark.parametrize(("nodes", "usd"), [(2, 3.6), (3, 5.0), (4, 6.0)])
def test_a_discount_is_worth_its_threshold_or_not(nodes, usd):
    """Of `other` a node costs 1.8; of `mine` 2.0, and 1.0 from the third on."""
    found = solve(*world([float(nodes)], half_off()))

    assert found.objective_usd == pytest.approx(usd * MONTH_H)
    assert found.proof.status == "optimal"


def test_tiers_apply_to_the_part_above_them():
    demand, options = world([5.0], half_off(TWO_NODES, (2 * TWO_NODES, 0.9)))

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx((4.0 + 2.0 + 0.2) * MONTH_H)
    (row,) = volume_rows(demand, options, found.decisions)
    assert (row.spent_usd, row.rebate_usd) == pytest.approx((10 * MONTH_H, 3.8 * MONTH_H))


def test_peaks_of_a_day_count_with_their_hours():
    # Four nodes in one of two blocks are as much rent as two all day: no discount is reached.
    found = solve(*world([4.0, 0.0], half_off()))

    assert found.objective_usd == pytest.approx(4 * 1.8 * MONTH_H / 2)


def test_every_period_reaches_its_own_tiers():
    found = solve(*world([[2.0], [4.0]], half_off()))

    assert found.objective_usd == pytest.approx((3.6 + 6.0) * MONTH_H)


def test_start_up_time_counts_and_is_discounted():
    demand, options = world([3.0, 4.0], half_off(), other=9.0, startup_h=1.0)

    found = solve(demand, options)

    # A start a day, or the fourth node all day: 1 h of a day is less than 12 h.
    spent = 3.5 * 2.0 * MONTH_H + 2.0 * MONTH_H / 24
    assert found.objective_usd == pytest.approx(spent - (spent - TWO_NODES) / 2)


def test_what_a_promise_covers_does_not_count():
    demand, options = world([4.0], half_off(), other=9.0)
    covering = replace(promise({"mine": 1.0}, most=2.0), provider="mine")

    found = solve(demand, replace(options, spend=(covering,)))

    # Two nodes at 1 USD/h are covered, and the other two reach no discount; or none is covered.
    assert found.objective_usd == pytest.approx(min(2 + 4, 4 + 2) * MONTH_H)


def test_a_budget_counts_what_is_taken_off():
    demand, options = world([4.0], half_off(), other=9.0)

    def status(usd):
        limits = Limits(budgets=(BudgetLimit("cash", 0, usd),))
        return solve(demand, options, limits).proof.status

    assert status(6.0 * MONTH_H + 1) == "optimal"
    assert status(6.0 * MONTH_H - 1) == "infeasible"


def test_an_unreachable_threshold_adds_nothing_to_the_program():
    program = build_program(*world([1.0], half_off(1e9)), Limits())

    assert not program.model.tiers


@pytest.mark.parametrize("seed", range(25))
def test_the_least_cost_over_all_splits_is_found(seed):
    draw = np.random.default_rng(seed)
    rates = draw.integers(0, 5, 3).astype(float).tolist()
    if not any(rates):
        rates[0] = 1.0
    prices = draw.uniform(1, 3, 2)
    starts = np.sort(draw.uniform(0.2, 6, 2)) * prices[0] * MONTH_H
    discounts = np.sort(draw.uniform(0.05, 0.9, 2))
    volume = VolumeDiscount(
        "edp", "mine", ("on_demand",), tuple(zip(starts, discounts, strict=True))
    )

    found = solve(*world(rates, volume, mine=prices[0], other=prices[1]))

    hours = MONTH_H / 3
    least = np.inf
    for mine in itertools.product(*(range(int(n) + 1) for n in rates)):
        rent = sum(mine) * prices[0] * hours
        off = discounts[0] * max(min(rent, starts[1]) - starts[0], 0)
        off += discounts[1] * max(rent - starts[1], 0)
        least = min(least, rent - off + (sum(rates) - sum(mine)) * prices[1] * hours)
    assert found.objective_usd == pytest.approx(least)
    assert found.proof.status == "optimal"


@pytest.mark.parametrize("seed", range(10))
def test_a_price_that_is_halved_never_raises_the_cost(seed):
    draw = np.random.default_rng(200 + seed)
    rates = draw.integers(1, 5, 3).astype(float).tolist()
    mine, other = draw.uniform(1, 3, 2)
    volume = half_off(float(draw.uniform(0.5, 3)) * mine * MONTH_H)

    def usd(price):
        demand, options = world(rates, volume, mine=price, other=other)
        covering = replace(promise({"mine": 0.7 * price}), provider="mine")
        return solve(demand, replace(options, spend=(covering,))).objective_usd

    assert usd(mine / 2) <= usd(mine) * (1 + 1e-9)
