"""Volume tiers of reservations in budget runs, commitment sheets, baselines and replays."""

from __future__ import annotations

import pytest

from planner.infeasibility import explain_infeasible
from tests.finance.budget import solve

TERMS = [
    "supply.tenures=[on_demand, reserved_1y]",
    "supply.volume_discounts=[{name: terms, provider: me, tenures: [reserved_1y], "
    "applies_to: all, tiers: [{from_nodes: 3, discount: 0.1}, {from_nodes: 6, discount: 0.3}]}]",
]
PRICE_USD = 1.1


def off(nodes):
    return 0.3 if nodes >= 6 else 0.1 if nodes >= 3 else 0.0


@pytest.fixture(scope="module")
def sheet(folder):
    """Return the plan with its baselines, losses and calendar, which the audit agrees with."""
    settings = {"compare": True, "commitments": True, "time_limit_s": 60.0}
    plan, text = solve(folder, TERMS, **settings)
    (folder / "tiers.json").write_text(text, encoding="utf-8")
    return plan


def test_prices_of_terms_are_those_of_the_tier_they_reach(sheet):
    assert sheet.commitments
    for row in sheet.commitments:
        assert row.usd_per_node_hour == pytest.approx(PRICE_USD * (1 - off(row.nodes)))
    assert {row.tier_from_nodes for row in sheet.commitments} >= {6}


def test_what_was_signed_goes_on_at_its_price_and_counts_in_no_later_tier(folder, sheet):
    plan, _ = solve(folder, [*TERMS, "horizon.start=2027-04"], folder / "tiers.json")

    begun = [c for c in sheet.commitments if c.start_month < "2027-04"]
    there = [c for c in plan.commitments if c.is_existing]
    assert [c.nodes for c in there] == [c.nodes for c in begun]
    for now, before in zip(there, begun, strict=True):
        # a quarter was paid upfront; nine months are left of twelve
        price = PRICE_USD * (1 - off(before.nodes))
        assert now.usd == pytest.approx(before.nodes * 0.75 * price * 730 * 9)
        assert (now.volume_discount, now.discount) == (None, 0.0)
    for row in plan.commitments:
        if not row.is_existing:
            assert row.usd_per_node_hour == pytest.approx(PRICE_USD * (1 - off(row.nodes)))


def test_without_one_order_others_have_the_price_that_is_left(sheet):
    assert sheet.commitment_losses
    assert all(row.held_usd is not None for row in sheet.commitment_losses)
    for row in sheet.commitment_losses:
        if row.start_period is not None:
            assert row.loss_usd == pytest.approx(row.held_usd - row.without_usd)
    assert all(day.delay_high_usd >= -1e-6 for day in sheet.order_calendar)


def test_baselines_with_tiers_are_no_better_than_the_plan(sheet):
    solved = {b.name: b.cost_usd for b in sheet.baselines if b.cost_usd is not None}

    assert {"all_reserved", "all_on_demand"} <= set(solved)
    assert all(usd >= sheet.bound_usd - 1e-6 for usd in solved.values())


def test_later_orders_that_were_planned_are_kept_at_their_tier(folder, sheet):
    later = [c for c in sheet.commitments if c.order_month >= "2027-04"]
    plan, _ = solve(folder, [*TERMS, "horizon.start=2027-04"], folder / "tiers.json")

    kept = {(c.offer_id, c.start_month): c.nodes_kept for c in plan.commitments if c.nodes_kept}
    assert kept == {(c.offer_id, c.start_month): c.nodes for c in later}


def test_a_budget_that_is_too_small_is_explained_with_the_price_of_the_tier(folder):
    """A flat need of eight nodes for a year: at 0.77 USD an hour, a quarter of it upfront."""
    flat = [
        *TERMS,
        "supply.tenures=[reserved_1y]",
        "workloads.chat.growth_per_period=1.0",
        "workloads.chat.arrival.profile=flat",
        "workloads.chat.arrival.mean_rate_rps=40.0",
    ]
    due_usd = 8 * PRICE_USD * 0.7 * 730 * (0.25 * 12 + 0.75 * 3)

    found = explain_infeasible(
        folder / "budget.yaml", None, [*flat, "limits.budget_usd_per_period=10000"]
    )

    (fix, *_) = found.fixes
    assert [cause.family for cause in fix.causes] == ["budget"]
    assert fix.causes[0].amount == pytest.approx(due_usd - 10_000, rel=1e-4)
    plan, _ = solve(folder, [*flat, *fix.assignments])
    assert sum(c.nodes for c in plan.commitments if c.start_period == 0) == 8
