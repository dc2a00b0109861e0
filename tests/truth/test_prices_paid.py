"""Plans at token prices by the hour and at discounts, by hand, and their audit.

One request costs 1,000 x 0.5 + 100 x 1.5 = 650 USD per million at the usual price. A month has
730 h, so one request/s is 2.628 million requests a month.
"""

from __future__ import annotations

import re

import pytest

from planner.verify.audit import audit
from tests.options.world import catalog, problem, row, workload
from tests.verify.conftest import solved

HORIZON = {"start": "2027-01", "periods": 1, "months_per_period": 1}
UNDISCOUNTED = {"discount_rate_per_year": 0.0}
MONTH_OF_REQUESTS_M = 2.628


def tokens_only(offers, discounts=(), offset=0.0, blocks=4):
    asked = problem(
        workload(),
        horizon=HORIZON | {"utc_offset_h": offset},
        finance=UNDISCOUNTED,
        time_blocks=blocks,
        supply={"tenures": ["api"]},
    )
    return solved(asked, catalog(api_offers=offers, discounts=list(discounts)))


def nightly(hours="18:00-00:00"):
    """Return a price list that is free of input charges at some hours: 150 USD per million."""
    return [row("api_offers"), row("api_offers", hours_utc=hours, input_usd_per_mtok=0)]


def paid_usd(world):
    return [item.usd for item in sorted(world.plan.api, key=lambda item: item.block)]


def test_a_block_inside_the_window_pays_the_price_of_the_window():
    world = tokens_only(nightly())

    block = MONTH_OF_REQUESTS_M / 4
    assert paid_usd(world) == pytest.approx([650 * block] * 3 + [150 * block])
    assert world.plan.tco_usd == pytest.approx(MONTH_OF_REQUESTS_M * (650 * 3 + 150) / 4)
    assert audit(world.plan, world.problem, world.catalog) == []


def test_a_block_that_a_window_cuts_pays_both_prices_by_time():
    world = tokens_only(nightly("16:30-00:00"))

    # 12:00 to 18:00 holds 4.5 h at 650 and 1.5 h at 150.
    block = MONTH_OF_REQUESTS_M / 4
    assert paid_usd(world)[2] == pytest.approx(block * (650 * 4.5 + 150 * 1.5) / 6)
    assert audit(world.plan, world.problem, world.catalog) == []


def test_the_clock_of_the_blocks_is_shifted_to_utc():
    # Six hours ahead of UTC, 18:00 to 00:00 UTC is 00:00 to 06:00 on the clock.
    world = tokens_only(nightly(), offset=6.0)

    block = MONTH_OF_REQUESTS_M / 4
    assert paid_usd(world) == pytest.approx([150 * block] + [650 * block] * 3)
    assert audit(world.plan, world.problem, world.catalog) == []


def test_the_cheaper_provider_of_each_hour_is_used():
    steady = row("api_offers", provider="steady", input_usd_per_mtok=0.4)  # 550 per million

    world = tokens_only([*nightly(), steady])

    assert [item.provider for item in sorted(world.plan.api, key=lambda i: i.block)] == [
        "steady", "steady", "steady", "tokens",
    ]  # fmt: skip
    assert audit(world.plan, world.problem, world.catalog) == []


def test_the_audit_sees_a_price_of_other_hours():
    world = tokens_only(nightly())

    found = audit(world.plan, world.problem, catalog(api_offers=[row("api_offers")]))

    assert any(re.search("block 3 tokens model-a: .* tokens x price gives", t) for t in found)


def test_a_discount_on_tokens_is_paid_and_audited():
    discount = row(
        "discounts", provider="tokens", tenure="api", discount_fraction=0.2, valid_from="2026"
    )

    world = tokens_only([row("api_offers")], [discount])

    assert world.plan.tco_usd == pytest.approx(0.8 * 650 * MONTH_OF_REQUESTS_M)
    assert any("less 0.2 of the list price" in text for text in world.plan.warnings)
    assert audit(world.plan, world.problem, world.catalog) == []
    found = audit(world.plan, world.problem, catalog(api_offers=[row("api_offers")]))
    assert any("tokens x price gives" in text for text in found)


def test_a_discount_on_nodes_is_paid_said_and_audited():
    asked = problem(
        workload(),
        horizon=HORIZON,
        finance=UNDISCOUNTED,
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0},
    )
    discount = row("discounts", provider="cloud", discount_fraction=0.25, valid_from="2026")

    full = solved(asked, catalog())
    world = solved(asked, catalog(discounts=[discount]))

    assert world.plan.tco_usd == pytest.approx(0.75 * full.plan.tco_usd)
    assert {item.price_usd_per_hour for item in world.plan.fleet} == {1.5}
    assert any("less 0.25 of the list price" in text for text in world.plan.warnings)
    assert audit(world.plan, world.problem, world.catalog) == []
    assert any("times 0.75 after discounts" in t for t in
               audit(full.plan, full.problem, world.catalog))  # fmt: skip


def test_a_prompt_that_reaches_a_tier_pays_its_price_for_the_whole_request():
    long = row("api_offers", prompt_from_tokens=1_000, input_usd_per_mtok=1, output_usd_per_mtok=2)

    world = tokens_only([row("api_offers"), long], blocks=1)

    # 1,000 x 1 + 100 x 2, not 1,000 x 0.5 + 100 x 1.5.
    assert world.plan.tco_usd == pytest.approx(1_200 * MONTH_OF_REQUESTS_M)
    assert audit(world.plan, world.problem, world.catalog) == []
    found = audit(world.plan, world.problem, catalog(api_offers=[row("api_offers")]))
    assert any("tokens x price gives" in text for text in found)


def test_a_dearer_tier_of_one_provider_can_make_another_cheaper():
    long = row("api_offers", prompt_from_tokens=1_000, input_usd_per_mtok=6)
    other = row("api_offers", provider="flat", input_usd_per_mtok=5)

    world = tokens_only([row("api_offers"), long, other], blocks=1)

    assert {item.provider for item in world.plan.api} == {"flat"}


def test_a_price_for_longer_prompts_than_there_are_changes_nothing():
    long = row("api_offers", prompt_from_tokens=1_001, input_usd_per_mtok=1)

    world = tokens_only([row("api_offers"), long], blocks=1)

    assert world.plan.tco_usd == pytest.approx(650 * MONTH_OF_REQUESTS_M)


def test_a_price_that_ends_inside_the_period_is_charged_for_all_of_it_and_says_so():
    offers = [
        row("api_offers", valid_to="2027-01-10"),
        row("api_offers", valid_from="2027-01-10", input_usd_per_mtok=5),
    ]

    world = tokens_only(offers, blocks=1)

    assert world.plan.tco_usd == pytest.approx(650 * MONTH_OF_REQUESTS_M)
    (note,) = [text for text in world.plan.warnings if "inside period 0" in text]
    assert "its price changes on 2027-01-10" in note
    assert "the one of 2027-01-01 is charged for the whole period" in note


def test_rows_of_the_plan_name_the_source_of_their_price():
    world = tokens_only([row("api_offers", source="page of the provider")], blocks=1)

    assert {item.price_source for item in world.plan.api} == {"page of the provider"}
    found = audit(world.plan, world.problem, catalog(api_offers=[row("api_offers")]))
    assert any("tokens x price gives" in text for text in found)
