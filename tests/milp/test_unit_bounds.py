"""Lines below what a block costs with each number of units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.milp.unit_bounds import Size, hull_lines

COSTS = st.lists(st.floats(0, 100), min_size=2, max_size=30).map(lambda v: sorted(v)[::-1])


def sizes(costs, solved):
    return [Size(p, costs[p], np.zeros(0)) for p in solved]


def highest(lines, p):
    return max(right + slope * p for slope, right in lines)


def test_lines_by_hand():
    # The hull turns at 6: its line from there to 0 is at 3 where the cost is 5.
    lines = hull_lines(sizes([10.0, 6.0, 5.0, 0.0], range(4)))

    assert lines == [(-4.0, 10.0), (-3.0, 9.0)]


def test_a_single_number_gives_a_flat_line():
    assert hull_lines(sizes([7.0], [0])) == [(0.0, 7.0)]


@given(COSTS)
def test_no_line_is_above_a_cost_and_the_ends_are_met(costs):
    last = len(costs) - 1
    lines = hull_lines(sizes(costs, range(len(costs))))

    for p, cost in enumerate(costs):
        assert highest(lines, p) <= cost + 1e-9
    assert highest(lines, 0) == pytest.approx(costs[0], abs=1e-9)
    assert highest(lines, last) == pytest.approx(costs[last], abs=1e-9)


@given(COSTS, st.data())
def test_numbers_between_those_solved_are_never_overrated(costs, data):
    last = len(costs) - 1
    inner = data.draw(st.sets(st.integers(0, last)))
    lines = hull_lines(sizes(costs, sorted(inner | {0, last})))

    for p, cost in enumerate(costs):
        assert highest(lines, p) <= cost + 1e-9


def test_numbers_that_were_not_solved_cost_at_least_what_more_do():
    # Without units no plan was found in time; it may cost as little as 5.1.
    lines = hull_lines(sizes([5.1, 5.0, 0.0], [1, 2]))

    assert highest(lines, 0) == pytest.approx(5.0)
    assert hull_lines([]) == []


def test_a_bound_below_that_of_more_units_is_raised():
    # The proof for no unit stopped early at 3; with one unit it is 5, so without it is too.
    lines = hull_lines(sizes([3.0, 5.0, 1.0], range(3)))

    assert highest(lines, 0) == pytest.approx(5.0)
