"""The measure of risk by hand, and joint programs of a few columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.milp.bridge import Arrays
from planner.milp.highs import solve_arrays
from planner.milp.joint import Part, Risk, Tie, join
from planner.milp.records import SolverSettings

EXACT = SolverSettings(gap=0.0)


def newsvendor(needed, probability, usd=1.0):
    """Buy x whole units at 2 now, or more at 5 later, until `needed` are there."""
    arrays = Arrays(
        ("B_0_0", "N_0_0_0"),
        ("demand",),
        cost=np.array([2.0, 5.0]),
        lower=np.zeros(2),
        upper=np.full(2, np.inf),
        integer=np.ones(2, dtype=bool),
        row_lower=np.array([needed]),
        row_upper=np.array([np.inf]),
        start=np.array([0, 2], dtype=np.int32),
        index=np.array([0, 1], dtype=np.int32),
        value=np.ones(2),
    )
    return Part(arrays, usd, probability)


def bought(parts, risk, ties=None):
    every = tuple((s, 0) for s in range(len(parts)))
    joint = join(parts, [Tie(every)] if ties is None else ties, risk)
    outcome = solve_arrays(joint.arrays, EXACT)
    return outcome.values[joint.tied][0], outcome.bound * joint.money_unit_usd


def test_the_tail_is_a_mean_of_the_worst_share():
    risk = Risk(0.5, level=0.8)

    # The worst 0.2: all 0.1 of 30 and 0.1 of the 0.4 of 20.
    assert risk.cvar_usd([10.0, 20.0, 30.0], [0.5, 0.4, 0.1]) == pytest.approx(25.0)
    assert risk.measure_usd([10.0, 20.0, 30.0], [0.5, 0.4, 0.1]) == pytest.approx(
        0.5 * 16.0 + 0.5 * 25.0
    )


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(1, 9)), min_size=1, max_size=6),
    st.floats(0.0, 0.99),
)
def test_the_tail_is_between_the_mean_and_the_worst(rows, level):
    costs, weights = zip(*rows, strict=True)
    shares = [w / sum(weights) for w in weights]

    tail = Risk(1.0, level).cvar_usd(costs, shares)

    mean = float(np.dot(costs, shares))
    assert mean - 1e-6 <= tail <= max(costs) + 1e-6
    assert Risk(1.0, 0.0).cvar_usd(costs, shares) == pytest.approx(mean, abs=1e-6)


def test_shared_columns_weigh_the_cost_now_against_the_mean_cost_later():
    """Each unit costs 2 now, or 5 times the probability that it is needed later."""
    parts = [newsvendor(2.0, 0.7), newsvendor(6.0, 0.3)]

    amount, usd = bought(parts, Risk())

    # Units 3 to 6 are needed with probability 0.3: 1.5 later is less than 2 now.
    assert amount == 2
    assert usd == pytest.approx(2 * 2 + 0.3 * 4 * 5)


def test_weight_on_the_tail_buys_for_the_worst():
    parts = [newsvendor(2.0, 0.7), newsvendor(6.0, 0.3)]

    amount, usd = bought(parts, Risk(1.0, 0.7))

    assert amount == 6
    assert usd == pytest.approx(12.0)


def test_units_of_money_of_parts_do_not_matter():
    same = bought([newsvendor(2.0, 0.7), newsvendor(6.0, 0.3)], Risk(0.3, 0.7))
    cents = newsvendor(6.0, 0.3, usd=0.01)
    in_cents = Part(
        Arrays(**{f: getattr(cents.arrays, f) for f in cents.arrays.__slots__}
               | {"cost": 100 * cents.arrays.cost}), 0.01, 0.3)  # fmt: skip

    found = bought([newsvendor(2.0, 0.7), in_cents], Risk(0.3, 0.7))

    assert found == pytest.approx(same)


def test_what_a_part_does_not_have_is_not_bought():
    parts = [newsvendor(2.0, 0.7), newsvendor(6.0, 0.3)]

    amount, usd = bought(parts, Risk(), [Tie(((0, 0), (1, 0)), is_open=False)])

    assert amount == 0
    assert usd == pytest.approx(5 * (0.7 * 2 + 0.3 * 6))


def test_untied_parts_are_decided_apart():
    joint = join([newsvendor(2.0, 0.7), newsvendor(6.0, 0.3)], [], Risk())

    outcome = solve_arrays(joint.arrays, EXACT)

    assert outcome.bound == pytest.approx(0.7 * 4 + 0.3 * 12)
