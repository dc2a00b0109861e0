"""The audit of plans whose options draft tokens."""

from __future__ import annotations

import json
import re

import pytest

from planner.catalog.schema import Draft
from planner.plan.json_io import plan_json
from planner.report.options_text import option_rows
from tests.options.world import catalog, problem, workload
from tests.verify.changes import changed, report
from tests.verify.conftest import solved

HEAD = {
    "source": "a test",
    "as_of": "2026-06-01",
    "model": "model-a",
    "id": "head-3",
    "text": "chat",
    "method": "eagle",
    "draft_tokens": 3,
    "tokens_per_step": 2.8,
    "benchmark": "mt-bench",
    "engines": "vllm",
    "checkpoint": "acme/head",
}
FIRST = "period 0 block 0 model-a/bf16/vllm/gpu-a/tp1/head-3"


@pytest.fixture(scope="module")
def drafting():
    """Return a chat whose limit on the time per token only drafts keep cheaply."""
    slo = [{"metric": "tpot_ms", "percentile": "mean", "limit": 14}]
    asked = problem(
        workload(slo=slo, speculation={"text": "chat"}, arrival={"mean_rate_rps": 30.0}),
        candidates={
            "tensor_parallel": [1], "quantizations": ["bf16"], "speculative_decoding": "on",
        },
        supply={"tenures": ["on_demand"]},
    )  # fmt: skip
    return solved(asked, catalog(drafts=[Draft.model_validate(HEAD)]))


def test_plan_with_drafts_passes(drafting):
    assert {row.draft for row in drafting.plan.allocations} == {"head-3"}
    assert report(drafting, drafting.plan) == []


def test_plan_tells_how_to_draft_and_on_what_it_rests(drafting):
    text = "\n".join(drafting.plan.warnings)

    assert "deploy with 3 draft tokens a step (eagle, acme/head)" in text
    assert "tokens a step: 2.8 measured on mt-bench (a test)" in text


def test_plan_file_keeps_the_draft(drafting):
    row = json.loads(plan_json(drafting.plan))["allocations"][0]

    assert (row["draft"], row["draft_tokens"], row["tokens_per_step"]) == ("head-3", 3, 2.8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"draft": ""}, "the row describes model-a/bf16/vllm/gpu-a/tp1"),
        ({"draft": "head-4"}, "the row describes .*/head-4"),
        ({"draft_tokens": 4}, "vllm does not run head-3 with 4 draft tokens"),
        ({"tokens_per_step": 3.5}, "3.5 tokens a step for chat, 2.8 are known"),
        ({"coefficient_origin": "calibrated"}, "coefficient is calibrated, the catalogue says"),
    ],
)
def test_changed_row_is_reported(drafting, changes, words):
    plan = changed(drafting.plan, "allocations", **changes)

    assert any(re.search(f"{FIRST}: .*{words}", text) for text in report(drafting, plan))


def test_draft_that_the_problem_does_not_allow_is_reported(drafting):
    candidates = drafting.problem.candidates.model_copy(update={"speculative_decoding": "off"})
    other = drafting.problem.model_copy(update={"candidates": candidates})
    world = type(drafting)(drafting.plan, other, drafting.catalog)

    assert any("head-3 is not among" in text for text in report(world, drafting.plan))


def test_figure_on_other_text_is_reported(drafting):
    rows = [Draft.model_validate(HEAD | {"text": "code"})]
    world = type(drafting)(drafting.plan, drafting.problem, catalog(drafts=rows))

    assert any("nobody measured head-3 on text like" in t for t in report(world, drafting.plan))


def test_rows_of_options_state_the_draft(drafting):
    from planner.demand.build import build_demand
    from planner.options.build import build_options
    from tests.options.world import loaded

    whole = loaded(drafting.problem)
    demand = build_demand(whole, drafting.catalog)
    rows = option_rows(build_options(whole, drafting.catalog, demand), demand)

    drafted = [row for row in rows if row["draft"]]
    assert drafted[0]["tokens_per_step"] == 2.8
    assert drafted[0]["draft_tokens"] == 3
    assert drafted[0]["tokens_per_step_evidence"].startswith("2.8 measured on mt-bench")
