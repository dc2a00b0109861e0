"""Generated requests have the rate, the variation and the lengths that the problem states."""

from __future__ import annotations

import numpy as np
import pytest

from planner.demand.records import LengthDistribution
from planner.verify.replay.arrivals import Span, Stated

LENGTHS = LengthDistribution(
    np.array([100.0, 900.0]), np.array([10.0, 50.0]), np.array([0.75, 0.25])
)


def drawn(rate=10.0, span_s=4_000.0, seed=1, **stated):
    span = Span(span_s / 4, span_s / 2, span_s / 4)
    return Stated(LENGTHS, **stated).draw(rate, span, np.random.default_rng(seed))


@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0, 3.0])
def test_arrivals_have_the_rate_and_the_variation_of_intervals(cv):
    arrival_s = drawn(interarrival_cv=cv).arrival_s

    gaps = np.diff(arrival_s)
    assert arrival_s[0] > 0
    assert arrival_s[-1] < 4_000
    assert len(arrival_s) / 4_000 == pytest.approx(10.0, rel=0.02 + 0.03 * cv)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, abs=0.05 + 0.03 * cv)


def test_recorded_intervals_replace_the_stated_variation():
    arrival_s = drawn(intervals=np.array([0.5, 1.5])).arrival_s

    assert set(np.round(np.diff(arrival_s), 9)) == {0.05, 0.15}


@pytest.mark.parametrize(("cv", "left"), [(0.0, 0.75), (3.0, 3.0)])
def test_a_share_is_taken_out_of_the_whole_by_chance_by_hand(cv, left):
    """A quarter of requests with cv c: the interval is a geometric sum, cv^2 = c^2 / 4 + 3 / 4."""
    arrival_s = drawn(span_s=16_000.0, interarrival_cv=cv, share=0.25).arrival_s

    gaps = np.diff(arrival_s)
    assert len(arrival_s) / 16_000 == pytest.approx(10.0, rel=0.03)
    assert (gaps.std() / gaps.mean()) ** 2 == pytest.approx(left, rel=0.06)


def test_lengths_are_drawn_together():
    requests = drawn()

    long = requests.isl_tokens == 900
    assert long.mean() == pytest.approx(0.25, abs=0.01)
    assert set(requests.osl_tokens[long]) == {50}
    assert set(requests.osl_tokens[~long]) == {10}


def test_hits_are_the_stated_share_of_every_prompt():
    assert set(drawn(hit_rate=0.3).hit_share) == {0.3}


def test_rate_factors_hold_for_equal_parts_of_every_hour():
    arrival_s = drawn(rate=5.0, span_s=36_000.0, rate_factors=(0.5, 0.5, 1.0, 2.0)).arrival_s

    parts = np.histogram(arrival_s, np.arange(0, 36_001, 900))[0].reshape(10, 4) / 900
    assert np.sort(parts, axis=1).mean(axis=0) == pytest.approx([2.5, 2.5, 5.0, 10.0], rel=0.08)
    assert len({tuple(np.argsort(row)) for row in parts}) > 1
    assert parts.mean() == pytest.approx(5.0, rel=0.02)


def test_factors_on_the_rate_take_whole_hours():
    assert Stated(LENGTHS, rate_factors=(0.5, 1.5)).counted_s(4_000.0, 1.0) == 7_200
    assert Stated(LENGTHS).counted_s(4_000.0, 1.0) == 4_000


def test_a_seed_gives_the_same_requests_and_another_seed_others():
    first, again, other = drawn(seed=1), drawn(seed=1), drawn(seed=2)

    assert (first.arrival_s == again.arrival_s).all()
    assert len(first.arrival_s) != len(other.arrival_s)


def test_a_higher_rate_has_the_same_requests_sooner():
    slow, fast = drawn(rate=10.0), drawn(rate=20.0)

    count = len(slow.arrival_s) // 2
    assert fast.arrival_s[:count] * 2 == pytest.approx(slow.arrival_s[:count])
