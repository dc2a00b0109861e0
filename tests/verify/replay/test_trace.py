"""Traces are scaled by thinning or repeating, keep pairs, and whole days keep their shape."""

from __future__ import annotations

import numpy as np
import pytest

from planner.verify.replay.arrivals import Span
from planner.verify.replay.trace import Trace, Traced, TracedHours, in_block

HOUR_S = 3_600.0


def bursts(span_s=HOUR_S, hits=None):
    """Return a trace of a request every 2 s, with 20 at once every 100 s; pairs are (i, i + 1)."""
    calm = np.arange(0, span_s, 2.0)
    burst = np.repeat(np.arange(0, span_s, 100.0), 20)
    at_s = np.sort(np.concatenate([calm, burst]))
    isl = np.arange(1, len(at_s) + 1, dtype=float)
    hit = None if hits is None else np.floor(isl * hits)
    return Trace("bursts.csv", at_s, isl, isl + 1, hit)


def drawn(trace, rate, span_s=4 * HOUR_S, seed=1, hit_rate=0.0):
    return Traced(trace, hit_rate).draw(rate, Span(0, span_s, 0), np.random.default_rng(seed))


@pytest.mark.parametrize("rate", [0.1, 0.7, 1.4, 3.0])
def test_any_rate_is_reached_and_pairs_stay_together(rate):
    requests = drawn(bursts(), rate)

    assert len(requests.arrival_s) / (4 * HOUR_S) == pytest.approx(rate, rel=0.05)
    assert (requests.osl_tokens == requests.isl_tokens + 1).all()
    assert (np.diff(requests.arrival_s) >= 0).all()
    assert requests.arrival_s[-1] < 4 * HOUR_S


def test_copies_come_within_a_second_of_their_original():
    trace = bursts()
    requests = drawn(trace, 5 * len(trace.arrival_s) / trace.span_s, span_s=HOUR_S)

    for length in (100.0, 500.0, 777.0):
        mine = requests.arrival_s[requests.isl_tokens == length]
        assert len(mine) in {4, 5, 6}
        assert mine.max() - mine.min() < 1.0


def test_thinning_keeps_bursts_as_a_share_of_the_whole():
    requests = drawn(bursts(), 0.35)  # half of the 0.7/s

    per_second = np.bincount(requests.arrival_s.astype(int))
    assert 6 <= per_second.max() <= 20


def test_short_traces_are_repeated_from_a_moment_by_chance():
    trace = bursts(HOUR_S)
    first, second = (drawn(trace, 0.7, seed=s).isl_tokens[0] for s in (1, 2))

    assert first != second
    repeats = np.unique(drawn(trace, 0.7, span_s=10 * HOUR_S).isl_tokens, return_counts=True)[1]
    assert repeats.max() >= 9


def test_whole_turns_of_a_trace_count():
    source = Traced(bursts())
    turn_s = source.trace.span_s

    assert source.counted_s(10.0, 1.0) == turn_s
    assert source.counted_s(turn_s * 1.1, 1.0) == 2 * turn_s
    assert source.counted_s(10.0, 1e6) == 10.0


def test_hits_are_recorded_ones_and_never_more_than_the_plan_counts_on():
    trace = bursts(hits=0.5)

    counted_on_less = drawn(trace, 0.7, hit_rate=0.2)
    counted_on_more = drawn(trace, 0.7, hit_rate=0.9)
    unknown = drawn(bursts(), 0.7, hit_rate=0.2)

    weight = counted_on_less.isl_tokens
    assert np.average(counted_on_less.hit_share, weights=weight) == pytest.approx(0.2, rel=0.02)
    assert np.average(counted_on_more.hit_share, weights=weight) == pytest.approx(0.5, rel=0.02)
    assert set(unknown.hit_share) == {0.2}


def daily(days=1, start_h=0.0):
    """Return days with a request every 10 s, and every second from 6 to 12 h."""
    slow, fast = np.arange(0, 86_400, 10.0), np.arange(6 * HOUR_S, 12 * HOUR_S, 1.0)
    one = np.sort(np.concatenate([slow, fast]))
    at_s = np.concatenate([one + 86_400.0 * day for day in range(days + 1)])
    first_s = start_h * HOUR_S
    at_s = at_s[(at_s >= first_s) & (at_s < first_s + 86_400 * days)]
    hour = (at_s // HOUR_S) % 24
    return Trace("day.csv", at_s, hour + 1, np.ones(len(at_s)))


@pytest.mark.parametrize("trace", [daily(), daily(3), daily(1, 10.0)])
@pytest.mark.parametrize("block", [0, 1, 2, 3])
def test_a_day_keeps_its_shape(trace, block):
    source = in_block(Traced(trace), block, blocks_per_day=4)
    assert isinstance(source, TracedHours)
    assert source.counted_s(5.0, 1.0) == source.block_s == 6 * HOUR_S
    per_day = 8_640 + 21_600
    rate = 2 * per_day / 86_400

    requests = source.draw(rate, Span(HOUR_S, 6 * HOUR_S, 0.0), np.random.default_rng(1))

    inside = requests.arrival_s >= HOUR_S
    expected = 2 * (2_160 + (21_600 if block == 1 else 0))
    assert inside.sum() == pytest.approx(expected, rel=0.01)
    hours = requests.isl_tokens[inside] - 1
    assert hours.min() == block * 6
    assert hours.max() == block * 6 + 5
    before = requests.isl_tokens[~inside] - 1
    assert set(before[requests.arrival_s[~inside] < HOUR_S - 1]) == {(block * 6 - 1) % 24}


def test_a_trace_of_hours_has_no_shape_of_a_day():
    assert isinstance(in_block(Traced(bursts(6 * HOUR_S)), 0, 24), Traced)
