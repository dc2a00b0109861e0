"""A simulated replica: every step is formed from the requests that are present.

The simulation knows nothing of the formulas: it has the same step times, and records when tokens
appear. Where draft tokens are verified, each one is accepted or not by a throw of a coin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from planner.perf.traffic import sample_requests
from tests.perf.renewal import unit_intervals

REQUESTS = 5000
WARM_UP = 500


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
    if model.draft is not None:
        return drafting_step_time(model)
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


def drafting_step_time(model):
    """Return the step time with drafts; of decodes alone it is linear in the cached tokens."""
    known, many = {}, 1e6

    def time_s(tokens, cached, pairs, decodes):
        if tokens > decodes:
            return float(model.time_s(tokens, cached, pairs, decodes)[0])
        if decodes not in known:
            none_s, many_s = (
                float(model.time_s(tokens, count, 0.0, decodes)[0]) for count in (0.0, many)
            )
            known[decodes] = none_s, (many_s - none_s) / many
        none_s, each_s = known[decodes]
        return none_s + cached * each_s

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


def simulate(world, rate_rps, acceptance=0.0):
    """Return the requests with the times of their tokens, under chunked prefill."""
    tokens, rng = world.spec.decode_tokens, np.random.default_rng(13)
    pending = requests_of(world, rate_rps)
    everyone, waiting, running, cached = list(pending), [], [], 0.0
    budget, time_s, now = world.spec.engine.chunk_tokens, step_time(world), 0.0
    pending.reverse()
    while pending or waiting or running:
        while pending and pending[-1].arrival_s <= now:
            waiting.append(pending.pop())
        if not waiting and not running:
            now = pending[-1].arrival_s
            continue
        taken = chunks(waiting, budget - len(running) * tokens)
        fresh = sum(part for _, part in taken)
        pairs = sum(part * (r.isl - r.left + part / 2) for r, part in taken)
        now += time_s(fresh + len(running), cached, pairs, len(running))
        made = [1] * len(running)
        if tokens > 1:
            coins = rng.random((len(running), tokens - 1)) < acceptance
            made = (1 + np.cumprod(coins, axis=1).sum(axis=1)).tolist()
        cached += advance(now, taken, waiting, running, made)
    return everyone[WARM_UP:]


def advance(now, taken, waiting, running, made):
    """Hand out the tokens of a step; return by how many the cache of what runs has grown."""
    grown, is_done = float(sum(made)), False
    for request, tokens in zip(running, made, strict=True):
        request.made += tokens
        request.times_s.append(now)
        is_done = is_done or request.made >= request.osl
    for request, part in taken:
        request.left -= part
        if request.left <= 0:
            waiting.remove(request)
            request.made = 1
            request.times_s.append(now)
            running.append(request)
            grown += request.isl + 1
            is_done = is_done or request.osl <= 1
    if is_done:
        grown -= sum(r.isl + r.made for r in running if r.made >= r.osl)
        running[:] = [r for r in running if r.made < r.osl]
    return grown
