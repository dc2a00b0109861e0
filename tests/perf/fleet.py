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

from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.perf.fleet_groups import Groups
from tests.perf.fleet_replica import Replica


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

    @cache
    def decoding_s(decodes):
        return dense_s(decodes, decodes)

    def dense_s(tokens, decodes):
        compute = tokens * token + (decodes + 1) * head
        low, high = (compute, read) if compute < read else (read, compute)
        return high * (1 + (low / high) ** p) ** inverse + tokens * moved

    def time_s(tokens, cached, pairs, decodes):
        rest_s = cached * kv + pairs * pair + fixed + decodes * request
        if tokens > decodes:
            return max(dense_s(tokens, decodes) + rest_s, launch)
        return decoding_s(decodes) + rest_s

    return time_s


class _Log:
    def __init__(self, arrivals):
        self.isl, self.osl = arrivals.isl.tolist(), arrivals.osl.tolist()
        self.kind = arrivals.kind.tolist()
        self.prompt, self.still = list(self.isl), list(self.osl)
        self.first_s, self.done_s = [0.0] * len(self.isl), [0.0] * len(self.isl)
        # Plain numbers: a row for each of a million gaps would take longer to make than the rest.
        self.gap_s, self.gap_counts, self.preempted = [], [], 0

    def add_gap(self, gap_s, counts):
        self.gap_s.append(gap_s)
        self.gap_counts += counts


def simulate(engine, replicas, arrivals, *, routing="requests", warm_up=0.1, groups=1):
    """Return what the requests saw, those of the first share `warm_up` left out."""
    log, kinds = _Log(arrivals), int(arrivals.kind.max()) + 1
    fleet = [
        Replica(engine, log, kinds) if groups == 1 else Groups(engine, groups, log, kinds)
        for _ in range(replicas)
    ]
    start, skipped = 0, int(warm_up * len(arrivals.time_s))
    for request, now_s in enumerate(arrivals.time_s.tolist()):
        if request == skipped:
            log.gap_s.clear()
            log.gap_counts.clear()
        for replica in fleet:
            if replica.end_s is not None and replica.end_s <= now_s:
                replica.run_until(now_s)
        chosen = _chosen(fleet, routing, start) if replicas > 1 else fleet[0]
        start = (start + 1) % replicas
        chosen.arrive(request, now_s)
    gap_s = np.array(log.gap_s)
    gap_counts = np.array(log.gap_counts, dtype=float).reshape(-1, kinds)
    for replica in fleet:
        replica.run_until(np.inf)
    return _outcome(engine, arrivals, log, (gap_s, gap_counts), skipped, kinds)


def _chosen(fleet, routing, start):
    if routing == "requests":
        loads = [r.running + len(r.waiting) for r in fleet]
        least = min(loads)
        return fleet[loads.index(least, start if least in loads[start:] else 0)]
    turn = fleet[start:] + fleet[:start]
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
        *gaps,
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
