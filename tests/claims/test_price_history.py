"""Falls of prices by hand, and intervals that cover the truth as often as they say."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from planner.catalog.load import load_catalog
from planner.claims.price_history import fall_per_year, interval_of, products_of, years_of


def test_a_price_that_halves_in_a_year_falls_by_half():
    assert fall_per_year([(((0.0, log(8.0)), (1.0, log(4.0))),)]) == pytest.approx(0.5)


def test_levels_of_products_are_their_own():
    """A dear product read late does not look like a rise."""
    cheap = (((0.0, log(1.0)), (1.0, log(0.5))),)
    dear = (((5.0, log(100.0)), (6.0, log(50.0))),)

    assert fall_per_year([cheap, dear]) == pytest.approx(0.5)


def test_input_and_output_of_a_product_count_together():
    both = (((0.0, log(1.0)), (1.0, log(0.5))), ((0.0, log(4.0)), (1.0, log(1.0))))

    # The mean slope of ln(1/2) and ln(1/4) is ln(2^-1.5).
    assert fall_per_year([both]) == pytest.approx(1.0 - 2.0**-1.5)


def test_prices_read_once_say_nothing():
    assert fall_per_year([(((0.0, 1.0),),)]) is None


def test_partial_dates_are_the_earliest_day():
    assert years_of("2021") == pytest.approx(366 / 365.25)


def test_an_interval_covers_the_true_fall_about_as_often_as_it_says():
    """Products whose own slopes spread around a true one: 80 % intervals, 200 worlds."""
    rng = np.random.default_rng(1)
    truth, covered = -0.4, 0
    for _ in range(200):
        slopes = rng.normal(truth, 0.5, size=25)
        products = [(((0.0, 0.0), (1.0, float(slope))),) for slope in slopes]
        found = interval_of(products, rng)
        covered += found.low <= 1.0 - np.exp(truth) <= found.high

    assert 0.70 <= covered / 200 <= 0.88


def test_the_index_of_one_product_is_the_trend_of_the_catalogue():
    catalog = load_catalog(())
    trend = next(row for row in catalog.price_trends if row.id == "tokens-same-product")

    found = fall_per_year(products_of(catalog, "tokens-same-product"))

    assert found == pytest.approx(-trend.annual_change, abs=5e-4)
