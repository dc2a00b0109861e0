from __future__ import annotations

import numpy as np
import pytest

from planner.perf.latency import (
    Rows,
    limited_latencies_s,
    sample_load,
    sample_probe,
)
from planner.perf.limit_values import is_mean_gap, order_statistic
from planner.perf.load_table import load_table
from planner.perf.open_loop import replica_state
from planner.perf.traffic import LatencyLimit, TrafficClass

SAMPLES = 1024
TTFT_MEAN, TTFT_P99 = LatencyLimit("ttft", None, 1.0), LatencyLimit("ttft", 99.0, 1.0)
TPOT_MEAN, E2E_MEAN = LatencyLimit("tpot", None, 1.0), LatencyLimit("e2e", None, 1.0)


def latencies(world, load_share, limits, probe=None, *, replicas=1.0, queueing=True):
    load = sample_load(world.traffic, SAMPLES, 0)
    table = load_table(world.step, world.engine, load.means, world.memory.kv_capacity_tokens)
    rate = table.saturation_rps * load_share
    batch = table.batch_at(np.zeros(1, dtype=np.intp), rate)
    state = replica_state(world.step, world.engine, load.means, rate, batch)
    alone_s = world.step.time_s(1.0, load.means.context_tokens, 0.0, 1.0)
    rows = Rows(world.step, world.engine, state, np.array([replicas]), alone_s)
    probes = [sample_probe(probe or world.traffic, limits, SAMPLES, 0)]
    return limited_latencies_s(rows, load, probes, queueing=queueing)[0]


def single_prompt(isl, osl=100.0, name="probe"):
    return TrafficClass(name, np.array([isl]), np.array([osl]), np.ones(1))


@pytest.mark.parametrize(
    ("percentile", "expected"), [(1.0, 1), (50.0, 50), (99.0, 99), (99.5, 100)]
)
def test_percentile_is_the_smallest_value_that_enough_do_not_exceed(percentile, expected):
    values = np.random.default_rng(0).permutation(np.arange(1.0, 101.0))[None]

    assert order_statistic(values, percentile) == expected


def test_unloaded_ttft_is_overhead_and_prefill(world):
    # The step still carries the decode of nobody: 1,000 tokens alone.
    prefill_s = world.step.time_s(1000.0, 0.0, 500_000.0, 0.0)[0]

    result = latencies(world, 0.0, [TTFT_P99], single_prompt(1000.0), queueing=False)

    host_s = 0.02 + 32 * 0.7e-3  # per request, and per layer of the model
    assert result[0] == pytest.approx(host_s + prefill_s)


def test_unloaded_e2e_adds_a_gap_for_every_further_token(world):
    result = latencies(
        world, 0.0, [TTFT_MEAN, TPOT_MEAN, E2E_MEAN], single_prompt(1000.0, 51.0), queueing=False
    )

    assert result[2] == pytest.approx(result[0] + 50 * result[1], rel=1e-3)


def test_waits_come_from_the_load_and_prefill_from_the_probe(world):
    calm = latencies(world, 0.0, [TTFT_P99], single_prompt(3000.0), queueing=False)
    busy = latencies(world, 0.8, [TTFT_P99], single_prompt(3000.0))
    own = latencies(world, 0.8, [TTFT_P99], single_prompt(100.0))

    assert calm < busy
    assert own < busy


def test_limits_of_a_probe_come_in_order(world):
    forward = latencies(world, 0.5, [TTFT_P99, TPOT_MEAN])
    backward = latencies(world, 0.5, [TPOT_MEAN, TTFT_P99])

    np.testing.assert_array_equal(forward, backward[::-1])


def test_probe_without_limits_has_no_latencies(world):
    assert latencies(world, 0.5, []).shape == (0,)


def test_sharing_a_queue_shortens_ttft(world):
    alone, shared = (latencies(world, 0.85, [TTFT_P99], replicas=r)[0] for r in (1.0, 8.0))

    assert shared < alone


@pytest.mark.parametrize("metric", ["ttft", "tpot", "itl", "e2e"])
def test_every_metric_grows_with_load(world, metric):
    limits = [LatencyLimit(metric, 95.0, 1.0), LatencyLimit(metric, None, 1.0)]

    ladder = np.array([latencies(world, x, limits) for x in (0.1, 0.4, 0.7, 0.9)])

    assert (np.diff(ladder, axis=0) > 0).all()


def test_more_hits_in_the_cache_shorten_ttft(world):
    cold, warm = (
        latencies(world.with_traffic(prefix_hit_rate=h), 0.5, [TTFT_P99])[0] for h in (0.0, 0.7)
    )

    assert warm < cold


def test_load_of_clockwork_waits_less_than_bursts(world):
    clock, bursts = (
        latencies(world.with_traffic(interarrival_cv=cv), 0.7, [TTFT_P99])[0] for cv in (0.0, 2.0)
    )

    assert clock < bursts


def test_only_means_of_gaps_need_no_sample():
    assert is_mean_gap(TPOT_MEAN)
    assert is_mean_gap(LatencyLimit("itl", None, 1.0))
    assert not is_mean_gap(TTFT_MEAN)
    assert not is_mean_gap(LatencyLimit("tpot", 99.0, 1.0))


def test_load_of_a_seed_is_reproducible(chat):
    first, again, other = (sample_load(chat, 256, seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first.arrivals.intervals, again.arrivals.intervals)
    assert (first.arrivals.intervals != other.arrivals.intervals).any()


def test_shares_of_prompts_sum_to_one(chat):
    load = sample_load(chat, 1000, 0)

    np.testing.assert_allclose(load.prompt_share, [0.4, 0.3, 0.2, 0.1], atol=2e-3)
