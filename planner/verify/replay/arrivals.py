"""Requests of a workload as its problem describes them.

Intervals between requests are independent draws, from a gamma distribution with the stated
coefficient of variation or from the recorded intervals, at a constant rate. With ``rate_factors``
the rate changes within the hour: every hour runs through all factors, in an order by chance, each
for an equal part of it. Lengths are draws from the joint distribution, rounded to whole tokens.
A prefix of the stated share of every prompt is found in the cache.

Intervals and lengths have random numbers of their own, so that at a higher rate the n-th request
is the same as before and only comes earlier. Of a workload that is served in several places each
gets its share by chance, which is more even than the whole where that comes in bursts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from planner.demand.records import LengthDistribution
    from planner.verify.replay.requests import Floats, Ints

_MORE = 1.1
"""Intervals drawn at once over those expected to be needed."""
_SOME = 64
_STRATA = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
"""Where prompts are cut into strata, by the share that is shorter."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Requests in the tokens of the problem, in order of arrival; arrays of shape (n,).

    Parameters
    ----------
    arrival_s
        Times of arrival from 0 on, seconds.
    isl_tokens, osl_tokens
        Lengths, tokens.
    hit_share
        Share of the prompt found in the prefix cache, 0 to 1.
    stratum
        Stratum of the prompt by its length, from 0; ``None`` where requests are not drawn from a
        distribution.
    """

    arrival_s: Floats
    isl_tokens: Floats
    osl_tokens: Floats
    hit_share: Floats
    stratum: Ints | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Time that is simulated: before what counts, what counts, and after it, seconds."""

    before_s: float
    counted_s: float
    after_s: float

    @property
    def whole_s(self) -> float:
        """All of it."""
        return self.before_s + self.counted_s + self.after_s


class Source(Protocol):
    """Where requests of a workload come from."""

    @property
    def block_s(self) -> float | None:
        """Time that has to count, ``None`` where any time will do."""
        ...

    @property
    def strata_shares(self) -> Floats | None:
        """Share of requests in each stratum of prompts, ``None`` where it is not known."""
        ...

    def counted_s(self, wanted_s: float, rate_rps: float) -> float:
        """Return the time that should count when so much is wanted at a rate."""
        ...

    def draw(self, rate_rps: float, span: Span, rng: np.random.Generator) -> Drawn:
        """Return the requests of a time span at a mean rate."""
        ...


@dataclass(frozen=True, slots=True)
class Stated:
    """Requests as a problem states them.

    Parameters
    ----------
    lengths
        Joint distribution of the lengths.
    interarrival_cv
        Coefficient of variation of the intervals, >= 0.
    intervals
        Recorded intervals with mean 1 that replace it.
    rate_factors
        Equally likely factors on the rate within an hour.
    hit_rate
        Share of prompt tokens found in the prefix cache, 0 to below 1.
    share
        Share of the requests of the workload that come here, above 0; the rate is theirs.
    """

    lengths: LengthDistribution
    interarrival_cv: float = 1.0
    intervals: Floats | None = None
    rate_factors: tuple[float, ...] = (1.0,)
    hit_rate: float = 0.0
    share: float = 1.0

    @property
    def block_s(self) -> float | None:
        """Any time will do."""
        return None

    @property
    def strata_shares(self) -> Floats:
        """Share of requests in each stratum of prompts."""
        shares = np.bincount(self._strata(), self._weights(), minlength=len(_STRATA) + 1)
        return np.asarray(shares, dtype=float)

    def counted_s(self, wanted_s: float, rate_rps: float) -> float:
        """Return whole hours where the rate changes within the hour."""
        del rate_rps
        if len(self.rate_factors) == 1:
            return wanted_s
        return math.ceil(wanted_s / SECONDS_PER_HOUR) * SECONDS_PER_HOUR

    def draw(self, rate_rps: float, span: Span, rng: np.random.Generator) -> Drawn:
        """Return the requests of a time span at a mean rate."""
        times_rng, lengths_rng = rng.spawn(2)
        arrival_s = self._times_s(rate_rps / self.share, span.whole_s, times_rng)
        if self.share < 1.0:
            arrival_s = arrival_s[rng.random(len(arrival_s)) < self.share]
        weights = self._weights()
        atom = lengths_rng.choice(len(weights), len(arrival_s), p=weights)
        isl, osl = self.lengths.isl_tokens[atom], self.lengths.osl_tokens[atom]
        hits = np.full(len(arrival_s), self.hit_rate)
        return Drawn(arrival_s, isl, osl, hits, self._strata()[atom])

    def _weights(self) -> Floats:
        probability: Floats = self.lengths.probability / self.lengths.probability.sum()
        return probability

    def _strata(self) -> Ints:
        """Return the stratum of every pair of lengths, by its prompt."""
        weights = self._weights()
        order = np.argsort(self.lengths.isl_tokens, kind="stable")
        middle = np.cumsum(weights[order]) - weights[order] / 2
        strata = np.empty(len(order), dtype=np.int64)
        strata[order] = np.searchsorted(_STRATA, middle)
        return strata

    def _times_s(self, rate_rps: float, span_s: float, rng: np.random.Generator) -> Floats:
        clock_rng, intervals_rng = rng.spawn(2)
        edges_s, passed = self._clock(span_s, clock_rng)
        times = self._renewal(rate_rps * float(passed[-1]), intervals_rng)
        return np.asarray(np.interp(times, rate_rps * passed, edges_s), dtype=float)

    def _clock(self, span_s: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return times, and the seconds at the mean rate that have as many requests by then."""
        factors = np.array(self.rate_factors) / np.mean(self.rate_factors)
        if (factors == 1.0).all():
            return np.array([0.0, span_s]), np.array([0.0, span_s])
        part_s = SECONDS_PER_HOUR / len(factors)
        hours = int(np.ceil(span_s / SECONDS_PER_HOUR))
        order = np.concatenate([rng.permutation(factors) for _ in range(hours)])
        edges_s = np.arange(len(order) + 1) * part_s
        passed = np.concatenate([[0.0], np.cumsum(order * part_s)])
        ends_s = np.minimum(edges_s, span_s)
        return ends_s, np.interp(ends_s, edges_s, passed)

    def _renewal(self, requests: float, rng: np.random.Generator) -> Floats:
        """Return the times of unit rate below a number of expected requests."""
        times = np.zeros(0)
        last = 0.0
        while last < requests:
            count = int((requests - last) * _MORE) + _SOME
            more = last + np.cumsum(self._unit_intervals(count, rng))
            times, last = np.concatenate([times, more]), float(more[-1])
        return times[times < requests]

    def _unit_intervals(self, count: int, rng: np.random.Generator) -> Floats:
        if self.intervals is not None:
            recorded = rng.choice(self.intervals, count)
            return np.asarray(recorded / self.intervals.mean(), dtype=float)
        if self.interarrival_cv == 0:
            return np.ones(count)
        shape = 1 / self.interarrival_cv**2
        return np.asarray(rng.standard_gamma(shape, count) / shape, dtype=float)
