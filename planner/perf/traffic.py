"""Traffic of a request class, and the samples that stand for it.

Lengths are a distribution over atoms (isl, osl, probability), so step times are computed once per
distinct prompt and looked up per request. A sample of N requests is stratified: atoms are drawn
systematically (atom counts are right to within one request), intervals between arrivals and other
random numbers are the means of N equally likely slices of their distribution, and every
column is permuted on its own. The same seed gives the same numbers for every option and rate
(common random numbers), so differences between options are differences of the options.

Intervals are a gamma renewal process with unit mean and the stated coefficient of variation; 1 is
Poisson, 0 a clock.

With prefix hits H (share of prompt tokens found in the cache) a prompt of I tokens computes
``P = I (1 - H)`` tokens, which attend to ``A = P (I H + P / 2)`` pairs; its cache is full size.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.perf.memory import block_rounded_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.spec import Floats

Metric = Literal["ttft", "tpot", "itl", "e2e"]
METRICS: tuple[Metric, ...] = ("ttft", "tpot", "itl", "e2e")
MAX_PERCENTILE = 100.0
_GAMMA_DRAWS_PER_STRATUM = 64
"""Enough that the mean of a slice is known to about 1 % of its width."""
_PROBABILITY_TOLERANCE = 1e-6
_RATE_LEVELS = 60
"""Levels of the rate at which a replica is evaluated at most: the minutes of an hour."""


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """A limit on one latency of a class.

    Parameters
    ----------
    metric
        ``ttft``, ``tpot`` (one value per request), ``itl`` (every gap between tokens) or ``e2e``.
    percentile
        Percentile that is limited, above 0 and below 100; ``None`` limits the mean.
    limit_s
        Largest value accepted, seconds, > 0.

    Raises
    ------
    ValueError
        When a field is outside its range.
    """

    metric: Metric
    percentile: float | None
    limit_s: float

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            msg = f"metric is {self.metric!r}; accepted: {', '.join(METRICS)}"
            raise ValueError(msg)
        if self.percentile is not None and not 0 < self.percentile < MAX_PERCENTILE:
            msg = f"percentile is {self.percentile}; accepted: above 0 and below 100, or None"
            raise ValueError(msg)
        if self.limit_s <= 0:
            msg = f"limit_s is {self.limit_s}; accepted: above 0"
            raise ValueError(msg)

    @property
    def text(self) -> str:
        """The metric and its percentile in words, such as ``ttft p99``."""
        return f"{self.metric} " + ("mean" if self.percentile is None else f"p{self.percentile:g}")


@dataclass(frozen=True, slots=True, eq=False)
class TrafficClass:
    """Requests of one kind.

    Parameters
    ----------
    name
        Name in messages.
    isl_tokens, osl_tokens
        Prompt and output tokens of every atom, shape (m,), >= 1.
    probability
        Probability of every atom, shape (m,), >= 0, sum 1.
    interarrival_cv
        Coefficient of variation of the intervals between arrivals, >= 0.
    prefix_hit_rate
        Share of prompt tokens found in the prefix cache, 0 to below 1.
    limits
        Limits that a request of this class must keep.
    intervals
        Recorded intervals between arrivals, any length, >= 0, with a mean above 0; they replace
        `interarrival_cv`, and their order does not matter.
    rate_factors
        Equally likely factors on the rate, >= 0, with a mean of about 1: latencies are those of
        the requests of all of them, at a rate that is their mean.

    Raises
    ------
    ValueError
        When shapes differ or a value is outside its range.
    """

    name: str
    isl_tokens: Floats
    osl_tokens: Floats
    probability: Floats
    interarrival_cv: float = 1.0
    prefix_hit_rate: float = 0.0
    limits: tuple[LatencyLimit, ...] = ()
    intervals: Floats | None = None
    rate_factors: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.intervals is not None:
            intervals = np.asarray(self.intervals, dtype=float)
            object.__setattr__(self, "intervals", intervals)
            object.__setattr__(self, "interarrival_cv", _variation(intervals, self.name))
        for name in ("isl_tokens", "osl_tokens", "probability"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        shape = self.isl_tokens.shape
        if len(shape) != 1 or {self.osl_tokens.shape, self.probability.shape} != {shape}:
            msg = f"{self.name}: lengths and probabilities must be vectors of the same length"
            raise ValueError(msg)
        self._check_values()

    def _check_values(self) -> None:
        if not (self.isl_tokens >= 1).all() or not (self.osl_tokens >= 1).all():
            msg = f"{self.name}: isl_tokens and osl_tokens must be 1 or more"
            raise ValueError(msg)
        total = float(self.probability.sum())
        if (self.probability < 0).any() or abs(total - 1) > _PROBABILITY_TOLERANCE:
            msg = f"{self.name}: probabilities must be 0 or more and sum to 1, they sum to {total}"
            raise ValueError(msg)
        if self.interarrival_cv < 0:
            msg = f"{self.name}: interarrival_cv is {self.interarrival_cv}; accepted: 0 or more"
            raise ValueError(msg)
        if not 0 <= self.prefix_hit_rate < 1:
            msg = f"{self.name}: prefix_hit_rate is {self.prefix_hit_rate}; accepted: 0 to below 1"
            raise ValueError(msg)

        if min(self.rate_factors, default=-1.0) < 0 or sum(self.rate_factors) <= 0:
            msg = f"{self.name}: rate_factors must be 0 or more, with a mean above 0"
            raise ValueError(msg)

    @property
    def rate_levels(self) -> tuple[float, ...]:
        """Return the rate factors with mean 1, the many of a recording as a few equal parts."""
        factors = np.sort(self.rate_factors) / np.mean(self.rate_factors)
        if len(factors) > _RATE_LEVELS:
            return tuple(_slice_means(factors, _RATE_LEVELS).tolist())
        return tuple(factors.tolist())

    @property
    def max_tokens_per_request(self) -> float:
        """Prompt and output of the longest request, tokens."""
        return float((self.isl_tokens + self.osl_tokens)[self.probability > 0].max())


@dataclass(frozen=True, slots=True)
class TrafficMeans:
    """Moments of a class that decide the mean state of a replica.

    Parameters
    ----------
    prefill_tokens, prefill_pairs
        Mean computed prompt tokens and attended pairs of a request.
    prefill_cv2
        Squared coefficient of variation of the computed prompt tokens.
    output_gaps
        Mean output tokens after the first.
    context_tokens
        Mean cached tokens of a decoding request, weighted by time in the batch.
    resident_tokens
        The same rounded up to blocks of the cache.
    interarrival_cv2
        Squared coefficient of variation of the intervals.
    output_cv2
        Squared coefficient of variation of the output tokens after the first.
    resident_cv2
        Squared coefficient of variation of the cached tokens of a decoding request.
    """

    prefill_tokens: float
    prefill_pairs: float
    prefill_cv2: float
    output_gaps: float
    context_tokens: float
    resident_tokens: float
    interarrival_cv2: float
    output_cv2: float = 0.0
    resident_cv2: float = 0.0


def prefill_work(traffic: TrafficClass) -> tuple[Floats, Floats]:
    """Return computed tokens and attended pairs of every atom's prompt, each of shape (m,)."""
    computed = traffic.isl_tokens * (1.0 - traffic.prefix_hit_rate)
    cached = traffic.isl_tokens - computed
    return computed, computed * (cached + computed / 2)


def traffic_means(traffic: TrafficClass) -> TrafficMeans:
    """Return the moments of `traffic`."""
    weight = traffic.probability / traffic.probability.sum()
    tokens, pairs = prefill_work(traffic)
    mean = float(weight @ tokens)
    residence = weight * traffic.osl_tokens
    residence = residence / residence.sum()
    context = traffic.isl_tokens + traffic.osl_tokens / 2
    gaps = traffic.osl_tokens - 1.0
    mean_gaps = float(weight @ gaps)
    mean_context = float(residence @ context)
    return TrafficMeans(
        prefill_tokens=mean,
        prefill_pairs=float(weight @ pairs),
        prefill_cv2=max(float(weight @ tokens**2) / mean**2 - 1.0, 0.0),
        output_gaps=mean_gaps,
        context_tokens=mean_context,
        resident_tokens=float(residence @ block_rounded_tokens(context)),
        interarrival_cv2=traffic.interarrival_cv**2,
        output_cv2=float(weight @ gaps**2) / mean_gaps**2 - 1.0 if mean_gaps > 0 else 0.0,
        resident_cv2=max(float(residence @ context**2) / mean_context**2 - 1.0, 0.0),
    )


@dataclass(frozen=True, slots=True)
class RequestSample:
    """N requests that stand for a class.

    Parameters
    ----------
    prompt_tokens, prompt_pairs
        Computed tokens and attended pairs of the u distinct prompts, shape (u,).
    prompt
        Index of the distinct prompt of every request, shape (N,).
    output_tokens
        The v distinct output lengths, shape (v,).
    output
        Index of the distinct output of every request, shape (N,).
    prefill_normal, batch_normal
        Standard normal numbers of every request, for its share of prefill steps and for the
        batch it meets, shape (N,).
    """

    prompt_tokens: Floats
    prompt_pairs: Floats
    prompt: NDArray[np.intp]
    output_tokens: Floats
    output: NDArray[np.intp]
    prefill_normal: Floats
    batch_normal: Floats


def sample_requests(
    traffic: TrafficClass, samples: int, rng: np.random.Generator
) -> RequestSample:
    """Return `samples` requests of `traffic`: atoms drawn systematically, in random order."""
    edges = np.cumsum(traffic.probability / traffic.probability.sum())
    atom = np.searchsorted(edges, (np.arange(samples) + 0.5) / samples)
    atom = rng.permutation(np.minimum(atom, len(edges) - 1))
    tokens, pairs = prefill_work(traffic)
    _, first, prompt = np.unique(traffic.isl_tokens, return_index=True, return_inverse=True)
    osl_tokens, output = np.unique(traffic.osl_tokens, return_inverse=True)
    return RequestSample(
        prompt_tokens=tokens[first],
        prompt_pairs=pairs[first],
        prompt=prompt[atom],
        output_tokens=osl_tokens,
        output=output[atom],
        prefill_normal=stratified_normals(samples, rng),
        batch_normal=stratified_normals(samples, rng),
    )


def class_intervals(traffic: TrafficClass, samples: int, rng: np.random.Generator) -> Floats:
    """Return intervals of `traffic` with mean exactly 1, shape (samples,), in random order.

    Recorded ones are represented by the means of equal slices of their order statistics.
    """
    if traffic.intervals is None:
        return unit_intervals(traffic.interarrival_cv, samples, rng)
    strata = _slice_means(np.sort(traffic.intervals), samples)
    return rng.permutation(strata / strata.mean())


def _slice_means(ordered: Floats, slices: int) -> Floats:
    """Return the means of `slices` equal parts of a sample, whatever its size."""
    total = np.concatenate([[0.0], np.cumsum(ordered)])
    edges = np.interp(np.linspace(0, len(ordered), slices + 1), np.arange(len(total)), total)
    return np.asarray(np.diff(edges) * (slices / len(ordered)), dtype=float)


def _variation(intervals: Floats, name: str) -> float:
    if intervals.ndim != 1 or not intervals.size or (intervals < 0).any() or intervals.sum() <= 0:
        msg = f"{name}: intervals must be a vector of 0 or more, with a mean above 0"
        raise ValueError(msg)
    return float(intervals.std() / intervals.mean())


def unit_intervals(cv: float, samples: int, rng: np.random.Generator) -> Floats:
    """Return intervals between arrivals with mean exactly 1, shape (samples,), in random order.

    Parameters
    ----------
    cv
        Coefficient of variation, >= 0.
    """
    if cv == 0:
        return np.ones(samples)
    shape = 1 / cv**2
    draws = np.sort(rng.standard_gamma(shape, samples * _GAMMA_DRAWS_PER_STRATUM))
    strata = draws.reshape(samples, _GAMMA_DRAWS_PER_STRATUM).mean(axis=1)
    return rng.permutation(strata / strata.mean())


def van_der_corput_ranks(samples: int) -> NDArray[np.intp]:
    """Return the ranks of van der Corput's sequence in base 2, a permutation of 0 to samples - 1.

    Source: van der Corput (1935): any run of places covers all ranks evenly.
    """
    index, reversed_ = np.arange(samples), np.zeros(samples)
    for bit in range(max(samples - 1, 1).bit_length()):
        reversed_ += ((index >> bit) & 1) * 0.5 ** (bit + 1)
    ranks = np.empty(samples, dtype=np.intp)
    ranks[np.argsort(reversed_, kind="stable")] = index
    return ranks


def stratified_uniforms(samples: int, rng: np.random.Generator) -> Floats:
    """Return the midpoints of `samples` equal slices of (0, 1), in random order."""
    return rng.permutation((np.arange(samples) + 0.5) / samples)


def stratified_normals(samples: int, rng: np.random.Generator) -> Floats:
    """Return the standard normal quantiles of the same midpoints, in random order."""
    normal = NormalDist()
    quantiles = [normal.inv_cdf((i + 0.5) / samples) for i in range(samples)]
    return rng.permutation(np.array(quantiles))
