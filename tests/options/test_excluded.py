"""Options that a workload excludes by name."""

from __future__ import annotations

import pytest

from planner.options.build import build_options
from tests.options.world import catalog, demand, loaded, problem, row, workload

ONE = "model-a/bf16/vllm/gpu-a/tp1"


def options_of(*workloads):
    asked = problem(
        *workloads,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16", "fp8"]},
        supply={"tenures": ["on_demand"]},
    )
    facts = catalog(
        quality=[row("quality"), row("quality", quantization="fp8")], offers=[row("offers")]
    )
    return build_options(loaded(asked), facts, demand(asked))


def test_the_workload_that_excludes_an_option_is_kept_off_it_and_others_are_not():
    found = options_of(workload(excluded_options=[ONE]), workload("code"))

    served = {(c.workload, c.option_id) for c in found.capacities}
    assert ("code", ONE) in served
    assert ("chat", ONE) not in served
    assert any(name == "chat" for name, _ in served)
    (reason,) = [r for r in found.rejections if r.reason == "excluded"]
    assert (reason.subject, reason.workload) == (ONE, "chat")
    assert not [text for text in found.warnings if "excluded_options" in text]


def test_an_option_that_another_one_dominated_takes_the_place_of_an_excluded_one():
    before = options_of(workload())
    (winner,) = [o.id for o in before.options]

    after = options_of(workload(excluded_options=[winner]))

    assert {o.id for o in after.options} == {o.id for o in before.dominated} != set()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("model-a/bf16/vllm/gpu-a/tp9", "did you mean"), ("nothing", "options lists")],
)
def test_an_option_that_does_not_exist_is_pointed_out(name, hint):
    found = options_of(workload(excluded_options=[name]))

    (text,) = [text for text in found.warnings if "excluded_options" in text]
    assert f"chat: excluded_options names `{name}`, which is no option here" in text
    assert hint in text
