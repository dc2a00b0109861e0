"""Verdicts and break-evens by hand, and their properties."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planner.claims.judge import BreakEven, break_evens, break_evens_within, verdict_of
from planner.claims.records import Band, Range

CLAIMED = Band(0.7, 0.8)
figures = st.floats(-10, 10, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.72, 0.78, "holds"),
        (0.7, 0.8, "holds"),
        (0.5, 0.69, "does_not_hold"),
        (0.81, 0.95, "does_not_hold"),
        (0.6, 0.75, "holds_when"),
        (0.75, 0.9, "holds_when"),
        (0.1, 0.9, "holds_when"),
    ],
)
def test_verdict_compares_the_whole_range_with_what_is_claimed(low, high, verdict):
    assert verdict_of(CLAIMED, Range(low, high)) == verdict


def test_a_figure_under_other_conditions_turns_a_plain_verdict_into_a_conditional_one():
    assert verdict_of(CLAIMED, Range(0.5, 0.6), [0.75]) == "holds_when"
    assert verdict_of(CLAIMED, Range(0.71, 0.72), [0.5]) == "holds_when"
    assert verdict_of(CLAIMED, Range(0.5, 0.6), [0.4]) == "does_not_hold"


def test_an_open_end_covers_everything_beyond_the_other():
    assert verdict_of(Band(None, 0.2), Range(-5.0, 0.2)) == "holds"
    assert verdict_of(Band(0.2, None), Range(0.1, 0.19)) == "does_not_hold"


@given(figures, figures, figures)
def test_verdict_holds_only_where_both_ends_of_the_range_are_covered(a, b, edge):
    low, high = sorted((a, b))

    verdict = verdict_of(Band(None, edge), Range(low, high))

    assert (verdict == "holds") == (high <= edge)
    assert (verdict == "does_not_hold") == (low > edge)


def test_break_even_of_a_line_is_where_it_meets_the_edge():
    assert break_evens(Band(0.5, None), [(0.0, 0.0), (10.0, 1.0)]) == ((5.0, 0.5),)


def test_break_even_on_a_logarithmic_axis_is_a_geometric_mean():
    (found,) = break_evens(Band(0.5, None), [(100.0, 0.0), (10_000.0, 1.0)], is_log_x=True)

    assert found == (pytest.approx(1_000.0), 0.5)


@given(st.floats(-5, 5), st.floats(0.1, 5), st.floats(0.05, 0.95))
def test_verdict_flips_at_its_break_even(start, slope, share):
    """Just before the break-even the claim fails, just behind it holds."""
    edge = start + share * slope * 10
    band = Band(edge, None)

    ((place, _),) = break_evens(band, [(0.0, start), (10.0, start + slope * 10)])

    def figure(x):
        return start + slope * x

    assume(0.01 < place < 9.99)
    assert verdict_of(band, Range(figure(place - 0.01), figure(place - 0.01))) == "does_not_hold"
    assert verdict_of(band, Range(figure(place + 0.01), figure(place + 0.01))) == "holds"


def test_a_curve_that_stays_on_one_side_has_no_break_even():
    assert break_evens(CLAIMED, [(0.0, 0.1), (1.0, 0.3), (2.0, 0.2)]) == ()


def test_gaps_move_a_break_even_both_ways():
    """A line of slope 0.1 whose figures may be 0.1 off crosses a place earlier or later."""
    points = [(0.0, 0.0), (10.0, 1.0)]

    (found,) = break_evens_within(Band(0.5, None), points, [0.1, 0.1])

    assert found == BreakEven(5.0, 0.5, pytest.approx(4.0), pytest.approx(6.0))


def test_without_gaps_a_break_even_is_one_place():
    (found,) = break_evens_within(Band(0.5, None), [(0.0, 0.0), (10.0, 1.0)], [0.0, 0.0])

    assert found.low == found.place == found.high


def test_gaps_that_may_undo_a_crossing_leave_it_open():
    (found,) = break_evens_within(Band(0.5, None), [(0.0, 0.4), (10.0, 0.6)], [0.0, 0.2])

    assert (found.place, found.low, found.high) == (pytest.approx(5.0), None, None)


@given(st.floats(0.0, 0.2), st.floats(0.1, 0.9))
def test_a_break_even_lies_between_those_of_its_gaps(margin, edge):
    points = [(0.0, -1.0), (10.0, 2.0)]

    (found,) = break_evens_within(Band(edge, None), points, [margin, margin])

    assert found.low <= found.place + 1e-9
    assert found.place <= found.high + 1e-9
