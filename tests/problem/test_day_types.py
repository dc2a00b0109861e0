"""Types of day in a problem file: their days, factors and profiles, and what workloads share."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from planner.problem.references import name_findings
from planner.problem.semantics import semantic_faults
from tests.options.world import catalog, loaded, problem, workload

WEEK = {"weekday": {"days_per_year": 260.0}, "weekend": {"days_per_year": 105.0, "factor": 0.3}}


def asked(*day_types):
    """Return a problem with one workload for each of these types of day."""
    return problem(
        *(
            workload(f"w{i}", arrival={"mean_rate_rps": 1.0, "day_types": types})
            for i, types in enumerate(day_types)
        )
    )


def findings(*day_types):
    return [(path, text) for path, text in semantic_faults(asked(*day_types))]


def edited(**changes):
    return {**WEEK, "weekend": {**WEEK["weekend"], **changes}}


def test_days_that_sum_to_a_year_are_accepted_and_may_be_left_out():
    assert findings(WEEK) == []
    assert findings(WEEK, None, WEEK) == []


def test_factors_may_differ_by_workload():
    assert findings(WEEK, edited(factor=2.0)) == []


def test_days_must_sum_to_a_year():
    path = ("workloads", 0, "arrival", "day_types")

    assert findings(edited(days_per_year=104.0)) == [
        (path, "its days sum to 364; a year has 365 of them")
    ]


def test_some_day_must_have_demand():
    nothing = {name: {**day, "factor": 0.0} for name, day in WEEK.items()}

    assert [text for _, text in findings(nothing)] == [
        "has factor 0 on every day; at least one must be above 0"
    ]


@pytest.mark.parametrize("length", [1, 23, 25])
def test_a_profile_of_a_day_has_24_hours(length):
    [(path, text)] = findings(edited(profile=[1.0] * length))

    assert path == ("workloads", 0, "arrival", "day_types", "weekend", "profile")
    assert text == f"has {length} multipliers; needs 24 (or 168) of them"


def test_workloads_tell_the_same_days_apart():
    other = {"weekday": {"days_per_year": 252.0}, "weekend": {"days_per_year": 113.0}}
    swapped = dict(reversed(WEEK.items()))

    for second in (other, swapped):
        [(path, text)] = findings(WEEK, second)
        assert path == ("workloads", 1, "arrival", "day_types")
        assert "differs from `w0`, which has weekday (260 days), weekend (105 days)" in text


def test_all_faults_are_reported_at_once():
    paths = [path[3:] for path, _ in findings(edited(days_per_year=5.0, profile=[0.0] * 24))]

    assert paths == [("day_types",), ("day_types", "weekend", "profile")]


def test_a_profile_of_a_day_must_be_in_the_catalogue():
    [(path, text)] = [
        (path, text)
        for path, text in name_findings(loaded(asked(edited(profile="nowhere"))), catalog())
        if "profile" in path
    ]

    assert path[-3:] == ("day_types", "weekend", "profile")
    assert "nowhere" in text


@pytest.mark.parametrize("wrong", [{}, {"a": {}}, {"a": {"days_per_year": 0}}, {"a b": {}}])
def test_other_shapes_are_refused(wrong):
    with pytest.raises(ValidationError, match="day_types"):
        asked(wrong)
