"""What promises of spending and units carry and lose beside nodes, and orders that come together.

A node is rented at 2 USD an hour; a month of that is one rent.
"""

from __future__ import annotations

import re

import pytest

from planner.verify.audit import audit
from tests.finance.world import RENT_USD, asked, facts, prepared, solved
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, report
from tests.verify.conftest import Audited

SPEND = {"name": "plan", "provider": "cloud", "term_months": 24, "discount": 0.4}


@pytest.fixture(scope="module")
def promised():
    problem_asked = asked(50.0, tenures=("on_demand",), supply={"spend_commitments": [SPEND]})
    known = facts(1.0)
    plan = solved(problem_asked, known, compare=False, commitments=True)
    return Audited(plan, problem_asked, prepared(problem_asked, known).catalog)


@pytest.mark.parametrize(("factor", "nodes"), [(0.8, 8), (0.6, 6)])
def test_a_promise_of_spending_is_held_against_the_rent_of_what_it_covers(promised, factor, nodes):
    # ten nodes at 1.2 instead of 2 USD: 12 USD in every hour of two years, 144 rents
    (spend,) = promised.plan.spend_commitments
    assert spend.usd_per_hour == pytest.approx(12.0)
    rows = {r.offer_id: r for r in promised.plan.commitment_losses if r.demand_factor == factor}

    assert list(rows) == ["", "spend:plan"]
    assert rows["spend:plan"].held_usd == pytest.approx(144 * RENT_USD)
    assert rows["spend:plan"].without_usd == pytest.approx(nodes * 24 * RENT_USD)
    assert rows[""].loss_usd == pytest.approx((144 - nodes * 24 * 0.6) * RENT_USD)


def test_a_promise_a_quarter_later_costs_a_quarter_at_list_prices(promised):
    (order,) = promised.plan.order_calendar

    assert (order.order_month, order.order_by) == ("2027-01", "2027-01-01")
    assert order.orders == ("12 USD/h of spend:plan",)
    # a quarter of ten nodes at list prices, then a term as long, paid beyond the horizon
    assert order.delay_usd == pytest.approx(30 * RENT_USD)


LEASE = row(
    "offers", tenure="reserved_1y", commits="capacity", term_months=12, price_usd_per_hour=1.0,
)  # fmt: skip
HALF_PRICE = {"name": "plan", "provider": "cloud", "term_months": 12, "discount": 0.5}


@pytest.mark.parametrize(
    ("offers", "supply"), [((LEASE,), {}), ((), {"spend_commitments": [HALF_PRICE]})]
)
def test_nothing_else_is_ordered_while_an_order_is_delayed(offers, supply):
    # A server ordered 13 weeks ahead costs 13 rents less the 60 % that are left: 5.2. A year at
    # half the rent could begin while its order is delayed by half a year.
    problem_asked = asked(
        months_per_period=6, tenures=("on_demand", "reserved_1y", "owned"), supply=supply
    )
    known = facts(13 * RENT_USD, offers=offers, lead_time_weeks=13.0)
    plan = solved(problem_asked, known, compare=False, commitments=True)
    (order,) = plan.order_calendar

    assert order.orders == ("1 x owned:box:default:owned",)
    assert (order.order_month, order.delayed_to_month) == ("2026-10", "2027-04")
    # half a year of rent, then a server for 18 of its 60 months
    assert order.delayed_usd == pytest.approx((6 + 13 * 18 / 60) * RENT_USD)
    assert audit(plan, problem_asked, known) == []


@pytest.mark.parametrize(
    ("table", "changes", "text"),
    [
        ("order_calendar", {"orders": ()}, "needs every order of the plan"),
        ("order_calendar", {"orders": ("11 USD/h of spend:plan",)}, "needs every order"),
        ("order_calendar", {"order_by": "2027-01-02"}, "another day"),
        ("commitment_losses", {"offer_id": "other"}, "one row for every commitment"),
    ],
)
def test_a_promise_that_the_sheet_leaves_out_is_reported(promised, table, changes, text):
    assert report(promised, promised.plan) == []

    found = report(promised, changed(promised.plan, table, **changes))

    assert any(re.search(text, line) for line in found), found


def test_units_of_a_term_are_in_the_sheet_and_those_of_a_period_are_not():
    units = {
        "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 1.0,
        "tokens_per_minute_per_unit": 60_000.0,
    }  # fmt: skip
    horizon = {"start": "2027-01", "periods": 4, "months_per_period": 3}
    for term, orders in ((6, True), (None, False)):
        item = units if term is None else units | {"term_months": term}
        plan = solved(
            problem(
                workload(arrival={"mean_rate_rps": 4.0, "peak_factor_in_hour": 1.0}),
                horizon=horizon,
                supply={"tenures": ["on_demand", "api"], "provisioned": [item]},
            ),
            catalog(offers=[row("offers", price_usd_per_hour=500.0)]),
            (),
            compare=False,
            commitments=True,
        )

        assert plan.provisioned
        named = {r.offer_id for r in plan.commitment_losses}
        assert named == ({"", "provisioned:ptu"} if orders else set())
        assert bool(plan.order_calendar) is orders


def test_a_promise_that_rests_on_another_goes_with_it():
    # Ten nodes, then fifteen, at 1.2 USD: 12 USD an hour, and 6 more that alone reach no tier.
    tiers = [{"from_usd_per_hour": 8, "discount": 0.2}, {"from_usd_per_hour": 12, "discount": 0.4}]
    terms = {"name": "steps", "provider": "cloud", "term_months": 6, "tiers": tiers}
    flat = asked(
        50.0, months=6, tenures=("on_demand",), supply={"spend_commitments": [terms]},
        finance={"commitment_tail": "pro_rata"},
    )  # fmt: skip
    growing = flat.workloads[0].model_copy(update={"growth_per_period": [1.0, 1.5]})
    plan = solved(
        flat.model_copy(update={"workloads": [growing]}), facts(1.0), compare=False,
        commitments=True,
    )  # fmt: skip

    rows = {r.start_period: r for r in plan.commitment_losses if r.demand_factor == 0.8}

    assert [row.usd_per_hour for row in plan.spend_commitments] == pytest.approx([12.0, 6.0])
    assert rows[0].held_usd == pytest.approx((12 + 18) * 3 * 730)
    assert rows[0].without_usd == pytest.approx((8 + 12) * 3 * RENT_USD)
    # The base alone stands: it covers ten of the twelve nodes.
    assert rows[1].without_usd == pytest.approx((12 + 12 + 2 * 2) * 3 * 730)
