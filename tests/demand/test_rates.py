"""Rates on the grid: mean for what is paid by use, planned for capacity; all by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from planner.demand.rates import (
    forecast_margin,
    growth_levels,
    hourly_multipliers,
    mean_rate_rps,
    rates_on_grid,
)
from planner.problem.schema import Arrival
from tests.worlds import grid

FLAT = np.ones(24)


def arrival(requests_per_day=86_400.0, peak=1.0, cv=0.0):
    return Arrival(requests_per_day=requests_per_day, peak_factor_in_hour=peak, forecast_cv=cv)


def rates(arrives, multipliers=FLAT, growth=1.0, confidence=0.5, periods=1, blocks=1):
    return rates_on_grid(arrives, multipliers, growth, confidence, grid(periods, blocks))


def test_a_day_of_86400_requests_is_one_per_second():
    assert mean_rate_rps(arrival(86_400)) == 1.0


def test_a_stated_rate_is_used_as_it_is():
    assert mean_rate_rps(Arrival(mean_rate_rps=2.5)) == 2.5


def test_growth_puts_usage_at_mid_period_and_capacity_at_the_end():
    usage, capacity = growth_levels(1.21, 2)

    assert usage == pytest.approx([1.1, 1.1 * 1.21])
    assert capacity == pytest.approx([1.21, 1.21**2])


def test_decline_puts_capacity_at_the_start_of_the_period():
    usage, capacity = growth_levels(0.81, 2)

    assert usage == pytest.approx([0.9, 0.9 * 0.81])
    assert capacity == pytest.approx([1.0, 0.81])


def test_a_list_of_factors_applies_one_after_the_other():
    usage, capacity = growth_levels([1.44, 0.25], 2)

    # Period 0 goes from 1 to 1.44, period 1 from 1.44 to 0.36.
    assert usage == pytest.approx([1.2, 0.72])
    assert capacity == pytest.approx([1.44, 1.44])


def test_no_growth_is_one_everywhere():
    usage, capacity = growth_levels(1, 3)

    assert usage.tolist() == capacity.tolist() == [1.0, 1.0, 1.0]


def test_median_forecast_has_no_margin():
    assert forecast_margin(0.15, 0.5) == pytest.approx(1.0)


def test_margin_at_80_percent_by_hand():
    # z(0.8) = 0.8416212; s = sqrt(ln 1.0225) = 0.1491663; exp(0.1255415) = 1.133762
    assert forecast_margin(0.15, 0.8) == pytest.approx(1.133762, rel=1e-6)


def test_a_certain_forecast_has_no_margin_at_any_confidence():
    assert forecast_margin(0.0, 0.99) == 1.0


@given(st.floats(0.0, 5.0), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_more_confidence_never_plans_for_less(cv, one, other):
    low, high = sorted((one, other))

    assert 1.0 <= forecast_margin(cv, low) <= forecast_margin(cv, high)


def test_usage_takes_the_mean_of_a_block_and_capacity_its_highest_hour():
    multipliers = np.array([0.5, 1.5] * 12)

    mean, planned = rates(arrival(), multipliers, blocks=12)

    assert mean[0] == pytest.approx([1.0] * 12)
    assert planned[0] == pytest.approx([1.5] * 12)


def test_blocks_start_at_midnight_on_the_hours_they_cover():
    multipliers = np.concatenate([np.full(6, 2.0), np.full(18, 2 / 3)])

    mean, planned = rates(arrival(), multipliers, blocks=4)

    assert mean[0] == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
    assert planned[0] == pytest.approx(mean[0])


def test_peak_factor_and_margin_multiply_the_planned_rate_only():
    mean, planned = rates(arrival(peak=1.5, cv=0.15), confidence=0.8)

    assert mean[0, 0] == pytest.approx(1.0)
    assert planned[0, 0] == pytest.approx(1.5 * 1.133762, rel=1e-6)


def test_all_factors_of_the_planned_rate_by_hand():
    multipliers = np.concatenate([np.full(12, 0.6), np.full(12, 1.4)])

    mean, planned = rates(arrival(864_000, peak=1.2), multipliers, 1.21, periods=2, blocks=2)

    assert mean == pytest.approx(10 * np.outer([1.1, 1.331], [0.6, 1.4]))
    assert planned == pytest.approx(10 * 1.2 * np.outer([1.21, 1.4641], [0.6, 1.4]))


def test_hours_of_a_week_are_averaged_by_hour_of_day_with_a_warning():
    week = np.concatenate([np.full(24, 2.0), np.full(24 * 6, 5 / 6)])

    day, notes = hourly_multipliers(week.tolist(), "office")

    assert day == pytest.approx(np.ones(24))
    assert notes == ["profile office: hours of the week averaged by hour of day"]


def test_the_hour_of_day_survives_the_average_over_the_week():
    week = np.tile(np.concatenate([np.full(12, 0.5), np.full(12, 1.5)]), 7)

    day, _ = hourly_multipliers(week.tolist(), "office")

    assert day == pytest.approx(np.concatenate([np.full(12, 0.5), np.full(12, 1.5)]))


def test_multipliers_far_from_mean_one_are_normalised_with_a_warning():
    day, notes = hourly_multipliers([3.0] * 12 + [1.0] * 12, "own")

    assert day == pytest.approx([1.5] * 12 + [0.5] * 12)
    assert notes == ["profile own: mean multiplier 2.000 normalised to 1"]


def test_rounding_in_a_profile_is_normalised_without_a_warning():
    day, notes = hourly_multipliers([1.005] * 24, "own")

    assert day == pytest.approx(np.ones(24))
    assert notes == []


profiles = arrays(float, 24, elements=st.floats(0.0, 10.0)).filter(lambda m: m.sum() > 0.1)
blocks_of_a_day = st.sampled_from([1, 4, 6, 8, 12, 24])


@given(profiles, blocks_of_a_day, st.floats(1.0, 1e9))
def test_rates_of_a_day_sum_to_its_requests(profile, blocks, requests):
    multipliers, _ = hourly_multipliers(profile.tolist(), "any")

    mean, _ = rates(arrival(requests), multipliers, blocks=blocks)

    assert mean.sum() * 86_400 / blocks == pytest.approx(requests)


@given(profiles, blocks_of_a_day, st.floats(0.5, 2.0), st.floats(1.0, 3.0))
def test_capacity_is_never_planned_below_the_mean(profile, blocks, growth, peak):
    multipliers, _ = hourly_multipliers(profile.tolist(), "any")

    mean, planned = rates(arrival(peak=peak), multipliers, growth, periods=3, blocks=blocks)

    assert np.all(planned >= mean * (1 - 1e-12))


@given(profiles)
def test_finer_blocks_never_raise_the_highest_planned_rate(profile):
    multipliers, _ = hourly_multipliers(profile.tolist(), "any")

    peaks = [rates(arrival(), multipliers, blocks=b)[1].max() for b in (1, 4, 12, 24)]

    assert peaks == pytest.approx([peaks[0]] * 4)


@given(st.floats(0.5, 2.0), st.integers(1, 8))
def test_one_factor_is_the_list_of_equal_factors(growth, periods):
    one, many = growth_levels(growth, periods), growth_levels([growth] * periods, periods)

    assert all(np.allclose(a, b) for a, b in zip(one, many, strict=True))


def test_growth_over_a_year_does_not_depend_on_the_number_of_periods():
    _, quarters = growth_levels(1.1, 4)
    _, year = growth_levels(1.1**4, 1)

    assert quarters[-1] == pytest.approx(year[-1])
    assert math.isclose(quarters[-1], 1.4641)
