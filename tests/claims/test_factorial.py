"""Effects of a factorial design reproduce the model that made the costs."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.claims.factorial import effects
from planner.claims.factors import verdict_of_effects
from planner.claims.records import Range

FACTORS = ("a", "b", "c", "d")
SETS = [frozenset(s) for n in range(5) for s in combinations(FACTORS, n)]
slopes = st.floats(-3, 3)


@given(slopes, st.lists(slopes, min_size=4, max_size=4), slopes)
def test_effects_reproduce_a_linear_model_of_logarithms(start, mains, interaction):
    """ln(cost) = start + the main effect of each high factor + one interaction of a and b."""
    by_name = dict(zip(FACTORS, mains, strict=True))
    y = {
        high: start + sum(by_name[f] for f in high) + interaction * ({"a", "b"} <= high)
        for high in SETS
    }

    found = effects(FACTORS, y)

    expected = {frozenset({f}): by_name[f] for f in FACTORS}
    # The product of two levels of -1 and 1 spreads half of it to both factors.
    expected[frozenset("a")] += interaction / 2
    expected[frozenset("b")] += interaction / 2
    expected[frozenset("ab")] = interaction / 2
    for chosen, effect in found.items():
        assert effect == pytest.approx(expected.get(chosen, 0.0), abs=1e-9)


def test_a_cost_that_is_a_product_has_no_interactions():
    y = {high: 0.7 * len(high) for high in SETS}

    found = effects(FACTORS, y)

    assert all(abs(e) < 1e-12 for chosen, e in found.items() if len(chosen) > 1)
    assert found[frozenset("c")] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("lows", "verdict"),
    [((0.1, 0.2), "holds"), ((-0.1, 0.2), "holds_when"), ((-0.1, 0.0), "does_not_hold")],
)
def test_factors_count_only_where_their_whole_range_is_above_nothing(lows, verdict):
    assert verdict_of_effects([Range(low, low + 1.0) for low in lows]) == verdict
