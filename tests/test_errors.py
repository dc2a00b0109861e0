"""Faults and the errors that carry them."""

from __future__ import annotations

import pytest

from planner.errors import (
    Fault,
    InputError,
    InternalError,
    PlannerError,
    counted,
    did_you_mean,
)


def test_fault_reads_as_position_path_and_indented_message():
    fault = Fault("p.yaml", 12, 5, "workloads.chat.slo.0.limit", "is wrong; write 2000")

    assert str(fault) == ("p.yaml:12:5  workloads.chat.slo.0.limit\n    is wrong; write 2000")


def test_fault_without_a_column_shows_the_line_only():
    assert str(Fault("t.csv", 3, None, "t.price", "is blank")).startswith("t.csv:3  t.price\n")


def test_fault_without_any_place_is_its_message():
    assert str(Fault("", None, None, "", "nothing to do")) == "nothing to do"


def test_input_error_lists_every_fault_in_order_and_counts_them():
    error = InputError([Fault("a", 1, 1, "x", "one"), Fault("a", 2, 1, "y", "two")])

    text = str(error)

    assert text.index("one") < text.index("two")
    assert text.endswith("2 errors, nothing was solved.")


def test_one_fault_is_counted_in_the_singular():
    assert str(InputError([Fault("a", 1, 1, "", "m")])).endswith("1 error, nothing was solved.")


def test_next_step_ends_the_message():
    text = str(InputError([Fault("a", 1, 1, "", "m")], "planner check a"))

    assert text.endswith("Next: planner check a")


def test_a_command_that_does_not_solve_says_what_it_left_undone():
    error = InputError([Fault("a", 1, 1, "", "m")], "planner catalog list offers")

    error.outcome = "nothing was listed"

    assert str(error).endswith("1 error, nothing was listed. Next: planner catalog list offers")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1200, "1,200 lines")]
)
def test_a_count_agrees_with_its_noun(number, text):
    assert counted(number, "line") == text


@pytest.mark.parametrize("kind", [InputError, InternalError])
def test_every_error_with_a_message_is_a_planner_error(kind):
    assert issubclass(kind, PlannerError)


def test_near_miss_is_suggested():
    assert did_you_mean("lattency", ["latency", "cost"]) == "; did you mean `latency`?"


def test_capitals_do_not_matter():
    assert did_you_mean("AWS", ["aws", "azure"]) == "; did you mean `aws`?"
    assert did_you_mean("llama-3-8b", ["Llama-3-8B"]) == "; did you mean `Llama-3-8B`?"


def test_a_name_that_continues_the_value_goes_first():
    near = did_you_mean("Llama-3.3-70B", ["llama-2-70b", "llama-3.3-70b-instruct"])

    assert near == "; did you mean `llama-3.3-70b-instruct` or `llama-2-70b`?"


def test_suggestions_stop_at_the_limit():
    assert did_you_mean("aaa", ["aaab", "aaac", "aaad", "aaae"], limit=2).count("`") == 4


def test_nothing_is_suggested_for_a_far_name():
    assert did_you_mean("zebra", ["latency", "cost"]) == ""
