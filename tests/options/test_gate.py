"""What a workload refuses before any capacity is asked."""

from __future__ import annotations

import pytest

from planner.options.candidates import Candidate
from planner.options.gate import Gate
from planner.options.quality import QualityBook
from planner.problem.schema import QualityScoreOverride, Workload
from tests.options.world import fp8, lengths, row, workload

MMLU = {"benchmark": "mmlu", "min_score": 0.7}
HUMAN = {"benchmark": "human", "min_score": 0.5}


def gate(scores=(), distribution=None, **changes):
    asked = Workload.model_validate(workload(**changes))
    book = QualityBook(scores, [row("quantizations"), fp8()], asked.quality_scores)
    return Gate(asked, lengths() if distribution is None else distribution, book)


def candidate(**model):
    return Candidate(
        row("models", **model),
        row("quantizations"),
        row("engines"),
        row("accelerators"),
        1,
        "bf16",
    )


def test_default_context_is_p99_prompt_plus_p99_output():
    asked = gate(distribution=lengths(isl=(3000.0, 100.0), osl=(10.0, 500.0)))

    assert asked.admits(candidate(context_tokens=3500))
    assert not asked.admits(candidate(context_tokens=3499))
    assert asked.rejections[0].reason == "context"
    assert asked.rejections[0].detail == "context of 3499 tokens, needs 3500"
    assert asked.rejections[0].shortfall == pytest.approx(3500 / 3499)


def test_stated_context_replaces_the_default():
    asked = gate(context_max_tokens=200)

    assert asked.admits(candidate(context_tokens=256))


def test_rejection_names_the_option_and_the_workload():
    asked = gate(quality=[MMLU])

    asked.admits(candidate())

    assert asked.rejections[0].subject == "model-a/bf16/vllm/gpu-a/tp1"
    assert asked.rejections[0].workload == "chat"
    assert asked.rejections[0].reason == "quality_missing"


def test_measured_option_needs_the_quality_too():
    asked = gate([row("quality", score=0.6)], quality=[MMLU])

    assert not asked.admits_measured("any/option", "model-a", "bf16")
    assert asked.rejections[0].reason == "quality"


def test_measured_option_needs_no_score_without_a_floor():
    assert gate().admits_measured("any/option", "unknown", "unknown")


def test_unproven_pass_is_noted_for_every_floor():
    scores = [
        row("quality", score=0.7, questions=100),
        row("quality", score=0.5, benchmark="human", questions=100),
    ]
    asked = gate(scores, quality=[MMLU, HUMAN])

    asked.admits(candidate())

    (note,) = asked.unproven_notes()
    assert note.startswith("chat: quality of model-a in bf16 passes unproven: mmlu 0.7000")
    assert "; human 0.5000" in note


def test_candidate_that_fails_a_later_floor_is_not_said_to_pass():
    scores = [
        row("quality", score=0.7, questions=100),
        row("quality", score=0.4, benchmark="human"),
    ]
    asked = gate(scores, quality=[MMLU, HUMAN])

    assert not asked.admits(candidate())
    assert asked.unproven_notes() == []


def test_scores_list_every_benchmark_asked_for():
    scores = [row("quality", score=0.9), row("quality", score=0.6, benchmark="human")]

    assert gate(scores, quality=[MMLU, HUMAN]).scores("model-a", "bf16") == (
        ("human", 0.6),
        ("mmlu", 0.9),
    )


def test_score_the_workload_brings_is_used():
    brought = QualityScoreOverride(model="model-a", benchmark="mmlu", score=0.75)
    asked = gate(quality=[MMLU], quality_scores=[brought.model_dump()])

    assert asked.admits(candidate())
