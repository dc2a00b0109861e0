"""Samples of the requests that make the load, and of those whose limits have to be kept.

One sample stands for a class at every option and rate, so it must not depend on luck. Waits come
without the luck of an order (:mod:`planner.perf.arrivals`), shortest first. All that is
independent of a wait (prompt, place in the running step and so on) has its rank from a Halton
sequence, of which the rank of the wait is one more coordinate: every range of waits meets every
range of prompts in its share, at every option and rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.perf.arrivals import even_arrivals
from planner.perf.draws import even_ranks, ordered_normals, ordered_unit_intervals
from planner.perf.kept import kept_by_content
from planner.perf.moments import traffic_means
from planner.perf.traffic import ordered_class_intervals, sample_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.perf.arrivals import Arrivals
    from planner.perf.moments import TrafficMeans
    from planner.perf.spec import Floats
    from planner.perf.traffic import LatencyLimit, RequestSample, TrafficClass

Routing = Literal["fewest_requests", "fewest_prompts"]
_BASES = {
    "interval": 2,
    "sharing": 2,
    "residual": 3,
    "seating": 5,
    "prompt": 2,
    "prefill": 3,
    "batch": 5,
}
"""Base of the ranks of each number; numbers that are never sorted by the same one may share it."""
_KEPT_LOADS = 32


@dataclass(frozen=True, slots=True)
class Load:
    """Sample of the class that makes the load.

    Parameters
    ----------
    means, requests
        Moments of the class, and N of its requests.
    prompt_share
        Share of requests with each distinct prompt, shape (u,).
    arrivals
        Arrivals of the class.
    sharing, residual, seating
        Uniform numbers of every request, for waits at several replicas, for the running step and
        for a place in the batch, shape (N,).
    calm_arrivals
        Arrivals of a Poisson process in the same order (the longest interval is the longest);
        ``None`` when the others are no burstier than that.
    rate_levels
        Equally likely levels of the rate over its mean.
    routing
        What the router of several replicas goes by.
    """

    means: TrafficMeans
    requests: RequestSample
    prompt_share: Floats
    arrivals: Arrivals
    sharing: Floats
    residual: Floats
    seating: Floats
    calm_arrivals: Arrivals | None = None
    rate_levels: tuple[float, ...] = (1.0,)
    routing: Routing = "fewest_requests"

    @property
    def samples(self) -> int:
        """Number N of requests."""
        return len(self.arrivals.intervals)


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
    """Return `samples` arrivals of `traffic`, the same for the same `seed`.

    The last few are kept: settings of the engines, and problems that differ in limits only, share
    the samples of a class.
    """
    return _sampled(replace(traffic, name="load", limits=()), samples, seed, routing)


@kept_by_content(_KEPT_LOADS)
def _sampled(traffic: TrafficClass, samples: int, seed: int, routing: Routing) -> Load:
    rng = np.random.default_rng(seed)
    requests = sample_requests(traffic, samples, rng)
    count = np.bincount(requests.prompt, minlength=len(requests.prompt_tokens))
    # Both kinds of intervals in one order: a little more variation is no other sample.
    order, ranks = rng.permutation(samples), _ranks("interval", samples, seed)
    service = requests.prompt_tokens[requests.prompt]
    calm = ordered_unit_intervals(1.0, samples) if traffic.interarrival_cv > 1 else None
    return Load(
        means=traffic_means(traffic),
        requests=requests,
        prompt_share=count / samples,
        arrivals=even_arrivals(ordered_class_intervals(traffic, samples), order, ranks, service),
        sharing=_uniforms("sharing", samples, seed),
        residual=_uniforms("residual", samples, seed),
        seating=_uniforms("seating", samples, seed),
        calm_arrivals=None if calm is None else even_arrivals(calm, order, ranks, service),
        rate_levels=traffic.rate_levels,
        routing=routing,
    )


def _ranks(name: str, samples: int, seed: int) -> NDArray[np.intp]:
    """Return the ranks of one coordinate of the sequence, shifted by chance."""
    return even_ranks(samples, _BASES[name], np.random.default_rng([seed, *name.encode()]))


def _uniforms(name: str, samples: int, seed: int) -> Floats:
    return np.asarray((_ranks(name, samples, seed) + 0.5) / samples, dtype=float)


def sample_probe(
    traffic: TrafficClass, limits: Sequence[LatencyLimit], samples: int, seed: int
) -> Probe:
    """Return `samples` probe requests of `traffic` with `limits`, the same for the same `seed`.

    They are in the order in which they meet the waits of a load of the same size and seed.
    """
    requests = sample_requests(traffic, samples, np.random.default_rng([seed, 1]))
    by_size = np.lexsort(
        (requests.output_tokens[requests.output], requests.prompt_tokens[requests.prompt])
    )
    chosen = requests.ordered(by_size[_ranks("prompt", samples, seed)])
    return Probe(
        name=traffic.name,
        requests=replace(
            chosen,
            prefill_uniform=_uniforms("prefill", samples, seed),
            batch_normal=ordered_normals(samples)[_ranks("batch", samples, seed)],
        ),
        limits=tuple(limits),
        tokens_per_gap=traffic_means(traffic).tokens_per_gap,
    )


def paired_probe(
    traffic: TrafficClass, limits: Sequence[LatencyLimit], load: Load, seed: int
) -> Probe:
    """Return as many probe requests of `traffic` as `load` has, which was drawn with `seed`."""
    probe = sample_probe(traffic, limits, load.samples, seed)
    requests = probe.requests
    same = np.array_equal(requests.prompt_tokens, load.requests.prompt_tokens)
    if not same or not np.array_equal(requests.prompt_pairs, load.requests.prompt_pairs):
        return probe
    # One array for both, so that times of the prompts are computed once.
    return replace(
        probe,
        requests=replace(
            requests,
            prompt_tokens=load.requests.prompt_tokens,
            prompt_pairs=load.requests.prompt_pairs,
        ),
    )
