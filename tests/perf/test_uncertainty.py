from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.uncertainty import covered_share, interval, time_factor


def test_nominal_confidence_changes_nothing():
    assert time_factor(0.5, 0.2) == pytest.approx(1.0)


def test_planned_factor_is_the_lognormal_quantile():
    # z(0.8) = 0.841621
    assert time_factor(0.8, 0.2) == pytest.approx(math.exp(0.841621 * 0.2), rel=1e-6)


def test_exact_coefficient_needs_no_margin():
    assert time_factor(0.95, 0.0) == 1.0


def test_class_that_reaches_half_the_speed_takes_twice_the_time():
    assert time_factor(0.5, 0.3, throughput_factor=0.5) == pytest.approx(2.0)


@given(low=st.floats(0.01, 0.99), high=st.floats(0.01, 0.99), sigma=st.floats(0, 1))
def test_higher_confidence_never_shortens_times(low, high, sigma):
    low, high = sorted((low, high))

    assert time_factor(low, sigma) <= time_factor(high, sigma) * (1 + 1e-12)


@given(confidence=st.floats(0.01, 0.99), sigma=st.floats(0, 1))
def test_opposite_confidences_are_reciprocal(confidence, sigma):
    product = time_factor(confidence, sigma) * time_factor(1 - confidence, sigma)

    assert product == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.1, 1.1])
def test_confidence_outside_the_open_interval_is_rejected(confidence):
    with pytest.raises(ValueError, match="accepted: between 0 and 1, both excluded"):
        time_factor(confidence, 0.2)


def test_negative_spread_is_rejected():
    with pytest.raises(ValueError, match=r"sigma_ln_time is -0\.1; accepted: 0 or more"):
        time_factor(0.8, -0.1)


def test_zero_speed_is_rejected():
    with pytest.raises(ValueError, match="throughput_factor is 0; accepted: above 0"):
        time_factor(0.8, 0.2, 0)


def test_interval_ends_at_the_tenth_and_ninetieth_percentile():
    # z(0.9) = 1.281552
    low, high = interval(100.0, 0.2)

    assert high == pytest.approx(100 * math.exp(1.281552 * 0.2), rel=1e-6)
    assert low == pytest.approx(100 * math.exp(-1.281552 * 0.2), rel=1e-6)


def test_interval_takes_arrays():
    low, high = interval(np.array([1.0, 10.0]), np.array([0.0, 0.5]), 0.5)

    assert low[0] == high[0] == 1.0
    assert low[1] < 10 < high[1]


def test_share_of_a_lognormal_sample_inside_is_the_probability():
    measured = np.exp(0.3 * np.random.default_rng(1).standard_normal(20_000))

    assert covered_share(measured, 1.0, 0.3) == pytest.approx(0.8, abs=0.01)
    assert covered_share(measured, 1.0, 0.3, 0.5) == pytest.approx(0.5, abs=0.01)


def test_nothing_measured_has_no_share():
    assert math.isnan(covered_share(np.array([]), 1.0, 0.3))


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1])
def test_interval_needs_a_probability_inside(probability):
    with pytest.raises(ValueError, match="accepted: between 0 and 1, both excluded"):
        interval(1.0, 0.2, probability)
