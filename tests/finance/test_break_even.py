"""Break-even demand by hand: what is owned stays, and rent follows the demand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.finance.world import RENT_USD, asked, facts, solved


def against(plan, name="all_on_demand"):
    return next(row for row in plan.paybacks if row.baseline == name)


def test_a_fleet_breaks_even_where_renting_the_rest_costs_as_much():
    # 10 nodes bought for 13 rents each, less 60 % left after 24 of 60 months: 52 rents in all.
    # Renting two nodes costs 48, three 72: up to 10 of 50 requests/s renting is cheaper.
    plan = solved(asked(rate_rps=50.0), facts(13 * RENT_USD))
    assert [c.nodes for c in plan.commitments] == [10]
    assert plan.cost_usd == pytest.approx(10 * 13 * RENT_USD * 0.4)

    row = against(plan)

    assert row.break_even_demand_factor == pytest.approx(0.2, rel=0.03)
    assert row.break_even_low < 0.2 < row.break_even_high
    assert row.break_even_high == pytest.approx(0.2, rel=0.05)
    assert row.break_even_why_not is None


def test_a_plan_that_is_cheaper_at_every_demand_says_so():
    plan = solved(asked(rate_rps=5.0), facts(1.0))

    row = against(plan)

    assert row.break_even_demand_factor is None
    assert row.break_even_why_not == "the plan is cheaper at every demand to 3% of it"


def test_no_time_is_a_reason(monkeypatch):
    clock = iter(range(0, 10_000, 20))
    hurried = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("planner.finance.break_even.time", hurried)

    row = against(solved(asked(rate_rps=50.0), facts(13 * RENT_USD)))

    assert row.break_even_demand_factor is None
    assert row.break_even_why_not == (
        "not computed within --time-limit 30, which is as long as the search for break-even "
        "demands may take; rerun with --time-limit 120"
    )
    assert row.payback_months == 13
