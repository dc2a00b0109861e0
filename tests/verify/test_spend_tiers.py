"""Plans with spend commitments in tiers: the audit knows which tier holds, and that it is one."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest

from planner.report.text import write_plan
from tests.verify.changes import changed, every_change, report
from tests.verify.test_spend import PLAN, asked, solve

TIERS = {k: v for k, v in PLAN.items() if k not in {"discount", "max_usd_per_hour"}} | {
    "tiers": [
        {"from_usd_per_hour": 2.0, "discount": 0.3},
        {"from_usd_per_hour": 5.0, "discount": 0.6},
    ],
    "max_usd_per_hour": 6.0,
    "covers": [{"hardware": "gpu-a"}],
}


@pytest.fixture(scope="module")
def stepped():
    return solve(asked(TIERS))


def test_the_audit_agrees_with_plans_of_tiers(stepped):
    assert {(r.commitment_id, r.discount) for r in stepped.plan.spend_commitments} == {
        ("spend:plan/5", 0.6)
    }
    assert {r.tier_from_usd_per_hour for r in stepped.plan.spend_commitments} == {5.0}
    assert report(stepped, stepped.plan) == []


def test_the_money_of_a_tier_by_hand(stepped):
    plan = stepped.plan
    paid = sum(line.usd for line in plan.cost_lines if line.tenure == "spend")
    due = sum(r.usd_per_hour * 8 * 730 for r in plan.spend_commitments)
    assert paid == pytest.approx(due, abs=0.005)
    for row in plan.fleet:
        price = row.price_usd_per_hour
        hours = row.nodes * row.hours + row.startup_node_hours
        assert row.usd == pytest.approx(price * (hours - row.covered_nodes * row.hours))
    (promise,) = plan.spend_commitments
    middles = [1.1 ** (-(2 * t + 1) / 12) for t in range(4)]  # 8 months, of which 6 are planned
    paid = 5.0 * 1460 * (0.25 * 4 + 0.75 * sum(middles))
    saved = sum(
        row.covered_nodes * row.hours * row.price_usd_per_hour * middles[row.period]
        for row in plan.fleet
    )
    assert promise.alternative_discounted_usd == pytest.approx(saved)
    assert promise.alternative_price_fall == pytest.approx(1 - paid / saved)
    assert promise.break_even_used_share == pytest.approx(promise.used_share * paid / saved)
    nominal = sum(line.usd for line in plan.cost_lines)
    assert nominal == pytest.approx(plan.tco_usd, abs=0.005)
    assert sum(v.amortised_usd for v in plan.money_by_period) == pytest.approx(nominal, abs=0.005)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"commitment_id": "spend:plan"}, "the problem has no such commitment"),
        ({"commitment_id": "spend:plan/2"}, "USD/h of spend:plan/2, which reach the tier from 5"),
        ({"discount": 0.3}, "discount 0.3, expected 0.6"),
        ({"tier_from_usd_per_hour": 2.0}, "tier 2.0, expected 5.0"),
        ({"usd_per_hour": 4.0}, "4 USD/h of spend:plan/5, which the problem does not allow"),
    ],
)
def test_a_changed_tier_is_reported(stepped, changes, text):
    found = report(stepped, changed(stepped.plan, "spend_commitments", **changes))

    assert any(re.search(text, line) for line in found), found


def test_two_tiers_at_once_are_reported(stepped):
    (row, *others) = stepped.plan.spend_commitments
    second = replace(row, commitment_id="spend:plan/2", usd_per_hour=2.0)
    plan = replace(stepped.plan, spend_commitments=(row, second, *others))

    assert any("at once, of which plan allows one" in line for line in report(stepped, plan))


def test_every_single_change_of_such_a_plan_is_reported(stepped):
    missed = {
        (table, field)
        for table, field, plan in every_change(stepped.plan)
        if not report(stepped, plan)
    }

    assert missed <= {("fleet", "note"), ("energy", "note")}  # words, no figures


def test_the_printed_plan_names_the_tier(stepped):
    out = StringIO()
    write_plan(out, stepped.plan, 6)

    assert "spend:plan/5 to cloud (60% off from 5 USD/h)" in out.getvalue()


def test_a_table_of_one_tier_is_a_least_promise():
    one = {**PLAN, "min_usd_per_hour": 2.0}
    table = {k: v for k, v in PLAN.items() if k != "discount"} | {
        "tiers": [{"from_usd_per_hour": 2.0, "discount": 0.6}]
    }

    assert solve(asked(table)).plan.cost_usd == pytest.approx(solve(asked(one)).plan.cost_usd)
