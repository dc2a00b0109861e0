"""Spend commitments: by hand, and against the least cost over every promise worth trying.

A month has 730 h. A node carries one request/s, so demand in requests/s is demand in nodes.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import (
    BudgetLimit,
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from planner.options.builds import Build, served_until
from planner.options.purchases import hold_purchases
from planner.options.reserved import lease_payments
from planner.options.restrict import restrict
from planner.options.supply_records import SpendCommitment
from planner.plan.purchases import terms_beside_nodes
from planner.plan.records import SpendDecision
from planner.plan.spend import covered_use
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0
PRICE = 2.0


def promise(
    rates, name="all", periods=1, term=1, least=0.0, most=None, upfront=0.0, interest=0.0
):  # fmt: skip
    """Return a commitment at rates by offer, whose terms last so many months."""
    times = replace(worlds.grid(periods), discount_rate_per_year=interest)
    builds = tuple(
        Build(
            start=t,
            end=served_until(times, t, term),
            order_month=t,
            term_months=term,
            payments=tuple(lease_payments(times, MONTH_H, upfront, (t, t + term))),
            usd_per_node_hour=1.0,
            price_date="2027-01",
            source="a test",
        )
        for t in range(periods)
    )
    by_offer = tuple((offer, (usd,) * periods) for offer, usd in rates.items())
    return SpendCommitment(f"spend:{name}", "cloud", by_offer, least, most, builds)


def world(rates, *promises, prices=(PRICE,)):
    """Return demand and options: workload w on nodes w of their own hardware, one request/s each.

    `rates` are by workload; offer and option have the name of the workload.
    """
    periods = np.atleast_2d(next(iter(rates.values()))).shape[0]
    demand = worlds.demand(rates)
    options = worlds.option_set(
        [worlds.option(w, f"gpu-{w}") for w in rates],
        [worlds.capacity(w, w, 1.0) for w in rates],
        [
            worlds.offer(w, [price] * periods, f"gpu-{w}")
            for w, price in zip(rates, itertools.cycle(prices), strict=False)
        ],
    )
    return demand, replace(options, spend=promises)


def solve(demand, options, limits=Limits()):  # noqa: B008
    return solve_program(build_program(demand, options, limits), EXACT)


def test_a_promise_covers_the_base_and_peaks_are_paid_on_demand():
    # 1.4 USD/h cover one node all day. A second one would work a quarter of the time, below 70 %.
    found = solve(*world({"chat": [1.0, 1.0, 3.0, 1.0]}, promise({"chat": 1.4})))

    assert found.decisions.spend == (SpendDecision("spend:all", 0, pytest.approx(1.4)),)
    assert found.objective_usd == pytest.approx(1.4 * MONTH_H + 2 * MONTH_H / 4 * PRICE)
    assert found.proof.status == "optimal"


@pytest.mark.parametrize(("share", "promised"), [(0.25, 0.0), (0.5, 0.0), (0.75, 1.4)])
def test_nothing_is_promised_for_use_below_the_break_even_share(share, promised):
    """Use of a node for less than rate / price = 70 % of the hours is cheaper on demand."""
    day = [1.0 if b < share * 4 else 0.0 for b in range(4)]

    found = solve(*world({"chat": day}, promise({"chat": 1.4})))

    got = sum(row.usd_per_hour for row in found.decisions.spend)
    assert got == pytest.approx(promised)
    usd = min(share * PRICE, 1.4) * MONTH_H
    assert found.objective_usd == pytest.approx(usd)


def test_a_promise_may_end_within_a_node():
    found = solve(*world({"chat": [3.0]}, promise({"chat": 1.4}, most=3.5)))

    assert found.objective_usd == pytest.approx((3.5 + 0.5 * PRICE) * MONTH_H)
    (price,) = [p for p in found.shadow_prices if p.what == "spend_commitment"]
    assert price.usd_per_unit == pytest.approx((PRICE / 1.4 - 1) * MONTH_H)


@pytest.mark.parametrize(("nodes", "promised"), [(3, 0.0), (4, 7.0)])
def test_a_least_promise_is_taken_on_whole_or_not_at_all(nodes, promised):
    # 7 USD/h for 3 nodes at 2 USD/h is a loss, for 4 it saves 1 USD/h.
    found = solve(*world({"chat": [float(nodes)]}, promise({"chat": 1.4}, least=7.0)))

    assert sum(row.usd_per_hour for row in found.decisions.spend) == pytest.approx(promised)
    assert found.objective_usd == pytest.approx((promised or nodes * PRICE) * MONTH_H)


def test_a_term_is_paid_beyond_the_horizon():
    # Three months of 1.4 USD/h for two months of use cost 4.2, on demand 4 USD/h.
    month = [[1.0], [1.0]]
    dear = solve(*world({"chat": month}, promise({"chat": 1.4}, periods=2, term=3)))
    worth_it = solve(*world({"chat": month}, promise({"chat": 1.3}, periods=2, term=3)))

    assert dear.objective_usd == pytest.approx(4.0 * MONTH_H)
    assert dear.decisions.spend == ()
    assert worth_it.objective_usd == pytest.approx(3.9 * MONTH_H)


def test_money_upfront_is_not_discounted():
    month = [[1.0], [1.0]]
    later = promise({"chat": 1.0}, periods=2, term=2, interest=0.5)
    now = promise({"chat": 1.0}, periods=2, term=2, interest=0.5, upfront=1.0)

    assert solve(*world({"chat": month}, now)).objective_usd == pytest.approx(2 * MONTH_H)
    paid_at = [1.5 ** (-(t + 0.5) / 12) for t in range(2)]
    assert solve(*world({"chat": month}, later)).objective_usd == pytest.approx(
        sum(paid_at) * MONTH_H
    )


def test_the_largest_discount_is_covered_first():
    demand, options = world(
        {"chat": [1.0], "code": [1.0]}, promise({"chat": 1.6, "code": 3.0}, most=3.0),
        prices=(2.0, 5.0),
    )  # fmt: skip

    found = solve(demand, options)

    # code saves 2 of 5 USD/h for 3 of the promise, chat 0.4 of 2 for 1.6.
    (cover,) = covered_use(options, found.decisions)
    assert (cover.offer_id, cover.nodes) == ("code", pytest.approx(1.0))
    assert found.objective_usd == pytest.approx((3.0 + 2.0) * MONTH_H)


def test_a_node_is_covered_once():
    listed = promise({"chat": 1.0}, "listed", most=1.0)
    broad = promise({"chat": 1.4, "code": 1.4}, "broad")
    demand, options = world({"chat": [2.0], "code": [1.0]}, listed, broad)

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx((1.0 + 2 * 1.4) * MONTH_H)
    covered = {}
    for cover in covered_use(options, found.decisions):
        covered[cover.offer_id] = covered.get(cover.offer_id, 0.0) + cover.nodes
    assert covered == {"chat": pytest.approx(2.0), "code": pytest.approx(1.0)}


def test_starts_are_never_covered():
    demand, options = world({"chat": [1.0, 2.0, 2.0, 2.0]}, promise({"chat": 1.4}, most=1.4))
    late = replace(options.offers[0], startup_h=0.5)

    found = solve(demand, replace(options, offers=(late,)))

    # A second node for 18 h a day, and half an hour to start it.
    days = MONTH_H / 24
    assert found.objective_usd == pytest.approx(1.4 * MONTH_H + days * 18.5 * PRICE)


def test_budgets_count_promises_and_what_they_do_not_cover():
    demand, options = world({"chat": [2.0]}, promise({"chat": 1.4}, term=12))

    def status(usd):
        limits = Limits(budgets=(BudgetLimit("opex", 0, usd),))
        return solve(demand, options, limits).proof.status

    assert status(2.8 * MONTH_H + 1) == "optimal"
    assert status(2.8 * MONTH_H - 1) == "infeasible"


def test_a_baseline_of_some_tenures_has_no_promises():
    _, options = world({"chat": [1.0]}, promise({"chat": 1.4}))

    def kept(tenures):
        return restrict(options, lambda _: True, tokens=False, same_model_only=False,
                        tenures=tenures).spend  # fmt: skip

    assert kept(frozenset({"on_demand"})) == ()
    assert kept(None) == options.spend


@pytest.mark.parametrize("least", [0.0, 2.0])
def test_a_held_promise_is_no_choice(least):
    base = promise({"chat": 1.4}, least=least)
    held = replace(base, held_usd_per_hour=(28.0,))

    found = solve(*world({"chat": [1.0]}, held))

    assert found.objective_usd == pytest.approx(28.0 * MONTH_H)
    demand, options = world({"chat": [1.0]}, base)
    terms = terms_beside_nodes(options, demand.grid, found.decisions)
    assert hold_purchases(options, demand.grid, terms).spend == (held,)


@pytest.mark.parametrize(("nodes", "promised"), [(1.0, 2.8), (3.0, 4.2)])
@pytest.mark.parametrize("least", [0.0, 2.0])
def test_what_was_ordered_before_is_promised_at_least_and_more_where_it_pays(
    nodes, promised, least
):
    ordered = replace(promise({"chat": 1.4}, least=least), least_usd_per_hour=(2.8,))
    demand, options = world({"chat": [nodes]}, ordered)

    found = solve(demand, options)

    assert [row.usd_per_hour for row in found.decisions.spend] == pytest.approx([promised])
    assert found.objective_usd == pytest.approx(promised * MONTH_H)
    for usd in ((), (SpendDecision("spend:all", 0, 2.7),)):
        wrong = replace(found.decisions, spend=usd)
        with pytest.raises(InternalError, match=r"of spend:all, 2\.8 were ordered"):
            verify_decisions(demand, options, Limits(), wrong)


def test_what_was_ordered_before_is_paid_although_nothing_can_be_covered():
    ordered = replace(promise({}), least_usd_per_hour=(2.8,))

    found = solve(*world({"chat": [1.0]}, ordered))

    assert found.objective_usd == pytest.approx((2.8 + PRICE) * MONTH_H)


def test_a_baseline_of_some_tenures_has_the_promises_that_were_ordered():
    ordered = replace(promise({"chat": 1.4}), least_usd_per_hour=(2.8,))
    _, options = world({"chat": [1.0]}, ordered, promise({"chat": 1.4}, name="free"))

    (kept,) = restrict(
        options, lambda _: True, tokens=False, same_model_only=False,
        tenures=frozenset({"on_demand"}),
    ).spend  # fmt: skip

    assert (kept.id, kept.held_usd_per_hour) == ("spend:all", (2.8,))


@pytest.mark.parametrize("usd", [-1.0, 2.0, 90.0])
def test_decisions_outside_the_limits_are_refused(usd):
    demand, options = world({"chat": [1.0]}, promise({"chat": 1.4}, least=3.0, most=50.0))
    found = solve(demand, options).decisions
    wrong = replace(found, spend=(SpendDecision("spend:all", 0, usd),))

    with pytest.raises(InternalError, match="USD per hour of spend:all"):
        verify_decisions(demand, options, Limits(), wrong)


def least_usd(rates, prices, discounts, hours):
    """Return the least cost over promises at which some block's cover ends with an offer.

    The cost of a promise is linear between those, so one of them is best.
    """
    order = sorted(rates, key=lambda w: -discounts[w])
    blocks = range(len(hours))
    steps = {0.0}
    for b in blocks:
        used = 0.0
        for w in order:
            used += rates[w][b] * prices[w] * (1 - discounts[w])
            steps.add(used)

    def cost(promised):
        usd = promised * sum(hours)
        for b in blocks:
            left = promised
            for w in order:
                rate = prices[w] * (1 - discounts[w])
                covered = min(rates[w][b], left / rate)
                left -= covered * rate
                usd += (rates[w][b] - covered) * prices[w] * hours[b]
        return usd

    return min(cost(step) for step in steps)


@pytest.mark.parametrize("seed", range(25))
def test_the_least_cost_over_all_promises_is_found(seed):
    draw = np.random.default_rng(seed)
    names = ["a", "b", "c"][: draw.integers(1, 4)]
    rates = {w: [float(n) for n in draw.integers(0, 6, 4)] for w in names}
    prices = {w: float(draw.uniform(1, 10)) for w in names}
    discounts = {w: float(draw.uniform(0.05, 0.8)) for w in names}
    usd = {w: prices[w] * (1 - discounts[w]) for w in names}
    demand, options = world(rates, promise(usd), prices=list(prices.values()))

    found = solve(demand, options)

    hours = [MONTH_H / 4] * 4
    assert found.objective_usd == pytest.approx(least_usd(rates, prices, discounts, hours))
    assert found.proof.status == "optimal"


@pytest.mark.parametrize("seed", range(10))
def test_an_offer_of_promises_never_raises_the_cost(seed):
    draw = np.random.default_rng(100 + seed)
    rates = {w: draw.integers(0, 5, 6).astype(float).tolist() for w in ("a", "b")}
    without = solve(*world(rates)).objective_usd
    listed = promise({"a": float(draw.uniform(0.4, 1.9))}, "listed")
    broad = promise({"a": 1.5, "b": float(draw.uniform(0.4, 1.9))}, "broad", least=2.0)

    found = solve(*world(rates, listed, broad))

    assert found.objective_usd <= without * (1 + 1e-9)
    assert found.proof.bound_usd <= found.objective_usd * (1 + 1e-9)
