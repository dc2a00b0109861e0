"""Quality floors with hand-computed scores: absolute, relative, estimated, brought, missing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.options.quality import QualityBook
from planner.problem.schema import QualityFloor, QualityScoreOverride
from tests.options.world import fp8, row

FORMATS = [row("quantizations"), fp8()]


def score(model="model-a", value=0.8, **changes):
    return row("quality", model=model, score=value, **changes)


def losses(values, benchmark="mmlu"):
    """Return pairs of bf16 0.5 and fp8 0.5 (1 - loss) of as many models."""
    rows = []
    for i, loss in enumerate(values):
        for quantization, value in (("bf16", 0.5), ("fp8", 0.5 * (1 - loss))):
            name = f"{benchmark}-{i}"
            rows.append(
                score(name, value, quantization=quantization, benchmark=benchmark, evaluator="lab")
            )
    return rows


def absolute(least, benchmark="mmlu"):
    return QualityFloor(benchmark=benchmark, min_score=least)


def relative(ratio, reference="model-a"):
    return QualityFloor(benchmark="mmlu", min_relative=ratio, reference=reference)


def test_absolute_floor_is_met_at_exactly_the_score():
    book = QualityBook([score(value=0.8)], FORMATS)

    assert book.verdict(absolute(0.8), "model-a", "bf16").passed
    assert not book.verdict(absolute(0.8001), "model-a", "bf16").passed


def test_relative_floor_compares_with_bf16_of_the_reference():
    book = QualityBook([score(value=0.8), score("model-b", 0.76)], FORMATS)

    assert book.verdict(relative(0.95), "model-b", "bf16").passed
    assert not book.verdict(relative(0.96), "model-b", "bf16").passed


def test_missed_floor_tells_floor_over_score():
    book = QualityBook([score(value=0.8), score("model-b", 0.4)], FORMATS)

    verdict = book.verdict(relative(1.0), "model-b", "bf16")

    assert verdict.reason == "quality"
    assert verdict.shortfall == pytest.approx(2.0)


def test_reference_passes_against_itself_and_is_proven():
    verdict = QualityBook([score()], FORMATS).verdict(relative(1.0), "model-a", "bf16")

    assert verdict.passed
    assert not verdict.unproven


def test_scores_of_two_evaluators_never_enter_one_ratio():
    rows = [score(value=0.8, evaluator="acme"), score("model-b", 0.9, evaluator="other")]

    verdict = QualityBook(rows, FORMATS).verdict(relative(0.9), "model-b", "bf16")

    assert not verdict.passed
    assert verdict.reason == "quality_missing"
    assert "by an evaluator who also scored model-a (acme)" in verdict.detail


def test_of_two_shared_evaluators_the_worse_ratio_counts():
    rows = [
        score(value=0.8, evaluator="acme"),
        score(value=0.5, evaluator="other"),
        score("model-b", 0.8, evaluator="acme"),
        score("model-b", 0.4, evaluator="other"),
    ]

    verdict = QualityBook(rows, FORMATS).verdict(relative(0.9), "model-b", "bf16")

    assert not verdict.passed
    assert verdict.score.value == 0.4


def test_absolute_floor_takes_the_lowest_evaluator():
    rows = [score(value=0.8, evaluator="acme"), score(value=0.7, evaluator="other")]

    assert not QualityBook(rows, FORMATS).verdict(absolute(0.75), "model-a", "bf16").passed


def test_missing_bf16_score_rejects_and_names_the_row_to_add():
    verdict = QualityBook([score()], FORMATS).verdict(absolute(0.1), "model-b", "bf16")

    assert not verdict.passed
    assert verdict.reason == "quality_missing"
    assert "(model=model-b, quantization=bf16, benchmark=mmlu)" in verdict.detail


def test_missing_reference_score_names_the_reference():
    verdict = QualityBook([score()], FORMATS).verdict(relative(0.5, "model-c"), "model-a", "bf16")

    assert verdict.reason == "quality_missing"
    assert "score of model-c in bf16 the reference" in verdict.detail


def test_loss_is_the_upper_quartile_on_the_benchmark():
    book = QualityBook(losses([0.0, 0.01, 0.02, 0.03, 0.04]), FORMATS)

    assert book.loss("fp8", "mmlu") == pytest.approx(0.03)


def test_four_losses_on_the_benchmark_fall_back_on_all_benchmarks():
    rows = [*losses([0.0, 0.0, 0.0, 0.0]), *losses([0.1, 0.1, 0.1, 0.1], benchmark="ifeval")]

    # The 8 losses are four times 0 and four times 0.1; position 5.25 of them is 0.1.
    assert QualityBook(rows, FORMATS).loss("fp8", "mmlu") == pytest.approx(0.1)


def test_five_losses_on_the_benchmark_ignore_the_other_benchmarks():
    rows = [*losses([0.0] * 5), *losses([0.1] * 9, benchmark="ifeval")]

    assert QualityBook(rows, FORMATS).loss("fp8", "mmlu") == 0.0


def test_four_losses_in_all_are_too_few():
    book = QualityBook([*losses([0.0] * 4), score()], FORMATS)

    assert book.loss("fp8", "mmlu") is None
    assert book.verdict(absolute(0.1), "model-a", "fp8").reason == "quality_missing"


@given(st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=12))
def test_loss_is_never_negative(values):
    assert QualityBook(losses(values), FORMATS).loss("fp8", "mmlu") >= 0.0


@given(st.lists(st.floats(-0.2, 0.9), min_size=5, max_size=12))
def test_estimate_never_exceeds_the_bf16_score(values):
    book = QualityBook([*losses(values), score(value=0.8)], FORMATS)

    assert book.score("model-a", "fp8", "mmlu").value <= 0.8


def test_formats_of_other_groups_share_no_losses():
    formats = [*FORMATS, fp8(id="fp8-kv8", quality_group="fp8_kv8")]
    book = QualityBook(losses([0.1] * 5), formats)

    assert book.loss("fp8-kv8", "mmlu") is None


def test_estimated_score_is_bf16_less_the_loss_and_says_so():
    book = QualityBook([*losses([0.1] * 5), score(value=0.8)], FORMATS)

    found = book.score("model-a", "fp8", "mmlu")

    assert found.value == pytest.approx(0.72)
    assert found.evidence == "estimated"


def test_measured_score_wins_over_an_estimate():
    rows = [*losses([0.1] * 5), score(value=0.8), score(value=0.79, quantization="fp8")]

    found = QualityBook(rows, FORMATS).score("model-a", "fp8", "mmlu")

    assert (found.value, found.evidence) == (0.79, "measured")


def test_estimated_score_is_refused_when_measured_ones_are_asked_for():
    book = QualityBook([*losses([0.0] * 5), score()], FORMATS, evidence="measured")

    verdict = book.verdict(absolute(0.1), "model-a", "fp8")

    assert not verdict.passed
    assert verdict.reason == "quality_missing"
    assert "measured scores only" in verdict.detail


def test_measured_score_passes_when_measured_ones_are_asked_for():
    book = QualityBook([score()], FORMATS, evidence="measured")

    assert book.verdict(absolute(0.1), "model-a", "bf16").passed


def test_pass_within_two_standard_errors_is_unproven():
    # Standard error of 0.8 over 10,000 questions: sqrt(0.8 x 0.2 / 10,000) = 0.004.
    book = QualityBook([score(value=0.8, questions=10_000)], FORMATS)

    assert book.verdict(absolute(0.793), "model-a", "bf16").unproven
    assert not book.verdict(absolute(0.791), "model-a", "bf16").unproven


def test_standard_error_is_binomial():
    found = QualityBook([score(value=0.8, questions=100)], FORMATS).score(
        "model-a", "bf16", "mmlu"
    )

    assert found.standard_error == pytest.approx(math.sqrt(0.16 / 100))


def test_pass_with_unknown_number_of_questions_is_unproven():
    book = QualityBook([score(value=0.8, questions=None)], FORMATS)

    assert book.verdict(absolute(0.1), "model-a", "bf16").unproven


def test_score_of_the_problem_replaces_the_catalogue_and_is_assumed():
    brought = QualityScoreOverride(model="model-a", benchmark="mmlu", score=0.6)
    book = QualityBook([score(value=0.8)], FORMATS, [brought])

    found = book.score("model-a", "bf16", "mmlu")

    assert (found.value, found.evidence) == (0.6, "assumed")


def test_assumed_score_is_refused_when_measured_ones_are_asked_for():
    brought = QualityScoreOverride(model="model-a", benchmark="mmlu", score=0.9)
    book = QualityBook([], FORMATS, [brought], evidence="measured")

    assert not book.verdict(absolute(0.5), "model-a", "bf16").passed


def test_assumed_score_never_meets_a_catalogue_score_in_one_ratio():
    brought = QualityScoreOverride(model="model-b", benchmark="mmlu", score=0.9)
    book = QualityBook([score(value=0.8)], FORMATS, [brought])

    assert book.verdict(relative(0.5), "model-b", "bf16").reason == "quality_missing"


def test_differing_settings_are_told():
    rows = [score(setting="5-shot"), score("model-b", 0.9, setting="0-shot")]

    detail = QualityBook(rows, FORMATS).verdict(relative(0.5), "model-b", "bf16").detail

    assert "settings differ (0-shot / 5-shot)" in detail


@given(st.floats(0.05, 1.0), st.floats(0.05, 1.0), st.floats(0.0, 0.5))
def test_lower_floor_never_fails_what_a_higher_one_passes(value, floor, less):
    book = QualityBook([score(value=value)], FORMATS)
    high = book.verdict(absolute(floor), "model-a", "bf16").passed

    low = book.verdict(absolute(max(floor - less, 0.0)), "model-a", "bf16").passed

    assert low or not high
