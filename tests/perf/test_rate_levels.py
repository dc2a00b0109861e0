"""Traffic whose rate changes within the hour, and recorded intervals."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.limit_values import limit_values_s
from planner.perf.traffic import LatencyLimit, ordered_class_intervals
from tests.perf.renewal import unit_intervals

TTFT = LatencyLimit("ttft", 99.0, 0.8)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_equal_factors_change_nothing(world):
    limited = world.with_limits(TTFT)

    rates = [limited.with_traffic(rate_factors=f).rate() for f in ((1.0,), (1.0, 1.0, 1.0))]

    assert rates[0] == pytest.approx(rates[1], rel=2e-3)


def test_peaks_lower_the_mean_rate_but_by_less_than_the_highest_of_them(world):
    limited = world.with_limits(TTFT)
    steady = limited.rate()

    varying = limited.with_traffic(rate_factors=(0.6, 0.9, 1.0, 1.5)).rate()

    # 37 % of the requests come at the highest level, so it has to keep the limit about alone.
    assert steady / 1.5 * 0.98 <= varying < steady


def test_level_that_few_requests_meet_may_be_overloaded(world):
    levels = (4.0,) + (0.9,) * 30
    rates = {
        percentile: world.with_limits(LatencyLimit("ttft", percentile, 0.8))
        .with_traffic(rate_factors=levels)
        .rate(max_utilization=1.0)
        for percentile in (50.0, None)
    }
    highest = world.with_limits().rate(max_utilization=1.0)

    # 13 % of the requests come at the high level: the median does not care, a mean would be
    # infinite.
    assert rates[50.0] * 4.0 / np.mean(levels) > highest
    assert 0 < rates[None] * 4.0 / np.mean(levels) <= highest


def test_percentile_is_over_the_requests_of_all_levels():
    # Three quarters of the requests at 1 s, a quarter at 2 s.
    levels = [[(np.full((1, 4), value), None)] for value in (1.0, 2.0)]
    limits = [LatencyLimit("ttft", percentile, 1.0) for percentile in (74.0, 76.0)]

    found = [limit_values_s([k], levels, [3.0, 1.0], 1)[0, 0] for k in limits]

    assert found == [1.0, 2.0]
    assert limit_values_s([LatencyLimit("ttft", None, 1.0)], levels, [3.0, 1.0], 1) == 1.25


def test_many_factors_become_a_few_levels_with_the_same_mean(chat):
    from dataclasses import replace

    levels = replace(chat, rate_factors=tuple(rng().gamma(9.0, 1 / 9, 3600))).rate_levels

    assert len(levels) == 60
    assert np.mean(levels) == pytest.approx(1.0)
    assert list(levels) == sorted(levels)


@pytest.mark.parametrize("size", [150, 1024, 50_000])
def test_recorded_intervals_keep_their_shape(chat, size):
    from dataclasses import replace

    recorded = rng(1).gamma(0.25, 8.0, size)
    sample = ordered_class_intervals(replace(chat, intervals=recorded), 1024)

    assert sample.mean() == pytest.approx(1.0)
    cv = recorded.std() / recorded.mean()
    assert sample.std() == pytest.approx(cv, rel=0.1)


def test_a_recording_of_poisson_arrivals_plans_as_poisson(world):
    limited = world.with_limits(TTFT)

    recorded = limited.with_traffic(intervals=unit_intervals(1.0, 20_000, rng(3)))

    assert recorded.rate() == pytest.approx(limited.rate(), rel=0.03)


@pytest.mark.parametrize("factors", [(), (-1.0, 3.0), (0.0, 0.0)])
def test_impossible_factors_are_refused(world, factors):
    with pytest.raises(ValueError, match="rate_factors must be 0 or more"):
        world.with_traffic(rate_factors=factors)


@pytest.mark.parametrize("intervals", [[], [0.0, 0.0], [-1.0, 2.0]])
def test_impossible_intervals_are_refused(world, intervals):
    with pytest.raises(ValueError, match="intervals must be a vector of 0 or more"):
        world.with_traffic(intervals=np.array(intervals))
