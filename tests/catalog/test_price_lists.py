"""Token prices by hour and by prompt length: which row prices which request."""

import datetime

import pytest

from planner.catalog.check import check_catalog
from planner.catalog.offers import price_lists_at, window_minutes

DAY = datetime.date(2027, 1, 1)
NIGHT = "16:30-00:30"


@pytest.fixture
def prices(row, world):
    """Return a function that gives the price list in force of one offer."""

    def listed(*changes, day=DAY):
        catalog = world(api_offers=[row("api_offers", **each) for each in changes])
        (found,) = price_lists_at(catalog, day)
        return found

    return listed


@pytest.mark.parametrize(
    ("minute", "price"),
    [(0, 1), (29, 1), (30, 2), (16 * 60 + 29, 2), (16 * 60 + 30, 1), (1439, 1)],
)
def test_a_window_over_midnight_prices_its_hours(prices, minute, price):
    by_hour = prices({"input_usd_per_mtok": 2}, {"input_usd_per_mtok": 1, "hours_utc": NIGHT})

    assert [row.input_usd_per_mtok for row in by_hour.at(minute)] == [price]


def test_the_base_is_the_price_of_all_other_hours_and_short_prompts(prices):
    found = prices(
        {"prompt_from_tokens": 200_000, "input_usd_per_mtok": 4},
        {"hours_utc": NIGHT, "input_usd_per_mtok": 1},
        {"input_usd_per_mtok": 2},
    )

    assert found.base.input_usd_per_mtok == 2
    assert found.tier_starts_tokens == (200_000,)
    assert [row.input_usd_per_mtok for row in found.at(12 * 60)] == [2, 4]
    assert [row.input_usd_per_mtok for row in found.at(20 * 60)] == [1]


def test_changes_are_the_edges_of_all_windows(prices):
    found = prices({}, {"hours_utc": NIGHT}, {"hours_utc": "01:00-04:00"})

    assert found.changes_minutes_utc() == (30, 60, 240, 990)
    assert window_minutes(NIGHT) == (990, 30)


def test_a_newer_list_replaces_the_older_one_whole(prices):
    found = prices({}, {"hours_utc": NIGHT}, {"valid_from": "2026-06", "input_usd_per_mtok": 9})

    assert [row.input_usd_per_mtok for row in found.rows] == [9]


def test_hours_without_the_others_are_an_error(sound, row):
    (fault,) = check_catalog(sound(api_offers=[row("api_offers", hours_utc=NIGHT)])).errors

    assert fault.path == "api_offers.hours_utc"
    assert f"prices only {NIGHT}; leave `hours_utc` blank in one row" in fault.message


def test_long_prompts_without_the_short_ones_are_an_error(sound, row):
    rows = [row("api_offers", prompt_from_tokens=200_000)]

    (fault,) = check_catalog(sound(api_offers=rows)).errors

    assert fault.path == "api_offers.prompt_from_tokens"
    assert "no price for prompts below 200,000 tokens" in fault.message


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("00:00-12:00", "06:00-18:00", True),
        ("22:00-02:00", "01:00-03:00", True),
        ("00:00-12:00", "12:00-00:00", False),
        ("22:00-02:00", "02:00-22:00", False),
    ],
)
def test_hours_of_one_offer_must_not_overlap(sound, row, one, other, overlap):
    rows = [row("api_offers", hours_utc=hours) for hours in (None, one, other)]

    errors = check_catalog(sound(api_offers=rows)).errors

    assert bool(errors) == overlap
    if overlap:
        assert errors[0].path == "api_offers.hours_utc"
        assert f"{other} overlaps {one} of api_offers.csv:3" in errors[0].message


def test_a_name_of_a_provider_is_of_one_model(sound, row):
    models = [row("models"), row("models", id="model-b")]
    rows = [
        row("api_offers"),
        row("api_offers", mode="batch"),
        row("api_offers", provider="other", model="model-b"),
        row("api_offers", model="model-b"),
    ]

    errors = check_catalog(sound(models=models, api_offers=rows)).errors

    assert [(e.path, e.line) for e in errors] == [("api_offers.model_ref", 5)]
    assert "name of model-a in api_offers.csv:2; state its own name of model-b" in (
        errors[0].message
    )


def test_batch_above_standard_and_cached_above_input_are_doubts(sound, row):
    rows = [
        row("api_offers", cached_input_usd_per_mtok=0.6),
        row("api_offers", mode="batch", output_usd_per_mtok=2),
    ]

    faults = check_catalog(sound(api_offers=rows)).warnings

    assert [fault.path for fault in faults] == [
        "api_offers.cached_input_usd_per_mtok",
        "api_offers.output_usd_per_mtok",
    ]


@pytest.mark.parametrize("hours", ["16:30", "24:00-01:00", "1:00-2:00", "08:00-08:00"])
def test_hours_have_one_form(row, hours):
    with pytest.raises(ValueError, match=r"pattern|starts and ends at once"):
        row("api_offers", hours_utc=hours)
