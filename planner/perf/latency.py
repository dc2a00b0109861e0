"""Latencies of probe requests in the load of one class.

The load decides waits and batch; the probe brings its prompt and output lengths and its limits.
A probe of the class that makes the load is an ordinary request of it. Per request::

    TTFT = t_req + max(W, residual step) + prefill latency of the probe's prompt
    E2E  = TTFT + (O - 1) TPOT

W are the waits of :mod:`planner.perf.waiting`. An arrival that finds no prompts waiting still
waits for the running decode step to end: a uniform share of it, if anybody is decoding (chance
1 - exp(-b)). Percentiles are order statistics of the N requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.prefill import prompt_times
from planner.perf.token_gaps import itl_quantile_s, tpot_samples_s
from planner.perf.traffic import (
    MAX_PERCENTILE,
    sample_requests,
    stratified_uniforms,
    traffic_means,
    unit_intervals,
)
from planner.perf.waiting import shared_queue_waits_s, single_queue_waits_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.open_loop import ReplicaState
    from planner.perf.prefill import PromptTimes
    from planner.perf.spec import EngineLimits, Floats
    from planner.perf.step import StepModel
    from planner.perf.traffic import LatencyLimit, RequestSample, TrafficClass, TrafficMeans


@dataclass(frozen=True, slots=True)
class Load:
    """Sample of the class that makes the load.

    Parameters
    ----------
    means, requests
        Moments of the class, and N of its requests.
    prompt_share
        Share of requests with each distinct prompt, shape (u,).
    intervals
        Intervals between arrivals with mean 1, shape (N,).
    sharing, residual
        Uniform numbers of every request, for waits at several replicas and for the running step,
        shape (N,).
    """

    means: TrafficMeans
    requests: RequestSample
    prompt_share: Floats
    intervals: Floats
    sharing: Floats
    residual: Floats


@dataclass(frozen=True, slots=True)
class Probe:
    """Sample of a class whose limits have to be kept.

    Parameters
    ----------
    name, requests, limits
        Name of the class, N of its requests, and its limits.
    tokens_per_gap
        Mean tokens after the first over the mean steps that make them, >= 1.
    """

    name: str
    requests: RequestSample
    limits: tuple[LatencyLimit, ...]
    tokens_per_gap: float = 1.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to evaluate: each is an option with a number of replicas at a rate.

    Parameters
    ----------
    step, engine, state
        Option and state of each of r rows.
    replicas
        Replicas that share the queue, shape (r,).
    alone_s
        Step time of a single decoding request, shape (r,), seconds.
    """

    step: StepModel
    engine: EngineLimits
    state: ReplicaState
    replicas: Floats
    alone_s: Floats


def sample_load(traffic: TrafficClass, samples: int, seed: int) -> Load:
    """Return `samples` arrivals of `traffic`, the same for the same `seed`."""
    rng = np.random.default_rng(seed)
    requests = sample_requests(traffic, samples, rng)
    count = np.bincount(requests.prompt, minlength=len(requests.prompt_tokens))
    return Load(
        means=traffic_means(traffic),
        requests=requests,
        prompt_share=count / samples,
        intervals=unit_intervals(traffic.interarrival_cv, samples, rng),
        sharing=stratified_uniforms(samples, rng),
        residual=stratified_uniforms(samples, rng),
    )


def sample_probe(
    traffic: TrafficClass, limits: Sequence[LatencyLimit], samples: int, seed: int
) -> Probe:
    """Return `samples` probe requests of `traffic` with `limits`, the same for the same `seed`."""
    # A stream of its own: a probe is not the request that the load sampled at the same place.
    rng = np.random.default_rng([seed, 1])
    return Probe(
        name=traffic.name,
        requests=sample_requests(traffic, samples, rng),
        limits=tuple(limits),
        tokens_per_gap=traffic_means(traffic).tokens_per_gap,
    )


def limited_latencies_s(
    rows: Rows, load: Load, probes: Sequence[Probe], *, queueing: bool = True
) -> Floats:
    """Return the value of every limited latency, shape (r, number of limits), seconds.

    Columns are the limits of the first probe, then of the second, and so on.

    Parameters
    ----------
    queueing
        Whether requests wait; without, the values are those of vanishing load.
    """
    timed = any(limit.metric in {"ttft", "e2e"} for p in probes for limit in p.limits)
    start_s = prompt_start_s(rows, load) if timed and queueing else rows.engine.request_s[:, None]
    columns = [c for p in probes for c in _probe_latencies_s(rows, load, p, start_s)]
    if not columns:
        return np.zeros((len(rows.replicas), 0))
    return np.stack(columns, axis=1)


def prompt_start_s(rows: Rows, load: Load) -> Floats:
    """Return the time from arrival to the start of the prefill, shape (r, N), seconds."""
    state = rows.state
    times = times_of(rows, load, load.requests)
    service_s = np.take(times.service_s, load.requests.prompt, axis=1)
    interval_s = load.intervals * (1.0 / state.rate_rps)[:, None]
    waits_s = single_queue_waits_s(service_s, interval_s)
    waits_s = shared_queue_waits_s(waits_s, rows.replicas, state.prefill_share, load.sharing)
    decoding = 1.0 - np.exp(-state.batch)
    residual_s = load.residual * (state.steps.decode_s * decoding)[:, None]
    np.maximum(waits_s, residual_s, out=waits_s)
    waits_s += rows.engine.request_s[:, None]
    return waits_s


def times_of(rows: Rows, load: Load, requests: RequestSample) -> PromptTimes:
    """Return the times of the distinct prompts of `requests` in every row."""
    return prompt_times(
        rows.step,
        rows.state,
        load.means.context_tokens,
        requests.prompt_tokens,
        requests.prompt_pairs,
    )


def _probe_latencies_s(rows: Rows, load: Load, probe: Probe, start_s: Floats) -> list[Floats]:
    metrics = {limit.metric for limit in probe.limits}
    samples_s: dict[str, Floats] = {}
    if metrics & {"ttft", "e2e"}:
        latency_s = times_of(rows, load, probe.requests).latency_s
        samples_s["ttft"] = start_s + np.take(latency_s, probe.requests.prompt, axis=1)
    per_request = any(m.metric == "tpot" and m.percentile is not None for m in probe.limits)
    if per_request or "e2e" in metrics:
        samples_s["tpot"] = tpot_samples_s(
            rows.state,
            load.means,
            probe.requests,
            replicas=rows.replicas,
            alone_s=rows.alone_s,
        )
    if "e2e" in metrics:
        gaps = probe.requests.output_tokens[probe.requests.output] - 1.0
        samples_s["e2e"] = samples_s["ttft"] + gaps * samples_s["tpot"]
    return [_latency_s(rows, load, probe, samples_s, limit) for limit in probe.limits]


def _latency_s(
    rows: Rows, load: Load, probe: Probe, samples_s: dict[str, Floats], limit: LatencyLimit
) -> Floats:
    if is_mean_gap(limit):
        return rows.state.gap_s / probe.tokens_per_gap
    if limit.percentile is None:
        return np.asarray(samples_s[limit.metric].mean(axis=1), dtype=float)
    if limit.metric == "itl":
        return itl_quantile_s(
            rows.state,
            times_of(rows, load, load.requests),
            rows.engine.is_chunked,
            load.prompt_share,
            limit.percentile / MAX_PERCENTILE,
        )
    return order_statistic(samples_s[limit.metric], limit.percentile)


def is_mean_gap(limit: LatencyLimit) -> bool:
    """Return whether `limit` is on the mean time per token, which follows from the state alone."""
    return limit.percentile is None and limit.metric in {"tpot", "itl"}


def order_statistic(values: Floats, percentile: float) -> Floats:
    """Return the smallest value that `percentile` percent of a row do not exceed, shape (r,)."""
    rank = math.ceil(values.shape[1] * percentile / MAX_PERCENTILE) - 1
    return np.asarray(np.partition(values, rank, axis=1)[:, rank], dtype=float)
