"""Units against tokens by use: each workload at an offer that it may use itself, by hand.

A request has 1,000 tokens in and 100 out.
"""

from __future__ import annotations

import io

import pytest

from planner.report.text import write_plan
from planner.verify.audit import audit
from tests.finance.world import solved
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed

QUARTER_H = 2190.0
STANDARD_USD = 3_600 * (1_000 * 10.0 + 100 * 15.0) / 1e6
BATCH_USD = STANDARD_USD / 2
"""An hour of a request/s at either price: 41.4 and 20.7 USD."""
UNIT = {
    "name": "ptu", "provider": "tokens", "model": "model-a", "usd_per_unit_hour": 20.0,
    "tokens_per_minute_per_unit": 132_000.0, "term_months": 3,
}  # fmt: skip
"""Two requests/s of 1,100 tokens."""
STANDARD, BATCH = "tokens:a/model-a:standard", "tokens:a/model-a:batch"


def facts():
    half = {"mode": "batch", "input_usd_per_mtok": 5.0, "output_usd_per_mtok": 7.5}
    listed = {"input_usd_per_mtok": 10.0, "output_usd_per_mtok": 15.0}
    return catalog(offers=[], api_offers=[row("api_offers", **listed), row("api_offers", **half)])


def figures(rates, supply=None, share=1.0):
    """Return the units that carry chat, and documents that wait a day, at two rates."""
    rest = {"peak_factor_in_hour": 1.0}
    asked = problem(
        *(
            workload(name, arrival={"mean_rate_rps": rate} | rest, **more)
            for name, rate, more in zip(
                ("chat", "docs"),
                rates,
                ({}, {"deferrable": {"window_h": 24, "share": share}}),
                strict=True,
            )
            if rate
        ),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 3},
        supply={"tenures": ["api"], "provisioned": [UNIT | {"max_units": 1}]} | (supply or {}),
        finance={"discount_rate_per_year": 0.0},
    )
    plan = solved(asked, facts(), (), compare=False)
    assert audit(plan, asked, facts()) == []
    (units,) = plan.provisioned
    return units, plan, asked


@pytest.mark.parametrize(
    ("rates", "hour_usd", "offers"),
    [
        ((0.5, 1.5), 0.5 * STANDARD_USD + 1.5 * BATCH_USD, f"{BATCH} + {STANDARD}"),
        ((0.0, 2.0), 2.0 * BATCH_USD, BATCH),
        ((2.0, 0.0), 2.0 * STANDARD_USD, STANDARD),
    ],
)
def test_each_workload_is_held_against_the_cheapest_offer_that_it_may_use(rates, hour_usd, offers):
    units, _, _ = figures(rates)

    assert (units.units, units.utilization) == (1, pytest.approx(1.0))
    assert units.alternative_offer_id == offers
    assert units.alternative_usd == pytest.approx(QUARTER_H * hour_usd)
    assert units.alternative_price_fall == pytest.approx(1 - 20 / hour_usd)
    assert units.break_even_utilization == pytest.approx(20 / hour_usd)


def test_what_waits_of_a_workload_goes_to_batches_and_the_rest_does_not():
    units, _, _ = figures((0.0, 2.0), share=0.6)

    assert units.alternative_offer_id == f"{BATCH} + {STANDARD}"
    hour_usd = 1.2 * BATCH_USD + 0.8 * STANDARD_USD
    assert units.alternative_usd == pytest.approx(QUARTER_H * hour_usd)


def test_all_of_it_at_the_dearer_offer_is_reported():
    units, plan, asked = figures((0.5, 1.5))
    usd = QUARTER_H * 2.0 * STANDARD_USD
    wrong = {
        "alternative_usd": usd, "alternative_discounted_usd": usd,
        "alternative_price_fall": 1 - 20 / (2 * STANDARD_USD),
        "break_even_utilization": 20 / (2 * STANDARD_USD),
    }  # fmt: skip

    found = audit(changed(plan, "provisioned", **wrong), asked, facts())

    assert units.alternative_usd != pytest.approx(usd)
    assert any("USD by use at" in line for line in found)


MTOK_MONTH = 2 * 1_100 * 3_600 * 730 / 1e6
"""What two requests/s are a month: 5,782 million tokens."""


@pytest.mark.parametrize(
    ("terms", "off"),
    [
        ({"applies_to": "all", "tiers": [{"from_mtok_per_month": 5_000, "discount": 0.4}]}, 0.4),
        ({"applies_to": "all", "tiers": [{"from_mtok_per_month": 5_800, "discount": 0.4}]}, 0.0),
        ({"tiers": [{"from_usd_per_month": 15_111, "discount": 0.4}]}, 0.2),
        ({"applies_to": "all", "model": "other",
          "tiers": [{"from_usd_per_month": 1, "discount": 0.4}]}, 0.0),
    ],
)  # fmt: skip
def test_tokens_by_use_get_the_volume_discount_that_they_reach(terms, off):
    """Batches of two requests/s are 41.4 USD an hour, 30,222 a month: half lies above 15,111."""
    volume = {"name": "v", "provider": "tokens", "tenures": ["api"]} | terms
    units, _, _ = figures((0.0, 2.0), {"volume_discounts": [volume]})

    assert pytest.approx(5_782, abs=1) == MTOK_MONTH
    assert units.alternative_usd == pytest.approx(QUARTER_H * 2 * BATCH_USD * (1 - off))
    assert units.alternative_price_fall == pytest.approx(1 - 20 / (2 * BATCH_USD * (1 - off)))


def test_what_is_bought_already_counts_towards_the_tier():
    """A request/s more is bought by use: 15,111 a month at batch prices, 30 % off from 40,000."""
    volume = {"name": "v", "provider": "tokens", "tenures": ["api"], "applies_to": "all",
              "tiers": [{"from_usd_per_month": 40_000, "discount": 0.3}]}  # fmt: skip

    units, _, _ = figures((0.0, 3.0), {"volume_discounts": [volume]})

    more = (3 * 0.7 - 1) * BATCH_USD * QUARTER_H  # all three with the discount, less one without
    assert units.alternative_usd == pytest.approx(more)


def test_notes_name_each_offer_and_its_people():
    staff = {"staff": {"usd_per_fte_year": 12_000, "api": {"fte_per_offer": 0.5}}}
    limits = {"api_limits": [{"provider": "tokens", "tokens_per_minute": 1e9}]}

    _, plan, _ = figures((0.5, 1.5), staff | limits)
    text = io.StringIO()
    write_plan(text, plan, months=3)

    assert any("without the units 500 USD of people a month would be needed beside it" in n
               for n in plan.warnings)  # fmt: skip
    limited = [n for n in plan.warnings if "leave out the rate limit" in n]
    assert [any(f"at {name}," in n for n in limited) for name in (STANDARD, BATCH)] == [True] * 2
    assert f"\t{BATCH} + {STANDARD}\n" in text.getvalue()
