"""Own prices and discounts without effect are named, with the reason."""

import datetime

import pytest

from planner.catalog.idle import idle_price_notes
from planner.catalog.load import build_catalog
from planner.catalog.offers import price_changes
from planner.catalog.table import Located

DAY = datetime.date(2027, 1, 1)


@pytest.fixture
def notes(row):
    """Return a function that gives the notes of own rows of a table beside shipped offers."""

    def of(table, own):
        tables = {
            name: [Located(row(name), f"catalogs/{name}.csv", 2)]
            for name in ("offers", "api_offers")
        }
        mine = [Located(row(table, **change), f"mine/{table}.csv", 4) for change in own]
        tables[table] = [*tables.get(table, []), *mine]
        return idle_price_notes(build_catalog(tables), DAY)

    return of


def test_own_price_that_is_newer_needs_no_note(notes):
    assert notes("offers", [{"valid_from": "2026-06"}]) == ()


def test_own_price_behind_a_newer_shipped_one_is_named(notes):
    (note,) = notes("offers", [{"valid_from": "2025-06"}])

    assert note.startswith("mine/offers.csv:4 cloud-a:big.8x")
    assert "catalogs/offers.csv:2 starts later (2026)" in note


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ({"valid_from": "2027-02"}, "it starts on 2027-02-01"),
        ({"valid_from": "2026", "valid_to": "2026-12"}, "it ended on 2026-12"),
    ],
)
def test_own_price_outside_its_days_is_named(notes, span, words):
    (note,) = notes("offers", [{"provider": "mine"} | span])

    assert words in note


def test_own_token_prices_are_looked_at_too(notes):
    (note,) = notes("api_offers", [{"valid_from": "2025-06"}])

    assert note.startswith("mine/api_offers.csv:4")


def test_a_discount_that_is_taken_needs_no_note(notes):
    assert notes("discounts", [{"valid_from": "2026"}]) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"provider": "cloud-b"}, "no offer matches"),
        ({"valid_from": "2027-02"}, "it starts on 2027-02-01"),
        ({"valid_to": "2026-12"}, "it ended on 2026-12"),
        ({"tenure": "spot"}, "no offer matches"),
    ],
)
def test_a_discount_that_nothing_takes_is_named(notes, change, words):
    (note,) = notes("discounts", [change])

    assert note.startswith("mine/discounts.csv:4")
    assert words in note


def test_a_general_discount_behind_a_specific_one_is_named(notes):
    (note,) = notes("discounts", [{}, {"item": "big.8x", "discount_fraction": 0.5}])

    assert "a more specific one goes before" in note


def test_days_on_which_a_price_changes_are_those_of_its_rows_and_discounts(row, world):
    offer = row("offers", valid_from="2026")
    catalog = world(
        offers=[offer, row("offers", valid_from="2027-02"), row("offers", provider="b")],
        discounts=[
            row("discounts", valid_from="2026", valid_to="2027-03-15"),
            row("discounts", provider="b", valid_from="2027-02-20"),
        ],
    )

    days = price_changes(catalog, offer, DAY, datetime.date(2027, 4, 1))

    assert days == (datetime.date(2027, 2, 1), datetime.date(2027, 3, 15))


def test_a_change_on_the_first_day_or_after_the_last_is_none(row, world):
    offer = row("offers", valid_from="2027-01")
    catalog = world(offers=[offer, row("offers", valid_from="2027-04")])

    assert price_changes(catalog, offer, DAY, datetime.date(2027, 4, 1)) == ()
