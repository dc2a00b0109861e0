"""Whether everything that waits can be finished within its window, by options of any speed.

An option that needs some hours for a request, or may lose some on spot nodes, serves at an hour
what arrived since its window, less those hours, began. So what it serves between two hours v < w
can be arrivals from v less that to w only. Every request finds its place exactly when no stretch
of arrivals is asked for more than it has, tried here for every stretch that may be the worst.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TINY = 1e-6
"""Share of a day's work that is the solver's tolerance."""
_NEAR_H = 1e-3
_HALVINGS = 20


class Kind(NamedTuple):
    """What is served with the same need of time: shares of a day's work an hour, by block."""

    need_h: float
    served: list[float]


class Curve:
    """What came or was done since midnight, at even rates within each block of every day.

    Parameters
    ----------
    rates
        Shares of a day's work an hour, by block.
    length_h
        Length of a block, hours.
    """

    def __init__(self, rates: Sequence[float], length_h: float) -> None:
        self.length_h = length_h
        self.sums = [0.0, *accumulate(rate * length_h for rate in rates)]

    def at(self, hour: float) -> float:
        """Return the amount at an hour of any day, counted from midnight of the first."""
        days, hour = divmod(hour, HOURS_PER_DAY)
        block = min(int(hour / self.length_h), len(self.sums) - 2)
        part = hour / self.length_h - block
        of_day = self.sums[block] + part * (self.sums[block + 1] - self.sums[block])
        return days * self.sums[-1] + of_day

    def time_of(self, amount: float) -> float:
        """Return the first hour, of any day, at which the amount is reached; a day's is 1."""
        day = math.ceil(amount) - 1  # the end of a day's work belongs to its day
        left = amount - day
        block = max(min(bisect_left(self.sums, left), len(self.sums) - 1), 1)
        step = self.sums[block] - self.sums[block - 1]
        part = (left - self.sums[block - 1]) / step if step else 1.0
        return day * HOURS_PER_DAY + (block - 1 + part) * self.length_h


def window_needed_h(
    arrivals: Sequence[float], kinds: Sequence[Kind], release: float | None, window_h: float
) -> float:
    """Return the shortest window that everything keeps, at least `window_h`, hours.

    Parameters
    ----------
    arrivals
        Shares of a day's work that arrive an hour, by block of a day.
    kinds
        What is served, by the time that it needs.
    release
        Hour at which all arrives; ``None`` when it follows `arrivals`.
    window_h
        The window asked for, below a day.
    """
    length_h = HOURS_PER_DAY / len(arrivals)
    if release is not None:
        ends = (
            _last_h(kind.served, release, length_h) + kind.need_h
            for kind in kinds
            if sum(kind.served) * length_h > _TINY
        )
        return max([window_h, *ends])
    come = Curve(arrivals, length_h)
    done = [(kind.need_h, Curve(kind.served, length_h)) for kind in kinds]
    bounds = [block * length_h for block in range(len(arrivals))]
    if _fits(come, done, bounds, window_h + _NEAR_H):
        return window_h
    low, high = window_h, window_h + HOURS_PER_DAY
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _fits(come, done, bounds, middle) else (middle, high)
    return high


def _last_h(served: Sequence[float], release: float, length_h: float) -> float:
    """Return how long after a release the last of its work is done."""
    last = 0.0
    for block, rate in enumerate(served):
        if rate * length_h > _TINY:
            begins = (block * length_h - release) % HOURS_PER_DAY
            last = max(last, min(begins + length_h, HOURS_PER_DAY))
    return last


def _fits(
    come: Curve, done: Sequence[tuple[float, Curve]], bounds: Sequence[float], window_h: float
) -> bool:
    """Try every stretch of arrivals on which the worst may lie."""
    windows = [window_h - need for need, _ in done]
    if min(windows) < 0:
        return False
    for first, last in _stretches(bounds, windows):
        asked = sum(
            curve.at(last) - curve.at(first + window)
            for window, (_, curve) in zip(windows, done, strict=True)
            if first + window < last
        )
        if asked > come.at(last) - come.at(first) + _TINY:
            return False
    return True


def _stretches(bounds: Sequence[float], windows: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Yield the hours at which what comes, or what can be served of it, may turn."""
    firsts = {(bound - shift) % HOURS_PER_DAY for bound in bounds for shift in (0.0, *windows)}
    for first in firsts:
        yield from ((first, first + window) for window in windows)
        for bound in bounds:
            last = first + (bound - first) % HOURS_PER_DAY
            yield from ((first, last), (first, last + HOURS_PER_DAY))
