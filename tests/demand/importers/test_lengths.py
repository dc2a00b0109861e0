"""Marginals and joint histograms of counted lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.importers.lengths import joint_cells, marginal
from planner.demand.importers.record import Traffic
from planner.problem.schema import Marginal


def traffic(pairs):
    isl, osl = np.array(pairs, dtype=float).T
    return Traffic(np.arange(len(isl), dtype=float), isl, osl, None, False)


def cells(pairs):
    return joint_cells(traffic(pairs), "chat", "own trace", "2026")


pairs = st.lists(
    st.tuples(st.integers(1, 200_000), st.integers(1, 20_000)), min_size=1, max_size=80
)


def test_upper_ends_belong_to_their_bucket():
    found = cells([(25, 25), (26, 25), (100, 26), (64_001, 8_001)])

    assert [(c.isl_tokens, c.osl_tokens) for c in found] == [
        (25, 25), (26, 25), (100, 26), (64_001, 8_001),
    ]  # fmt: skip


def test_a_cell_stands_for_the_means_of_its_own_requests():
    (cell,) = cells([(30, 10), (90, 20), (90, 24)])

    assert (cell.isl_tokens, cell.osl_tokens, cell.probability) == (70, 18, 1)


def test_cells_are_numbered_without_gaps_and_carry_their_provenance():
    found = cells([(1, 1), (5_000, 1), (5_000, 900)])

    assert [c.cell for c in found] == [0, 1, 2]
    assert {(c.lengths, c.source, c.as_of) for c in found} == {("chat", "own trace", "2026")}


@given(pairs=pairs)
def test_the_histogram_keeps_probability_and_both_means(pairs):
    found = cells(pairs)

    assert sum(c.probability for c in found) == pytest.approx(1)
    assert sum(c.probability * c.isl_tokens for c in found) == pytest.approx(
        np.mean([isl for isl, _ in pairs]), rel=1e-5
    )
    assert sum(c.probability * c.osl_tokens for c in found) == pytest.approx(
        np.mean([osl for _, osl in pairs]), rel=1e-5
    )


@given(pairs=pairs)
def test_a_counted_marginal_is_always_one_a_problem_accepts(pairs):
    figures = marginal(np.array([isl for isl, _ in pairs], dtype=float))

    assert Marginal(**figures).mean_is_reachable


@given(values=st.lists(st.integers(1, 50), min_size=1, max_size=200))
def test_percentiles_leave_at_most_their_share_above(values):
    figures = marginal(np.array(values, dtype=float))

    for percentile in (50, 95, 99):
        above = np.mean(np.array(values) > figures[f"p{percentile}"])
        assert above <= 1 - percentile / 100 + 1e-12
