"""Of several rows of one offer, the newest that applies on a day counts."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.catalog.dates import parse_partial_date
from planner.catalog.offers import offers_at, price_lists_at

DAY = datetime.date(2027, 1, 1)


def prices(offers):
    return [o.price_usd_per_hour for o in offers]


def test_the_newest_row_that_has_started_counts(row, world):
    rows = [
        row("offers", valid_from="2026-03", price_usd_per_hour=2),
        row("offers", valid_from="2025", price_usd_per_hour=1),
        row("offers", valid_from="2027-02", price_usd_per_hour=3),
    ]

    assert prices(offers_at(world(offers=rows), DAY)) == [2]


def test_a_price_applies_from_its_first_day(row, world):
    catalog = world(offers=[row("offers", valid_from="2027-01-01")])

    assert len(offers_at(catalog, DAY)) == 1
    assert offers_at(catalog, DAY - datetime.timedelta(days=1)) == ()


def test_a_price_no_longer_applies_on_its_last_day(row, world):
    catalog = world(offers=[row("offers", valid_from="2026", valid_to="2027-01-01")])

    assert offers_at(catalog, DAY) == ()
    assert len(offers_at(catalog, DAY - datetime.timedelta(days=1))) == 1


def test_after_a_temporary_price_the_older_open_one_applies_again(row, world):
    rows = [
        row("offers", valid_from="2026", price_usd_per_hour=10),
        row("offers", valid_from="2026-06", valid_to="2026-09", price_usd_per_hour=7),
    ]
    catalog = world(offers=rows)

    assert prices(offers_at(catalog, datetime.date(2026, 7, 1))) == [7]
    assert prices(offers_at(catalog, DAY)) == [10]


@pytest.mark.parametrize(
    ("column", "value"),
    [("provider", "b"), ("instance", "b"), ("region", "b"), ("tenure", "spot")],
)
def test_offers_that_differ_in_anything_but_the_date_stand_side_by_side(row, world, column, value):
    rows = [row("offers"), row("offers", **{column: value})]

    assert len(offers_at(world(offers=rows), DAY)) == 2


def test_a_year_reads_as_its_first_day(row, world):
    rows = [
        row("offers", valid_from="2026", price_usd_per_hour=1),
        row("offers", valid_from="2025-12-31", price_usd_per_hour=2),
    ]

    assert prices(offers_at(world(offers=rows), DAY)) == [1]


def test_offers_are_in_the_order_of_their_identity(row, world):
    rows = [row("offers", provider=name) for name in ("c", "a", "b")]

    assert [o.provider for o in offers_at(world(offers=rows), DAY)] == ["a", "b", "c"]


def test_token_prices_follow_the_same_rule(row, world):
    rows = [
        row("api_offers", valid_from="2026", valid_to="2026-10-18", input_usd_per_mtok=0.05),
        row("api_offers", valid_from="2026-10-18", input_usd_per_mtok=0.02),
        row("api_offers", mode="batch", input_usd_per_mtok=0.01),
    ]
    catalog = world(api_offers=rows)

    assert [o.base.input_usd_per_mtok for o in price_lists_at(catalog, DAY)] == [0.01, 0.02]


@given(
    starts=st.lists(st.dates(datetime.date(2020, 1, 1), datetime.date(2030, 1, 1)), unique=True),
    on=st.dates(datetime.date(2020, 1, 1), datetime.date(2030, 1, 1)),
)
def test_the_row_in_force_is_the_latest_start_not_after_the_day(row, world, starts, on):
    catalog = world(offers=[row("offers", valid_from=day.isoformat()) for day in starts])

    found = [parse_partial_date(o.valid_from) for o in offers_at(catalog, on)]

    assert found == (
        [max(d for d in starts if d <= on)] if min(starts, default=on) <= on and starts else []
    )


@pytest.mark.parametrize(
    ("day", "price_usd_per_hour"),
    [
        (datetime.date(2025, 5, 31), 98.32),
        (datetime.date(2025, 6, 1), 55.04),
        (datetime.date(2026, 6, 1), 55.04),
    ],
)
def test_the_cut_of_a_shipped_price_shows_on_its_day(shipped, day, price_usd_per_hour):
    (found,) = [
        o.price_usd_per_hour
        for o in offers_at(shipped, day)
        if o.offer_id == "aws:p5.48xlarge:us-east-1:on_demand"
    ]

    assert found == price_usd_per_hour
