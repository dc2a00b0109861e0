"""A simulated unit of prefill and decode instances, step by step, request by request.

It knows nothing of the formulas: prompts go to the prefill instance with the fewest tokens to
compute, caches to the decode instance with the fewest requests, and every step is formed from
what is present.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from planner.perf.traffic import sample_requests
from tests.perf.renewal import unit_intervals


@dataclass
class Request:
    arrival_s: float
    isl: float
    osl: int
    left: float
    times_s: list = field(default_factory=list)


@dataclass
class Instance:
    waiting: list = field(default_factory=list)
    running: list = field(default_factory=list)
    busy: bool = False


@dataclass
class Unit:
    """Instances with the step times of one option each, as quick functions of numbers."""

    prefill_s: object
    decode_s: object
    budget: float
    transfer_s: object
    recomputed: bool
    prefill: list
    decode: list
    again: object = None
    """Returns the request that follows one that is done, or None; for closed loops."""

    def simulate(self, requests):
        """Return the requests with the times at which their tokens appear."""
        order, events = count(), []
        for request in requests:
            heapq.heappush(events, (request.arrival_s, next(order), "arrives", request))
        while events:
            now, _, what, item = heapq.heappop(events)
            for later in getattr(self, f"_{what}")(now, item):
                heapq.heappush(events, (later[0], next(order), *later[1:]))
        return requests

    def _arrives(self, now, request):
        to = min(self.prefill, key=lambda i: sum(r.left for r in i.waiting))
        to.waiting.append(request)
        return [] if to.busy else self._prefills(now, to)

    def _prefills(self, now, instance):
        room, taken = self.budget, []
        for request in instance.waiting:
            part = min(request.left, room)
            if part <= 0:
                break
            taken.append((request, part))
            room -= part
        instance.busy = bool(taken)
        if not taken:
            return []
        fresh = sum(part for _, part in taken)
        pairs = sum(part * (r.isl - r.left + part / 2) for r, part in taken)
        done = now + self.prefill_s(fresh, 0.0, pairs, 0.0)
        return [(done, "prefilled", (instance, taken))]

    def _prefilled(self, now, item):
        instance, taken = item
        later = []
        for request, part in taken:
            request.left -= part
            if request.left <= 0:
                instance.waiting.remove(request)
                later.append((now + self.transfer_s(request.isl), "handed", request))
        return later + self._prefills(now, instance)

    def _handed(self, now, request):
        to = min(self.decode, key=lambda i: len(i.waiting) + len(i.running))
        to.waiting.append(request)
        return [] if to.busy else self._decodes(now, to)

    def _decodes(self, now, instance):
        for request in instance.waiting:
            if not self.recomputed:
                request.times_s.append(now)
        instance.running += instance.waiting
        instance.waiting.clear()
        later = self._leave(now, instance)
        batch = len(instance.running)
        instance.busy = bool(batch)
        if not batch:
            return later
        cached = sum(r.isl + len(r.times_s) for r in instance.running)
        done = now + self.decode_s(batch, cached, 0.0, batch)
        return [*later, (done, "decoded", instance)]

    def _decoded(self, now, instance):
        for request in instance.running:
            request.times_s.append(now)
        return self._leave(now, instance) + self._decodes(now, instance)

    def _leave(self, now, instance):
        done = [r for r in instance.running if len(r.times_s) >= r.osl]
        instance.running[:] = [r for r in instance.running if len(r.times_s) < r.osl]
        following = [self.again(now, r) for r in done] if self.again else []
        return [(r.arrival_s, "arrives", r) for r in following if r is not None]


def requests_of(traffic, rate_rps, number, seed=11):
    """Return requests of a class with gamma intervals, drawn on their own."""
    sample = sample_requests(traffic, number, np.random.default_rng(seed))
    gaps = unit_intervals(traffic.interarrival_cv, number, np.random.default_rng(seed + 1))
    isl = sample.prompt_tokens[sample.prompt]
    osl = sample.output_tokens[sample.output]
    return [
        Request(arrival, i, int(o), i)
        for arrival, i, o in zip(np.cumsum(gaps) / rate_rps, isl, osl, strict=True)
    ]


def step_time(model):
    """Return the step time as a quick function of numbers: one dense option without window."""
    read, token, head = (
        float(a[0]) for a in (model.dense_read_s, model.dense_token_s, model.head_request_s)
    )
    p, kv, pair = float(model.overlap[0]), float(model.kv_token_s[0]), float(model.pair_s[0])
    fixed, request = float(model.fixed_s[0]), float(model.request_s[0])
    moved = float(model.activation_token_s[0] + model.network_token_s[0])
    launch = float(model.launch_s[0])

    def time_s(tokens, cached, pairs, decodes):
        compute = tokens * token + (decodes + 1) * head
        dense = (compute**p + read**p) ** (1 / p) + tokens * moved
        whole = dense + cached * kv + pairs * pair + fixed + decodes * request
        return max(whole, launch) if tokens > decodes else whole

    return time_s
