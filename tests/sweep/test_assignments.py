from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.sweep.assignments import Range, read_variables


def _values(text):
    return read_variables([f"a={text}", "b=1,2"], ranges=False)[0].values


def test_values_are_separated_by_commas():
    assert _values("1, 2,3") == ("1", "2", "3")


def test_commas_inside_brackets_and_quotes_do_not_separate():
    assert _values("[x, y],[z]") == ("[x, y]", "[z]")
    assert _values("{a: [1, 2], b: 3},null") == ("{a: [1, 2], b: 3}", "null")
    assert _values("'x, y',\"z, w\"") == ("'x, y'", '"z, w"')


def test_a_bracket_inside_quotes_and_an_apostrophe_inside_a_word_are_letters():
    assert _values("'[',it's,b") == ("'['", "it's", "b")


def test_one_value_is_set_and_not_swept():
    fixed, swept = read_variables(["a=1", "b=1,2"], ranges=False)

    assert (fixed.is_swept, swept.is_swept) == (False, True)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (["a"], "is not an assignment; write PATH=a,b,c"),
        (["a..b=1,2"], "is not an assignment"),
        (["a=1,,2"], "a value between commas is empty"),
        (["a=1,2,1"], "`1` stands twice"),
        (["a=[1,2"], "not closed"),
        (["a=1,2", "a=3"], "`a` stands twice"),
        (["a=1..3"], "only --design latin-hypercube samples"),
        (["a=1"], "nothing is swept"),
        ([], "nothing is swept"),
    ],
)
def test_what_is_no_assignment_is_refused(stated, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_variables(stated, ranges=False)


@pytest.mark.parametrize("text", ["3..1", "1..1", "1..1e999", "1..e"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(InputError, match="no range"):
        read_variables([f"a={text}"], ranges=True)


def test_every_fault_is_told_at_once():
    with pytest.raises(InputError) as error:
        read_variables(["a", "b=1..2", "c=1,1"], ranges=False)

    assert len(error.value.faults) == 3


@given(st.text(alphabet="ab=.,*[]{}'\"0123456789e- ", max_size=30), st.booleans())
def test_no_text_is_worse_than_an_input_error(text, ranges):
    with contextlib.suppress(InputError):
        read_variables([text], [text], ranges=ranges)


def test_a_range_of_whole_numbers_has_both_ends_equally_often():
    (variable,) = read_variables(["a=0..3"], ranges=True)

    assert [variable.at(q) for q in (0.0, 0.24, 0.25, 0.5, 0.75, 0.999)] == list("001233")


def test_a_range_of_other_numbers_is_not_rounded_to_whole_ones():
    (variable,) = read_variables(["a=0.5..1"], ranges=True)

    assert variable.at(0.5) == "0.75"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0, 1, exclude_max=True))
def test_a_number_of_a_range_is_between_its_ends_but_for_rounding(low, width, quantile):
    found = float(Range(low, low + width, is_whole=False).at(quantile))

    slack = 1e-5 * max(abs(low), abs(low + width))
    assert low - slack <= found <= low + width + slack
