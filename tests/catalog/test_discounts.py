"""What a contract takes off a list price, by hand."""

import datetime

import pytest

from planner.catalog.check import check_catalog
from planner.catalog.offers import listed_offers_at, offers_at, price_lists_at

DAY = datetime.date(2027, 1, 1)


@pytest.fixture
def price(row, world):
    """Return a function that gives the price of the one node (16 USD/h) under discounts."""

    def paid(*discounts, day=DAY, **offer):
        rows = [row("discounts", **changes) for changes in discounts]
        (found,) = offers_at(world(offers=[row("offers", **offer)], discounts=rows), day)
        return found.price_usd_per_hour

    return paid


def test_a_discount_of_the_provider_lowers_every_price(price):
    assert price({"discount_fraction": 0.25}) == pytest.approx(12)


def test_list_prices_stay_as_they_are(row, world):
    catalog = world(offers=[row("offers")], discounts=[row("discounts")])

    (listed,) = listed_offers_at(catalog, DAY)

    assert listed.price_usd_per_hour == 16


def test_without_a_discount_the_row_is_untouched(row, world):
    catalog = world(offers=[row("offers")])

    assert offers_at(catalog, DAY) == listed_offers_at(catalog, DAY)


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "cloud-b"},
        {"item": "small.1x"},
        {"region": "south"},
        {"tenure": "spot"},
        {"tenure": "api"},
        {"valid_from": "2027-01-02"},
        {"valid_to": "2027-01-01"},
    ],
)
def test_a_discount_for_something_else_changes_nothing(price, other):
    assert price({"discount_fraction": 0.25} | other) == 16


def test_discounts_never_add_up_and_the_most_specific_one_applies(price):
    general = {"discount_fraction": 0.5}
    of_region = {"region": "any", "tenure": "on_demand", "discount_fraction": 0.3}
    of_item = {"item": "big.8x", "tenure": "on_demand", "discount_fraction": 0.1}

    assert price(general, of_region, of_item) == pytest.approx(14.4)
    assert price(of_item, of_region, general) == pytest.approx(14.4)


def test_an_item_goes_before_a_tenure(price):
    of_tenure = {"tenure": "on_demand", "discount_fraction": 0.5}
    of_item = {"item": "big.8x", "discount_fraction": 0.25}

    assert price(of_tenure, of_item) == pytest.approx(12)


def test_of_two_equal_discounts_the_newer_one_applies(price):
    older = {"valid_from": "2026", "discount_fraction": 0.5}
    newer = {"valid_from": "2026-06", "discount_fraction": 0.25}

    assert price(newer, older) == pytest.approx(12)
    assert price(newer, older, day=datetime.date(2026, 3, 1)) == pytest.approx(8)


def test_a_discounted_price_says_so(row, world):
    catalog = world(offers=[row("offers", notes="spot check")], discounts=[row("discounts")])

    (found,) = offers_at(catalog, DAY)

    assert found.notes == ("spot check; less 0.1 of the list price (discount cloud-a:2026)")


def test_discounts_on_tokens_name_them(row, world):
    tokens = row("discounts", provider="api-a", tenure="api", discount_fraction=0.2)
    nodes = row("discounts", provider="api-a", discount_fraction=0.5)
    offer = row("api_offers", cached_input_usd_per_mtok=0.1)

    (prices,) = price_lists_at(world(api_offers=[offer], discounts=[tokens, nodes]), DAY)

    assert prices.base.input_usd_per_mtok == pytest.approx(0.4)
    assert prices.base.cached_input_usd_per_mtok == pytest.approx(0.08)
    assert prices.base.output_usd_per_mtok == pytest.approx(1.2)


def test_a_missing_cached_price_stays_missing(row, world):
    tokens = row("discounts", provider="api-a", tenure="api")

    (prices,) = price_lists_at(world(api_offers=[row("api_offers")], discounts=[tokens]), DAY)

    assert prices.base.cached_input_usd_per_mtok is None


def test_a_discount_that_no_offer_can_take_is_a_doubt(sound, row):
    report = check_catalog(sound(discounts=[row("discounts", provider="clod-a")]))

    (fault,) = report.warnings
    assert fault.path == "discounts.provider"
    assert "`clod-a` sells nothing here; did you mean `cloud-a`" in fault.message
    assert report.errors == ()


def test_a_discount_for_tokens_has_to_name_them(sound, row):
    (fault,) = check_catalog(sound(discounts=[row("discounts", provider="api-a")])).warnings

    assert fault.path == "discounts.item"
    assert "tokens are named by tenure `api`" in fault.message


@pytest.mark.parametrize("table", ["offers", "api_offers", "discounts"])
def test_what_ends_before_it_starts_is_an_error(sound, row, table):
    rows = [row(table, valid_from="2026-05", valid_to="2026-05-01")]

    (fault,) = check_catalog(sound(**{table: rows})).errors

    assert fault.path == f"{table}.valid_to"
    assert "2026-05-01 is not after valid_from 2026-05" in fault.message
