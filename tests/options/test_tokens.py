"""API tokens: what a request costs, by hand, and which offers may serve a workload."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.demand.grid import time_grid
from planner.options.quality import QualityBook
from planner.options.tokens import token_supply
from planner.problem.schema import Problem
from tests.options.world import catalog, lengths, problem, row, workload

TTFT = {"metric": "ttft_ms", "percentile": 99, "limit": 500}
TPOT = {"metric": "tpot_ms", "percentile": "mean", "limit": 50}


def supply(*offers, asked=None, sections=None, distribution="short", scores=()):
    facts = catalog(api_offers=list(offers) or [row("api_offers")], quality=list(scores))
    whole: Problem = problem(asked or workload(), **(sections or {}))
    chat = whole.workloads[0]
    return token_supply(
        chat,
        lengths() if distribution == "short" else distribution,
        whole,
        catalog=facts,
        grid=time_grid(whole),
        book=QualityBook(facts.quality, facts.quantizations, chat.quality_scores),
    )


def by_period(prices):
    """Return the price of every period; it has to be the same at all hours."""
    assert all(len(set(blocks)) == 1 for blocks in prices)
    return tuple(blocks[0] for blocks in prices)


def test_request_costs_its_input_and_output_tokens():
    # 1,000 x 0.5 + 100 x 1.5 = 650 USD per million requests.
    assert by_period(supply().usable[0].usd_per_request) == pytest.approx((650e-6,))


def test_cached_input_is_charged_at_its_own_price():
    asked = workload(prefix_cache={"hit_rate": 0.4})
    offer = row("api_offers", cached_input_usd_per_mtok=0.1)

    # 600 x 0.5 + 400 x 0.1 + 100 x 1.5 = 490.
    assert by_period(supply(offer, asked=asked).usable[0].usd_per_request) == pytest.approx(
        (490e-6,)
    )


def test_without_a_cached_price_hits_save_nothing():
    asked = workload(prefix_cache={"hit_rate": 0.4})

    assert by_period(supply(asked=asked).usable[0].usd_per_request) == pytest.approx((650e-6,))


def test_mean_lengths_are_charged():
    spread = lengths(isl=(500.0, 1500.0), osl=(50.0, 150.0))

    assert by_period(supply(distribution=spread).usable[0].usd_per_request) == pytest.approx(
        (650e-6,)
    )


def test_token_factors_scale_what_is_charged():
    asked = workload(token_factors={"model-a": {"isl": 1.2, "osl": 2.0}})

    option = supply(asked=asked).usable[0]

    assert (option.input_tokens, option.output_tokens) == (1200, 200)
    assert by_period(option.usd_per_request) == pytest.approx((900e-6,))  # 1,200 x 0.5 + 200 x 1.5


def test_every_period_has_its_own_price_and_date():
    sections = {"horizon": {"start": "2027-01", "periods": 2, "months_per_period": 3}}
    offers = [
        row("api_offers", valid_to="2027-04"),
        row("api_offers", valid_from="2027-04", output_usd_per_mtok=0.5, as_of="2026-12-01"),
    ]

    option = supply(*offers, sections=sections).usable[0]

    assert by_period(option.usd_per_request) == pytest.approx((650e-6, 550e-6))
    assert [option.price_date_at(t) for t in (0, 1)] == ["2026-06-01", "2026-12-01"]


def test_offer_that_ends_within_the_horizon_is_rejected():
    sections = {"horizon": {"start": "2027-01", "periods": 2, "months_per_period": 3}}

    found = supply(row("api_offers", valid_to="2027-03"), sections=sections)

    assert found.usable == ()
    assert found.rejections[0].reason == "no_price"
    assert "ends on 2027-03" in found.rejections[0].detail


def test_unstated_latency_is_unproven_and_kept_as_an_alternative():
    found = supply(asked=workload(slo=[TTFT]))

    assert found.usable == ()
    assert len(found.unproven) == 1
    assert found.rejections[0].reason == "latency_unproven"
    assert "supply.api_latency: assume_met" in found.rejections[0].detail


def test_unstated_latency_may_be_assumed_and_is_marked():
    found = supply(asked=workload(slo=[TTFT]), sections={"supply": {"api_latency": "assume_met"}})

    assert found.usable[0].assumed_latency
    assert found.rejections == ()


def test_work_without_limits_needs_no_stated_latency():
    assert not supply(asked=workload()).usable[0].assumed_latency


@pytest.mark.parametrize(("ttft_ms", "is_usable"), [(500, True), (501, False)])
def test_stated_latency_is_compared_with_the_limit(ttft_ms, is_usable):
    found = supply(row("api_offers", ttft_p99_ms=ttft_ms), asked=workload(slo=[TTFT]))

    assert bool(found.usable) == is_usable
    assert [r.reason for r in found.rejections] == ([] if is_usable else ["latency"])


def test_stated_p99_covers_the_mean():
    found = supply(row("api_offers", tpot_p99_ms=50), asked=workload(slo=[TPOT]))

    assert not found.usable[0].assumed_latency


def test_stated_p99_does_not_cover_a_higher_percentile():
    tail = TTFT | {"percentile": 99.9}

    found = supply(row("api_offers", ttft_p99_ms=1), asked=workload(slo=[tail]))

    assert found.usable == ()
    assert found.rejections[0].reason == "latency_unproven"


def test_one_stated_and_one_unstated_limit_is_unproven():
    found = supply(row("api_offers", ttft_p99_ms=1), asked=workload(slo=[TTFT, TPOT]))

    assert len(found.unproven) == 1


def test_broken_limit_is_not_assumed_met():
    found = supply(
        row("api_offers", ttft_p99_ms=900),
        asked=workload(slo=[TTFT, TPOT]),
        sections={"supply": {"api_latency": "assume_met"}},
    )

    assert found.usable == found.unproven == ()


@pytest.mark.parametrize("residency", ["on_prem_only", ["north"]])
def test_residency_excludes_tokens(residency):
    found = supply(asked=workload(residency=residency))

    assert found.rejections[0].reason == "residency"


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"supply": {"providers": ["cloud"]}}, "provider"),
        ({"supply": {"max_price_age_days": 30}}, "price_age"),
    ],
)
def test_supply_excludes_offers_with_the_reason(sections, reason):
    assert supply(sections=sections).rejections[0].reason == reason


def test_nothing_is_offered_when_tokens_are_not_asked_for():
    found = supply(sections={"supply": {"tenures": ["on_demand"]}})

    assert (found.usable, found.rejections) == ((), ())


def test_nothing_is_offered_without_lengths():
    assert supply(distribution=None).usable == ()


def test_other_models_are_not_offered():
    found = supply(
        row("api_offers", model="model-b"), sections={"candidates": {"models": ["model-a"]}}
    )

    assert (found.usable, found.rejections) == ((), ())


def test_batches_do_not_serve_work_that_cannot_wait():
    found = supply(row("api_offers", mode="batch", input_usd_per_mtok=0.25))

    assert found.usable == found.unproven == ()
    assert [(r.reason, r.subject) for r in found.rejections] == [
        ("batch", "tokens:a/model-a:batch")
    ]
    assert "may take 24 h" in found.rejections[0].detail


@pytest.mark.parametrize(
    ("window_h", "share", "is_usable"), [(24.0, 1.0, True), (23.9, 1.0, False), (48.0, 0.5, False)]
)
def test_batches_serve_work_of_which_all_may_wait_a_day(window_h, share, is_usable):
    facts = catalog(api_offers=[row("api_offers", mode="batch", input_usd_per_mtok=0.25)])
    whole = problem(workload(slo=[]))
    waiting = SimpleNamespace(window_h=window_h, share=share)
    stream = whole.workloads[0].model_copy(update={"deferrable": waiting})

    found = token_supply(
        stream,
        lengths(),
        whole,
        catalog=facts,
        grid=time_grid(whole),
        book=QualityBook(facts.quality, facts.quantizations, stream.quality_scores),
    )

    # 1,000 x 0.25 + 100 x 1.5 = 400 USD per million requests.
    usd = [by_period(option.usd_per_request) for option in found.usable]
    assert usd == ([pytest.approx((400e-6,))] if is_usable else [])
    assert {option.mode for option in found.usable} <= {"batch"}


def test_quality_is_the_bf16_score_unless_a_format_is_stated():
    scores = [row("quality", score=0.8), row("quality", score=0.6, quantization="fp8")]
    asked = workload(quality=[{"benchmark": "mmlu", "min_score": 0.7}])
    offers = [row("api_offers"), row("api_offers", model_ref="a/fast", quantization="fp8")]

    found = supply(*offers, asked=asked, scores=scores)

    assert [o.quality for o in found.usable] == [(("mmlu", 0.8),)]
    assert [r.reason for r in found.rejections] == ["quality"]


@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_more_hits_never_cost_more_when_cached_input_is_cheaper(first, second):
    low, high = sorted((first, second))
    offer = row("api_offers", cached_input_usd_per_mtok=0.1)
    usd = [
        supply(offer, asked=workload(prefix_cache={"hit_rate": rate}))
        .usable[0]
        .usd_per_request[0][0]
        for rate in (low, high)
    ]

    assert usd[1] <= usd[0] * (1 + 1e-12)
