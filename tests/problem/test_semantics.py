"""What is no contradiction: every check has problems that it must let through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.problem.semantics import independent_of, semantic_faults

FLOOR = {"benchmark": "mmlu_pro", "min_relative": 0.99}
CURVE = {"capacity_tokens": 1}


def messages(problem):
    return [message for _, message in semantic_faults(problem)]


def test_the_base_problem_has_no_contradiction(make_problem):
    assert messages(make_problem()) == []


def test_a_single_candidate_is_its_own_reference(make_problem):
    problem = make_problem({"quality": [FLOOR]}, candidates={"models": ["m"]})

    assert messages(problem) == []


@pytest.mark.parametrize("models", [[], ["a", "b"]], ids=["every model", "two models"])
def test_several_candidates_need_a_reference(make_problem, models):
    problem = make_problem({"quality": [FLOOR]}, candidates={"models": models})

    assert ["`min_relative` needs `reference`" in m for m in messages(problem)] == [True]


def test_a_reference_settles_it(make_problem):
    assert messages(make_problem({"quality": [FLOOR | {"reference": "m"}]})) == []


def test_an_absolute_floor_needs_no_reference(make_problem):
    assert messages(make_problem({"quality": [{"benchmark": "b", "min_score": 0.5}]})) == []


def test_one_metric_may_have_limits_at_several_percentiles(make_problem):
    slo = [
        {"metric": "ttft_ms", "percentile": 50, "limit": 500},
        {"metric": "ttft_ms", "percentile": 99, "limit": 2000},
        {"metric": "ttft_ms", "percentile": "mean", "limit": 700},
    ]

    assert messages(make_problem({"slo": slo})) == []


def test_equal_percentiles_are_allowed(make_problem):
    flat = {"mean": 80, "p50": 100, "p95": 100, "p99": 100, "max": 100}
    lengths = {"isl_tokens": flat, "osl_tokens": {"mean": 5}}

    assert messages(make_problem({"lengths": lengths})) == []


def test_every_pair_of_falling_percentiles_is_named(make_problem):
    falling = {"mean": 50, "p50": 90, "p95": 80, "p99": 70, "max": 100}
    lengths = {"isl_tokens": falling, "osl_tokens": {"mean": 5}}

    assert messages(make_problem({"lengths": lengths})) == [
        "p50 90 is above p95 80; percentiles must rise",
        "p95 80 is above p99 70; percentiles must rise",
    ]


@pytest.mark.parametrize("hours", [24, 168])
def test_profiles_of_a_day_or_a_week_are_allowed(make_problem, hours):
    arrival = {"requests_per_day": 1, "profile": [1.0] * hours}

    assert messages(make_problem({"arrival": arrival})) == []


def test_a_factor_for_every_period_is_allowed(make_problem):
    assert messages(make_problem({"growth_per_period": [1.1, 0.9]})) == []


def test_two_histograms_are_one_too_many(make_problem):
    lengths = {"joint": "a", "ref": "b.csv"}

    assert messages(make_problem({"lengths": lengths})) == [
        "`joint` and `ref` are both given; keep one histogram"
    ]


def test_no_region_at_all_is_refused(make_problem):
    problem = make_problem({"residency": []})

    assert "is empty; give at least one region, or `any`" in messages(problem)


@pytest.mark.parametrize(
    "sections",
    [
        {"supply": {"existing": [], "site": "default"}},
        {"one_off_costs": []},
        {"limits": {"budget_usd_per_period": None}},
        {"policy": {"spare_nodes": 1}},
    ],
    ids=["supply", "one-off costs", "limits", "policy"],
)
def test_unplanned_fields_at_their_defaults_are_allowed(make_problem, sections):
    assert messages(make_problem(**sections)) == []


@pytest.mark.parametrize("value", [0, False, "", {}, CURVE, [1], 1.5, "x"])
def test_an_unplanned_field_is_refused_whatever_it_holds(make_problem, value):
    problem = make_problem({"goodput_min": value})

    assert messages(problem) == [
        "this version does not plan a goodput floor (state percentiles in `slo` instead); "
        "leave the field out"
    ]


paths = st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4).map(tuple)


@given(paths, paths)
def test_a_finding_is_dropped_only_on_the_line_to_a_fault(path, bad):
    kept = independent_of([(path, "m")], [bad])

    shorter = min(len(path), len(bad))
    assert bool(kept) == (path[:shorter] != bad[:shorter])


def test_a_finding_is_dropped_when_what_it_compares_with_is_wrong():
    finding = (("workloads", 0, "growth_per_period"), "m")

    assert independent_of([finding], [("horizon", "periods")]) == []
    assert independent_of([finding], [("policy", "confidence")]) == [finding]
