"""How many requests a case gets, and what its streams and replicas do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.demand.records import LengthDistribution
from planner.errors import InputError
from planner.perf.traffic import LatencyLimit
from planner.verify.replay.arrivals import Stated
from planner.verify.replay.batch import served_by
from planner.verify.replay.cases import Batch, Case, Station, Stream
from planner.verify.replay.intervals import half_width
from planner.verify.replay.sampling import GROWS, Asked, sample
from planner.verify.replay.seen import value_s
from tests.verify.replay.world import engine

LENGTHS = LengthDistribution(np.array([50.0, 250.0]), np.array([10.0, 30.0]), np.array([0.5, 0.5]))
QUICK = engine(budget=256, seats=60, dense_token_s=1e-4, request_s=-1e-4)
FAST = engine(budget=256, seats=60, fixed_s=0.005, dense_token_s=5e-5, request_s=-5e-5)


def stream(name="chat", rate=20.0, shares=(1.0,), factors=None, capacity=(30.0,), **stated):
    factors = factors or ((1.0, 1.0),) * len(shares)
    return Stream(name, False, rate, Stated(LENGTHS, **stated), shares, factors, capacity)


def case(*streams, stations=None, replicas=1):
    stations = stations or (Station("a", QUICK, replicas),)
    return Case("pool", ((0, 0),), streams, stations, "fewest_requests")


def ttft(percent, limit_s):
    return {"chat": (LatencyLimit("ttft", percent, limit_s),)}


def test_requests_beyond_the_percentile_decide_how_many_there_are():
    for percent, least in ((50.0, 2_000), (99.5, 4_000), (99.9, 20_000)):
        sampled = sample(case(stream()), ttft(percent, 9.0), Asked(seeds=1))

        (runs,) = sampled.by_stream
        assert runs[0].requests == pytest.approx(least, rel=0.1)
        assert sampled.requests > runs[0].requests  # before and after what counts


def test_time_is_doubled_while_a_verdict_is_not_clear():
    busy = case(stream(rate=27.0, interarrival_cv=3.0))
    far = sample(busy, ttft(99.0, 90.0), Asked(seeds=3))
    at = float(np.mean([value_s(run, "ttft", 99.0) for run in far.by_stream[0]]))

    near = sample(busy, ttft(99.0, at), Asked(seeds=3))

    assert near.span_s >= 2 * far.span_s


def test_more_requests_than_memory_holds_are_refused_with_the_way_out():
    asked = Asked(seeds=1, span_s=21_600.0)

    with pytest.raises(InputError) as error:
        sample(case(stream(rate=500.0)), {}, asked)

    assert "10,800,000 requests of pool pool would be simulated at once" in str(error.value)
    assert "at most 8,000,000 fit" in str(error.value)
    assert "time_blocks" in str(error.value)
    assert error.value.outcome == "nothing was verified"


def test_a_stated_time_is_taken_as_it_is():
    sampled = sample(case(stream()), ttft(99.0, 0.01), Asked(seeds=2, span_s=100.0))

    assert sampled.span_s == 100.0
    assert [run.span_s for run in sampled.by_stream[0]] == [100.0, 100.0]


def test_options_get_their_shares_and_their_own_lengths():
    one = stream(shares=(0.25, 0.75), factors=((1.0, 2.0), (1.0, 1.0)), capacity=(20.0, 40.0))
    stations = (Station("a", QUICK, 1), Station("b", FAST, 1))

    ((run,),) = sample(case(one, stations=stations), {}, Asked(seeds=1, span_s=400.0)).by_stream

    # 20 tokens after the first of the mean request, twice as many at the first option.
    mean_tokens = (run.gaps.total + run.requests) / run.requests
    assert mean_tokens == pytest.approx(20 * (0.25 * 2 + 0.75), rel=0.03)
    assert run.replicas == 2


def test_streams_share_replicas_and_are_told_apart():
    both = case(stream("chat", 10.0), stream("code", 5.0), replicas=1)

    chat, code = sample(both, {}, Asked(seeds=1, span_s=400.0)).by_stream

    assert chat[0].requests == pytest.approx(4_000, rel=0.1)
    assert code[0].requests == pytest.approx(2_000, rel=0.1)
    assert chat[0].busy_s == code[0].busy_s <= 400.0


def test_common_random_numbers_give_more_replicas_the_same_requests():
    few, many = (
        sample(case(stream(), replicas=n), {}, Asked(seeds=1, span_s=200.0)) for n in (1, 3)
    )

    assert few.by_stream[0][0].requests == pytest.approx(many.by_stream[0][0].requests, rel=0.01)
    assert few.by_stream[0][0].ttft_s.mean() > many.by_stream[0][0].ttft_s.mean()


def test_overload_is_seen_as_requests_that_do_not_end():
    ((run,),) = sample(case(stream(rate=90.0)), {}, Asked(seeds=1, span_s=200.0)).by_stream

    assert run.completed / run.requests < 0.8


def _ended(sampled):
    runs = sampled.by_stream[0]
    return sum(run.completed for run in runs) / sum(run.requests for run in runs)


def test_replicas_that_only_fill_are_given_time_and_a_queue_without_end_is_not_hidden():
    # Steps of 30 ms whatever is in them: one request of 20 stays for a minute, beyond the start
    # that does not count, and each of the 120 such ones that are there at last has to come first.
    few = LengthDistribution(np.full(2, 10.0), np.array([10.0, 2_000.0]), np.array([0.95, 0.05]))
    even = engine(budget=8_192, seats=2_000, fixed_s=0.03, dense_token_s=0.0, request_s=0.0)
    chats = replace(stream(rate=40.0), source=Stated(few))
    filling = case(chats, stations=(Station("a", even, 1),))
    first = sample(filling, {}, Asked(seeds=1))  # one seed is never given more
    growing = case(stream(rate=90.0))

    filled, grown = (sample(one, {}, Asked(seeds=2)) for one in (filling, growing))

    assert _ended(first) < 1.0 - GROWS < _ended(filled)
    assert filled.span_s == pytest.approx(4.0 * first.span_s)
    assert _ended(grown) == pytest.approx(_ended(sample(growing, {}, Asked(seeds=1))), rel=0.05)
    assert _ended(grown) < 0.8


def test_interval_of_a_mean_is_that_of_student():
    values = np.array([1.0, 2.0, 3.0])

    assert half_width(values) == pytest.approx(4.303 / np.sqrt(3))
    assert half_width(values[:1]) == np.inf
    assert half_width(np.tile(values, 20)) == pytest.approx(
        1.96 * np.tile(values, 20).std(ddof=1) / np.sqrt(60)
    )


def test_a_replica_that_always_has_work_serves_the_rate_of_its_full_batch():
    # Every step takes 10 ms whatever is in it: 60 requests decode 19 tokens after their first.
    even = LengthDistribution(np.array([10.0]), np.array([20.0]), np.array([1.0]))
    flat = engine(budget=256, seats=60, dense_token_s=0.0, request_s=0.0)
    one = replace(stream(capacity=(250.0,)), source=Stated(even))

    served = served_by(Batch(Station("a", flat, 3), one), 0, 5)

    # 25 prompts a step, so that a batch of 60 is full in 3 steps and ends in 20 more or so.
    assert 60 / 0.23 < served.rate_rps < 60 / 0.19
    assert served.noise < 0.05
    # 19 steps of 10 ms each, after the first token.
    assert served.job_s == pytest.approx(0.19)
