"""The formulas against a fleet that is simulated step by step with the same step times."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.kept import kept_by_content
from planner.perf.latency import Rows, limited_latencies_s, paired_probe, sample_load
from planner.perf.load_table import load_table
from planner.perf.open_loop import replica_state
from planner.perf.traffic import LatencyLimit, TrafficClass
from tests.perf.fleet import Engine, draw_arrivals, simulate, step_time

REQUESTS = 15_000
FAR_S = 1e6
REPORTED = tuple(
    LatencyLimit(metric, percentile, FAR_S)
    for metric, percentiles in (
        ("ttft", (None, 50.0, 95.0)),
        ("itl", (None, 50.0)),
        ("e2e", (None,)),
    )
    for percentile in percentiles
)
OPTION = np.zeros(1, dtype=np.intp)


def engine_of(world):
    spec = world.spec.engine
    return Engine(
        step_time(world.step), spec.scheduler == "chunked", spec.chunk_tokens, spec.max_num_seqs,
        float(world.memory.kv_capacity_tokens[0]), float(world.engine.request_s[0]),
    )  # fmt: skip


SLOW = tuple(LatencyLimit("tpot", percentile, FAR_S) for percentile in (50.0, 90.0, 95.0, 99.0))


@kept_by_content(8)
def seen_by_requests(world, replicas, rate_rps, routing):
    seen = []
    for seed in (1, 2):
        asked = draw_arrivals([world.traffic], [rate_rps * replicas], REQUESTS, seed)
        seen.append(simulate(engine_of(world), replicas, asked, routing=routing))
    return seen


def simulated(world, replicas, rate_rps, routing="requests", limits=REPORTED):
    seen = seen_by_requests(world, replicas, rate_rps, routing)
    return [np.mean([s.value(0, k.metric, k.percentile) for s in seen]) for k in limits]


def predicted(world, replicas, share, routing="fewest_requests", limits=REPORTED):
    """Return the rate at a share of the highest stable one, and the latencies of the formulas."""
    load = sample_load(world.traffic, 4096, 0, routing)
    table = load_table(world.step, world.engine, load.means, world.memory.kv_capacity_tokens)
    rate = table.saturation_rps * share
    batch = table.batch_at(OPTION, rate, load.means.interarrival_cv2 / replicas)
    state = replica_state(world.step, world.engine, load.means, rate, batch)
    alone_s = world.step.time_s(1.0, load.means.context_tokens, 0.0, 1.0)
    seats = table.seats_at(OPTION, rate)
    swing = table.gap_swing_at(OPTION, rate, load.means.interarrival_cv2 / replicas)
    count = np.array([float(replicas)])
    rows = Rows(world.step, world.engine, state, count, alone_s, seats, swing=swing)
    probe = paired_probe(world.traffic, limits, load, 0)
    return float(rate[0]), limited_latencies_s(rows, load, [probe])[0]


@pytest.fixture(scope="module")
def small(world):
    return world.with_engine(chunk_tokens=2048)


@pytest.mark.parametrize("replicas", [1, 4, 16])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_latencies_agree_with_the_simulated_fleet(small, replicas, share):
    rate, formulas_s = predicted(small, replicas, share)

    # The formulas are good to about 6 %, paths of this length to about 3 %.
    np.testing.assert_allclose(formulas_s, simulated(small, replicas, rate), rtol=0.11)


@pytest.mark.parametrize("replicas", [1, 8])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.85])
def test_slow_requests_agree_with_the_simulated_fleet(small, replicas, share):
    rate, formulas_s = predicted(small, replicas, share, limits=SLOW)

    # Percentiles of the time per output token: prompts that few tokens meet at low load, and the
    # slow fluctuation of the batch near saturation.
    np.testing.assert_allclose(
        formulas_s, simulated(small, replicas, rate, limits=SLOW), rtol=0.09
    )


@pytest.mark.parametrize(
    ("settings", "share", "percentile"),
    [
        ({"chunk_tokens": 2048}, 0.5, 95.0),
        ({"chunk_tokens": 2048}, 0.5, 99.0),
        ({"chunk_tokens": 2048}, 0.85, 95.0),
        ({"scheduler": "prefill_priority"}, 0.5, 95.0),
        ({"scheduler": "prefill_priority"}, 0.5, 99.0),
        ({"scheduler": "prefill_priority"}, 0.8, 99.0),
    ],
)
def test_single_gaps_agree_with_the_simulated_fleet(world, settings, share, percentile):
    engine, limits = world.with_engine(**settings), (LatencyLimit("itl", percentile, FAR_S),)
    rate, formulas_s = predicted(engine, 1, share, limits=limits)

    found_s = simulated(engine, 1, rate, limits=limits)

    # Where prompts come first and the replica is nearly full, a fifth on the careful side.
    assert 0.87 < formulas_s[0] / found_s[0] < 1.2


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_slow_requests_agree_when_arrivals_are_even_or_bursty(small, cv):
    world = small.with_traffic(interarrival_cv=cv)
    rate, formulas_s = predicted(world, 1, 0.4, limits=SLOW)

    np.testing.assert_allclose(formulas_s, simulated(world, 1, rate, limits=SLOW), rtol=0.09)


@pytest.mark.parametrize("replicas", [4, 16])
def test_waits_agree_when_the_router_sees_prompts(small, replicas):
    rate, formulas_s = predicted(small, replicas, 0.7, "fewest_prompts")

    found_s = simulated(small, replicas, rate, "prompts")

    np.testing.assert_allclose(formulas_s[:3], found_s[:3], rtol=0.12)


@pytest.mark.parametrize("replicas", [1, 8])
def test_bursts_agree_with_the_simulated_fleet(small, replicas):
    bursty = small.with_traffic(interarrival_cv=2.0)

    rate, formulas_s = predicted(bursty, replicas, 0.5)

    np.testing.assert_allclose(formulas_s, simulated(bursty, replicas, rate), rtol=0.20)


def test_highest_stable_rate_is_what_an_overloaded_replica_finishes(small):
    rate = predicted(small, 1, 1.0)[0]
    asked = draw_arrivals([small.traffic], [1.5 * rate], REQUESTS, 1)

    finished = simulate(engine_of(small), 1, asked, warm_up=0.2).finished_per_s

    assert rate == pytest.approx(finished, rel=0.05)


def test_pool_at_its_limit_keeps_the_limits_of_both_classes(small):
    """Shares f of the pool with sum f / mu = 1, mu by virtual probes of both classes."""
    one = np.ones(1)
    chat = small.with_limits(LatencyLimit("ttft", 95.0, 0.3)).traffic
    writer = TrafficClass(
        "writer", 150 * one, 600 * one, one, limits=(LatencyLimit("tpot", None, 0.016),)
    )
    both = [chat, writer]
    mu = [small.with_traffic(**fields(c)).rate(probes=both, replicas=(4,)) for c in both]
    rates = [0.5 * 4 * m for m in mu]

    seen = [
        simulate(engine_of(small), 4, draw_arrivals(both, rates, 2 * REQUESTS, s)) for s in (1, 2)
    ]

    assert np.mean([s.value(0, "ttft", 95.0) for s in seen]) <= 0.3 * 1.05
    assert np.mean([s.value(1, "tpot", None) for s in seen]) <= 0.016 * 1.05


def fields(traffic):
    names = ("name", "isl_tokens", "osl_tokens", "probability", "limits")
    return {name: getattr(traffic, name) for name in names}
