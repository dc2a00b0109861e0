"""Traffic of a request class, and the samples that stand for it.

Lengths are a distribution over atoms (isl, osl, probability), so step times are computed once per
distinct prompt and looked up per request. A sample of N requests is stratified: atoms are drawn
systematically along their lengths (counts of a range are right to within one request), intervals
between arrivals and other random numbers are the means of N equally likely slices of their
distribution. The same seed gives the same numbers for every option and rate (common random
numbers), so differences between options are differences of the options.

Intervals are a gamma renewal process with unit mean and the stated coefficient of variation; 1 is
Poisson, 0 a clock.

Where draft tokens are verified, a step makes s tokens of a request on average with variation c,
and the last step of a request makes some that are thrown away. After the first token follow::

    G = (O - 1 + (s (1 + c^2) - 1) / 2) / s          steps, from 1 to O - 1

on average (Wald's identity, with the mean excess of a renewal process). The steps of one request
are taken as normal with variance ``c^2 G``.

With prefix hits H (share of prompt tokens found in the cache) a prompt of I tokens computes
``P = I (1 - H)`` tokens, which attend to ``A = P (I H + P / 2)`` pairs; its cache is full size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.perf import draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.perf.spec import Floats

Metric = Literal["ttft", "tpot", "itl", "e2e"]
METRICS: tuple[Metric, ...] = ("ttft", "tpot", "itl", "e2e")
MAX_PERCENTILE = 100.0
_PROBABILITY_TOLERANCE = 1e-6
_RATE_LEVELS = 60
"""Levels of the rate at which a replica is evaluated at most: the minutes of an hour."""


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """A limit on one latency of a class.

    Parameters
    ----------
    metric
        ``ttft``, ``tpot`` (one value per request), ``itl`` (every gap) or ``e2e``. Where a step
        makes several tokens a client sees them at once: percentiles of ``itl`` are those of the
        gaps between steps, its mean is that of the time per token, as of ``tpot``.
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
    tokens_per_step, tokens_per_step_cv
        Mean tokens that a step makes of a request, >= 1, and their coefficient of variation, >= 0.
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
    tokens_per_step: float = 1.0
    tokens_per_step_cv: float = 0.0
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
        if self.tokens_per_step < 1 or self.tokens_per_step_cv < 0:
            msg = (
                f"{self.name}: tokens_per_step is {self.tokens_per_step} with variation "
                f"{self.tokens_per_step_cv}; accepted: 1 or more with 0 or more"
            )
            raise ValueError(msg)

        if min(self.rate_factors, default=-1.0) < 0 or sum(self.rate_factors) <= 0:
            msg = f"{self.name}: rate_factors must be 0 or more, with a mean above 0"
            raise ValueError(msg)

    def __eq__(self, other: object) -> bool:
        """Return whether `other` is a class with the same numbers."""
        if not isinstance(other, TrafficClass):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        """Return a hash of the numbers, so that samples of a class can be kept."""
        return hash(self._content())

    def _content(self) -> tuple[object, ...]:
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in values)

    @property
    def rate_levels(self) -> tuple[float, ...]:
        """Return the rate factors with mean 1, the many of a recording as a few equal parts."""
        factors = np.sort(self.rate_factors) / np.mean(self.rate_factors)
        if len(factors) > _RATE_LEVELS:
            return tuple(draws.slice_means(factors, _RATE_LEVELS).tolist())
        return tuple(factors.tolist())

    @property
    def max_tokens_per_request(self) -> float:
        """Prompt and output of the longest request, tokens."""
        return float((self.isl_tokens + self.osl_tokens)[self.probability > 0].max())


def prefill_work(traffic: TrafficClass) -> tuple[Floats, Floats]:
    """Return computed tokens and attended pairs of every atom's prompt, each of shape (m,)."""
    computed = traffic.isl_tokens * (1.0 - traffic.prefix_hit_rate)
    cached = traffic.isl_tokens - computed
    return computed, computed * (cached + computed / 2)


def output_gaps(traffic: TrafficClass, output_tokens: Floats) -> Floats:
    """Return the mean steps after that of the first token, for outputs of so many tokens."""
    following, tokens = output_tokens - 1.0, traffic.tokens_per_step
    if tokens == 1:
        return following
    excess = (tokens * (1.0 + traffic.tokens_per_step_cv**2) - 1.0) / 2
    mean = (following + excess) / tokens
    return np.asarray(np.clip(mean, np.minimum(following, 1.0), following), dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class RequestSample:
    """N requests that stand for a class.

    Parameters
    ----------
    prompt_tokens, prompt_pairs
        Computed tokens and attended pairs of the u distinct prompts, shape (u,).
    isl_tokens
        Their tokens, those found in the prefix cache included, shape (u,).
    prompt
        Index of the distinct prompt of every request, shape (N,).
    output_tokens
        The v distinct output lengths, shape (v,).
    output
        Index of the distinct output of every request, shape (N,).
    output_gaps
        Mean steps after that of the first token for each distinct output, shape (v,).
    prefill_uniform, batch_normal
        Numbers of every request, uniform for the prompts and standard normal for the batch that
        it meets, shape (N,).
    gap_share
        Steps over tokens after the first of every request, shape (N,); ``None`` when all are 1.
    """

    prompt_tokens: Floats
    prompt_pairs: Floats
    isl_tokens: Floats
    prompt: NDArray[np.intp]
    output_tokens: Floats
    output: NDArray[np.intp]
    output_gaps: Floats
    prefill_uniform: Floats
    batch_normal: Floats
    gap_share: Floats | None = None

    def ordered(self, order: NDArray[np.intp]) -> RequestSample:
        """Return the requests in another order; what they meet stays in its place."""
        return replace(
            self,
            prompt=self.prompt[order],
            output=self.output[order],
            gap_share=None if self.gap_share is None else self.gap_share[order],
        )


def sample_requests(
    traffic: TrafficClass, samples: int, rng: np.random.Generator
) -> RequestSample:
    """Return `samples` requests of `traffic`: atoms drawn systematically, in random order."""
    # Along the lengths, so that every range of them gets its share.
    by_size = np.lexsort((traffic.osl_tokens, traffic.isl_tokens))
    edges = np.cumsum(traffic.probability[by_size] / traffic.probability.sum())
    place = np.searchsorted(edges, (np.arange(samples) + 0.5) / samples)
    atom = rng.permutation(by_size[np.minimum(place, len(edges) - 1)])
    tokens, pairs = prefill_work(traffic)
    isl_tokens, first, prompt = np.unique(
        traffic.isl_tokens, return_index=True, return_inverse=True
    )
    osl_tokens, output = np.unique(traffic.osl_tokens, return_inverse=True)
    prefill_uniform = draws.stratified_uniforms(samples, rng)
    batch_normal = draws.stratified_normals(samples, rng)
    of_request = output[atom]
    return RequestSample(
        prompt_tokens=tokens[first],
        prompt_pairs=pairs[first],
        isl_tokens=isl_tokens,
        prompt=prompt[atom],
        output_tokens=osl_tokens,
        output=of_request,
        output_gaps=output_gaps(traffic, osl_tokens),
        prefill_uniform=prefill_uniform,
        batch_normal=batch_normal,
        # Drawn last, so that the other numbers are those of a class without draft tokens.
        gap_share=_gap_share(traffic, osl_tokens[of_request], rng),
    )


def _gap_share(
    traffic: TrafficClass, output_tokens: Floats, rng: np.random.Generator
) -> Floats | None:
    """Return the steps over the tokens after the first of every request, shape (N,)."""
    if traffic.tokens_per_step == 1:
        return None
    following, mean = output_tokens - 1.0, output_gaps(traffic, output_tokens)
    spread = traffic.tokens_per_step_cv * np.sqrt(mean)
    drawn = mean + spread * draws.stratified_normals(len(mean), rng)
    gaps = np.clip(drawn, np.minimum(following, 1.0), following)
    share = gaps / np.maximum(following, 1.0)
    return np.where(following > 0, share, 1.0 / traffic.tokens_per_step)


def ordered_class_intervals(traffic: TrafficClass, samples: int) -> Floats:
    """Return intervals of `traffic` with mean exactly 1, shape (samples,), ascending.

    Recorded ones are represented by the means of equal slices of their order statistics.
    """
    if traffic.intervals is None:
        return draws.ordered_unit_intervals(traffic.interarrival_cv, samples)
    strata = draws.slice_means(np.sort(traffic.intervals), samples)
    return np.asarray(strata / strata.mean(), dtype=float)


def _variation(intervals: Floats, name: str) -> float:
    if intervals.ndim != 1 or not intervals.size or (intervals < 0).any() or intervals.sum() <= 0:
        msg = f"{name}: intervals must be a vector of 0 or more, with a mean above 0"
        raise ValueError(msg)
    return float(intervals.std() / intervals.mean())
