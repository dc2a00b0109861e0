import math
from statistics import NormalDist

import pytest

from planner.evaluate.errors import Errors, Pair, errors_of

Z90 = NormalDist().inv_cdf(0.9)


def test_nothing_has_no_errors():
    assert errors_of([]) == Errors(0)
    assert errors_of([]).median_ape is None


def test_errors_of_one_prediction_by_hand():
    found = errors_of([Pair(predicted=10, measured=11, sigma_ln=0.2)])

    assert found.n == 1
    for error in (found.median_ape, found.mape, found.p90_ape):
        assert error == pytest.approx(1 / 11)
    assert found.log_bias == pytest.approx(math.log(1.1))
    assert found.coverage_80 == 1


def test_median_mean_and_high_end_of_several():
    # APE 0, 0.1, 0.2, 0.3, 0.9; the 90th percentile lies 0.6 of the way from 0.3 to 0.9.
    predicted = (100, 110, 120, 70, 190)
    found = errors_of([Pair(p, 100, None) for p in predicted])

    assert found.median_ape == pytest.approx(0.2)
    assert found.mape == pytest.approx(0.3)
    assert found.p90_ape == pytest.approx(0.66)


def test_bias_is_the_mean_of_logarithms():
    found = errors_of([Pair(1, 2, None), Pair(2, 1, None), Pair(1, math.e**3, None)])

    assert found.log_bias == pytest.approx(1)


def test_interval_is_lognormal_around_the_prediction():
    sigma = 0.3
    edge = math.exp(Z90 * sigma)
    inside = [Pair(1, edge * 0.999, sigma), Pair(edge * 0.999, 1, sigma)]
    outside = [Pair(1, edge * 1.001, sigma), Pair(edge * 1.001, 1, sigma)]

    assert errors_of(inside).coverage_80 == 1
    assert errors_of(outside).coverage_80 == 0
    assert errors_of(inside + outside).coverage_80 == 0.5


def test_without_a_stated_spread_there_is_no_coverage():
    assert errors_of([Pair(1, 1, None)]).coverage_80 is None


def test_order_does_not_matter():
    pairs = [Pair(p, m, 0.2) for p, m in ((1, 3), (2, 2.1), (5, 4), (0.1, 7), (9, 9.3))]

    assert errors_of(pairs) == errors_of(pairs[::-1])
