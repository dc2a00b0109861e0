from __future__ import annotations

import numpy as np
import pytest

from planner.perf.itl import itl_mixture_s
from planner.perf.limit_values import weighted_quantile
from planner.perf.load_table import load_table
from planner.perf.moments import traffic_means
from planner.perf.open_loop import replica_state
from planner.perf.prefill import prompt_times
from planner.perf.tpot import tpot_samples_s
from planner.perf.traffic import sample_requests

OPTION = np.zeros(1, dtype=np.intp)


def table_of(world):
    means = traffic_means(world.traffic)
    return load_table(world.step, world.engine, means, world.memory.kv_capacity_tokens)


def state_of(world, load):
    means, table = traffic_means(world.traffic), table_of(world)
    rate = table.saturation_rps * load
    return replica_state(world.step, world.engine, means, rate, table.batch_at(OPTION, rate))


def tpots(world, load, replicas=1.0, samples=2048):
    means, table = traffic_means(world.traffic), table_of(world)
    requests = sample_requests(world.traffic, samples, np.random.default_rng(0))
    alone_s = world.step.time_s(1.0, means.context_tokens, 0.0, 1.0)
    burstiness = np.array([means.interarrival_cv2 / replicas])
    rate = table.saturation_rps * load
    return tpot_samples_s(
        state_of(world, load), means, requests, burstiness=burstiness,
        swing=table.gap_swing_at(OPTION, rate, burstiness), alone_s=alone_s,
    )[0]  # fmt: skip


@pytest.mark.parametrize("scheduler", ["chunked", "prefill_priority"])
@pytest.mark.parametrize("load", [0.2, 0.6])
def test_mean_tpot_of_requests_is_the_mean_gap(world, scheduler, load):
    replica = world.with_engine(scheduler=scheduler)

    # The floor of a single request cuts the lower side of the fluctuation.
    assert tpots(replica, load).mean() == pytest.approx(state_of(replica, load).gap_s[0], rel=0.04)


def test_rare_requests_decode_at_the_speed_of_one(world):
    means = traffic_means(world.traffic)
    alone_s = world.step.time_s(1.0, means.context_tokens, 0.0, 1.0)[0]

    assert np.median(tpots(world, 1e-4)) == pytest.approx(alone_s, rel=0.02)


def test_no_request_beats_the_step_of_a_lonely_one(world):
    means = traffic_means(world.traffic)
    alone_s = world.step.time_s(1.0, means.context_tokens, 0.0, 1.0)[0]

    assert tpots(world.with_traffic(interarrival_cv=3.0), 0.5).min() >= alone_s


def test_replicas_that_share_a_queue_fluctuate_less(world):
    assert np.quantile(tpots(world, 0.3, replicas=8.0), 0.99) < np.quantile(
        tpots(world, 0.3), 0.99
    )


def test_bursts_spread_tpot(world):
    calm, bursty = (tpots(world.with_traffic(interarrival_cv=cv), 0.4) for cv in (0.5, 2.0))

    assert np.quantile(bursty, 0.99) > np.quantile(calm, 0.99)


def test_longer_outputs_average_over_more_gaps(world):
    short, long = (
        tpots(world.with_traffic(osl_tokens=np.full(4, osl)), 0.5).std() for osl in (10.0, 1000.0)
    )

    assert long < short


def quantile_of(world, load, quantile):
    state = state_of(world, load)
    means = traffic_means(world.traffic)
    prompts = world.traffic.isl_tokens
    times = prompt_times(world.step, state, means.context_tokens, prompts, prompts**2 / 2)
    chunked = np.array([world.spec.engine.scheduler == "chunked"])
    share = world.traffic.probability
    values_s, weights = itl_mixture_s(state, times, chunked, share)
    return weighted_quantile(values_s, weights, quantile)[0], state, times


def test_most_gaps_of_a_calm_replica_are_decode_steps(world):
    gap_s, state, _ = quantile_of(world, 0.05, 0.5)

    assert gap_s == state.steps.decode_s[0]


def test_highest_gaps_of_few_requests_are_the_longest_prefill_step(world):
    gap_s, _, times = quantile_of(world, 0.001, 0.9999999)

    # Nobody joins.
    assert gap_s >= times.rest_step_s.max()


def test_highest_gaps_are_no_longer_than_a_step_filled_to_the_brim(world):
    gap_s, _, times = quantile_of(world, 0.5, 0.999999)

    # No prompt fills a step of 8,192 tokens: the longest is one that others have joined.
    assert times.rest_step_s.max() < gap_s <= times.full_step_s.max()


def test_gap_behind_a_whole_prompt_contains_its_prefill(world):
    stalled = world.with_engine(scheduler="prefill_priority")

    gap_s, state, times = quantile_of(stalled, 0.3, 0.999999)

    assert gap_s > state.steps.decode_s[0] + times.latency_s.max()


def test_smaller_chunks_shorten_the_highest_gaps(world):
    coarse, fine = (
        quantile_of(world.with_engine(chunk_tokens=k), 0.5, 0.999)[0] for k in (8192, 512)
    )

    assert fine < coarse / 2


def test_higher_quantile_never_has_a_shorter_gap(world):
    gaps = [quantile_of(world, 0.6, q)[0] for q in (0.1, 0.5, 0.9, 0.95, 0.99)]

    assert gaps == sorted(gaps)
