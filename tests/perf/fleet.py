"""Replicas that share a router, simulated step by step.

The simulation knows nothing of the formulas it is compared with. Every step of every replica is
formed from the requests that are there: decodes first, then prompts in order of arrival, cut to
the token budget of a step (``chunked``), or prompts alone while decodes wait (``prefill
priority``). A prompt is admitted when its tokens fit into the cache; when the cache runs out while
requests decode, the newest one loses its tokens and is computed again. The router sends a request
to the replica with the fewest outstanding requests, or with the fewest prompt tokens to compute
(then requests); equal ones take turns.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from heapq import heappop, heappush

import numpy as np

BLOCK_TOKENS = 16


@dataclass(frozen=True)
class Engine:
    """Step time and settings of one replica, in plain numbers.

    ``time_s(tokens, cached, pairs, decodes)`` is the time of a step.
    """

    time_s: object
    chunked: bool
    budget: float
    max_seqs: float
    kv_tokens: float
    request_s: float = 0.0


@dataclass(frozen=True)
class Arrivals:
    """Requests of all classes in order of arrival: times, lengths, index of the class."""

    time_s: np.ndarray
    isl: np.ndarray
    osl: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What requests of each class saw: TTFT, TPOT (nan: one token), E2E, and gaps with weights."""

    ttft_s: list
    tpot_s: list
    e2e_s: list
    gap_s: np.ndarray
    gap_count: np.ndarray
    finished_per_s: float
    preempted: int

    def value(self, kind, metric, percentile):
        """Return the mean (percentile ``None``) or a percentile of a latency of a class."""
        if metric == "itl":
            return _weighted(self.gap_s, self.gap_count[:, kind], percentile)
        values = {"ttft": self.ttft_s, "tpot": self.tpot_s, "e2e": self.e2e_s}[metric][kind]
        values = values[np.isfinite(values)]
        if percentile is None:
            return float(values.mean())
        return float(np.quantile(values, percentile / 100, method="inverted_cdf"))


def _weighted(values, counts, percentile):
    if percentile is None:
        return float(values @ counts / counts.sum())
    order = np.argsort(values)
    total = np.cumsum(counts[order])
    return float(values[order][np.searchsorted(total, percentile / 100 * total[-1])])


def step_time(model, option=0):
    """Return the step time of a dense model without a window as a quick function of numbers."""
    names = [
        "dense_read_s",
        "dense_token_s",
        "head_request_s",
        "overlap",
        "kv_token_s",
        "pair_s",
        "fixed_s",
        "request_s",
        "activation_token_s",
        "launch_s",
    ]
    read, token, head, p, kv, pair, fixed, request, moved, launch = (
        float(getattr(model, name)[option]) for name in names
    )
    inverse = 1 / p
    assert not model.expert_read_s[option]
    assert not model.kv_window_token_s[option]
    moved += float(model.network_token_s[option])

    def time_s(tokens, cached, pairs, decodes):
        compute = tokens * token + (decodes + 1) * head
        low, high = (compute, read) if compute < read else (read, compute)
        whole = high * (1 + (low / high) ** p) ** inverse + tokens * moved
        whole += cached * kv + pairs * pair + fixed + decodes * request
        return max(whole, launch) if tokens > decodes else whole

    return time_s


class _Replica:
    """One engine: what runs, what waits, and when its current step ends."""

    def __init__(self, engine, log, kinds):
        self.engine, self.log = engine, log
        self.waiting = deque()
        self.running, self.cached, self.index = 0, 0.0, 0
        self.finishes, self.newest, self.joined = [], [], {}
        self.head_done = 0.0
        self.end_s, self.taken, self.decoding = None, [], False
        self.prompt_tokens, self.last_s = 0.0, 0.0
        self.counts = [0] * kinds
        self.fresh = []

    def arrive(self, request, now_s):
        self.waiting.append(request)
        self.prompt_tokens += self.log.prompt[request]
        if self.end_s is None:
            self.last_s = now_s
            self._begin(now_s)

    def run_until(self, now_s):
        while self.end_s is not None and self.end_s <= now_s:
            if self.taken or self.waiting or self.fresh:
                self._finish()
                self._begin(self.end_s)
            else:
                self._decode_on(now_s)

    def _decode_on(self, now_s):
        """Finish and begin steps that only decode, as long as nothing else can happen."""
        time_s, log, finishes, joined = (
            self.engine.time_s, self.log, self.finishes, self.joined
        )  # fmt: skip
        limit = self.engine.kv_tokens
        end_s, running, cached, index, last_s = (
            self.end_s, self.running, self.cached, self.index, self.last_s
        )  # fmt: skip
        gaps, counts = log.gaps, self.counts
        while end_s <= now_s:
            gaps.append((end_s - last_s, *counts))
            last_s = end_s
            index += 1
            cached += running
            while finishes and finishes[0][0] <= index:
                request = heappop(finishes)[1]
                if joined.get(request, (0, -1))[1] != index:
                    continue
                joined.pop(request)
                running -= 1
                cached -= log.isl[request] + log.osl[request]
                counts[log.kind[request]] -= 1
                log.done_s[request] = end_s
            if not running:
                self.end_s = None
                break
            if cached + (BLOCK_TOKENS / 2 + 1) * running > limit:
                self.running, self.cached, self.index, self.last_s = running, cached, index, last_s
                self._begin(end_s)
                return
            end_s += time_s(running, cached, 0.0, running)
        else:
            self.end_s = end_s
        self.running, self.cached, self.index, self.last_s = running, cached, index, last_s

    def _preempt(self):
        """Take the newest running request's tokens away until one more step of tokens fits."""
        log = self.log
        while self.running > 1 and (
            self.cached + (BLOCK_TOKENS / 2 + 1) * self.running > self.engine.kv_tokens
        ):
            request = self.newest.pop()
            if request not in self.joined:
                continue
            _, last = self.joined.pop(request)
            made = log.osl[request] - (last - self.index)
            self.cached -= log.isl[request] + made
            self.running -= 1
            self.counts[log.kind[request]] -= 1
            log.prompt[request] = log.isl[request] + made
            log.still[request] = log.osl[request] - made
            self.prompt_tokens += log.prompt[request] + self.head_done
            self.head_done = 0.0
            self.waiting.appendleft(request)
            log.preempted += 1

    def _begin(self, now_s):
        """Form the next step from what is there."""
        self.end_s = None
        formed = self.form()
        if formed is not None:
            self.end_s = now_s + self.engine.time_s(*formed)

    def form(self):
        """Choose what the next step computes; return its tokens, cached, pairs, and decodes."""
        engine, log = self.engine, self.log
        if self.running:
            self._preempt()
        riding = self.running if engine.chunked else 0
        room = engine.budget - riding
        seats = engine.max_seqs - self.running
        free = engine.kv_tokens - self.cached - (BLOCK_TOKENS / 2 + 1) * self.running
        taken, fresh, pairs, done = [], 0.0, 0.0, self.head_done
        for request in self.waiting:
            if room <= 0 or seats < 1 or log.prompt[request] + BLOCK_TOKENS > free:
                break
            part = min(log.prompt[request] - done, room)
            pairs += part * (done + part / 2)
            whole = done + part >= log.prompt[request]
            taken.append((request, part, whole))
            room, fresh, seats = room - part, fresh + part, seats - 1
            free -= log.prompt[request] + BLOCK_TOKENS
            done = 0.0
        self.taken = taken
        if taken:
            self.decoding = engine.chunked and riding > 0
            cached = self.cached if engine.chunked else 0.0
            return fresh + riding, cached, pairs, riding
        if self.running:
            self.decoding = True
            return self.running, self.cached, 0.0, self.running
        assert not self.waiting, "a request larger than the cache"
        self.decoding = False
        return None

    def _finish(self):
        """Hand out the tokens of the step that ends."""
        self.finish(self.end_s)

    def finish(self, now_s):
        """Hand out the tokens of the step that ends now."""
        if self.decoding:
            self._record_gaps(now_s)
            self.last_s = now_s
            self.index += 1
            self.cached += self.running
            while self.finishes and self.finishes[0][0] <= self.index:
                request = heappop(self.finishes)[1]
                if self.joined.get(request, (0, -1))[1] == self.index:
                    self._leave(request, now_s)
        for request, part, whole in self.taken:
            self.prompt_tokens -= part
            if not whole:
                self.head_done += part
                continue
            self.head_done = 0.0
            self.waiting.popleft()
            self._join(request, now_s)
        self.taken = []
        if not self.running:
            self.last_s = now_s

    def _record_gaps(self, now_s):
        """Record the gaps that end; those who got their first token meanwhile waited less."""
        counts = list(self.counts)
        for first_s, kind in self.fresh:
            counts[kind] -= 1
            alone = [0] * len(counts)
            alone[kind] = 1
            self.log.gaps.append((now_s - first_s, *alone))
        self.fresh.clear()
        if any(counts):
            self.log.gaps.append((now_s - self.last_s, *counts))

    def _join(self, request, now_s):
        log = self.log
        if not log.first_s[request]:
            log.first_s[request] = now_s
        left = log.still[request] - 1
        if left <= 0:
            log.done_s[request] = now_s
            return
        if not self.running:
            self.last_s = now_s
        self.running += 1
        self.counts[log.kind[request]] += 1
        self.cached += log.prompt[request] + 1
        last = self.index + left
        self.joined[request] = (self.index, last)
        self.newest.append(request)
        if now_s > self.last_s:
            self.fresh.append((now_s, log.kind[request]))
        heappush(self.finishes, (last, request))

    def _leave(self, request, now_s):
        log = self.log
        self.joined.pop(request)
        self.running -= 1
        self.counts[log.kind[request]] -= 1
        self.cached -= log.isl[request] + log.osl[request]
        log.done_s[request] = now_s


class _Log:
    def __init__(self, arrivals):
        self.isl, self.osl = arrivals.isl.tolist(), arrivals.osl.tolist()
        self.kind = arrivals.kind.tolist()
        self.prompt, self.still = list(self.isl), list(self.osl)
        self.first_s, self.done_s = [0.0] * len(self.isl), [0.0] * len(self.isl)
        self.gaps, self.preempted = [], 0


class _Groups:
    """Groups with their own requests and cache, whose steps begin and end together."""

    def __init__(self, engine, groups, log, kinds):
        own = replace(engine, kv_tokens=engine.kv_tokens / groups)
        self.engine = engine
        self.lanes = [_Replica(own, log, kinds) for _ in range(groups)]
        self.end_s = None

    @property
    def running(self):
        return sum(lane.running for lane in self.lanes)

    @property
    def waiting(self):
        return [request for lane in self.lanes for request in lane.waiting]

    @property
    def prompt_tokens(self):
        return sum(lane.prompt_tokens for lane in self.lanes)

    def arrive(self, request, now_s):
        lane = min(self.lanes, key=lambda one: one.running + len(one.waiting))
        lane.waiting.append(request)
        lane.prompt_tokens += lane.log.prompt[request]
        if self.end_s is None:
            lane.last_s = now_s
            self._begin(now_s)

    def run_until(self, now_s):
        while self.end_s is not None and self.end_s <= now_s:
            for lane in self.lanes:
                lane.finish(self.end_s)
            self._begin(self.end_s)

    def _begin(self, now_s):
        formed = [lane.form() for lane in self.lanes]
        prompts = [sum(part for _, part, _ in lane.taken) for lane in self.lanes]
        stopped = any(prompts) and not self.engine.chunked
        cached, pairs, decodes = 0.0, 0.0, 0
        for lane, found in zip(self.lanes, formed, strict=True):
            if stopped and not lane.taken:
                lane.decoding = False  # it waits for the prompts of the others
            elif found is not None:
                cached, pairs, decodes = (
                    cached + found[1],
                    max(pairs, found[2]),
                    decodes + found[3],
                )
        if not any(prompts) and not decodes:
            self.end_s = None
            return
        count = len(self.lanes)
        waited = count * max(prompts) + decodes
        self.end_s = now_s + self.engine.time_s(waited, cached, count * pairs, decodes)


def simulate(engine, replicas, arrivals, *, routing="requests", warm_up=0.1, groups=1):
    """Return what the requests saw, those of the first share `warm_up` left out."""
    log, kinds = _Log(arrivals), int(arrivals.kind.max()) + 1
    fleet = [
        _Replica(engine, log, kinds) if groups == 1 else _Groups(engine, groups, log, kinds)
        for _ in range(replicas)
    ]
    start, skipped = 0, int(warm_up * len(arrivals.time_s))
    for request, now_s in enumerate(arrivals.time_s.tolist()):
        if request == skipped:
            log.gaps.clear()
        for replica in fleet:
            if replica.end_s is not None and replica.end_s <= now_s:
                replica.run_until(now_s)
        chosen = _chosen(fleet, routing, start) if replicas > 1 else fleet[0]
        start = (start + 1) % replicas
        chosen.arrive(request, now_s)
    gaps = np.array(log.gaps, dtype=float).reshape(-1, kinds + 1)
    for replica in fleet:
        replica.run_until(np.inf)
    return _outcome(engine, arrivals, log, gaps, skipped, kinds)


def _chosen(fleet, routing, start):
    turn = fleet[start:] + fleet[:start]
    if routing == "requests":
        return min(turn, key=lambda r: r.running + len(r.waiting))
    if routing == "prompts":
        return min(turn, key=lambda r: (r.prompt_tokens, r.running))
    return turn[0]


def _outcome(engine, arrivals, log, gaps, skipped, kinds):
    first, done = np.array(log.first_s), np.array(log.done_s)
    ttft = first - arrivals.time_s + engine.request_s
    e2e = done - arrivals.time_s + engine.request_s
    tpot = np.where(arrivals.osl > 1, (done - first) / np.maximum(arrivals.osl - 1, 1), np.nan)
    counted = np.arange(len(first)) >= skipped
    picks = [counted & (arrivals.kind == k) for k in range(kinds)]
    # Throughput while requests arrive: what finishes between the warm-up and the last arrival.
    begin, end = arrivals.time_s[skipped], arrivals.time_s[-1]
    finished = int(((done > begin) & (done <= end)).sum())
    return Outcome(
        [ttft[p] for p in picks],
        [tpot[p] for p in picks],
        [e2e[p] for p in picks],
        gaps[:, 0],
        gaps[:, 1:],
        finished / (end - begin) if end > begin else np.nan,
        log.preempted,
    )


def renewal_times_s(rate_rps, cv, requests, rng):
    """Return arrival times of a gamma renewal process."""
    if cv == 0:
        return np.arange(1, requests + 1) / rate_rps
    gaps = rng.standard_gamma(1 / cv**2, requests) * cv**2
    return np.cumsum(gaps) / rate_rps


def draw_arrivals(classes, rates_rps, requests, seed):
    """Return `requests` arrivals of several classes, each a renewal stream at its own rate.

    The numbers behind times and lengths depend on the seed only, not on the rates.
    """
    columns, total = [], sum(rates_rps)
    last_s = np.inf
    for kind, (one, rate) in enumerate(zip(classes, rates_rps, strict=True)):
        if rate <= 0:
            continue
        rng = np.random.default_rng([seed, kind])
        count = max(int(requests * rate / total), 10)
        atom = rng.choice(len(one.probability), count, p=one.probability)
        time_s = renewal_times_s(rate, one.interarrival_cv, count, rng)
        last_s = min(last_s, time_s[-1])
        isl, osl = one.isl_tokens[atom], np.round(one.osl_tokens[atom])
        columns.append(np.stack([time_s, isl, osl, np.full(count, kind)]))
    table = np.concatenate(columns, axis=1)
    table = table[:, np.argsort(table[0], kind="stable")]
    table = table[:, table[0] <= last_s]
    return Arrivals(table[0], table[1], table[2].astype(int), table[3].astype(int))
