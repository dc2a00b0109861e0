"""Commitments against rent that gets volume discounts: by hand, and where plans turn.

Ten nodes at 2 USD an hour are 14,600 USD a month.
"""

from __future__ import annotations

import re

import pytest

from planner.options.volumes import tier_choices, volume_discounts
from planner.verify.audit import audit
from tests.finance.test_instead import SPEND, falling, nodes, plan_of
from tests.finance.test_whole_nodes import flat, known_of, nodes_of, reserved, year
from tests.finance.world import MEASURED, RENT_USD, asked, facts, prepared, solved
from tests.verify.changes import changed, slightly_more

ALL = {
    "name": "all", "provider": "cloud", "applies_to": "all",
    "tiers": [{"from_usd_per_month": 10_000, "discount": 0.3}],
}  # fmt: skip
PARTS = {
    "name": "parts", "provider": "cloud",
    "tiers": [
        {"from_usd_per_month": 5_000, "discount": 0.1},
        {"from_usd_per_month": 10_000, "discount": 0.3},
    ],
}  # fmt: skip
ALL_USD, PARTS_USD = 14_600 * 0.7, 14_600 - 0.1 * 5_000 - 0.3 * 4_600
"""Ten nodes of a month with either."""


def of_a_year(supply, tenures=("on_demand", "reserved_1y"), rate_rps=50.0):
    return asked(rate_rps, months=12, tenures=tenures, supply=supply)


@pytest.mark.parametrize(
    ("volume", "month_usd", "usd"), [(ALL, ALL_USD, 1.34), (PARTS, PARTS_USD, 1.5)]
)
def test_a_promise_is_held_against_rent_at_the_tiers_that_all_of_it_reaches(
    volume, month_usd, usd
):
    covers = [{"hardware": "gpu-a", "usd_per_node_hour": usd}]
    promise = SPEND | {"term_months": 12, "covers": covers}

    def supply(more):
        return {"volume_discounts": [volume], "spend_commitments": [promise]} | more

    plan = plan_of(of_a_year(supply({}), ("on_demand",)), facts(1e6))

    (row,) = plan.spend_commitments
    ratio = 10 * usd * 730 / month_usd
    assert row.alternative_discounted_usd == pytest.approx(12 * month_usd)
    assert row.break_even_used_share == pytest.approx(ratio)
    assert row.alternative_price_fall == pytest.approx(1 - ratio)
    if volume is ALL:  # its tier holds at the lower rent too
        for more, is_taken in ((-0.001, True), (0.001, False)):
            lower = supply(falling(1 - ratio + more))
            again = plan_of(of_a_year(lower, ("on_demand",)), facts(1e6))
            assert bool(again.spend_commitments) is is_taken


def test_reserved_nodes_are_held_against_rent_at_the_tiers_that_all_of_it_reaches():
    known = known_of(nodes_of(1, 2.0, instance="one"), reserved(1.3, instance="one"))
    plan = plan_of(of_a_year({"volume_discounts": [ALL]}), known)

    (figures,) = plan.commitment_figures
    assert figures.alternative_discounted_usd == pytest.approx(12 * ALL_USD)
    assert figures.alternative_price_fall == pytest.approx(1 - 1.3 / 1.4)
    assert figures.break_even_used_share == pytest.approx(1.3 / 1.4)
    assert figures.last_node_price_fall == pytest.approx(1 - 1.3 / 2.0)  # one node reaches none
    for more, count in ((-0.001, 10), (0.001, 0)):
        lower = {"volume_discounts": [ALL]} | falling(1 - 1.3 / 1.4 + more)
        assert nodes(plan_of(of_a_year(lower), known)) == count


def there(volume):
    """Return two nodes that are there, beside eight that are rented for 11,680 USD a month."""
    entry = {
        "hardware": "gpu-a", "tenure": "reserved_1y", "nodes": 2, "accelerators_per_node": 1,
        "usd_per_node_hour": 0.5,
    }  # fmt: skip
    return of_a_year({"volume_discounts": [volume], "existing": [entry]}, ("on_demand",))


@pytest.mark.parametrize(
    ("volume", "two_usd"),
    [
        (ALL, 2_920 * 0.7),
        (PARTS, 2_920 * 0.7),
        (PARTS | {"tiers": [{"from_usd_per_month": 13_000, "discount": 0.5}]}, 2_920 - 800),
        (ALL | {"tiers": [{"from_usd_per_month": 14_600, "discount": 0.1}]}, 2_920 - 1_460),
        (ALL | {"region": "south"}, 2_920),
    ],
)
def test_rent_beside_rent_costs_what_the_month_then_costs_more(volume, two_usd):
    plan = plan_of(there(volume), facts(1e6))

    (figures,) = plan.commitment_figures
    assert figures.alternative_discounted_usd == pytest.approx(12 * two_usd)


def test_a_provider_that_is_cheaper_with_its_discount_is_the_alternative():
    """At list prices 1.9 is less than 2; ten nodes at 2 reach the tier and cost 1.4."""
    known = known_of(
        nodes_of(1, 2.0, instance="one"),
        nodes_of(1, 1.9, instance="one", provider="small"),
        reserved(1.3, instance="one"),
    )

    (figures,) = plan_of(of_a_year({"volume_discounts": [ALL]}), known).commitment_figures

    assert figures.alternative_offer_id == "cloud:one:north:on_demand"
    assert figures.alternative_price_fall == pytest.approx(1 - 1.3 / 1.4)
    assert figures.last_node_price_fall == pytest.approx(1 - 1.3 / 1.9)


@pytest.mark.parametrize(("promised", "is_noted"), [(8.0, True), (1.0, False)])
def test_a_promise_with_room_for_the_rent_is_noted(promised, is_noted):
    """Two nodes are there, eight are rented: they use 6.4 USD an hour of a promise at 0.8."""
    spend = SPEND | {"term_months": None, "committed_usd_per_hour": promised, "until": "2028-01"}
    ours = there(ALL).supply.existing
    supply = {"existing": [e.model_dump(exclude_unset=True) for e in ours]}

    plan = plan_of(of_a_year(supply | {"spend_commitments": [spend]}, ("on_demand",)), facts(1e6))

    assert any("spend:plan has room for some of it" in n for n in plan.warnings) is is_noted


@pytest.mark.parametrize(("tier", "is_noted"), [(10, True), (3, False)])
def test_others_that_lose_a_tier_are_noted(tier, is_noted):
    """Seven reserved nodes in the north and four in the south reach a tier together."""
    known = known_of(
        nodes_of(1, 2.0), nodes_of(1, 2.0, region="south"),
        reserved(1.5), reserved(1.5, region="south"),
    )  # fmt: skip
    volume = {"name": "terms", "provider": "cloud", "tenures": ["reserved_1y"],
              "tiers": [{"from_nodes": tier, "discount": 0.1}]}  # fmt: skip
    asked_of = year(
        flat(35.0, residency=["north"]),
        flat(20.0, name="talk", residency=["south"]),
        supply={"volume_discounts": [volume]},
    )

    plan = solved(asked_of, known, [MEASURED, MEASURED | {"workload": "talk"}], compare=False)

    assert sorted(c.nodes for c in plan.commitments) == [4, 7]
    noted = [n for n in plan.warnings if "volume discount terms fall below 10 nodes" in n]
    assert len(noted) == 2 * is_noted


def test_a_figure_at_list_prices_is_reported():
    problem_asked = there(ALL)
    plan = plan_of(problem_asked, facts(1e6))
    known = prepared(problem_asked, facts(1e6)).catalog

    for wrong in (2 * 12 * RENT_USD, slightly_more):
        other = changed(plan, "commitment_figures", alternative_discounted_usd=wrong)
        found = audit(other, problem_asked, known)
        assert any(re.search(r"USD of the alternative .* recomputed", line) for line in found)


def test_many_discounts_are_tried_tier_by_tier_and_each_alone():
    """Three contracts of eight tiers are 729 ways; the plan and its audit try the same 33."""
    tiers = [{"from_usd_per_month": 1_000 * k, "discount": 0.05 * k} for k in range(1, 9)]
    contracts = [ALL | {"name": n, "provider": n, "tiers": tiers} for n in ("cloud", "x", "y")]
    known = known_of(
        *(nodes_of(1, usd, instance="one", provider=name)
          for usd, name in ((2.0, "cloud"), (1.9, "x"), (2.1, "y"))),
        reserved(1.1, instance="one"),
    )  # fmt: skip

    plan = plan_of(of_a_year({"volume_discounts": contracts}), known)

    (figures,) = plan.commitment_figures
    volumes = volume_discounts(of_a_year({"volume_discounts": contracts}))
    assert len(list(tier_choices(volumes))) == 9 + 3 * 8
    assert len(list(tier_choices(volumes[:2]))) == 81
    assert figures.alternative_offer_id == "x:one:north:on_demand"
    assert figures.alternative_price_fall == pytest.approx(1 - 1.1 / (1.9 * 0.6))
