"""The floors of the chatbot problem on the shipped catalogue."""

from __future__ import annotations

import pytest

from planner.options.quality import QualityBook
from planner.problem.schema import QualityFloor
from tests.options.world import shipped

REFERENCE = "llama-3.3-70b-instruct"


@pytest.fixture(scope="module")
def book():
    return QualityBook(shipped().quality, shipped().quantizations)


def floor(benchmark):
    return QualityFloor(benchmark=benchmark, min_relative=0.99, reference=REFERENCE)


@pytest.mark.parametrize("benchmark", ["mmlu_pro", "ifeval"])
def test_70b_in_fp8_passes_unproven_on_an_estimate(book, benchmark):
    verdict = book.verdict(floor(benchmark), REFERENCE, "fp8")

    assert verdict.passed
    assert verdict.unproven
    assert verdict.score.evidence == "estimated"


@pytest.mark.parametrize(
    ("model", "quantization", "benchmark"),
    [
        (REFERENCE, "int4", "mmlu_pro"),
        (REFERENCE, "int4", "ifeval"),
        ("llama-3.1-8b-instruct", "bf16", "mmlu_pro"),
        ("llama-3.1-8b-instruct", "fp8", "mmlu_pro"),
        ("llama-3.1-405b-instruct", "bf16", "ifeval"),
        ("llama-3.1-405b-instruct", "fp8", "ifeval"),
    ],
)
def test_these_fail_the_floor(book, model, quantization, benchmark):
    verdict = book.verdict(floor(benchmark), model, quantization)

    assert not verdict.passed
    assert verdict.reason == "quality"


def test_405b_passes_mmlu_pro(book):
    assert book.verdict(floor("mmlu_pro"), "llama-3.1-405b-instruct", "bf16").passed


def test_fp8_is_refused_when_measured_scores_are_asked_for():
    book = QualityBook(shipped().quality, shipped().quantizations, evidence="measured")

    assert book.verdict(floor("mmlu_pro"), REFERENCE, "bf16").passed
    assert not book.verdict(floor("mmlu_pro"), REFERENCE, "fp8").passed
