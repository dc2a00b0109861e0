"""Zeros of increasing functions, many at once, by false position.

An end that stays twice counts for less, so that the next point falls beyond the zero: by the share
of the value that the last trial took off. Of a function that may jump, halving is never quicker by
much: a point is not farther from the middle than keeps the bracket within what halving would have
reached some steps earlier.

Source: Anderson and Bjorck, BIT 13 (1973); Oliveira and Takahashi, ACM Transactions on
Mathematical Software 47 (2020), for the projection.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.perf.spec import Floats

    Bools = NDArray[np.bool_]

_HALVINGS_BEHIND = 4
"""Steps that halving may be ahead."""
_MARGIN = 0.9
"""Of the tolerance: a trial that far beyond the zero closes the bracket, most often."""
LEAST_EXCESS = 1e-4
"""Least value of a function at an end, which keeps quotients finite."""
_QUICK_TRIALS = 10
"""From then on every other trial halves the bracket, whatever the function."""


@dataclass(slots=True)
class Bracket:
    """Ends of the logarithm of an unknown each, and the function there, arrays of one shape.

    The function is taken to be nearly a line in the unknown itself.

    Parameters
    ----------
    low, high
        Ends of the bracket.
    below, above
        Value of the function at each end, < 0 and > 0; a guess at first.
    allowed
        Widest that the bracket may be by now.
    side
        End that the last trial moved, -1 or 1; 0 before the first.
    """

    low: Floats
    high: Floats
    below: Floats
    above: Floats
    allowed: Floats = field(init=False)
    side: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Begin without a trial."""
        self.allowed = 2.0**_HALVINGS_BEHIND * (self.high - self.low)
        self.side = np.zeros(self.low.shape)

    def trial(self, tolerance: float) -> Floats:
        """Return where every unknown is tried next, well inside the ends."""
        gap, half = self.high - self.low, (self.low + self.high) / 2
        ratio, share = np.exp(-gap), self.below / (self.below - self.above)
        point = self.high + np.log(ratio + (1.0 - ratio) * share)
        reach = np.maximum(self.allowed / 2 - gap / 2, 0.0)
        chosen = np.clip(point, half - reach, half + reach)
        margin = np.minimum(_MARGIN * tolerance, gap / 4)
        return np.asarray(np.clip(chosen, self.low + margin, self.high - margin), dtype=float)

    def narrow(self, trial: Floats, kept: Bools, excess: Floats, *, tried: Bools) -> None:
        """Move an end of what was tried to the trial.

        Parameters
        ----------
        trial, kept, excess
            Where it was tried, whether the function is not above 0 there, and its value.
        tried
            Where these three say anything.
        """
        low, high = tried & kept, tried & ~kept
        least = np.minimum(excess, -LEAST_EXCESS), np.maximum(excess, LEAST_EXCESS)
        value = np.where(kept, *least)
        moved = np.where(kept, -1.0, 1.0)
        stays = tried & (moved == self.side)
        counted = _counted(value, np.where(kept, self.below, self.above), stays)
        self.low, self.high = np.where(low, trial, self.low), np.where(high, trial, self.high)
        self.below = np.where(low, value, np.where(high, self.below * counted, self.below))
        self.above = np.where(high, value, np.where(low, self.above * counted, self.above))
        self.side = np.where(tried, moved, self.side)
        self.allowed = self.allowed / 2

    def share(self) -> NDArray[np.intp]:
        """Give ends to neighbours, where zeros never fall along the last axis.

        Returns
        -------
        Index along the last axis from which each upper end is now.
        """
        low_from = _latest_best(self.low)
        from_the_last = _latest_best(-self.high[..., ::-1])[..., ::-1]
        high_from = np.asarray(self.low.shape[-1] - 1 - from_the_last, dtype=np.intp)
        self.low, self.below = _taken(low_from, self.low, self.below)
        self.high, self.above = _taken(high_from, self.high, self.above)
        return high_from

    def is_wide(self, tolerance: float) -> Bools:
        """Say which brackets are wider than a tolerance."""
        return np.asarray(self.high - self.low > tolerance, dtype=bool)


def _counted(value: Floats, before: Floats, stays: Bools) -> Floats:
    """Return what the other end counts after a trial that moved an end.

    Parameters
    ----------
    value, before
        Value of the function at the trial, and at that end before it.
    stays
        Whether the other end stays for the second time.
    """
    left = 1.0 - value / before
    return np.where(stays, np.where(left > 0, left, 0.5), 1.0)


def _latest_best(values: Floats) -> NDArray[np.intp]:
    """Return along the last axis the index of the highest value so far, the latest of equals."""
    is_best = values == np.maximum.accumulate(values, axis=-1)
    index = np.where(is_best, np.arange(values.shape[-1]), 0)
    return np.asarray(np.maximum.accumulate(index, axis=-1), dtype=np.intp)


def _taken(source: NDArray[np.intp], *arrays: Floats) -> list[Floats]:
    return [np.take_along_axis(array, source, axis=-1) for array in arrays]


def smooth_zeros(
    function: Callable[[Floats], Floats], low: Floats, high: Floats, tolerance: float
) -> Floats:
    """Return where a function is 0 between two ends, or the end that is nearest to it.

    Parameters
    ----------
    function
        Increasing in every element, finite; takes and returns arrays of the shape of the ends.
    low, high
        Ends of any shape, ``low <= high``.
    tolerance
        Value of the function, or width of a bracket, at which it is found, > 0.
    """
    below, above = function(low), function(high)
    found = np.where(below < 0, high, low)
    is_open = (below < 0) & (above > 0)
    below, above = np.where(is_open, below, -1.0), np.where(is_open, above, 1.0)
    side, trials, tiny = np.zeros(found.shape), 0, np.finfo(float).tiny
    while is_open.any():
        trials += 1
        is_half = trials > _QUICK_TRIALS and trials % 2
        share = 0.5 if is_half else below / (below - above)
        trial = low + (high - low) * share
        value = function(trial)
        less = value < 0
        value = np.where(less, value, np.maximum(value, tiny))
        stays = side == np.where(less, -1.0, 1.0)
        counted = _counted(value, np.where(less, below, above), stays)
        below, above = (
            np.where(less, value, below * counted),
            np.where(less, above * counted, value),
        )
        low, high = np.where(less, trial, low), np.where(less, high, trial)
        side = np.where(less, -1.0, 1.0)
        found = np.where(is_open, trial, found)
        is_open &= (np.abs(value) > tolerance) & (high - low > tolerance)
    return np.asarray(found, dtype=float)
