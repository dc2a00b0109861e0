"""Drafts as options: which may be built, what they are planned with, and how sure that is."""

from __future__ import annotations

import math

import pytest

from planner.demand.grid import time_grid
from planner.options.build import build_options
from planner.options.candidates import Candidate, buildable
from planner.options.drafts import Drafter, perf_draft, speculation_setting, step_tokens
from planner.options.nodes import rentable_nodes
from planner.options.specs import architecture, coefficients, replica_spec
from planner.perf.uncertainty import DRAFT_SPREAD
from planner.problem.schema import Workload
from tests.options.world import catalog, demand, lengths, loaded, problem, row, workload

HEAD = {
    "model": "model-a",
    "id": "head-3",
    "text": "chat",
    "method": "eagle",
    "draft_tokens": 3,
    "tokens_per_step": 2.5,
    "benchmark": "mt-bench",
    "engines": "vllm sglang",
    "checkpoint": "acme/head",
}
SMALL = row("models", id="model-s", layers=16, hidden=2048, heads=16, intermediate=8192)


def head(**changes):
    return row("drafts", **HEAD | changes)


def world(*drafts, **tables):
    models = [row("models"), SMALL]
    return catalog(models=models, drafts=list(drafts) or [head()], **tables)


def build(facts, **candidates):
    chosen = {"models": ["model-a"], "quantizations": ["bf16"], "tensor_parallel": [1]}
    asked = problem(candidates=chosen | candidates)
    nodes, _ = rentable_nodes(asked, facts, time_grid(asked))
    return buildable(asked.candidates, facts, nodes)


def ids(candidates):
    return [c.option_id.removeprefix("model-a/bf16/vllm/gpu-a/") for c in candidates]


def asked_of(**speculation):
    return Workload.model_validate(workload(speculation=speculation or None))


def candidate(*rows, model=None, quantization=None):
    number_format = quantization or row("quantizations")
    return Candidate(
        row("models"),
        number_format,
        row("engines"),
        row("accelerators"),
        1,
        number_format.compute,
        draft=Drafter(rows or (head(),), model),
    )


def options_of(facts, *workloads, **candidates):
    chosen = {"models": ["model-a"], "quantizations": ["bf16"], "tensor_parallel": [1]}
    asked = problem(*workloads, candidates=chosen | candidates)
    rates = demand(asked, **{w.name: lengths() for w in asked.workloads})
    return build_options(loaded(asked), facts, rates)


def test_nothing_is_drafted_unless_asked_for():
    kept, _, considered = build(world())

    assert ids(kept) == ["tp1"]
    assert considered == 1


@pytest.mark.parametrize("wanted", ["on", ["head-3"]])
def test_drafts_are_further_options(wanted):
    kept, _, considered = build(world(), speculative_decoding=wanted)

    assert ids(kept) == ["tp1", "tp1/head-3"]
    assert considered == 2


def test_list_names_the_drafts():
    facts = world(head(), head(id="head-1", draft_tokens=1, tokens_per_step=1.7))

    kept, _, _ = build(facts, speculative_decoding=["head-1"])

    assert ids(kept) == ["tp1", "tp1/head-1"]


def test_draft_that_the_engine_is_not_known_to_run_is_rejected():
    kept, rejected, _ = build(world(head(engines="trtllm")), speculative_decoding="on")

    assert ids(kept) == ["tp1"]
    assert (rejected[0].reason, rejected[0].subject) == (
        "no_support",
        "model-a/bf16/vllm/gpu-a/tp1/head-3",
    )
    assert "drafts.csv of an overlay" in rejected[0].detail


def test_heads_of_a_drafting_model_have_to_divide():
    narrow = row("models", id="model-s", heads=2, kv_heads=2)
    draft = head(method="draft_model", draft_model="model-s")
    facts = catalog(
        models=[row("models"), narrow], drafts=[draft], offers=[row("offers", accelerators=8)]
    )

    kept, rejected, _ = build(facts, speculative_decoding="on", tensor_parallel=[2, 4])

    assert ids(kept) == ["tp2", "tp4", "tp2/head-3"]
    assert rejected[0].detail == "2 heads of model-s do not divide by 4"


def test_tokens_of_the_kind_of_text():
    rows = (head(), head(text="code", tokens_per_step=3.1, benchmark="humaneval"))

    steps = step_tokens(asked_of(text="code"), Drafter(rows))

    assert steps.mean == 3.1
    assert steps.evidence == "3.1 measured on humaneval (a test)"


@pytest.mark.parametrize(
    ("speculation", "why"),
    [({"text": "math"}, "none on math"), ({}, "the workload states no `speculation.text`")],
)
def test_lowest_tokens_without_the_kind_of_text(speculation, why):
    rows = (head(), head(text="code", tokens_per_step=2.2, benchmark="humaneval"))

    steps = step_tokens(asked_of(**speculation), Drafter(rows))

    assert steps.mean == 2.2
    assert steps.evidence.endswith(f"the lowest known: {why}")


def test_figure_on_code_alone_says_nothing_about_chat():
    assert step_tokens(asked_of(text="chat"), Drafter((head(text="code"),))) is None


def test_measured_length_wins_over_the_acceptance():
    both = head(acceptance=0.9)
    alone = head(tokens_per_step=None, acceptance=0.5)

    assert step_tokens(asked_of(text="chat"), Drafter((both,))).mean == 2.5
    assert step_tokens(asked_of(text="chat"), Drafter((alone,))).mean == 1.875


def test_length_that_the_user_measured_wins():
    steps = step_tokens(asked_of(tokens_per_step=1.8), Drafter((head(),)))

    assert steps.mean == 1.8
    assert steps.evidence == "1.8 as the problem states"


def test_steps_without_a_draft_make_one_token():
    steps = step_tokens(asked_of(text="chat"), None)

    assert (steps.mean, steps.cv) == (1.0, 0.0)
    assert speculation_setting(asked_of(text="chat"), None) is None


def test_head_is_one_dense_layer_in_16_bits():
    shape = architecture(row("models", experts_routed=8, experts_active=2, moe_intermediate=512))

    draft = perf_draft(Drafter((head(params_b=0.4),)), shape, row("quantizations", kv_bytes=1))

    assert (draft.tokens, draft.architecture.layers, draft.architecture.is_moe) == (3, 1, False)
    assert draft.number_format.weight_bytes == 2
    assert draft.number_format.kv_bytes == 1
    assert draft.params == 0.4e9
    assert not draft.own_vocabulary


def test_head_of_experts_without_a_dense_layer_is_as_wide_as_those_of_a_token():
    experts = {"experts_routed": 8, "experts_active": 2, "moe_intermediate": 512}
    shape = architecture(row("models", intermediate=None, experts_shared=1, **experts))

    draft = perf_draft(Drafter((head(),)), shape, row("quantizations"))

    assert draft.architecture.intermediate == 3 * 512


def test_layers_of_the_model_keep_its_format_and_experts():
    shape = architecture(
        row("models", experts_routed=8, experts_active=2, moe_intermediate=512,
            dense_first_layers=3)
    )  # fmt: skip

    draft = perf_draft(Drafter((head(method="mtp"),)), shape, row("quantizations"))

    assert draft.number_format is None
    assert (draft.architecture.moe_layers, draft.architecture.dense_layers) == (1, 0)


def test_drafts_from_the_text_run_nothing():
    draft = perf_draft(
        Drafter((head(method="ngram"),)), architecture(row("models")), row("quantizations")
    )

    assert (draft.tokens, draft.architecture) == (3, None)


def test_model_that_drafts_has_its_own_shape():
    own = candidate(head(method="draft_model", draft_model="model-s"), model=SMALL)

    spec = replica_spec(own, catalog())

    assert spec.draft.architecture.hidden == 2048
    assert spec.draft.own_vocabulary
    assert spec.architecture.hidden == 4096


def test_spread_of_drafts_comes_on_top():
    plain, drafted = (coefficients(c, catalog()) for c in (plain_candidate(), candidate()))

    assert drafted.sigma_ln_time == pytest.approx(math.hypot(plain.sigma_ln_time, DRAFT_SPREAD))
    assert drafted.throughput_factor == plain.throughput_factor
    assert (plain.origin, drafted.origin) == ("class_default", "class_default")


def test_calibration_does_not_reach_drafts():
    rows = [
        r.model_copy(update={"provenance": "calibrated"}) if r.parameter == "sigma_ln_time" else r
        for r in catalog().calibration
    ]
    facts = catalog(calibration=rows)

    assert coefficients(plain_candidate(), facts).origin == "calibrated"
    assert coefficients(candidate(), facts).origin == "modelled"


def plain_candidate():
    own = candidate()
    return Candidate(
        own.model, own.quantization, own.engine, own.accelerator, own.tensor_parallel, own.compute
    )


def test_option_states_its_draft_and_what_it_rests_on():
    result = options_of(world(), workload(speculation={"text": "chat"}), speculative_decoding="on")
    by_id = {o.id: o for o in (*result.options, *result.dominated)}
    capacity = {c.option_id: c for c in result.capacities}
    plain, drafted = "model-a/bf16/vllm/gpu-a/tp1", "model-a/bf16/vllm/gpu-a/tp1/head-3"

    assert (by_id[plain].draft, by_id[drafted].draft) == ("", "head-3")
    assert by_id[drafted].weight_bytes > by_id[plain].weight_bytes
    assert by_id[drafted].kv_capacity_tokens < by_id[plain].kv_capacity_tokens
    assert capacity[plain].setting.speculation is None
    setting = capacity[drafted].setting.speculation
    assert (setting.draft_tokens, setting.tokens_per_step) == (3, 2.5)
    assert (setting.method, setting.checkpoint) == ("eagle", "acme/head")


def test_plain_options_are_as_without_drafts():
    plain = options_of(world(), workload())
    both = options_of(world(), workload(), speculative_decoding="on")

    kept = [c for c in both.capacities if c.option_id.endswith("tp1")]

    assert list(plain.capacities) == kept


def test_more_accepted_tokens_never_lower_the_capacity():
    slo = [{"metric": "tpot_ms", "percentile": "mean", "limit": 20}]
    rates = []
    for tokens in (1.2, 2.0, 2.8, 3.6):
        facts = world(head(tokens_per_step=tokens))
        result = options_of(facts, workload(slo=slo), speculative_decoding="on")
        found = {c.option_id: c.points[-1].planned_rps for c in result.capacities}
        rates.append(found.get("model-a/bf16/vllm/gpu-a/tp1/head-3", 0.0))

    assert rates == sorted(rates)
    assert rates[-1] > 1.5 * rates[0] > 0


def test_workloads_of_a_pool_have_their_own_tokens():
    rows = (head(), head(text="code", tokens_per_step=3.2, benchmark="humaneval"))
    pool = {"pool": "both"}
    result = options_of(
        world(*rows),
        workload("talk", speculation={"text": "chat"}, **pool),
        workload("code", speculation={"text": "code"}, **pool),
        speculative_decoding="on",
    )
    drafted = {c.workload: c for c in result.capacities if c.option_id.endswith("head-3")}

    assert drafted["talk"].setting.speculation.tokens_per_step == 2.5
    assert drafted["code"].setting.speculation.tokens_per_step == 3.2
    assert drafted["code"].points[-1].tpot_mean_s < drafted["talk"].points[-1].tpot_mean_s * 1.3


def test_unknown_acceptance_rejects_the_draft_with_the_row_to_add():
    result = options_of(
        world(head(text="code")), workload(speculation={"text": "chat"}), speculative_decoding="on"
    )

    (rejection,) = [r for r in result.rejections if r.reason == "acceptance"]

    assert rejection.workload == "chat"
    assert "known on code only" in rejection.detail
    assert "(model=model-a, id=head-3, text=...) to drafts.csv" in rejection.detail
    assert [c.option_id for c in result.capacities] == ["model-a/bf16/vllm/gpu-a/tp1"]


def test_context_of_a_drafting_model_counts():
    short = row("models", id="model-s", context_tokens=512)
    facts = catalog(
        models=[row("models"), short],
        drafts=[head(method="draft_model", draft_model="model-s")],
    )
    result = options_of(facts, workload(), speculative_decoding="on")

    (rejection,) = [r for r in result.rejections if r.reason == "context"]

    assert rejection.detail == "draft model-s: context of 512 tokens, needs 1100"
