"""The whole set of options of a small problem."""

from __future__ import annotations

import pytest

from planner.demand.build import build_demand
from planner.options.build import build_options
from tests.options.test_measured import ROW
from tests.options.world import catalog, fp8, loaded, problem, row, workload

MMLU = {"benchmark": "mmlu", "min_relative": 0.9, "reference": "model-a"}


def build(asked, measured=(), **tables):
    facts = catalog(**tables)
    whole = loaded(asked, measured)
    return build_options(whole, facts, build_demand(whole, facts))


def reasons(options):
    return {(r.subject, r.workload): r.reason for r in options.rejections}


def test_options_tokens_and_nodes_come_together():
    found = build(problem(workload()))

    assert {o.id for o in (*found.options, *found.dominated)} == {
        "model-a/bf16/vllm/gpu-a/tp1",
        "model-a/fp8/vllm/gpu-a/tp1",
    }
    assert [n.offer_id for n in found.offers] == ["cloud:one:north:on_demand"]
    assert [a.id for a in found.api] == ["tokens:a/model-a:standard"]
    assert found.pool_of == (("chat", "chat"),)
    assert found.considered == 8


def test_every_considered_option_is_feasible_or_rejected():
    found = build(problem(workload()))

    feasible = len(found.options) + len(found.dominated)
    assert feasible + sum(r.count for r in found.rejections if r.kind == "option") == 8


def test_nodes_that_no_option_needs_are_left_out():
    offers = [row("offers"), row("offers", instance="other", accelerator="gpu-z")]

    found = build(problem(workload()), offers=offers)

    assert [n.instance for n in found.offers] == ["one"]


def test_quality_keeps_the_format_out_for_one_workload_only():
    scores = [row("quality"), row("quality", quantization="fp8", score=0.5)]
    picky = workload("picky", quality=[MMLU])

    found = build(problem(picky, workload("free")), quality=scores)

    served = {(c.workload, c.option_id.split("/")[1]) for c in found.capacities}
    assert served == {("picky", "bf16"), ("free", "bf16"), ("free", "fp8")}
    assert reasons(found)["model-a/fp8/vllm/gpu-a/tp1", "picky"] == "quality"


def test_capacity_carries_the_scores_its_own_workload_asks_for():
    scores = [row("quality"), row("quality", benchmark="human", score=0.6)]
    first = workload("first", quality=[MMLU])
    second = workload("second", quality=[{"benchmark": "human", "min_score": 0.5}])

    found = build(problem(first, second), quality=scores, quantizations=[row("quantizations")])

    assert {c.workload: c.quality for c in found.capacities} == {
        "first": (("mmlu", 0.8),),
        "second": (("human", 0.6),),
    }
    assert found.options[0].quality == (("human", 0.6), ("mmlu", 0.8))


def test_score_one_workload_brings_does_not_help_another():
    brought = [{"model": "model-a", "benchmark": "mmlu", "score": 0.9}]
    floor = [{"benchmark": "mmlu", "min_score": 0.85}]
    first = workload("first", quality=floor, quality_scores=brought)

    found = build(problem(first, workload("second", quality=floor)))

    assert {c.workload for c in found.capacities} == {"first"}


def test_unproven_quality_is_a_warning():
    scores = [row("quality", questions=None)]

    found = build(problem(workload(quality=[MMLU | {"min_relative": 0.5}])), quality=scores)

    assert not any("unproven" in w for w in found.warnings)  # the reference against itself
    other = [row("models", id="model-b")]
    scores += [row("quality", model="model-b", questions=None)]
    found = build(problem(workload(quality=[MMLU])), quality=scores, models=other)
    assert "quality of model-b in bf16 passes unproven" in found.warnings[0]


def test_measured_rows_are_the_only_options_of_a_workload_without_lengths():
    found = build(problem(workload(lengths=None)), measured=[ROW])

    assert [o.id for o in found.options] == ["any/any/any/gpu-a/tp1"]
    assert found.considered == 1


def test_measured_rows_of_one_option_are_considered_once():
    asked = problem(workload("chat", lengths=None), workload("code", lengths=None))

    found = build(asked, measured=[ROW, ROW | {"workload": "code"}])

    assert found.considered == 1
    assert len(found.capacities) == 2


def test_measured_option_without_quality_is_rejected_where_a_floor_is_stated():
    found = build(problem(workload(quality=[MMLU], lengths=None)), measured=[ROW])

    assert found.options == ()
    assert found.capacities == ()
    assert reasons(found)["any/any/any/gpu-a/tp1", "chat"] == "quality_missing"


def test_measured_option_never_serves_on_prem_work_from_rented_nodes():
    found = build(problem(workload(residency="on_prem_only")), measured=[ROW])

    assert found.capacities == ()
    assert reasons(found)["any/any/any/gpu-a/tp1", "chat"] == "residency"


def test_work_that_does_not_wait_is_refused_on_spot_nodes_alone_for_that_reason():
    asked = problem(workload(), supply={"tenures": ["spot"]})

    found = build(asked, measured=[ROW], offers=[row("offers", tenure="spot")])

    (refused,) = [r for r in found.rejections if r.subject == "any/any/any/gpu-a/tp1"]
    assert refused.reason == "spot_only"
    assert (
        "only spot nodes of gpu-a are on offer, which serve only work that waits" in refused.detail
    )


@pytest.mark.parametrize(("max_models", "options"), [(None, 1), (1, 2)])
def test_models_are_not_pruned_against_each_other_when_their_number_is_capped(max_models, options):
    models = [row("models"), row("models", id="model-b", layers=40)]

    found = build(
        problem(workload(), policy={"max_models": max_models}, candidates={"models": []}),
        models=models,
        quantizations=[fp8()],
    )

    assert len(found.options) == options


def test_engine_settings_of_modelled_capacities_are_stated():
    found = build(problem(workload()))

    (note,) = [w for w in found.warnings if "deploy it so" in w]
    assert "at most 256 sequences and 90% of the memory" in note


def test_measured_capacities_state_no_engine_settings():
    found = build(problem(workload(lengths=None)), measured=[ROW])

    assert not any("deploy it so" in w for w in found.warnings)
