"""Length distributions: exact means, percentiles that are hit, histograms that keep them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from planner.catalog.schema import LengthCell
from planner.demand.lengths import (
    from_histogram,
    histogram_notes,
    independent,
    marginal_atoms,
    percentile_tokens,
)
from planner.problem.schema import Lengths, Marginal

P1_ISL = Marginal(mean=1155, p50=1020, p95=4083, p99=4142, max=14050)
P1_OSL = Marginal(mean=211, p50=129, p95=451, p99=601, max=1000)


def cells(*rows):
    return [
        LengthCell(
            source="a test",
            as_of="2026",
            lengths="h",
            cell=i,
            isl_tokens=isl,
            osl_tokens=osl,
            probability=p,
        )
        for i, (isl, osl, p) in enumerate(rows)
    ]


@pytest.mark.parametrize("marginal", [P1_ISL, P1_OSL], ids=["prompts", "outputs"])
def test_mean_of_the_chat_lengths_is_exact(marginal):
    tokens, weight = marginal_atoms(marginal)

    assert tokens @ weight == pytest.approx(marginal.mean, rel=1e-12)


@pytest.mark.parametrize("marginal", [P1_ISL, P1_OSL], ids=["prompts", "outputs"])
@pytest.mark.parametrize(("name", "share"), [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)])
def test_stated_percentiles_separate_the_atoms(marginal, name, share):
    tokens, weight = marginal_atoms(marginal)

    stated = getattr(marginal, name)

    assert weight[tokens <= stated].sum() == pytest.approx(share)


def test_no_request_is_longer_than_the_maximum():
    tokens, _ = marginal_atoms(P1_ISL)

    assert tokens.max() <= 14050


def test_a_marginal_with_a_mean_only_is_one_length():
    tokens, weight = marginal_atoms(Marginal(mean=300))

    assert tokens.tolist() == [300.0]
    assert weight.tolist() == [1.0]


def test_a_mean_in_the_middle_of_a_segment_makes_it_uniform():
    # One segment from 1 to 101 and mean 51: the exponent is 1, atoms are midpoints of eighths.
    tokens, weight = marginal_atoms(Marginal(mean=51, max=101))

    assert tokens == pytest.approx(1 + 100 * (np.arange(8) + 0.5) / 8)
    assert weight == pytest.approx(np.full(8, 1 / 8))


def test_a_mean_at_the_upper_end_puts_every_request_there():
    tokens, _ = marginal_atoms(Marginal(mean=100, max=100))

    assert tokens == pytest.approx(np.full(8, 100.0))


def test_lengths_of_one_token_are_possible():
    tokens, weight = marginal_atoms(Marginal(mean=1, max=1))

    assert tokens @ weight == pytest.approx(1.0)


def test_mean_range_of_the_chat_prompts_by_hand():
    low, high = P1_ISL.mean_range_tokens

    assert low == pytest.approx(0.5 * 1 + 0.45 * 1020 + 0.04 * 4083 + 0.01 * 4142)
    assert high == pytest.approx(0.5 * 1020 + 0.45 * 4083 + 0.04 * 4142 + 0.01 * 14050)


@pytest.mark.parametrize("mean", [10.0, 13_000.0])
def test_a_mean_outside_its_range_is_refused_with_the_range(mean):
    marginal = P1_ISL.model_copy(update={"mean": mean})

    with pytest.raises(ValueError, match=rf"mean {mean:g} cannot be reached: .* 664 to 2654"):
        marginal_atoms(marginal)


def test_a_mean_above_the_upper_end_by_rounding_only_is_accepted():
    marginal = Marginal(mean=7795.557500000001, p50=1, p95=15410.75, p99=15410.75, max=24379)

    tokens, weight = marginal_atoms(marginal)

    assert tokens @ weight == pytest.approx(7795.5575)


@st.composite
def feasible_marginals(draw):
    p50, p95, p99, longest = sorted(draw(st.lists(st.floats(1, 1e5), min_size=4, max_size=4)))
    bare = Marginal(mean=1.0, p50=p50, p95=p95, p99=p99, max=longest)
    low, high = bare.mean_range_tokens
    assume(high - low > 1e-3)
    mean = low + (high - low) * draw(st.floats(0.01, 1.0))
    return bare.model_copy(update={"mean": mean})


@given(feasible_marginals())
def test_any_reachable_mean_is_exact(marginal):
    tokens, weight = marginal_atoms(marginal)

    assert weight.sum() == pytest.approx(1.0)
    assert tokens @ weight == pytest.approx(marginal.mean, rel=1e-9)


@given(feasible_marginals())
def test_lengths_rise_with_their_rank_and_stay_in_range(marginal):
    tokens, _ = marginal_atoms(marginal)

    assert np.all(np.diff(tokens) >= -1e-9 * tokens[1:])
    assert tokens.min() >= 1.0 - 1e-9
    assert tokens.max() <= marginal.max * (1 + 1e-12)


@given(feasible_marginals())
def test_no_more_than_the_stated_share_lies_above_a_percentile(marginal):
    tokens, weight = marginal_atoms(marginal)

    for share, stated in ((0.5, marginal.p50), (0.95, marginal.p95), (0.99, marginal.p99)):
        assert weight[tokens > stated * (1 + 1e-9)].sum() <= 1 - share + 1e-9


def test_two_marginals_are_independent():
    both = independent(Marginal(mean=51, max=101), Marginal(mean=3, max=5))

    mean_product = (both.isl_tokens * both.osl_tokens) @ both.probability

    assert both.probability.sum() == pytest.approx(1.0)
    assert (both.isl_mean_tokens, both.osl_mean_tokens) == pytest.approx((51, 3))
    assert mean_product == pytest.approx(51 * 3)


def test_a_histogram_without_stated_means_is_taken_as_it_is():
    found = from_histogram(cells((100, 10, 0.25), (200, 20, 0.75)), None, None)

    assert found.isl_tokens.tolist() == [100.0, 200.0]
    assert found.probability.tolist() == [0.25, 0.75]
    assert found.isl_mean_tokens == 175.0


def test_a_histogram_is_scaled_to_each_stated_mean():
    found = from_histogram(cells((100, 10, 0.5), (300, 20, 0.5)), 400, None)

    assert found.isl_tokens.tolist() == [200.0, 600.0]
    assert found.osl_tokens.tolist() == [10.0, 20.0]


def test_shares_that_do_not_sum_to_one_are_normalised():
    found = from_histogram(cells((100, 10, 0.2), (200, 20, 0.2)), None, None)

    assert found.probability.tolist() == [0.5, 0.5]


def test_scaling_down_keeps_the_mean_although_no_request_is_shorter_than_a_token():
    found = from_histogram(cells((100, 2, 0.5), (100, 18, 0.5)), None, 2)

    # Halving twice over would give 0.4 and 3.6; the short ones stay at 1, the rest give way.
    assert found.osl_tokens.tolist() == pytest.approx([1.0, 3.0])
    assert found.osl_mean_tokens == pytest.approx(2.0)


@given(
    st.lists(
        st.tuples(st.floats(1, 1e5), st.floats(1, 1e4), st.floats(0.01, 1)), min_size=1, max_size=6
    ),
    st.floats(1, 1e5),
)
def test_stated_means_of_a_histogram_always_win(rows, mean):
    found = from_histogram(cells(*rows), mean, mean)

    assert found.isl_tokens.min() >= 1.0 - 1e-9
    if mean > 1.0 + 1e-6:
        assert found.isl_mean_tokens == pytest.approx(mean, rel=1e-6)
        assert found.osl_mean_tokens == pytest.approx(mean, rel=1e-6)


def test_percentile_is_the_smallest_length_that_covers_it():
    tokens = np.array([30.0, 10.0, 20.0])
    weight = np.array([0.2, 0.5, 0.3])

    assert percentile_tokens(tokens, weight, 50) == 10.0
    assert percentile_tokens(tokens, weight, 50.1) == 20.0
    assert percentile_tokens(tokens, weight, 80) == 20.0
    assert percentile_tokens(tokens, weight, 99) == 30.0


def test_percentiles_that_the_histogram_does_not_show_are_named():
    lengths = Lengths(isl_tokens=Marginal(mean=100, p50=100, p95=500, p99=600, max=700), joint="h")
    found = from_histogram(cells((100, 10, 1.0)), 100, None)

    assert histogram_notes(lengths, found) == [
        "lengths.isl_tokens.p95 is stated as 500, the histogram has 100; the plan uses the "
        "histogram",
        "lengths.isl_tokens.p99 is stated as 600, the histogram has 100; the plan uses the "
        "histogram",
    ]


def test_percentiles_close_to_the_histogram_need_no_note():
    lengths = Lengths(osl_tokens=Marginal(mean=10, p50=11, max=20), joint="h")

    assert histogram_notes(lengths, from_histogram(cells((1, 10, 1.0)), None, 10)) == []
