"""Zeros of many increasing functions at once."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.bracket import Bracket

TOLERANCE = 1e-4


def solve(function, low, high):
    """Return the last points below zero, and how many times each function was evaluated."""
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    rows, found, count = np.arange(len(low)), low.copy(), np.zeros(len(low), dtype=int)
    bracket = Bracket(low, high, np.full(len(low), -1.0), function(high, rows))
    while rows.size:
        trial = bracket.trial(TOLERANCE)
        value = function(trial, rows)
        count[rows] += 1
        found[rows[value <= 0]] = trial[value <= 0]
        wide = bracket.narrow(trial, value <= 0, value, TOLERANCE)
        rows, bracket = rows[wide], bracket.take(wide)
    return found, count


@pytest.mark.parametrize(
    "shape", [lambda x: x, lambda x: x**3, np.sinh, np.sign, lambda x: np.expm1(8 * x)]
)
def test_zero_is_found_and_halving_is_never_much_quicker(shape):
    zeros = np.array([0.13, 1.7, 5.9, 0.001])

    found, count = solve(lambda x, rows: shape(x - zeros[rows]), np.zeros(4), np.full(4, 6.0))

    assert (found <= zeros).all()
    assert (zeros - found <= TOLERANCE * 1.01).all()
    # 6 / 1e-4 takes 16 halvings.
    assert count.max() <= 16 + 3


def test_smooth_functions_take_few_trials():
    _, count = solve(lambda x, rows: np.exp(x) - 3.0, np.zeros(1), np.full(1, 6.0))

    assert count[0] <= 11
