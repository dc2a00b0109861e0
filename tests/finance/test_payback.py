"""Payback by hand: what a bought server costs against the rent that it saves."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from planner.finance.payback import paybacks
from planner.plan.document import Baseline
from planner.plan.finance_rows import CashFlow
from planner.report.finance_text import write_paybacks
from planner.verify.audit import audit
from tests.finance.world import RENT_USD, asked, facts, solved


def against(plan, name="all_on_demand"):
    return next(row for row in plan.paybacks if row.baseline == name)


def months_of(plan, name, kind="cash"):
    return {f.month: f.usd for f in plan.cash_flows if (f.plan, f.kind) == (name, kind)}


def test_a_server_worth_ten_months_of_rent_pays_back_in_month_ten():
    plan = solved(asked(), facts(10 * RENT_USD))

    assert [(c.tenure, c.nodes, c.start_month) for c in plan.commitments] == [
        ("owned", 1, "2027-01")
    ]
    assert months_of(plan, "plan") == {"2027-01": pytest.approx(10 * RENT_USD)}
    rent = months_of(plan, "all_on_demand")
    assert list(rent.values()) == pytest.approx([RENT_USD] * 24)
    row = against(plan)
    assert (row.payback_months, row.payback_month) == (10, "2027-10")
    assert (row.discounted_payback_months, row.why_not) == (10, None)


def test_running_costs_delay_it():
    # 200 USD of space a month: 9 rents, saved at 1,460 - 200 = 1,260 a month, are 10.4 months
    plan = solved(asked(), facts(9 * RENT_USD, site={"colocation_usd_per_kw_month": 200.0}))

    assert against(plan).payback_months == 11


def test_discounting_delays_it():
    # monthly saving of 1,460 USD at 20 % a year: the quarter's factor 1.2^-((q + 1/2) / 4)
    plan = solved(asked(rate_per_year=0.2), facts(12 * RENT_USD))
    row = against(plan)

    saved, month = 0.0, 0
    while saved < 12:
        saved += 1.2 ** -((month // 3 + 0.5) / 4)
        month += 1
    assert row.payback_months == 12
    assert row.discounted_payback_months == month == 14


def test_months_count_from_the_order_and_rent_runs_until_delivery():
    # 26 weeks before 2027-07: ordered in the last days of 2026-12, with rent for two quarters
    horizon = {"lead_time_weeks": 26.0}
    plan = solved(asked(), facts(6 * RENT_USD, **horizon))
    row = against(plan)

    # ordered half a year before the start; its money falls into the first month
    assert row.order_month == "2026-07"
    assert row.payback_month == "2027-06"
    assert row.payback_months == 12


def test_price_cash_and_discount_of_a_server_are_of_the_start_of_the_period_of_its_order():
    # Its price of 20 rents falls to 0.4 of it in half a year. What serves from 2028-01 on is
    # ordered thirteen weeks before, in the half-year from 2027-07 on: 8 rents, and 12 are saved.
    falls = {"price_change_per_year": {"owned": 0.4**2 - 1}}
    more = {"supply": falls, "finance": {"terminal_value": "none"}, "rate_per_year": 0.21}
    asked_now, known = asked(months_per_period=6, **more), facts(20 * RENT_USD, lead_time_weeks=13)

    plan = solved(asked_now, known)

    (taken,) = plan.commitments
    assert (taken.order_month, taken.start_month) == ("2027-10", "2028-01")
    assert [
        (c.period, c.usd, c.discounted_usd) for c in plan.cost_lines if c.category == "capex"
    ] == [(1, pytest.approx(8 * RENT_USD), pytest.approx(8 * RENT_USD / 1.1))]
    assert months_of(plan, "plan")["2027-07"] == pytest.approx((1 + 8) * RENT_USD)
    # ahead by 8 rents from 2027-07 on, one of which is saved each month from 2028-01 on
    row = against(plan)
    assert (row.order_month, row.payback_month, row.payback_months) == ("2027-10", "2028-08", 11)
    assert audit(plan, asked_now, known) == []
    assert any(
        "servers ordered inside a period are priced and paid at its start: "
        "owned:box:default:owned in 2027-10, counted in 2027-07" in note
        for note in plan.warnings
    )


def test_a_purchase_for_less_than_its_price_never_pays_back_in_cash():
    # 30 rents for 24 months of use: only the value left, 60 % of the price, makes it worthwhile
    plan = solved(asked(), facts(30 * RENT_USD))
    row = against(plan)

    assert plan.commitments
    assert row.payback_months is None
    assert row.payback_month is None
    assert (
        row.why_not == f"never: all paid, its cash is {6 * RENT_USD:,.0f} USD above the baseline's"
    )
    back = months_of(plan, "plan", "terminal_value")
    assert back == {"2028-12": pytest.approx(-30 * RENT_USD * (1 - 24 / 60))}


def test_a_plan_that_takes_nothing_on_has_no_payback():
    plan = solved(asked(tenures=("on_demand",)), facts(1.0))

    assert plan.paybacks == ()
    assert plan.baselines


def test_a_baseline_without_a_plan_says_why():
    row = against(solved(asked(), facts(10 * RENT_USD)), "all_reserved")

    assert row.payback_months is None
    assert "no node of reserved_1y, reserved_3y is on offer" in row.why_not
    assert row.break_even_why_not == row.why_not


def test_a_baseline_that_limits_leave_no_plan_says_how_to_ask_why():
    """A site with room for no server leaves servers on offer, and no plan of them alone."""
    plan = solved(asked(limits={"owned_nodes": 0}), facts(6 * RENT_USD))

    (owned,) = [b for b in plan.baselines if b.name == "all_owned"]

    hint = "planner explain with --set 'supply.tenures=[owned]' says why"
    assert owned.why_not == f"infeasible; {hint}"


def test_a_baseline_that_is_the_plan_is_named_so():
    row = against(solved(asked(), facts(10 * RENT_USD)), "all_owned")

    assert row.why_not == "pays the same in every month as the plan"
    assert row.break_even_demand_factor is None


def with_cash(plan, own, other):
    """Return the plan with cash by month instead of its own and one baseline's."""
    names = (("plan", own), ("rent", other))
    return replace(
        plan,
        baselines=(Baseline("rent", sum(other), None, None),),
        cash_flows=tuple(
            CashFlow(name, f"2027-{m + 1:02d}", "cash", usd, usd)
            for name, amounts in names
            for m, usd in enumerate(amounts)
            if usd
        ),
    )


@pytest.mark.parametrize(
    ("own", "other", "month"),
    [
        ([5, 0, 0], [1, 4, 1], 2),  # equal is enough
        ([5, 0, 0], [2, 2, 2], 3),
        ([1, 5, 0, 0], [2, 2, 2, 2], 3),  # ahead at first, but it does not stay so
        ([1, 1, 1], [2, 2, 2], 1),
        ([0, 0, 9], [2, 2, 4], None),
        ([5, 0, 0], [2, 2, 0], None),
        ([3, 0, 0, 0, 3], [2, 2, 2], 2),
        ([3, 0, 0, 0, 4], [2, 2, 2], None),  # payments after the other's last one count too
    ],
)
def test_cash_must_stay_at_or_below(own, other, month):
    plan = solved(asked(), facts(10 * RENT_USD), compare=False)

    (row,) = paybacks(with_cash(plan, own, other))

    assert row.payback_months == month
    assert row.discounted_payback_months == month


def test_cash_of_the_plan_and_of_every_baseline_adds_up_to_its_cost():
    plan = solved(asked(rate_per_year=0.1), facts(10 * RENT_USD))

    costs = {"plan": plan.cost_usd} | {b.name: b.cost_usd for b in plan.baselines}
    for name, cost in costs.items():
        flows = [f for f in plan.cash_flows if f.plan == name]
        if cost is not None:
            assert sum(f.discounted_usd for f in flows) == pytest.approx(cost, abs=0.005)
    own = sum(f.usd for f in plan.cash_flows if f.plan == "plan")
    assert own == pytest.approx(plan.tco_usd, abs=0.005)


def test_a_plan_ahead_before_its_first_order_has_nothing_to_pay_back(capsys):
    """It is below the baseline from January on, and first orders in April."""
    plan = solved(asked(), facts(10 * RENT_USD), compare=False)
    (bought,) = plan.commitments
    later = replace(plan, commitments=(replace(bought, order_month="2027-04"),))
    later = with_cash(later, [1, 1, 1, 4, 0, 0], [2, 2, 2, 2, 2, 2])

    (row,) = paybacks(later)

    assert (row.order_month, row.payback_month) == ("2027-04", "2027-01")
    assert (row.payback_months, row.discounted_payback_months) == (0, 0)
    write_paybacks(sys.stdout, replace(later, paybacks=(row,)))
    shown = capsys.readouterr().out
    assert "no more is paid from before the first order on: nothing to pay back" in shown


def test_the_price_of_unserved_requests_is_told_and_no_cash(capsys):
    """A baseline that serves less pays less cash, and its penalties are many times that."""
    plan = with_cash(solved(asked(), facts(10 * RENT_USD), compare=False), [9, 1], [2, 2])
    lost = [
        CashFlow("rent", "2027-01", "unserved", 30_000.0, 30_000.0),
        CashFlow("rent", "2027-02", "unserved", 5_000.0, 4_000.0),
        CashFlow("plan", "2027-02", "unserved", 250.0, 250.0),
    ]

    (row,) = paybacks(replace(plan, cash_flows=(*plan.cash_flows, *lost)))

    assert row.payback_months is None
    assert row.why_not == "never: all paid, its cash is 6 USD above the baseline's"
    assert (row.unserved_usd, row.baseline_unserved_usd) == (250.0, 35_000.0)
    write_paybacks(sys.stdout, replace(plan, paybacks=(row,)))
    told = "the baseline leaves requests unserved at a price of 35,000 USD, the plan 250"
    assert told in capsys.readouterr().out
