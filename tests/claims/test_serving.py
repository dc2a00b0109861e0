"""Static batches by hand: the longest output of a batch, and what the best batch costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.claims.formats import spec_of
from planner.claims.serving import continuous_cost, longest_of, static_cost
from tests.claims.world import plan

COIN = [(10.0, 0.5), (100.0, 0.5)]


def test_the_longest_of_two_draws_of_a_coin():
    # Both short in one case of four: 10 / 4 + 100 x 3 / 4
    assert longest_of(COIN, 2) == pytest.approx(77.5)
    assert longest_of(COIN, 1) == pytest.approx(55.0)


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_larger_batch_never_ends_sooner(a, b):
    few, many = sorted((a, b))

    assert longest_of(COIN, few) <= longest_of(COIN, many) + 1e-9 <= 100.0 + 1e-6


def test_the_longest_draw_agrees_with_a_simulation():
    rng = np.random.default_rng(0)
    lengths = [(float(k), 1 / 50) for k in range(1, 51)]
    drawn = rng.integers(1, 51, size=(20_000, 8)).max(axis=1).mean()

    assert longest_of(lengths, 8) == pytest.approx(drawn, rel=0.005)


def test_equal_outputs_waste_nothing(catalog):
    """Outputs of one length cost less than outputs of the same mean that differ."""
    spec = spec_of(catalog, "fp8", 1)

    equal, mixed = (static_cost(spec, o, 0.0, 0.8) for o in ([(55.0, 1.0)], COIN))

    assert equal < mixed


def test_a_static_batch_at_half_the_speed_costs_twice_as_much(catalog):
    spec = spec_of(catalog, "fp8", 1)

    full, half = (static_cost(spec, COIN, 0.2, share) for share in (1.0, 0.5))

    assert half == pytest.approx(2.0 * full)


def test_a_prefix_cache_never_makes_a_static_batch_dearer(catalog):
    spec = spec_of(catalog, "fp8", 2)

    assert static_cost(spec, COIN, 0.2, 0.8) < static_cost(spec, COIN, 0.0, 0.8)


def test_a_plan_without_allocations_has_no_cost_per_request():
    with pytest.raises(ValueError, match="empty"):
        continuous_cost(plan(1.0))
