"""Speculative decoding against a simulated replica that accepts draft tokens one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.perf.latency import Rows, limited_latencies_s, sample_load, sample_probe
from planner.perf.load_table import load_table
from planner.perf.open_loop import replica_state
from planner.perf.speculation import Draft, expected_tokens, tokens_cv
from planner.perf.traffic import LatencyLimit
from tests.perf.replica import simulate, step_time

ACCEPTANCE = 0.7
DRAFT_TOKENS = 3
FAR_S = 1e6
LIMITS = tuple(
    LatencyLimit(metric, percentile, FAR_S)
    for metric, percentile in (
        ("ttft", 50.0),
        ("ttft", None),
        ("tpot", None),
        ("tpot", 50.0),
        ("tpot", 99.0),
        ("itl", None),
        ("itl", 50.0),
        ("e2e", 50.0),
        ("e2e", None),
    )
)


@pytest.fixture(scope="module")
def drafting(world):
    """Return an 8B model with a head of one layer that drafts three tokens for chat."""
    arch = world.spec.architecture
    small = world.with_engine(chunk_tokens=2048)
    draft = Draft(DRAFT_TOKENS, replace(arch, layers=1))
    tokens = expected_tokens(ACCEPTANCE, DRAFT_TOKENS)
    return replace(small, spec=replace(small.spec, draft=draft)).with_traffic(
        osl_tokens=np.array([60.0, 120.0, 80.0, 40.0]),
        tokens_per_step=tokens,
        tokens_per_step_cv=tokens_cv(tokens, DRAFT_TOKENS),
    )


def test_the_quick_step_time_is_that_of_the_model(drafting):
    quick, model = step_time(drafting), drafting.step
    for amounts in ((7, 0.0, 0.0, 7), (7, 41_000.0, 0.0, 7), (300, 9_000.0, 45_000.0, 12)):
        assert quick(*amounts) == pytest.approx(float(model.time_s(*amounts)[0]), rel=1e-12)


def simulated(world, rate_rps):
    done = simulate(world, rate_rps, ACCEPTANCE)
    request_s = world.engine.request_s[0]
    ttft = np.array([r.times_s[0] - r.arrival_s for r in done]) + request_s
    e2e = np.array([r.times_s[-1] - r.arrival_s for r in done]) + request_s
    following = np.array([r.osl - 1 for r in done])
    decoding = np.array([r.times_s[-1] - r.times_s[0] for r in done])
    chunks = np.concatenate([np.diff(r.times_s) for r in done])
    per_token = decoding.sum() / following.sum()
    tpot = decoding / following
    return {
        "ttft p50": np.median(ttft),
        "ttft mean": ttft.mean(),
        "tpot mean": per_token,
        "tpot p50": np.median(tpot),
        "tpot p99": np.quantile(tpot, 0.99),
        "itl mean": per_token,
        "itl p50": np.median(chunks),
        "e2e p50": np.median(e2e),
        "e2e mean": e2e.mean(),
    }


def predicted(world, share):
    """Return the rate at a share of the highest stable one, and the latencies of the model."""
    load = sample_load(world.traffic, 4096, 0)
    table = load_table(world.step, world.engine, load.means, world.memory.kv_capacity_tokens)
    rate = table.saturation_rps * share
    batch = table.batch_at(np.zeros(1, dtype=np.intp), rate)
    state = replica_state(world.step, world.engine, load.means, rate, batch)
    alone_s = world.step.time_s(1.0, load.means.context_tokens, 0.0, 1.0)
    rows = Rows(world.step, world.engine, state, np.ones(1), alone_s)
    probe = sample_probe(world.traffic, LIMITS, 4096, 0)
    latencies_s = limited_latencies_s(rows, load, [probe])[0]
    return float(rate[0]), dict(zip((limit.text for limit in LIMITS), latencies_s, strict=True))


@pytest.fixture(scope="module", params=[0.3, 0.6])
def compared(request, drafting):
    rate, model_s = predicted(drafting, request.param)
    return model_s, simulated(drafting, rate)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.text)
def test_model_agrees_with_the_simulated_replica(compared, limit):
    model_s, simulation_s = compared

    # As for plain decoding; the slowest requests differ more, they met bursts of prompts.
    room = 0.15 if limit.percentile == 99.0 else 0.12
    assert model_s[limit.text] == pytest.approx(simulation_s[limit.text], rel=room)


def test_highest_rate_keeps_its_limit_in_the_simulation(drafting):
    unloaded_s = drafting.with_limits(LIMITS[2]).solve(replicas=(1,)).unloaded_s[0, 0]
    limit_s = 1.5 * float(unloaded_s)
    rate = drafting.with_limits(LatencyLimit("tpot", None, limit_s)).rate()

    reached_s = simulated(drafting, rate)["tpot mean"]

    assert reached_s == pytest.approx(limit_s, rel=0.1)


def test_queue_grows_above_the_highest_stable_rate_only(drafting):
    saturation = float(drafting.solve(replicas=(1,)).saturation_rps[0])

    def late_over_early(rate):
        waits = [r.times_s[0] - r.arrival_s for r in simulate(drafting, rate, ACCEPTANCE)]
        return np.median(waits[-500:]) / np.median(waits[:500])

    assert late_over_early(1.2 * saturation) > 3
    assert late_over_early(0.8 * saturation) < 2


def test_drafts_carry_more_where_time_per_token_is_limited(drafting):
    plain = replace(drafting, spec=replace(drafting.spec, draft=None))
    plain = plain.with_traffic(tokens_per_step=1.0, tokens_per_step_cv=0.0)
    limit = LatencyLimit("tpot", None, 0.008)

    rates = [w.with_limits(limit).rate() for w in (plain, drafting)]

    assert rates[1] > 1.2 * rates[0]
    at_rate_s = [
        simulated(w, r)["tpot mean"] for w, r in zip((plain, drafting), rates, strict=True) if r
    ]
    assert all(s == pytest.approx(0.008, rel=0.1) for s in at_rate_s)
