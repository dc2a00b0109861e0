"""Recorded requests in the place of those that a problem describes.

A trace is scaled to a rate by keeping each request by chance, or by repeating it: copies have the
lengths of their original and come up to a second after it. A trace of less than a day is repeated
end to end from a moment by chance on, and scaled to the mean rate of each block. One of a day or
more keeps its shape: a block gets the requests of its own hours, of all days of the trace, all
scaled by the ratio of the requests of a day. The requests of a trace that keeps its rate come as
they were, however many the plan counts on.

The share of prompts found in the prefix cache is that of each request in the trace, lowered by one
factor for all where the plan counts on less; a trace that does not say has the plan's share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, SECONDS_PER_DAY, SECONDS_PER_HOUR
from planner.verify.replay.arrivals import Drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.verify.replay.arrivals import Span
    from planner.verify.replay.requests import Floats

_JITTER_S = 1.0
_MOST_OF_A_TURN = 100_000
"""Requests of a whole turn up to which every simulation takes whole turns of a trace."""
_WHOLE_DAY = 0.95
"""Share of a day from which on a trace shows its shape."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Recorded requests; arrays of shape (n,), in order of arrival.

    Parameters
    ----------
    name
        File.
    arrival_s
        Times of arrival from midnight before the first, seconds.
    isl_tokens, osl_tokens
        Lengths, tokens.
    hit_tokens
        Prompt tokens found in a cache; ``None`` when the trace does not say.
    keeps_rate
        Whether requests come at their recorded rate, whatever the plan expects.
    """

    name: str
    arrival_s: Floats
    isl_tokens: Floats
    osl_tokens: Floats
    hit_tokens: Floats | None = None
    keeps_rate: bool = False

    @property
    def rate_rps(self) -> float:
        """Requests over the time that the trace covers, or over its days, requests/s."""
        if self.is_day:
            counted = self.arrival_s < self.arrival_s[0] + self.days * SECONDS_PER_DAY
            return float(counted.sum()) / (self.days * SECONDS_PER_DAY)
        return len(self.arrival_s) / self.span_s

    @property
    def days(self) -> int:
        """Days of the trace, a last one that is nearly whole included; at least 1."""
        return max(1, int(self.span_s / SECONDS_PER_DAY + 1 - _WHOLE_DAY))

    @property
    def span_s(self) -> float:
        """Time that the trace covers: one mean interval more than from first to last."""
        count = len(self.arrival_s)
        return float(self.arrival_s[-1] - self.arrival_s[0]) * count / (count - 1)

    @property
    def is_day(self) -> bool:
        """Whether it shows the shape of a day."""
        return self.span_s >= _WHOLE_DAY * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Traced:
    """Requests of a trace.

    Parameters
    ----------
    trace
        The trace.
    hit_rate
        Share of prompt tokens that the plan finds in the prefix cache.
    """

    trace: Trace
    hit_rate: float = 0.0

    @property
    def block_s(self) -> float | None:
        """Any time will do."""
        return None

    @property
    def strata_shares(self) -> None:
        """A trace is what it is."""
        return

    def counted_s(self, wanted_s: float, rate_rps: float) -> float:
        """Return whole turns of the trace, unless that takes very many requests."""
        turn_s = self.trace.span_s
        if turn_s * rate_rps > _MOST_OF_A_TURN:
            return wanted_s
        return math.ceil(wanted_s / turn_s) * turn_s

    def draw(self, rate_rps: float, span: Span, rng: np.random.Generator) -> Drawn:
        """Return the requests of a time span at a mean rate, from a moment by chance on."""
        trace, span_s = self.trace, span.whole_s
        start_s = rng.uniform(0.0, trace.span_s)
        turns = np.arange(int((start_s + span_s) // trace.span_s) + 1)
        times_s = (trace.arrival_s - trace.arrival_s[0])[None, :] + turns[:, None] * trace.span_s
        inside = (times_s >= start_s) & (times_s < start_s + span_s)
        place = np.nonzero(inside)[1]
        ratio = rate_rps * trace.span_s / len(trace.arrival_s)
        return self.scaled(times_s[inside] - start_s, place, ratio, span_s, rng)

    def scaled(
        self,
        arrival_s: Floats,
        place: NDArray[np.intp],
        ratio: float,
        span_s: float,
        rng: np.random.Generator,
    ) -> Drawn:
        """Return requests thinned or repeated so that there are `ratio` for each."""
        whole = int(ratio)
        times = whole + (rng.random(len(place)) < ratio - whole)
        source = np.repeat(np.arange(len(place)), times)
        copy = np.arange(len(source)) - np.repeat(np.cumsum(times) - times, times)
        later_s = np.where(copy > 0, rng.uniform(0.0, _JITTER_S, len(source)), 0.0)
        at_s = np.minimum(arrival_s[source] + later_s, np.nextafter(span_s, 0.0))
        order = np.argsort(at_s, kind="stable")
        chosen = place[source[order]]
        trace = self.trace
        isl, osl = trace.isl_tokens[chosen], trace.osl_tokens[chosen]
        return Drawn(at_s[order], isl, osl, self._hits(chosen))

    def _hits(self, chosen: NDArray[np.intp]) -> Floats:
        trace = self.trace
        if trace.hit_tokens is None:
            return np.full(len(chosen), self.hit_rate)
        recorded = float(trace.hit_tokens.sum() / trace.isl_tokens.sum())
        factor = min(1.0, self.hit_rate / recorded) if recorded else 0.0
        share: Floats = factor * trace.hit_tokens[chosen] / trace.isl_tokens[chosen]
        return share


@dataclass(frozen=True, slots=True)
class TracedHours:
    """The requests of a trace of whole days in the hours of one block.

    Parameters
    ----------
    whole
        The trace.
    start_h, block_h
        Start of the block on the clock, and its length, hours.
    """

    whole: Traced
    start_h: float
    block_h: float

    @property
    def rate_factor(self) -> float:
        """Mean rate in the block over that of whole days."""
        times_s = self.whole.trace.arrival_s
        times_s = times_s[times_s < times_s[0] + self.whole.trace.days * SECONDS_PER_DAY]
        since_h = (times_s / SECONDS_PER_HOUR - self.start_h) % HOURS_PER_DAY
        return float((since_h < self.block_h).mean()) * HOURS_PER_DAY / self.block_h

    @property
    def block_s(self) -> float | None:
        """The whole block counts."""
        return self.block_h * SECONDS_PER_HOUR

    @property
    def strata_shares(self) -> None:
        """A trace is what it is."""
        return

    def counted_s(self, wanted_s: float, rate_rps: float) -> float:
        """Return the time of the block."""
        del wanted_s, rate_rps
        return self.block_h * SECONDS_PER_HOUR

    def draw(self, rate_rps: float, span: Span, rng: np.random.Generator) -> Drawn:
        """Return the requests of the block on a day by chance, and of some time around it.

        Parameters
        ----------
        rate_rps
            Mean rate over the whole day, requests/s.
        span
            What counts has to be the block.
        rng
            Random numbers.
        """
        every_s = self.whole.trace.arrival_s
        length_s = self.whole.trace.days * SECONDS_PER_DAY
        times_s = every_s[every_s < every_s[0] + length_s]
        span_s = min(span.whole_s, length_s)
        end_s = (self.start_h + self.block_h) * SECONDS_PER_HOUR + span.after_s
        end_s += float(rng.integers(self.whole.trace.days)) * SECONDS_PER_DAY
        # The days are a ring: before the first comes the last.
        back_s = (end_s - times_s) % length_s
        place = np.nonzero((back_s > 0) & (back_s <= span_s))[0]
        place = place[np.argsort(-back_s[place], kind="stable")]
        ratio = rate_rps * length_s / len(times_s)
        return self.whole.scaled(span.whole_s - back_s[place], place, ratio, span.whole_s, rng)


def in_block(source: Traced, block: int, blocks_per_day: int) -> Traced | TracedHours:
    """Return what a trace has for a block: its own hours where the trace shows whole days."""
    if not source.trace.is_day:
        return source
    hours = HOURS_PER_DAY / blocks_per_day
    return TracedHours(source, block % blocks_per_day * hours, hours)
