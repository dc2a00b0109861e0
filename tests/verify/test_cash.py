"""Cash by month and paybacks: the audit computes them again from the tables."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.finance.world import RENT_USD, asked, facts, prepared, solved
from tests.verify.changes import changed, one_more, report, slightly_more
from tests.verify.conftest import Audited


@pytest.fixture(scope="module")
def bought():
    """A server that pays back in a year, beside its baselines."""
    problem, known = asked(50.0, rate_per_year=0.1), facts(12 * RENT_USD)
    return Audited(solved(problem, known), problem, prepared(problem, known).catalog)


def found(world, plan, text):
    lines = report(world, plan)
    return any(re.search(text, line) for line in lines), lines


def test_the_plan_passes(bought, terms):
    assert report(bought, bought.plan) == []
    assert {f.kind for f in terms.plan.cash_flows} == {"cash", "terminal_value"}
    assert report(terms, terms.plan) == []


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("field", ["usd", "discounted_usd"])
def test_changed_cash_of_a_month_is_reported(terms, position, field):
    plan = changed(terms.plan, "cash_flows", position, **{field: slightly_more})

    hit, lines = found(terms, plan, "cash of 2027-.*the tables give|terminal_value of")

    assert hit, lines


def test_cash_in_another_month_is_reported(terms):
    plan = terms.plan
    first, second = plan.cash_flows[:2]
    swapped = (replace(first, month=second.month), replace(second, month=first.month))

    hit, lines = found(
        terms,
        replace(plan, cash_flows=(*swapped, *plan.cash_flows[2:])),
        f"cash of {first.month}: .* the tables give",
    )

    assert hit, lines


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"payback_months": one_more}, "13 months from 2027-01 to 2027-12"),
        ({"payback_month": "2027-11"}, "month 2027-11, the cash says 2027-12"),
        ({"discounted_payback_month": None}, "discounted month None, the cash says"),
        ({"discounted_payback_months": one_more}, "discounted .* months from 2027-01"),
        ({"order_month": "2026-12"}, "first order 2026-12, the commitments say 2027-01"),
        ({"baseline": "all_api"}, "needs one row for every baseline"),
        ({"unserved_usd": one_more}, "1.0 USD of unserved requests of the plan, the months"),
        ({"baseline_unserved_usd": one_more}, "1.0 USD of unserved requests of the baseline"),
        ({"break_even_low": 9.0}, "is not between 9.0 and"),
        ({"break_even_high": 1e-6}, "is not between .* and 1e-06"),
        (
            {"break_even_demand_factor": None, "break_even_why_not": None},
            "needs either a break-even demand or a reason",
        ),
    ],
)
def test_changed_payback_is_reported(bought, changes, text):
    place = [p.baseline for p in bought.plan.paybacks].index("all_on_demand")

    hit, lines = found(bought, changed(bought.plan, "paybacks", place, **changes), text)

    assert hit, lines


def test_months_below_none_are_reported(bought):
    """Paid back in 2027-12: an order in 2028-02 would come after it."""
    plan = bought.plan
    at = [p.baseline for p in plan.paybacks].index("all_on_demand")
    early = changed(plan, "commitments", 0, order_month="2028-02")
    for months, is_fault in ((0, False), (-1, True)):
        told = changed(early, "paybacks", at, order_month="2028-02", payback_months=months)
        hit, lines = found(bought, told, f"all_on_demand: {months} months from 2028-02")
        assert hit == is_fault, lines


def test_cash_of_a_baseline_must_add_up_to_its_cost(bought):
    plan = bought.plan
    place = next(i for i, f in enumerate(plan.cash_flows) if f.plan == "all_on_demand")

    hit, lines = found(
        bought,
        changed(plan, "cash_flows", place, discounted_usd=slightly_more),
        "cash of all_on_demand adds up to",
    )

    assert hit, lines


def test_a_never_needs_its_reason(bought):
    plan = bought.plan
    place = [p.baseline for p in plan.paybacks].index("all_owned")

    hit, lines = found(bought, changed(plan, "paybacks", place, why_not=None), "without a reason")

    assert hit, lines
