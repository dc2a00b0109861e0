"""Zeros of many increasing functions at once."""

from __future__ import annotations

import numpy as np
import pytest

from planner.perf.bracket import Bracket, smooth_zeros

TOLERANCE = 1e-4


def solve(function, low, high):
    """Return the last points below zero, and how many times each function was evaluated."""
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    rows, found, count = np.arange(len(low)), low.copy(), np.zeros(len(low), dtype=int)
    bracket = Bracket(low, high, np.full(len(low), -1.0), function(high, rows))
    while (wide := bracket.is_wide(TOLERANCE)).any():
        trial = bracket.trial(TOLERANCE)
        value = function(trial, rows)
        count[wide] += 1
        found[wide & (value <= 0)] = trial[wide & (value <= 0)]
        bracket.narrow(trial, value <= 0, value, tried=wide)
    return found, count


@pytest.mark.parametrize(
    "shape", [lambda x: x, lambda x: x**3, np.sinh, np.sign, lambda x: np.expm1(8 * x)]
)
def test_zero_is_found_and_halving_is_never_much_quicker(shape):
    zeros = np.array([0.13, 1.7, 5.9, 0.001])

    found, count = solve(lambda x, rows: shape(x - zeros[rows]), np.zeros(4), np.full(4, 6.0))

    assert (found <= zeros).all()
    assert (zeros - found <= TOLERANCE * 1.01).all()
    # 6 / 1e-4 takes 16 halvings, which are never ahead by more than the 4 that are allowed.
    assert count.max() <= 16 + 4 + 1


def test_smooth_functions_take_few_trials():
    _, count = solve(lambda x, rows: np.exp(x) - 3.0, np.zeros(1), np.full(1, 6.0))

    assert count[0] <= 7


SMOOTH = {
    "line": lambda x: x,
    "bent": lambda x: x + 0.8 * np.tanh(x),
    "saturates": np.tanh,
    "kink": lambda x: np.where(x > 0, 3 * x, x / 5),
    "steep": lambda x: np.expm1(4 * x),
    "jump": lambda x: np.where(x < 0, -700.0, 0.7),
}


@pytest.mark.parametrize("shape", SMOOTH.values(), ids=SMOOTH)
def test_zeros_of_smooth_functions_are_found_whatever_the_shape(shape):
    zeros = np.array([[0.13, 1.7], [5.9, 0.001]])
    low, high = np.zeros((2, 2)), np.full((2, 2), 6.0)

    found = smooth_zeros(lambda x: shape(x - zeros), low, high, 1e-9)

    np.testing.assert_allclose(found, zeros, atol=1e-8)


def test_where_a_function_never_changes_sign_its_nearest_end_is_the_zero():
    found = smooth_zeros(lambda x: x - [-2.0, 9.0, 3.0], np.zeros(3), np.full(3, 6.0), 1e-9)

    np.testing.assert_allclose(found, [0.0, 6.0, 3.0], atol=1e-9)


def test_smooth_functions_take_half_as_many_trials_as_halving_and_no_row_depends_on_others():
    zeros, calls = np.array([0.4, 2.2, 5.1]), []

    def solved(rows):
        def function(x):
            calls.append(rows)
            return np.expm1(x / 2) - np.expm1(zeros[rows] / 2)

        return smooth_zeros(function, np.zeros(len(rows)), np.full(len(rows), 6.0), 1e-9)

    together = solved([0, 1, 2])

    assert len(calls) <= 12  # 6 / 1e-9 takes 33 halvings
    np.testing.assert_array_equal(together, [solved([i])[0] for i in range(3)])


def test_neighbours_share_their_ends_and_find_zeros_that_never_fall():
    zeros = np.array([[0.2, 0.2, 1.4, 3.3], [5.0, 5.1, 5.1, 5.9]])
    low, high = np.zeros(zeros.shape), np.full(zeros.shape, 6.0)
    bracket = Bracket(low, high, np.full(zeros.shape, -1.0), np.ones(zeros.shape))
    while (wide := bracket.is_wide(TOLERANCE)).any():
        trial = bracket.trial(TOLERANCE)
        value = np.sinh(trial - zeros)
        bracket.narrow(trial, value <= 0, value, tried=wide)
        source = bracket.share()

        assert (source >= np.arange(4)).all()
        assert (np.diff(bracket.low) >= 0).all()
        assert (np.diff(bracket.high) >= 0).all()
    assert (bracket.low <= zeros).all()
    assert (zeros <= bracket.high).all()


def test_an_end_that_a_neighbour_knows_better_is_taken_over():
    low, high = np.array([1.0, 0.0, 2.0]), np.array([5.0, 9.0, 4.0])
    bracket = Bracket(low, high, np.array([-3.0, -2.0, -1.0]), np.array([1.0, 2.0, 3.0]))

    source = bracket.share()

    assert source.tolist() == [2, 2, 2]
    assert bracket.low.tolist() == [1.0, 1.0, 2.0]
    assert bracket.below.tolist() == [-3.0, -3.0, -1.0]
    assert bracket.high.tolist() == [4.0, 4.0, 4.0]
    assert bracket.above.tolist() == [3.0, 3.0, 3.0]


def test_what_was_not_tried_keeps_its_ends():
    bracket = Bracket(np.zeros(2), np.ones(2), np.full(2, -1.0), np.ones(2))
    bracket.narrow(
        np.full(2, 0.5), np.array([True, True]), np.full(2, -0.1), tried=np.eye(2)[0] > 0
    )

    assert bracket.low.tolist() == [0.5, 0.0]
    assert bracket.high.tolist() == [1.0, 1.0]
