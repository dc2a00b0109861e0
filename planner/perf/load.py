"""Samples of the requests that make the load, and of those whose limits have to be kept.

One sample stands for a class at every option and rate. Waits of a thousand requests depend on
luck, which is taken out twice: the order of the requests is a typical one of many, and the prompts
of the probes meet long and short waits evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.perf.draws import stratified_uniforms, unit_intervals, van_der_corput_ranks
from planner.perf.traffic import class_intervals, sample_requests, traffic_means
from planner.perf.waiting import single_queue_waits_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.perf.spec import Floats
    from planner.perf.traffic import LatencyLimit, RequestSample, TrafficClass, TrafficMeans

Routing = Literal["fewest_requests", "fewest_prompts"]
_ORDERS = 64
"""Random orders of which the typical one is taken."""
_TYPICAL_UTILIZATIONS = (0.2, 0.4, 0.6, 0.8)
_TYPICAL_QUANTILES = (0.75, 0.9, 0.97, 0.99)
_PAIRING_UTILIZATION = 0.6


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
    sharing, residual, seating
        Uniform numbers of every request, for waits at several replicas, for the running step and
        for a place in the batch, shape (N,).
    calm_intervals
        Poisson intervals in the order of `intervals` (the longest is the longest), shape (N,);
        ``None`` when the intervals are no burstier than that.
    rate_levels
        Equally likely levels of the rate over its mean.
    routing
        What the router of several replicas goes by.
    """

    means: TrafficMeans
    requests: RequestSample
    prompt_share: Floats
    intervals: Floats
    sharing: Floats
    residual: Floats
    seating: Floats
    calm_intervals: Floats | None = None
    rate_levels: tuple[float, ...] = (1.0,)
    routing: Routing = "fewest_requests"


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


def sample_load(
    traffic: TrafficClass, samples: int, seed: int, routing: Routing = "fewest_requests"
) -> Load:
    """Return `samples` arrivals of `traffic`, the same for the same `seed`."""
    rng = np.random.default_rng(seed)
    requests = sample_requests(traffic, samples, rng)
    count = np.bincount(requests.prompt, minlength=len(requests.prompt_tokens))
    # How many numbers a draw takes depends on the variation, so the intervals have a stream of
    # their own and take their order from Poisson ones: a little more variation is no other sample.
    poisson = unit_intervals(1.0, samples, rng)
    own = class_intervals(traffic, samples, np.random.default_rng([seed, 2]))
    intervals = _coupled(poisson, own)
    order = _typical_order(requests.prompt_tokens[requests.prompt], poisson, rng)
    requests = requests.ordered(order)
    return Load(
        means=traffic_means(traffic),
        requests=requests,
        prompt_share=count / samples,
        intervals=intervals,
        sharing=stratified_uniforms(samples, rng),
        residual=stratified_uniforms(samples, rng),
        seating=stratified_uniforms(samples, rng),
        calm_intervals=poisson if traffic.interarrival_cv > 1 else None,
        rate_levels=traffic.rate_levels,
        routing=routing,
    )


def _typical_order(
    tokens: Floats, intervals: Floats, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the order of requests whose waits come closest to those of many random orders.

    Waits of a short sequence depend on luck: on which long prompts meet which short intervals. Of
    random orders the one is taken whose waits are nearest to those of all of them together, in
    mean and upper quantiles, at several utilizations. Intervals are those of a Poisson process, so
    that traffic with a little more variation is not another sample.
    """
    size = len(intervals)
    orders = np.argsort(rng.random((_ORDERS, size)), axis=1)
    service = np.take(tokens / tokens.mean(), orders)
    distance = np.zeros(_ORDERS)
    for utilization in _TYPICAL_UTILIZATIONS:
        waits = single_queue_waits_s(service * utilization, intervals[None])
        found, aim = (_upper(w) for w in (waits, waits.reshape(1, -1)))
        distance += np.square((found - aim) / (aim + utilization)).sum(axis=1)
    return np.asarray(orders[int(np.argmin(distance))], dtype=np.intp)


def _upper(waits: Floats) -> Floats:
    return np.column_stack([waits.mean(axis=1), *np.quantile(waits, _TYPICAL_QUANTILES, axis=1)])


def _coupled(intervals: Floats, others: Floats) -> Floats:
    """Return other intervals in the order of `intervals`: the longest is the longest."""
    # Coupled by rank, so that bursts come at the same requests and differences are small.
    ranks = np.argsort(np.argsort(intervals, kind="stable"), kind="stable")
    return np.asarray(np.sort(others)[ranks], dtype=float)


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


def paired_probe(
    traffic: TrafficClass, limits: Sequence[LatencyLimit], load: Load, seed: int
) -> Probe:
    """Return as many probe requests of `traffic` as `load` has, in their order under it."""
    return paired(sample_probe(traffic, limits, len(load.intervals), seed), load)


def paired(probe: Probe, load: Load) -> Probe:
    """Return `probe` in an order that meets long and short waits of `load` evenly.

    Request by request, the prompt is independent of the wait. A random order has that only on
    average; here the i-th shortest wait meets the prompt at the i-th place of van der Corput's
    sequence, so that every range of waits meets every range of prompts in its share. The order
    of waits hardly depends on option and rate: it is taken at one utilization.
    """
    prompts, requests = load.requests.prompt_tokens[load.requests.prompt], probe.requests
    service = prompts[None] * (_PAIRING_UTILIZATION / prompts.mean())
    waits = single_queue_waits_s(service, load.intervals[None])[0]
    shortest = np.lexsort((load.residual, waits))
    by_size = np.lexsort(
        (requests.output_tokens[requests.output], requests.prompt_tokens[requests.prompt])
    )
    order = np.empty(len(waits), dtype=np.intp)
    order[shortest] = by_size[van_der_corput_ranks(len(waits))]
    chosen = requests.ordered(order)
    same = np.array_equal(requests.prompt_tokens, load.requests.prompt_tokens)
    if same and np.array_equal(requests.prompt_pairs, load.requests.prompt_pairs):
        # One array for both, so that times of the prompts are computed once.
        chosen = replace(
            chosen,
            prompt_tokens=load.requests.prompt_tokens,
            prompt_pairs=load.requests.prompt_pairs,
        )
    return replace(probe, requests=chosen)
