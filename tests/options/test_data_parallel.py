"""Replicas with groups of attention: which are tried, which are not, and what they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.demand.grid import time_grid
from planner.options.candidates import Candidate, buildable
from planner.options.nodes import rentable_nodes
from planner.options.specs import replica_spec
from planner.perf.memory import memory_fit
from tests.options.world import problem, shipped


def build(**candidates):
    asked = problem(candidates={"quantizations": ["fp8-block"]} | candidates)
    nodes, _ = rentable_nodes(asked, shipped(), time_grid(asked))
    kept, rejected, considered = buildable(asked.candidates, shipped(), nodes)
    assert len(kept) + sum(r.count for r in rejected) == considered
    ways = {(c.tensor_parallel, c.data_parallel): c for c in kept}
    return ways, {r.subject: r for r in rejected}


def test_latent_attention_is_tried_in_groups_by_default():
    ways, _ = build(models=["deepseek-v3"], hardware=["h200-sxm-141gb"], engines=["vllm"])

    assert {way for way in ways if way[0] * way[1] == 8} == {(1, 8), (2, 4), (4, 2), (8, 1)}
    assert ways[2, 4].option_id == "deepseek-v3/fp8-block/vllm/h200-sxm-141gb/tp2dp4"
    assert ways[8, 1].option_id == "deepseek-v3/fp8-block/vllm/h200-sxm-141gb/tp8"
    assert ways[2, 4].devices == 8


def test_other_experts_are_tried_in_groups_when_asked_for():
    asked = {"models": ["qwen3-235b-a22b"], "hardware": ["h200-sxm-141gb"], "engines": ["vllm"]}

    assert {d for _, d in build(**asked, quantizations=["fp8"])[0]} == {1}
    assert (2, 4) in build(**asked, quantizations=["fp8"], data_parallel=[4])[0]


def test_a_model_without_experts_has_nothing_to_share():
    ways, rejected = build(
        models=["llama-3.3-70b-instruct"], hardware=["h200-sxm-141gb"], engines=["vllm"],
        quantizations=["fp8"], tensor_parallel=[2], data_parallel=[2],
    )  # fmt: skip

    assert not ways
    (why,) = rejected.values()
    assert (why.reason, why.subject.rpartition("/")[2]) == ("parallelism", "tp2dp2")
    assert "this model has none" in why.detail


def test_engines_that_compute_prompts_first_are_not_planned_in_groups():
    ways, rejected = build(models=["deepseek-v3"], hardware=["h200-sxm-141gb"], engines=["sglang"])

    assert {d for _, d in ways} == {1}
    assert any("computes prompts first" in r.detail for r in rejected.values())


def test_groups_need_a_link_over_which_they_exchange_tokens():
    ways, rejected = build(
        models=["deepseek-v3"], hardware=["l40s-48gb"], engines=["vllm"], tensor_parallel=[1]
    )

    assert all(d == 1 for _, d in ways)
    why = {r.detail for name, r in rejected.items() if name.endswith("tp1dp2")}
    assert why == {"groups exchange tokens, and l40s-48gb has no known link"}


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_every_group_must_hold_the_longest_request(groups):
    catalog = shipped()
    model, fmt = catalog.model("deepseek-v3"), catalog.quantization("fp8-block")
    engine, device = catalog.engine("vllm"), catalog.accelerator("h200-sxm-141gb")
    candidate = Candidate(model, fmt, engine, device, 8 // groups, "fp8", data_parallel=groups)
    spec = replica_spec(candidate, catalog, 1024)
    assert spec.expert_parallel == (8 if groups > 1 else 1)
    whole = float(memory_fit([spec], max_tokens_per_request=0.0).kv_capacity_tokens[0])
    each = whole / groups

    def fits(tokens):
        return bool(memory_fit([spec], max_tokens_per_request=tokens).fits[0])

    assert fits(each - 16)
    assert not fits(each + 16)
    # Prefixes are held by every group.
    held = memory_fit([spec], max_tokens_per_request=0.0, reserved_kv_tokens=1600.0)
    assert float(held.kv_capacity_tokens[0]) == whole - 1600.0 * groups


def test_groups_share_experts_and_hold_more_of_the_cache():
    catalog = shipped()
    model, fmt = catalog.model("deepseek-v3"), catalog.quantization("fp8-block")
    engine, device = catalog.engine("vllm"), catalog.accelerator("h200-sxm-141gb")
    one = Candidate(model, fmt, engine, device, 8, "fp8")
    specs = [
        replica_spec(replace(one, tensor_parallel=8 // d, data_parallel=d), catalog)
        for d in (1, 8)
    ]

    alone, spread = memory_fit(specs, max_tokens_per_request=0.0).kv_capacity_tokens

    # All ranks of tensor parallelism hold the same latent cache.
    assert spread > 4 * alone
