"""Prices by the length of the prompt, by hand and against a fine numerical integral."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.lengths import independent, marginal_atoms
from planner.problem.schema import Marginal
from planner.verify.audit.tiers import tier_split
from tests.options.test_tokens import supply
from tests.options.world import catalog, lengths, problem, row, workload

LONG = {"prompt_from_tokens": 2_000, "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 3.0}
SPREAD = {"mean": 1500.0, "p50": 900.0, "p95": 4_000.0, "p99": 9_000.0, "max": 20_000.0}


def usd(*offers, **changes):
    """Return the price of a request that does not depend on time."""
    (blocks,) = supply(*offers, **changes).usable[0].usd_per_request
    return blocks[0]


def spread_workload(**changes):
    return workload(
        lengths={"isl_tokens": SPREAD, "osl_tokens": {"mean": 100.0}}, **changes
    )  # fmt: skip


def spread():
    return independent(Marginal(**SPREAD), Marginal(mean=100.0))


def test_each_request_pays_the_tier_of_its_own_prompt():
    pairs = lengths(isl=(1_000.0, 3_000.0), osl=(100.0, 200.0))

    # Half at 1,000 x 0.5 + 100 x 1.5 = 650, half at 3,000 x 1 + 200 x 3 = 3,600.
    assert usd(row("api_offers"), row("api_offers", **LONG), distribution=pairs) == pytest.approx(
        (650 + 3_600) / 2 * 1e-6
    )


def test_a_prompt_of_exactly_the_start_of_a_tier_pays_it():
    at = lengths(isl=(2_000.0,), osl=(100.0,))
    below = lengths(isl=(1_999.0,), osl=(100.0,))
    offers = (row("api_offers"), row("api_offers", **LONG))

    assert usd(*offers, distribution=at) == pytest.approx(2_300e-6)
    assert usd(*offers, distribution=below) == pytest.approx((999.5 + 150) * 1e-6)


def test_cached_input_has_the_price_of_its_tier():
    pairs = lengths(isl=(1_000.0, 3_000.0), osl=(0.0, 0.0))
    offers = (
        row("api_offers", cached_input_usd_per_mtok=0.1),
        row("api_offers", cached_input_usd_per_mtok=0.2, **LONG),
    )

    # 600 x 0.5 + 400 x 0.1 = 340;  1,800 x 1 + 1,200 x 0.2 = 2,040.
    found = usd(*offers, distribution=pairs, asked=workload(prefix_cache={"hit_rate": 0.4}))
    assert found == pytest.approx((340 + 2_040) / 2 * 1e-6)


def test_a_tier_without_a_cached_price_charges_hits_as_input():
    pairs = lengths(isl=(1_000.0, 3_000.0), osl=(0.0, 0.0))
    offers = (row("api_offers", cached_input_usd_per_mtok=0.1), row("api_offers", **LONG))

    found = usd(*offers, distribution=pairs, asked=workload(prefix_cache={"hit_rate": 0.4}))
    assert found == pytest.approx((340 + 3_000) / 2 * 1e-6)


def test_tiers_count_tokens_of_the_model():
    pairs = lengths(isl=(1_000.0, 1_500.0), osl=(0.0, 0.0))
    factors = {"model-a": {"isl": 1.5, "osl": 1.0}}

    # 1,500 stays below 2,000; 2,250 reaches it.
    found = usd(
        row("api_offers"), row("api_offers", **LONG), distribution=pairs,
        asked=workload(token_factors=factors),
    )  # fmt: skip
    assert found == pytest.approx((1_500 * 0.5 + 2_250 * 1.0) / 2 * 1e-6)


def test_the_share_of_longer_prompts_is_told():
    pairs = lengths(isl=(1_000.0, 3_000.0), osl=(100.0, 200.0))

    found = supply(row("api_offers"), row("api_offers", **LONG), distribution=pairs).usable[0]

    assert "50.000% of the requests pay the price of prompts from 2,000 on" in found.note


def test_no_offer_is_refused_for_its_tiers():
    found = supply(
        row("api_offers"),
        row("api_offers", **LONG),
        distribution=spread(),
        asked=spread_workload(),
    )

    assert len(found.usable) == 1
    assert found.rejections == ()


@pytest.mark.parametrize("mean", [1_000.0, 1_500.0, 2_400.0])
@pytest.mark.parametrize("start", [1.0, 300.0, 900.0, 3_000.0, 12_345.0, 20_000.0, 20_001.0])
def test_a_marginal_is_cut_exactly_where_a_tier_starts(start, mean):
    marginal = Marginal(**(SPREAD | {"mean": mean}))
    fine, weight = _fine(marginal)

    cut, shares = marginal_atoms(marginal, [start])

    assert cut @ shares == pytest.approx(mean)
    above, fine_above = cut >= start, fine >= start
    assert shares[above].sum() == pytest.approx(weight[fine_above].sum(), abs=1e-4)
    tokens = (cut * shares)[above].sum()
    assert tokens == pytest.approx((fine * weight)[fine_above].sum(), abs=0.5)


def _fine(marginal):
    """Return the quantile function in 800,000 slices."""
    low, high = marginal.mean_range_tokens
    power = (high - low) / (marginal.mean - low) - 1
    u = (np.arange(200_000) + 0.5) / 200_000
    segments = list(pairwise(marginal.knots))
    tokens = [lo + (hi - lo) * u**power for (_, lo), (_, hi) in segments]
    weights = [np.full(len(u), (q - p) / len(u)) for (p, _), (q, _) in segments]
    return np.concatenate(tokens), np.concatenate(weights)


@given(st.integers(2, 25_000), st.floats(1_000.0, 2_400.0), st.floats(0.5, 2.0))
def test_the_audit_splits_tokens_as_the_plan_does(start, mean, factor):
    marginal = SPREAD | {"mean": mean}
    asked = problem(
        workload(
            lengths={"isl_tokens": marginal, "osl_tokens": {"mean": 100.0}},
            token_factors={"model-a": {"isl": factor, "osl": 1.0}},
        )
    ).workloads[0]
    cut, shares = marginal_atoms(Marginal(**marginal), [start / factor])

    split = tier_split(asked, "model-a", catalog(), [0, start])

    above = cut >= start / factor
    due = (float((cut * shares)[above].sum()) / mean, float(shares[above].sum()))
    assert split[1] == pytest.approx(due, abs=1e-9)
    assert split[0] == pytest.approx((1 - due[0], 1 - due[1]), abs=1e-9)


@given(st.floats(1.0, 25_000.0), st.floats(1.0, 5.0))
def test_a_dearer_tier_never_makes_a_request_cheaper(start, factor):
    base = row("api_offers")
    long = row(
        "api_offers", prompt_from_tokens=int(start), input_usd_per_mtok=0.5 * factor,
        output_usd_per_mtok=1.5 * factor,
    )  # fmt: skip

    found = usd(base, long, distribution=spread(), asked=spread_workload())

    plain = usd(base, distribution=spread(), asked=spread_workload())
    assert plain * (1 - 1e-12) <= found <= plain * factor * (1 + 1e-12)
