"""Shapley values by hand, and that they share out everything."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.claims.shapley import shapley_values

CAUSES = ("a", "b", "c")
SETS = [frozenset(s) for n in range(4) for s in combinations(CAUSES, n)]


def test_two_causes_that_work_only_together_share_alike():
    value = {frozenset(): 0.0, frozenset("a"): 0.0, frozenset("b"): 0.0, frozenset("ab"): 8.0}

    assert shapley_values(("a", "b"), value) == {"a": 4.0, "b": 4.0}


def test_the_glove_game_gives_the_scarce_glove_two_thirds():
    value = {s: float("a" in s and len(s) > 1) for s in SETS}

    found = shapley_values(CAUSES, value)

    assert found == pytest.approx({"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})


@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=8))
def test_values_sum_to_the_total(values):
    value = dict(zip(SETS, values, strict=True))

    found = shapley_values(CAUSES, value)

    total = value[frozenset(CAUSES)] - value[frozenset()]
    assert sum(found.values()) == pytest.approx(total, abs=1e-6)


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4))
def test_a_cause_that_changes_nothing_has_no_share(values):
    alone = dict(zip([s for s in SETS if "c" not in s], values, strict=True))
    value = {s: alone[s - {"c"}] for s in SETS}

    assert shapley_values(CAUSES, value)["c"] == pytest.approx(0.0, abs=1e-9)
