"""Floors on the average: which options stay, what they count, and what pruning must not drop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.options.build import build_options
from planner.options.prune import prune
from planner.options.quality import QualityBook
from planner.problem.schema import QualityFloor
from tests.options.world import catalog, demand, fp8, loaded, problem, row, workload
from tests.worlds import capacity, option

AVERAGE = {"benchmark": "mmlu", "min_score": 0.7, "over": "average"}
MODELS = [row("models"), row("models", id="model-b", family="b")]


def book(*scores, evidence="any"):
    return QualityBook(scores, [row("quantizations"), fp8()], (), evidence)


def floors(*stated):
    return [QualityFloor.model_validate(f) for f in stated]


def options_with(*stated, quality=(), api=()):
    asked = problem(workload(quality=list(stated)), candidates={"tensor_parallel": [1]})
    facts = catalog(
        models=MODELS,
        quality=[row("quality"), *quality],
        api_offers=[row("api_offers"), *api],
        quantizations=[row("quantizations")],
        format_support=[row("format_support")],
    )
    return build_options(loaded(asked), facts, demand(asked))


def test_a_low_score_refuses_no_option_and_counts():
    low = row("quality", model="model-b", score=0.4)

    found = options_with(AVERAGE, quality=[low])

    # The better of two equally fast models makes the other pointless.
    assert [o.model for o in found.options] == ["model-a"]
    assert [o.model for o in found.dominated] == ["model-b"]
    counted = {c.option_id.split("/")[0]: c.averaged for c in found.capacities}
    assert counted == {"model-a": (0.8,), "model-b": (0.4,)}


def test_an_unknown_score_refuses_and_names_the_row_to_add():
    found = options_with(AVERAGE)

    reasons = {r.detail for r in found.rejections if r.subject.startswith("model-b")}
    assert {o.model for o in found.options} == {"model-a"}
    assert {r.reason for r in found.rejections if r.subject.startswith("model-b")} == {
        "quality_missing"
    }
    assert any(
        "add a row (model=model-b, quantization=bf16, benchmark=mmlu)" in r for r in reasons
    )


def test_a_floor_on_each_model_still_refuses_beside_one_on_the_average():
    low = row("quality", model="model-b", score=0.4)
    each = {"benchmark": "mmlu", "min_score": 0.5}

    found = options_with(AVERAGE, each, quality=[low])

    assert {o.model for o in found.options} == {"model-a"}
    assert {r.reason for r in found.rejections if r.subject.startswith("model-b")} == {"quality"}


def test_tokens_count_the_score_of_their_model():
    low = row("quality", model="model-b", score=0.4)
    offer = row("api_offers", model="model-b", model_ref="b/model-b")

    found = options_with(AVERAGE, quality=[low], api=[offer])

    assert {a.model: a.averaged for a in found.api} == {"model-a": (0.8,), "model-b": (0.4,)}


def test_a_relative_floor_counts_shares_of_scores_by_one_evaluator():
    scores = (
        row("quality", score=0.8),
        row("quality", score=0.9, evaluator="other"),
        row("quality", model="model-b", score=0.6),
    )
    asked = floors(
        {"benchmark": "mmlu", "min_relative": 0.9, "reference": "model-a", "over": "average"}
    )

    assert book(*scores).averaged(asked, "model-b", "bf16") == (pytest.approx(0.75),)
    assert book(*scores).averaged(asked, "model-a", "bf16") == (1.0,)


def test_an_unmeasured_score_is_refused_where_only_measured_ones_are_allowed():
    measured = book(row("quality"), evidence="measured")
    asked = floors(AVERAGE)
    losses = [
        row("quality", model=f"m{i}", quantization=q, score=s)
        for i in range(5)
        for q, s in (("bf16", 0.8), ("fp8", 0.79))
    ]

    assert book(row("quality"), *losses).refusal(asked, "model-a", "fp8") is None
    refused = book(row("quality"), *losses, evidence="measured").refusal(asked, "model-a", "fp8")
    assert (refused.reason, measured.refusal(asked, "model-a", "bf16")) == (
        "quality_missing",
        None,
    )


def test_a_faster_option_of_a_lower_score_dominates_nothing():
    options = [option("good"), option("fast")]
    rates = [capacity("w", "good", 1.0), capacity("w", "fast", 2.0)]

    def kept(good, fast):
        scored = [replace(rates[0], averaged=(good,)), replace(rates[1], averaged=(fast,))]
        return [o.id for o in prune(options, scored, same_model_only=False)[0]]

    assert kept(0.9, 0.8) == ["good", "fast"]
    assert kept(0.8, 0.8) == ["fast"]
