"""What requests saw, with prompts of each length as heavy as they are in the long run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.demand.records import LengthDistribution
from planner.perf.traffic import LatencyLimit
from planner.verify.replay.arrivals import Span, Stated
from planner.verify.replay.requests import Gaps
from planner.verify.replay.sampling import Asked, sample
from planner.verify.replay.seen import Seen, balanced, share_within, value_s
from planner.verify.replay.trace import Trace, Traced
from tests.verify.replay.test_sampling import case, stream

LIMIT = (LatencyLimit("ttft", 90.0, 0.5),)
SIZES = np.geomspace(50.0, 1_600.0, 400)
SPREAD = LengthDistribution(SIZES, np.full(400, 5.0), np.exp(-np.linspace(0.0, 4.0, 400)))


def saw(ttft_s, stratum):
    ttft = np.array(ttft_s)
    nothing = np.full(len(ttft), np.nan)
    return Seen(ttft, nothing, nothing, Gaps(), 0, 4, 1.0, 0, 1.0, 0.5, 1, np.array(stratum))


def test_a_sample_with_too_many_long_prompts_is_corrected_by_hand():
    """Three short prompts and a long one stand for 90 % and 10 %."""
    seen = balanced(saw([0.1, 0.2, 0.3, 1.0], [0, 0, 0, 1]), np.array([0.9, 0.1]))

    assert seen.weights == pytest.approx([1.2, 1.2, 1.2, 0.4])
    assert share_within([seen], LIMIT) == pytest.approx(0.9)
    assert value_s(seen, "ttft", 85.0) == 0.3
    assert value_s(seen, "ttft", 95.0) == 1.0
    assert value_s(seen, "ttft", None) == pytest.approx(0.9 * 0.2 + 0.1 * 1.0)


def test_strata_that_nobody_is_in_are_left_to_the_others():
    seen = balanced(saw([0.1, 1.0], [0, 2]), np.array([0.6, 0.2, 0.2]))

    assert seen.weights == pytest.approx([1.5, 0.5])


def test_requests_of_a_trace_count_as_they_come():
    times = np.arange(100.0)
    traced = Traced(Trace("t", times, times + 1, times + 1))

    assert traced.strata_shares is None
    assert balanced(saw([0.1, 1.0], [0, 1]), None).weight is None


def test_strata_are_drawn_as_often_as_their_shares_say():
    source = Stated(SPREAD)
    drawn = source.draw(50.0, Span(0.0, 2_000.0, 0.0), np.random.default_rng(0))

    shares = source.strata_shares
    counts = np.bincount(drawn.stratum, minlength=len(shares)) / len(drawn.stratum)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] == pytest.approx(0.5, abs=0.01)
    assert counts == pytest.approx(shares, abs=0.006)
    edges = [drawn.isl_tokens[drawn.stratum == k].max() for k in range(len(shares))]
    assert edges == sorted(edges)


def test_percentiles_are_surer_and_no_other_in_the_mean():
    """Prompts decide the first token of replicas with room; the long run is the judge."""
    one = case(replace(stream(rate=5.0), source=Stated(SPREAD)))
    (runs,) = sample(one, {}, Asked(seed=1, seeds=16, span_s=200.0)).by_stream
    ((long,),) = sample(one, {}, Asked(seed=2, seeds=1, span_s=3_000.0)).by_stream

    plain, even = (
        np.array([value_s(run, "ttft", 98.0) for run in mine])
        for mine in ([replace(run, weight=None) for run in runs], runs)
    )

    assert even.std() < 0.7 * plain.std()
    truth = value_s(long, "ttft", 98.0)
    assert even.mean() == pytest.approx(truth, abs=3 * even.std() / 4)
    assert all(run.weights.mean() == pytest.approx(1.0) for run in runs)
