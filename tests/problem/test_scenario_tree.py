"""When scenarios look alike, and every way in which scenarios are no tree."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.problem.load import load_problem
from planner.problem.scenario_tree import scenario_tree
from tests.hedge.world import scenario, write_halves


def tree(folder, *scenarios):
    return scenario_tree(load_problem(write_halves(folder, scenarios)).problem)


def test_scenarios_look_alike_until_they_are_known(tmp_path):
    found = tree(
        tmp_path,
        scenario("a", 0.5, 1.0),
        scenario("b", 0.3, 1.1, 2),
        scenario("c", 0.2, 1.2, 4),
    )

    assert found.alike(0) == (("a", "b", "c"),)
    assert found.alike(1) == (("a",), ("b", "c"))
    assert found.alike(2) == (("a",), ("b",), ("c",))


def test_a_scenario_looks_like_its_parent_until_it_is_known(tmp_path):
    found = tree(
        tmp_path,
        scenario("boom", 0.5, 1.0, 1),
        scenario("bust", 0.3, 1.1, 3, " parent: boom,"),
        scenario("flat", 0.2, 1.2, 1),
    )

    assert found.alike(0) == (("boom", "bust", "flat"),)
    assert found.alike(1) == found.alike(2) == (("boom", "bust"), ("flat",))
    assert found.alike(3) == (("boom",), ("bust",), ("flat",))
    assert found.never_known(4).alike(3) == (("boom", "bust", "flat"),)


def test_a_parent_without_probability_is_a_branch_only(tmp_path):
    found = tree(
        tmp_path,
        "  growth: {known_from: 1}",
        scenario("fast", 0.5, 2.0, 2, " parent: growth,"),
        scenario("slow", 0.2, 1.5, 2, " parent: growth,"),
        scenario("none", 0.3, 1.0, 1),
    )

    assert list(found.probabilities) == ["fast", "slow", "none"]
    assert found.alike(1) == (("fast", "slow"), ("none",))


@pytest.mark.parametrize(
    ("scenarios", "message"),
    [
        (
            [scenario("a", 0.5, 1), scenario("b", 0.4, 1)],
            r"halves\.yaml:\d+:\d+(?s:.*)sum to 0\.9 ",
        ),
        ([scenario("a", 1.5, 1)], "is 1.5; give a number above 0 and at most 1"),
        ([scenario("a", "true", 1)], "is True; give a number above 0"),
        ([scenario("a", 0, 1)], "is 0; give a number above 0"),
        ([scenario("a", 1, 1, 5)], "period 5 is outside of the horizon of 4"),
        ([scenario("a", 1, 1, -1)], "period -1 is outside of the horizon"),
        ([scenario("a", 1, 1, "soon")], "is 'soon'; give the number of a period, 0 to 4"),
        (
            [scenario("base", 0.5, 1), scenario("b", 0.5, 1, 2, " parent: bas,")],
            "there is no scenario `bas`; did you mean `base`",
        ),
        (
            [scenario("a", 0.5, 1, 2), scenario("b", 0.5, 1, 2, " parent: a,")],
            "`a` is known from period 2 on, so `b` cannot look like it",
        ),
        (
            [
                scenario("a", 0.5, 1, 2, " parent: b,"),
                scenario("b", 0.5, 1, 1, " parent: a,"),
            ],
            "leads back to the scenario itself",
        ),
        (
            [scenario("a", 1, 1, more=" horizon: {start: 2028-01},")],
            "is known before any scenario parts",
        ),
        (["  a: {known_from: 2, policy: {confidence: 0.9}}"], "has no effect without `proba"),
    ],
)
def test_what_is_no_tree_is_named_with_its_place_and_a_way_out(tmp_path, scenarios, message):
    with pytest.raises(InputError, match=message):
        tree(tmp_path, *scenarios)


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        tree(tmp_path, scenario("a", 2, 1, 9, " parent: x,"))

    assert len(caught.value.faults) == 3
