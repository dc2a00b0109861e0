r"""Work that can wait: when it arrives, and by when each request has to be finished.

Work flows: in every block of a day requests arrive at rate d_b and are served at rates s_kb, by
options of classes k. A request has to begin some time before its window ends, its lead: what the
longest one takes there, and what may be lost on spot nodes. So class k serves at hour v what
arrived from v - W_k to v, with W_k the window less the lead of the class. With A and S_k the
requests that arrived and were served since midnight, and days of a type that repeat, there is a
way to give every request to a class in time exactly when (Hall's theorem, for intervals), for all
hours x < y, S(24) = A(24) and::

    sum over k with x + W_k < y of  S_k(y) - S_k(x + W_k)  <=  A(y) - A(x)

On the left is what can only serve arrivals between x and y. Replicas that take the oldest request
that they can still finish serve so. A class that serves nothing changes nothing: no option
shortens the window of another one.

For y - x of the longest window W_1 or more all classes count, and the two sides come apart. With
q the backlog at midnight of requests that are served in the order of arrival::

    S(u) - A(u) <= q <= sum_k S_k(u - lead_k + lead_1) - A(u - W_1)       at every hour u

(:func:`checkpoints`). Rows for shorter spans are few (:func:`rushes`). All sides are straight
between a few hours: the bounds of blocks, the hour of the release, and on the right these plus W_1
or the differences of leads. It is enough to hold them there. In a window of a day or more any
block can serve any request, and only the totals of a day are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.demand.records import FloatArray

_ROUNDING_H = 1e-9


@dataclass(frozen=True, slots=True)
class Deferral:
    """How the work of a stream can wait.

    Parameters
    ----------
    backlog
        Name of what it waits in; streams with the same name take from one backlog.
    window_h
        Hours from arrival to the end of a request.
    release_hour
        Hour at which all of a day's requests arrive; ``None`` when they arrive over the day.
    usage_share
        Mean over planned rate by period, shape (T,): growth within the period and the margin of
        the forecast.
    """

    backlog: str
    window_h: float
    release_hour: float | None
    usage_share: FloatArray

    @property
    def any_block(self) -> bool:
        """Whether every block of a day can serve every request of it."""
        return self.window_h >= HOURS_PER_DAY


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Bounds of the backlog at one hour of a day, in requests.

    Parameters
    ----------
    hour
        Hour u, 0 to 24.
    served_h
        Hours of each block that count for each class, shape (K, B), below 0 for those of the day
        before: ``S(u) = sum of served_h * s``.
    arrived
        A(u) in requests per request/s x h.
    most
        Largest backlog that keeps the window; ``None`` where only ``q(u) >= 0`` is asked.
    """

    hour: float
    served_h: FloatArray
    arrived: float
    most: float | None


@dataclass(frozen=True, slots=True)
class Rush:
    """What the classes with long leads can serve at most in a short time.

    Parameters
    ----------
    hour
        Its end, 0 to 48.
    served_h
        Hours of each block that count for each class, shape (K, B), >= 0.
    most
        What arrives that can be served only then, in requests per request/s x h.
    """

    hour: float
    served_h: FloatArray
    most: float


def lead_h(deferral: Deferral, job_h: float, block_h: float) -> float:
    """Return how long before the end of its window a request has to begin, hours, >= `job_h`.

    Where all arrive at once whole blocks serve or not at all, and the lead is the largest one with
    which the same blocks serve. Else it is in whole minutes, so that there are few classes.

    Parameters
    ----------
    deferral
        The window, and when work arrives.
    job_h
        Time of the longest request and what may be lost beside it, hours.
    block_h
        Length of a block, hours.
    """
    if deferral.any_block:
        return 0.0
    if deferral.release_hour is None:
        return math.ceil(job_h * MINUTES_PER_HOUR - _ROUNDING_H) / MINUTES_PER_HOUR
    begins_h = -deferral.release_hour % block_h
    if begins_h > block_h - _ROUNDING_H:
        begins_h = 0.0
    blocks = math.floor((deferral.window_h - job_h - begins_h) / block_h + _ROUNDING_H)
    ends_h = begins_h + blocks * block_h if blocks > 0 else 0.0
    return max(deferral.window_h - ends_h, 0.0)


def checkpoints(
    deferral: Deferral, arrivals_rps: FloatArray, leads_h: Sequence[float] = (0.0,)
) -> Iterator[Checkpoint]:
    """Yield the hours at which the backlog of a day has to keep its bounds.

    Parameters
    ----------
    deferral
        The window, and when work arrives.
    arrivals_rps
        Rate at which requests arrive by block of one day, shape (B,); only its total counts
        where all arrive at once.
    leads_h
        Lead of each class, ascending, hours; they shorten the window.
    """
    if deferral.any_block:
        return
    day = _Day(arrivals_rps, deferral.release_hour)
    window_h = max(deferral.window_h - leads_h[0], 0.0)
    later_h = [lead - leads_h[0] for lead in leads_h]
    turns = day.hours()
    for hour in day.hours(0.0, window_h, *later_h[1:]):
        if hour in turns:
            served_h = np.array([day.elapsed_h(hour)] * len(leads_h))
            yield Checkpoint(hour, served_h, day.arrived(hour), None)
        most = day.arrived_within(hour, window_h)
        counted_h = np.array([day.elapsed_h(hour - later) for later in later_h])
        yield Checkpoint(hour, counted_h, day.arrived(hour, after=True), most)


def rushes(
    deferral: Deferral, arrivals_rps: FloatArray, leads_h: Sequence[float]
) -> Iterator[Rush]:
    """Yield the short times in which not all classes can serve what arrives just then.

    Those that follow from the bounds of the backlog are left out: where nothing arrives in the
    rest of the longest window, and where the blocks cannot be asked to serve so much. Where all
    arrive at once that is everywhere.

    Parameters
    ----------
    deferral, arrivals_rps, leads_h
        As in :func:`checkpoints`.
    """
    if deferral.any_block or deferral.release_hour is not None:
        return
    day = _Day(arrivals_rps, None)
    windows_h = [max(deferral.window_h - lead, 0.0) for lead in leads_h]
    most_rps = day.most_served(windows_h[0] + day.block_h) / day.block_h
    bounds = day.block_h * np.arange(len(arrivals_rps))
    firsts = {round(float(h), 9) for w in (0.0, *windows_h) for h in (bounds - w) % HOURS_PER_DAY}
    for first in sorted(firsts):
        ends = {first + w for w in windows_h[1:-1]}
        for end in (*bounds, *(bounds + HOURS_PER_DAY)):
            if first + windows_h[-1] < end < first + windows_h[0]:
                ends.add(float(end))
        rest = day.arrived(first + windows_h[0])
        for end in sorted(ends):
            most = day.arrived(end) - day.arrived(first)
            if rest - day.arrived(end) <= _ROUNDING_H * day.total:
                continue
            begins = [min(first + window, end) for window in windows_h]
            served_h = np.array([day.elapsed_h(end) - day.elapsed_h(begin) for begin in begins])
            if float(served_h[-1] @ most_rps) > most:
                yield Rush(end, served_h, most)


def most_served_rps(deferral: Deferral, arrivals_rps: FloatArray) -> FloatArray:
    """Return the highest rate at which each block of a day can be asked to serve, shape (B,).

    Parameters
    ----------
    deferral
        The window, and when work arrives.
    arrivals_rps
        Rate at which requests arrive by block of one day, shape (B,).
    """
    day = _Day(arrivals_rps, deferral.release_hour)
    if deferral.any_block:
        return np.full(len(arrivals_rps), day.total / day.block_h)
    return day.most_served(deferral.window_h + day.block_h) / day.block_h


class _Day:
    """Arrivals of one day, which repeats; amounts in request/s x h."""

    def __init__(self, arrivals_rps: FloatArray, release_hour: float | None) -> None:
        self.rates, self.release = arrivals_rps, release_hour
        self.block_h = HOURS_PER_DAY / len(arrivals_rps)
        self.total = float(arrivals_rps.sum()) * self.block_h

    def most_served(self, span_h: float) -> FloatArray:
        """Return what arrives within some hours before the end of each block, shape (B,)."""
        ends = (np.arange(len(self.rates)) + 1) * self.block_h
        span_h = min(span_h, HOURS_PER_DAY)
        return np.array([min(self.arrived_within(float(e), span_h), self.total) for e in ends])

    def hours(self, *shifts_h: float) -> list[float]:
        """Return the hours at which rates turn, or so many hours after that."""
        turns = [*(self.block_h * np.arange(len(self.rates) + 1)).tolist()]
        if self.release is not None:
            turns.append(self.release)
        shifted = [
            turn + shift if turn + shift <= HOURS_PER_DAY else (turn + shift) % HOURS_PER_DAY
            for turn in turns
            for shift in shifts_h or (0.0,)
        ]
        return sorted({round(hour, 9) for hour in shifted})

    def elapsed_h(self, hour: float) -> FloatArray:
        """Return the hours of every block from midnight to an hour of any day, < 0 before it."""
        days = math.floor(hour / HOURS_PER_DAY)
        starts = self.block_h * np.arange(len(self.rates))
        of_day = np.clip(hour - days * HOURS_PER_DAY - starts, 0.0, self.block_h)
        return np.asarray(days * self.block_h + of_day)

    def arrived(self, hour: float, *, after: bool = False) -> float:
        """Return what arrived since midnight; at the release itself, before or after it."""
        if self.release is None:
            return float(self.elapsed_h(hour) @ self.rates)
        late = -_ROUNDING_H if after else _ROUNDING_H
        return self.total if hour > self.release + late else 0.0

    def arrived_within(self, hour: float, window_h: float) -> float:
        """Return what arrived after ``hour - window_h`` up to an hour, the release included."""
        first = hour - window_h
        if first >= -_ROUNDING_H:
            return self.arrived(hour, after=True) - self.arrived(first, after=True)
        early = self.arrived(first + HOURS_PER_DAY, after=True)
        return self.arrived(hour, after=True) + self.total - early
