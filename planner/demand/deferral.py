r"""Work that can wait: when it arrives, and by when each request has to be finished.

Work flows: in every block of a day requests arrive at rate d_b and are served at rate s_b. With A
and S the requests that arrived and were served since midnight, and days of a type that repeat, the
backlog at hour u is::

    q(u) = q(0) + A(u) - S(u),        S(24) = A(24)

Requests are served in the order of their arrival, so that all of them are finished within W hours
exactly when, at every hour u::

    0 <= q(u) <= requests that arrived in the last W hours, those before u - W excluded

Both sides are straight between a few hours: the bounds of blocks, the hour of the release, and
these plus W. It is enough to hold them there. W is the window less the time that the longest
request takes. In a window of a day or more any block can serve any request, and only the totals
of a day are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        Hours of each block before u, shape (B,): ``S(u) = served_h @ s``.
    arrived
        A(u) in requests per request/s x h.
    most
        Largest backlog that keeps the window; ``None`` where only ``q(u) >= 0`` is asked.
    """

    hour: float
    served_h: FloatArray
    arrived: float
    most: float | None


def checkpoints(
    deferral: Deferral, arrivals_rps: FloatArray, job_h: float = 0.0
) -> Iterator[Checkpoint]:
    """Yield the hours at which the backlog of a day has to keep its bounds.

    Parameters
    ----------
    deferral
        The window, and when work arrives.
    arrivals_rps
        Rate at which requests arrive by block of one day, shape (B,); only its total counts
        where all arrive at once.
    job_h
        Time of the longest request, hours; it shortens the window.
    """
    if deferral.any_block:
        return
    day = _Day(arrivals_rps, deferral.release_hour)
    window_h = max(deferral.window_h - job_h, 0.0)
    for hour in day.hours(window_h):
        yield Checkpoint(hour, day.elapsed_h(hour), day.arrived(hour), None)
        most = day.arrived_within(hour, window_h)
        yield Checkpoint(hour, day.elapsed_h(hour), day.arrived(hour, after=True), most)


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
    span_h = min(deferral.window_h + day.block_h, HOURS_PER_DAY)
    ends = (np.arange(len(arrivals_rps)) + 1) * day.block_h
    waiting = [min(day.arrived_within(float(end), span_h), day.total) for end in ends]
    return np.array(waiting) / day.block_h


class _Day:
    """Arrivals of one day, which repeats; amounts in request/s x h."""

    def __init__(self, arrivals_rps: FloatArray, release_hour: float | None) -> None:
        self.rates, self.release = arrivals_rps, release_hour
        self.block_h = HOURS_PER_DAY / len(arrivals_rps)
        self.total = float(arrivals_rps.sum()) * self.block_h

    def hours(self, window_h: float) -> list[float]:
        """Return the hours between which both bounds are straight."""
        turns = [*(self.block_h * np.arange(len(self.rates) + 1)).tolist()]
        if self.release is not None:
            turns.append(self.release)
        shifted = [(turn + window_h) % HOURS_PER_DAY for turn in turns]
        return sorted({round(hour, 9) for hour in (*turns, *shifted)})

    def elapsed_h(self, hour: float) -> FloatArray:
        """Return the hours of every block that lie before an hour."""
        starts = self.block_h * np.arange(len(self.rates))
        return np.clip(hour - starts, 0.0, self.block_h)

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
