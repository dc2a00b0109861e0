"""Laws that any right simulation of queues obeys, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.verify.replay import router
from planner.verify.replay.outcome import outcome_of, percentile
from planner.verify.replay.requests import Window
from planner.verify.replay.router import ROUTINGS, simulate
from tests.verify.replay.world import EACH_S, drawn, engine, requests

SERVICE_S = 0.11


def waits_s(rate_rps, replicas=1, seed=1, routing="fewest_requests", count=60_000):
    """Return waits where every prompt fills a step: service of 0.11 s, one at a time."""
    rng = np.random.default_rng(seed)
    arrival_s = np.cumsum(rng.exponential(1 / rate_rps, count))
    seen = simulate(engine(), replicas, requests(arrival_s, 100, 1), routing=routing, rng=rng)
    return seen.ttft_s[count // 10 :] - SERVICE_S


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_replica_with_constant_service_waits_like_m_d_1(load):
    expected_s = load * SERVICE_S / (2 * (1 - load))

    assert waits_s(load / SERVICE_S).mean() == pytest.approx(expected_s, rel=0.06)


def test_random_routing_splits_into_queues_that_do_not_know_each_other():
    load = 0.7
    waits = waits_s(4 * load / SERVICE_S, replicas=4, routing="random", count=120_000)

    assert waits.mean() == pytest.approx(load * SERVICE_S / (2 * (1 - load)), rel=0.06)


def test_the_more_a_router_knows_the_shorter_the_waits():
    asked = drawn(2, 30_000, 75.0, isl=300, osl=1)
    quick = engine(budget=8_000, seats=60, dense_token_s=1e-4, request_s=-1e-4)
    means = [
        simulate(quick, 4, asked, routing=routing, rng=np.random.default_rng(1)).ttft_s.mean()
        for routing in ("random", "round_robin", "fewest_requests", "fewest_prompts")
    ]

    assert means == sorted(means, reverse=True)
    assert means[0] > 1.2 * means[-1]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32), replicas=st.integers(1, 5), rate=st.floats(1.0, 60.0),
    chunked=st.booleans(), cache=st.sampled_from([6_000, 20_000, 1e7]),
    routing=st.sampled_from(ROUTINGS),
)  # fmt: skip
def test_every_request_is_served_once_and_its_times_are_in_order(
    seed, replicas, rate, chunked, cache, routing
):
    asked = drawn(seed, 300, rate)
    asked = asked.take(asked.isl_tokens + asked.osl_tokens < 5_900)
    rng = np.random.default_rng(seed)
    quick = engine(chunked, 256, 30, cache, dense_token_s=1e-4, request_s=-1e-4)

    seen = simulate(quick, replicas, asked, routing=routing, rng=rng)

    assert (seen.ttft_s > 0).all()
    assert (seen.e2e_s >= seen.ttft_s).all()
    assert seen.decoded_tokens + len(asked) + seen.preempted == asked.osl_tokens.sum()
    # A token takes a step, and a step at least its fixed time.
    assert (seen.tpot_s[asked.osl_tokens > 1] >= 0.01 - 1e-9).all()
    assert seen.busy_s <= replicas * (asked.arrival_s + seen.e2e_s).max()


def test_littles_law_holds_between_arrivals_and_time_in_flight():
    asked = drawn(11, 4_000, 12.0, isl=300, osl=50)
    seen = simulate(engine(budget=512, seats=200, dense_token_s=1e-4, request_s=-1e-4), 2, asked)

    ends = asked.arrival_s + seen.e2e_s
    times = np.concatenate([asked.arrival_s, ends])
    change = np.concatenate([np.ones(4_000), -np.ones(4_000)])[np.argsort(times)]
    in_flight = np.cumsum(change)[:-1]
    mean = (in_flight * np.diff(np.sort(times))).sum() / ends.max()

    assert mean == pytest.approx(4_000 / ends.max() * seen.e2e_s.mean(), rel=1e-9)


@pytest.mark.usefixtures("every_time")
def test_same_seed_gives_the_same_numbers():
    runs = [
        simulate(engine(), 3, drawn(5, 500, 9.0), routing="random", rng=np.random.default_rng(4))
        for _ in range(2)
    ]

    assert (runs[0].e2e_s == runs[1].e2e_s).all()
    assert runs[0].gaps[0].counts == runs[1].gaps[0].counts


def test_a_simulation_that_is_asked_for_again_is_not_made_again(monkeypatch):
    made = []
    monkeypatch.setattr(
        router, "outcome_of", lambda *given: made.append(given) or outcome_of(*given)
    )
    asked = drawn(77, 50, 9.0)

    first, again = (simulate(engine(), 2, asked, window=Window(0.0, 3.0)) for _ in range(2))
    other = simulate(engine(), 2, asked, window=Window(0.0, 2.0))
    by_chance = [
        simulate(engine(), 2, asked, routing="random", rng=np.random.default_rng(seed))
        for seed in (1, 2)
    ]

    assert again is first
    assert len(made) == 4
    assert other.counted.sum() < first.counted.sum()
    assert (by_chance[0].e2e_s != by_chance[1].e2e_s).any()


def test_more_replicas_never_lower_attainment():
    asked = drawn(6, 4_000, 16.0, isl=300, osl=20)
    quick = engine(budget=256, seats=60, dense_token_s=1e-4, request_s=-1e-4)

    kept = [(simulate(quick, n, asked).ttft_s <= 0.15).mean() for n in range(1, 7)]

    assert kept == sorted(kept)
    assert kept[0] < 0.9 < kept[-1]


def test_longer_prompts_and_outputs_never_make_the_mean_request_faster():
    short, long = (drawn(8, 3_000, 10.0, isl=isl, osl=30) for isl in (200, 300))
    quick = engine(budget=256, seats=60, dense_token_s=1e-4, request_s=-1e-4)

    assert simulate(quick, 2, short).ttft_s.mean() < simulate(quick, 2, long).ttft_s.mean()


def test_only_requests_and_steps_of_the_window_count():
    asked = requests([1.0, 2.0, 3.0], 50, 11, kind=[0, 1, 0])
    seen = simulate(engine(), 1, asked, window=Window(1.5, 2.5))

    assert seen.counted.tolist() == [False, True, False]
    assert seen.gaps[0].total == 0
    assert seen.gaps[1].total == 10
    assert seen.busy_s == pytest.approx(0.06 + 0.1)
    assert seen.values_s(1, "ttft") == pytest.approx([0.06])
    assert len(seen.values_s(0, "ttft")) == 0


def test_request_longer_than_the_cache_is_refused():
    with pytest.raises(ValueError, match="request of 70 tokens is longer than the cache"):
        simulate(engine(cache=64), 1, requests([0.0], 60, 10))


def test_unknown_routing_is_refused():
    with pytest.raises(ValueError, match="routing is 'best'; accepted: fewest_requests"):
        simulate(engine(), 2, requests([0.0], 60, 10), routing="best")


def test_a_step_full_of_decodes_lets_prompts_wait_for_one_to_end():
    # Ten requests decode in a budget of ten: the eleventh waits for the first of them to end.
    seen = simulate(engine(budget=10, seats=20), 1, requests([0.0] * 11, 1, 5))

    assert seen.ttft_s[-1] == pytest.approx(0.02 + 4 * EACH_S + 0.011)


def test_percentile_is_a_value_that_so_many_do_not_exceed():
    values = np.array([4.0, 1.0, 3.0, 2.0])

    assert percentile(values, 50) == 2.0
    assert percentile(values, 51) == 3.0
    assert percentile(values, None) == 2.5
    assert percentile(values, 50, np.array([3.0, 1.0, 1.0, 1.0])) == 3.0
    assert percentile(values, None, np.array([1.0, 0.0, 0.0, 0.0])) == 4.0
