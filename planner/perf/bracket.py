"""Zeros of increasing functions, many at once, by interpolation.

Of a function that may jump, halving is never quicker by much. Interpolate, truncate and project: a
point of false position is moved towards the middle, and not farther from it than keeps the bracket
within what halving would have reached two steps earlier.

Of a smooth function, false position needs half as many trials. An end that stays twice counts for
less, so that the next point falls beyond the zero: by the share of the value that the last trial
took off.

Source: Oliveira and Takahashi, ACM Transactions on Mathematical Software 47 (2020); Anderson and
Bjorck, BIT 13 (1973).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.perf.spec import Floats

    Bools = NDArray[np.bool_]

_TRUNCATION = 0.1
_LEAST_EXCESS = 1e-4
_QUICK_TRIALS = 10
"""From then on every other trial halves the bracket, whatever the function."""


@dataclass(slots=True)
class Bracket:
    """Ends of an unknown each, and the function below and above 0 there, arrays of one shape.

    Parameters
    ----------
    low, high
        Ends of the bracket.
    below, above
        Value of the function at each end, < 0 and > 0; a guess at first.
    allowed
        Widest that the bracket may be by now; ``None`` before the first trial.
    """

    low: Floats
    high: Floats
    below: Floats
    above: Floats
    allowed: Floats | None = None

    def trial(self, tolerance: float) -> Floats:
        """Return where every unknown is tried next, at least half of `tolerance` inside."""
        gap, half = self.high - self.low, (self.low + self.high) / 2
        if self.allowed is None:
            # The widest that the brackets may be, if halving is to be no quicker by two steps.
            self.allowed = 2.0 * gap
        point = self.low + gap * self.below / (self.below - self.above)
        toward = np.sign(half - point)
        shifted = point + toward * np.minimum(_TRUNCATION * gap**2, np.abs(half - point))
        reach = np.maximum(self.allowed / 2 - gap / 2, 0.0)
        near = np.abs(shifted - half) <= reach
        chosen = np.where(near, shifted, half - toward * reach)
        margin = np.minimum(tolerance / 2, gap / 4)
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
        self.low, self.high = np.where(low, trial, self.low), np.where(high, trial, self.high)
        self.below = np.where(low, np.minimum(excess, -_LEAST_EXCESS), self.below)
        self.above = np.where(high, np.maximum(excess, _LEAST_EXCESS), self.above)
        self.allowed = self.allowed / 2 if self.allowed is not None else None

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
        left = 1.0 - value / np.where(less, below, above)
        stays = side == np.where(less, -1.0, 1.0)
        counted = np.where(stays, np.where(left > 0, left, 0.5), 1.0)
        below, above = (
            np.where(less, value, below * counted),
            np.where(less, above * counted, value),
        )
        low, high = np.where(less, trial, low), np.where(less, high, trial)
        side = np.where(less, -1.0, 1.0)
        found = np.where(is_open, trial, found)
        is_open &= (np.abs(value) > tolerance) & (high - low > tolerance)
    return np.asarray(found, dtype=float)
