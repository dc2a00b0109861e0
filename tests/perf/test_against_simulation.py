"""The replica as a whole against a simulation of its scheduler, step by step.

The simulation knows nothing of the formulas: it forms every step from the requests that are
present, with the same step times, and records when tokens appear.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from planner.perf.latency import Rows, limited_latencies_s, sample_load, sample_probe
from planner.perf.open_loop import load_table, replica_state
from planner.perf.traffic import LatencyLimit, sample_requests, unit_intervals

REQUESTS = 5000
WARM_UP = 500
FAR_S = 1e6
REPORTED = tuple(
    LatencyLimit(metric, percentile, FAR_S)
    for metric in ("ttft", "itl", "e2e")
    for percentile in (50.0, None)
)


@dataclass
class Request:
    arrival_s: float
    isl: float
    osl: int
    left: float
    made: int = 0
    times_s: list = field(default_factory=list)


def requests_of(world, rate_rps):
    sample = sample_requests(world.traffic, REQUESTS, np.random.default_rng(11))
    gaps = unit_intervals(1.0, REQUESTS, np.random.default_rng(12)) / rate_rps
    isl = sample.prompt_tokens[sample.prompt]
    osl = sample.output_tokens[sample.output]
    return [
        Request(arrival, i, int(o), i)
        for arrival, i, o in zip(np.cumsum(gaps), isl, osl, strict=True)
    ]


def step_time(world):
    """Return the step time as a quick function of numbers: one dense option without window."""
    model = world.step
    read, token, head = (
        float(a[0]) for a in (model.dense_read_s, model.dense_token_s, model.head_request_s)
    )
    p, kv, pair = float(model.overlap[0]), float(model.kv_token_s[0]), float(model.pair_s[0])
    fixed, request = float(model.fixed_s[0]), float(model.request_s[0])
    moved, launch = float(model.activation_token_s[0]), float(model.launch_s[0])

    def time_s(tokens, cached, pairs, decodes):
        compute = tokens * token + (decodes + 1) * head
        dense = (compute**p + read**p) ** (1 / p)
        dense += tokens * moved
        whole = dense + cached * kv + pairs * pair + fixed + decodes * request
        return max(whole, launch) if tokens > decodes else whole

    return time_s


def chunks(waiting, room):
    """Return what each waiting prompt gets of the room, first come first served."""
    taken = []
    for request in waiting:
        if room <= 0:
            break
        part = min(request.left, room)
        taken.append((request, part))
        room -= part
    return taken


def simulate(world, rate_rps):
    """Return the requests with the times of their tokens, under chunked prefill."""
    pending = requests_of(world, rate_rps)
    everyone, waiting, running = list(pending), [], []
    budget, time_s, now = world.spec.engine.chunk_tokens, step_time(world), 0.0
    pending.reverse()
    while pending or waiting or running:
        while pending and pending[-1].arrival_s <= now:
            waiting.append(pending.pop())
        if not waiting and not running:
            now = pending[-1].arrival_s
            continue
        taken = chunks(waiting, budget - len(running))
        fresh = sum(part for _, part in taken)
        pairs = sum(part * (r.isl - r.left + part / 2) for r, part in taken)
        cached = sum(r.isl + r.made for r in running)
        now += time_s(fresh + len(running), cached, pairs, len(running))
        advance(now, taken, waiting, running)
    return everyone[WARM_UP:]


def advance(now, taken, waiting, running):
    for request in running:
        request.made += 1
        request.times_s.append(now)
    for request, part in taken:
        request.left -= part
        if request.left <= 0:
            waiting.remove(request)
            request.made = 1
            request.times_s.append(now)
            running.append(request)
    running[:] = [r for r in running if r.made < r.osl]


def simulated(world, rate_rps):
    done = simulate(world, rate_rps)
    ttft = np.array([r.times_s[0] - r.arrival_s for r in done]) + world.engine.request_s[0]
    e2e = np.array([r.times_s[-1] - r.arrival_s for r in done]) + world.engine.request_s[0]
    gaps = np.concatenate([np.diff(r.times_s) for r in done])
    return {
        f"{name} {kind}": float(reduce(values))
        for name, values in (("ttft", ttft), ("itl", gaps), ("e2e", e2e))
        for kind, reduce in (("p50", np.median), ("mean", np.mean))
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
    probe = sample_probe(world.traffic, REPORTED, 4096, 0)
    latencies_s = limited_latencies_s(rows, load, [probe])[0]
    names = (limit.text for limit in REPORTED)
    return float(rate[0]), dict(zip(names, latencies_s, strict=True))


@pytest.fixture(scope="module", params=[0.3, 0.6])
def compared(request, world):
    short = np.array([30.0, 60.0, 40.0, 20.0])
    small = world.with_engine(chunk_tokens=2048).with_traffic(osl_tokens=short)
    rate, model_s = predicted(small, request.param)
    return model_s, simulated(small, rate)


@pytest.mark.parametrize("limit", REPORTED, ids=lambda limit: limit.text)
def test_model_agrees_with_the_simulated_replica(compared, limit):
    model_s, simulation_s = compared

    # The formula is good to about 8 %, one path of 4,500 requests to about 4 %.
    assert model_s[limit.text] == pytest.approx(simulation_s[limit.text], rel=0.12)


def test_simulated_requests_all_finish(world):
    done = simulate(world.with_engine(chunk_tokens=2048), 2.0)

    assert all(len(r.times_s) == r.osl for r in done)
