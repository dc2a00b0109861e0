"""Arrival figures against arrivals whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.importers.arrivals import day_shape, interarrival_cv, peak_factor

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def counter(times):
    ordered = np.sort(times)
    return lambda at: np.searchsorted(ordered, at).astype(float)


def hourly(counts):
    """Requests spread evenly inside hours."""
    return np.concatenate(
        [HOUR_S * (hour + (np.arange(n) + 0.5) / n) for hour, n in enumerate(counts)]
    )


def test_a_day_gives_the_multipliers_of_its_hours():
    counts = [100] * 12 + [300] * 12

    shape = day_shape(counter(hourly(counts)), 0.0, DAY_S)

    assert shape.requests_per_day == 4800
    assert shape.profile == (0.5,) * 12 + (1.5,) * 12


def test_the_profile_starts_at_midnight_whenever_the_trace_starts():
    counts = [100] * 12 + [300] * 12 + [100] * 12 + [300] * 12
    late = hourly(counts)
    late = late[(late >= 6 * HOUR_S) & (late < 30 * HOUR_S)]

    shape = day_shape(counter(late), 6 * HOUR_S, 30 * HOUR_S)

    assert shape.profile == (0.5,) * 12 + (1.5,) * 12


def test_twenty_hours_make_a_profile_with_the_missing_hours_interpolated():
    shape = day_shape(counter(hourly([100] * 20)), 0.0, 20 * HOUR_S)

    assert shape.profile == (1.0,) * 24
    assert shape.requests_per_day == 2400
    assert "hours seen for less than 30 min take their neighbours' rate: 20, 21, 22, 23" in (
        shape.notes
    )


def test_a_shorter_trace_is_flat_and_says_so():
    shape = day_shape(counter(hourly([100] * 19)), 0.0, 19 * HOUR_S)

    assert shape.profile is None
    assert shape.requests_per_day == 2400
    assert "19.00 h show no daily profile" in shape.notes[0]


def test_requests_without_times_are_one_day():
    shape = day_shape(counter(np.zeros(500)), 0.0, 1e-9)

    assert shape.requests_per_day == 500
    assert "taken as one day" in shape.notes[0]


def test_a_rare_workload_has_one_request_per_day():
    shape = day_shape(counter(np.array([0.0, 10 * DAY_S])), 0.0, 20 * DAY_S)

    assert shape.requests_per_day == 1
    assert "fewer than one request per day: taken as one" in shape.notes


@given(counts=st.lists(st.integers(20, 400), min_size=24, max_size=24))
def test_multipliers_have_mean_one_and_no_request_is_lost(counts):
    shape = day_shape(counter(hourly(counts)), 0.0, DAY_S)

    assert np.mean(shape.profile) == pytest.approx(1, abs=1e-4)
    assert shape.requests_per_day == pytest.approx(sum(counts), abs=0.01)


def even(counts, width_s=600.0):
    """Requests spread evenly inside windows."""
    return np.concatenate([width_s * (w + (np.arange(n) + 0.5) / n) for w, n in enumerate(counts)])


def random(mean_counts, rng, width_s=600.0):
    """Requests of a Poisson process whose rate changes from window to window."""
    counts = rng.poisson(mean_counts)
    return np.concatenate([width_s * (w + rng.random(n)) for w, n in enumerate(counts)])


def test_peak_factor_is_the_busiest_ten_minutes_over_the_hour():
    times = even([20_000] * 5 + [50_000])

    factor, note = peak_factor(counter(times), 0.0, HOUR_S)

    assert factor == pytest.approx(2.0, rel=1e-3)
    assert note == (
        "peak factor: busiest 10 min over the mean less the chance of counts, p95 of 1 hour"
    )


def test_peak_factor_of_many_hours_is_their_95th_percentile():
    times = even(([20] * 5 + [50]) + [25] * 6 * 20)

    factor, _ = peak_factor(counter(times), 0.0, 21 * HOUR_S)

    assert factor == 1.0


def test_peak_factor_of_a_short_trace_states_its_window():
    times = even([10_000] * 5 + [22_000], width_s=300.0)

    factor, note = peak_factor(counter(times), 0.0, 1800.0)

    assert factor == pytest.approx(22 * 6 / 72, rel=1e-3)
    assert "busiest 5 min over the mean" in note
    assert "of 6 windows only" in note


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("days", [1, 3])
def test_chance_at_a_steady_rate_is_no_peak(seed, days):
    rng = np.random.default_rng(seed)
    times = rng.uniform(0, days * DAY_S, rng.poisson(4_315 * days))

    factor, _ = peak_factor(counter(times), 0.0, days * DAY_S)

    assert 1 <= factor < 1.15


@pytest.mark.parametrize(("per_window", "tolerance"), [(300, 0.08), (3_000, 0.03)])
def test_ten_minutes_of_twice_the_rate_in_every_hour_are_found(per_window, tolerance):
    rng = np.random.default_rng(11)
    times = random(([per_window] * 3 + [2 * per_window] + [per_window] * 2) * 24, rng)

    factor, _ = peak_factor(counter(times), 0.0, DAY_S)

    assert factor == pytest.approx(2 / (7 / 6), rel=tolerance)


def test_trend_inside_hours_is_a_peak():
    rng = np.random.default_rng(5)
    rising = [4_000, 4_400, 4_800, 5_200, 5_600, 6_000]

    factor, _ = peak_factor(counter(random(rising * 24, rng)), 0.0, DAY_S)

    assert factor == pytest.approx(6_000 / 5_000, rel=0.02)


@given(counts=st.lists(st.integers(0, 40), min_size=12, max_size=12))
def test_peak_factor_is_between_one_and_that_of_the_counts(counts):
    times = np.concatenate([600.0 * w + np.linspace(1, 599, n) for w, n in enumerate(counts)])

    factor, _ = peak_factor(counter(times), 0.0, 2 * HOUR_S)

    hours = [hour for hour in (counts[:6], counts[6:]) if sum(hour) >= 60]
    assert (factor is None) == (not hours)
    if hours:
        assert 1 <= factor <= max(6 * max(hour) / sum(hour) for hour in hours) + 1e-4


@pytest.mark.parametrize(
    ("span_s", "resolution_s", "requests"),
    [(300.0, 0.0, 500), (HOUR_S, 900.0, 500), (HOUR_S, 0.0, 59)],
)
def test_no_peak_factor_where_the_source_cannot_show_one(span_s, resolution_s, requests):
    times = np.linspace(0, span_s, requests, endpoint=False)

    factor, note = peak_factor(counter(times), 0.0, span_s, resolution_s)

    assert factor is None
    assert "schema" in note


def test_even_gaps_have_no_spread():
    cv, _ = interarrival_cv(np.arange(0, 7200, 2.0))

    assert cv == 0


def test_gaps_of_1_and_3_seconds_have_cv_one_half():
    cv, note = interarrival_cv(np.cumsum([1.0, 3.0] * 900))

    assert cv == pytest.approx(0.5, abs=0.01)
    assert note == "interarrival CV from gaps inside 10-minute windows"


@pytest.mark.parametrize("shape", [0.25, 1.0, 4.0])
def test_the_cv_of_a_gamma_process_is_recovered(shape):
    gaps = np.random.default_rng(3).gamma(shape, 1 / shape, 20_000)

    cv, _ = interarrival_cv(np.cumsum(gaps))

    assert cv == pytest.approx(shape**-0.5, rel=0.06)


def test_the_trend_of_the_day_is_not_spread():
    rate = np.repeat([1.0, 9.0], 1200)
    even = np.cumsum(1 / rate)

    assert np.std(np.diff(even)) / np.mean(np.diff(even)) > 0.7
    assert interarrival_cv(even)[0] < 0.3


def test_ticks_that_hold_many_requests_do_not_look_like_bursts():
    times = np.cumsum(np.random.default_rng(5).exponential(0.3, 24_000))
    ticked = np.floor(times / 3) * 3

    cv, note = interarrival_cv(ticked)

    assert cv == pytest.approx(1.0, abs=0.1)
    assert note == "interarrival CV from counts, as times come in 3 s ticks"


def test_requests_sent_in_batches_are_bursts():
    times = np.repeat(np.cumsum(np.random.default_rng(7).exponential(8.0, 2_000)), 8)

    cv, _ = interarrival_cv(times)

    assert cv == pytest.approx(np.sqrt(15), rel=0.05)


@pytest.mark.parametrize("times", [[0.0], [0.0] * 50, [0.0, 1.0, 2.0], np.arange(0, 1e6, 1e4)])
def test_no_cv_where_there_are_too_few_gaps(times):
    cv, note = interarrival_cv(np.array(times, dtype=float))

    assert cv is None
    assert "schema" in note
