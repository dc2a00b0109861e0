"""Replicas that could be built, and the reason why the others cannot."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.candidates import buildable
from planner.options.nodes import rentable_nodes
from tests.options.world import catalog, problem, row, shipped


def build(tables=None, facts=None, **candidates):
    facts = facts or catalog(**(tables or {}))
    asked = problem(candidates=candidates)
    nodes, _ = rentable_nodes(asked, facts, time_grid(asked))
    return buildable(asked.candidates, facts, nodes)


def reasons(rejected):
    return {r.subject: r.reason for r in rejected}


def test_every_combination_is_considered_once():
    kept, rejected, considered = build(
        {"offers": [row("offers", accelerators=8)]}, tensor_parallel=[1, 2]
    )

    assert considered == 1 * 2 * 1 * 2
    assert len(kept) == 4
    assert rejected == []


def test_option_is_named_by_what_it_is():
    kept, _, _ = build(quantizations=["fp8"], tensor_parallel=[1])

    assert kept[0].option_id == "model-a/fp8/vllm/gpu-a/tp1"


def test_default_engine_and_parallelism():
    kept, rejected, _ = build(
        {"engines": [row("engines"), row("engines", id="sglang")]}, quantizations=["bf16"]
    )

    assert {c.engine.id for c in kept} == {"vllm"}
    assert {c.tensor_parallel for c in kept} | {int(s[-1]) for s in reasons(rejected)} == {
        1, 2, 4, 8,
    }  # fmt: skip


def test_format_without_a_rate_is_rejected():
    _, rejected, _ = build({"accelerators": [row("accelerators", fp8_tflops=None)]})

    assert reasons(rejected)["model-a/fp8/vllm/gpu-a/tp1"] == "no_rate"
    assert rejected[-1].detail == "gpu-a has no dense fp8 rate in the catalogue"


def test_format_that_the_engine_is_not_known_to_run_is_rejected_with_the_row_to_add():
    _, rejected, _ = build({"format_support": [row("format_support")]})

    assert reasons(rejected)["model-a/fp8/vllm/gpu-a/tp1"] == "no_support"
    assert "add a row (engine=vllm, quantization=fp8, architecture=arch-a)" in rejected[-1].detail


def test_nothing_is_known_to_run_on_an_accelerator_without_architecture():
    kept, rejected, _ = build({"accelerators": [row("accelerators", architecture=None)]})

    assert kept == []
    assert {r.reason for r in rejected} == {"no_support"}
    assert "gpu-a states no architecture" in rejected[0].detail


def test_emulated_format_is_not_planned_with():
    support = [row("format_support"), row("format_support", quantization="fp8", mode="emulated")]

    _, rejected, _ = build({"format_support": support})

    assert reasons(rejected)["model-a/fp8/vllm/gpu-a/tp1"] == "emulated"


def test_weights_stored_in_a_format_multiply_in_16_bits():
    support = [row("format_support", quantization="fp8", mode="weight_only")]
    devices = [row("accelerators", fp8_tflops=None)]

    kept, _, _ = build({"format_support": support, "accelerators": devices}, tensor_parallel=[1])

    assert [(c.quantization.id, c.compute) for c in kept] == [("fp8", "bf16")]


def test_device_without_bf16_multiplies_in_fp16():
    support = [row("format_support", quantization="fp8", mode="weight_only")]
    devices = [row("accelerators", fp8_tflops=None, bf16_tflops=None, fp16_tflops=65)]

    kept, _, _ = build({"format_support": support, "accelerators": devices}, tensor_parallel=[1])

    assert [c.compute for c in kept] == ["fp16"]


def test_heads_that_do_not_divide_are_rejected():
    tables = {"models": [row("models", heads=20)], "offers": [row("offers", accelerators=8)]}

    kept, rejected, _ = build(tables, quantizations=["bf16"], tensor_parallel=[4, 8])

    assert [c.tensor_parallel for c in kept] == [4]
    assert rejected[0].reason == "parallelism"
    assert rejected[0].detail == "20 heads do not divide by 8"


def test_parallelism_that_divides_no_node_is_rejected():
    tables = {"offers": [row("offers", accelerators=2), row("offers", instance="b")]}

    _, rejected, _ = build(tables, quantizations=["bf16"], tensor_parallel=[4])

    assert rejected[0].reason == "no_node"
    assert rejected[0].detail == "no offered node of gpu-a (1, 2 accelerators) divides by 4"


def test_pcie_parts_without_a_measured_all_reduce_are_rejected():
    tables = {
        "accelerators": [row("accelerators", link="pcie")],
        "offers": [row("offers", accelerators=4)],
        "interconnects": [row("interconnects", accelerators=2)],
    }

    kept, rejected, _ = build(tables, quantizations=["bf16"], tensor_parallel=[1, 2, 4])

    assert [c.tensor_parallel for c in kept] == [1, 2]
    assert rejected[0].reason == "no_interconnect"
    assert "no measured all-reduce of 4 x gpu-a" in rejected[0].detail


def test_scale_up_link_of_unknown_speed_is_no_link():
    tables = {
        "accelerators": [row("accelerators", link_gb_per_s=None)],
        "offers": [row("offers", accelerators=2)],
    }

    _, rejected, _ = build(tables, quantizations=["bf16"], tensor_parallel=[2])

    assert rejected[0].reason == "no_interconnect"


def test_accelerator_without_a_price_is_one_row_for_all_its_options():
    tables = {"accelerators": [row("accelerators"), row("accelerators", id="gpu-b", name="B")]}

    _, rejected, considered = build(tables, quantizations=["bf16"], tensor_parallel=[1])

    assert (rejected[0].subject, rejected[0].reason, rejected[0].count) == ("gpu-b", "no_price", 1)
    assert "no dated price of B (gpu-b)" in rejected[0].detail
    assert considered == 2


def test_price_that_is_not_usable_is_told_apart_from_no_price():
    tables = {"offers": [row("offers", as_of="2020")]}

    _, rejected, _ = build(tables, quantizations=["bf16"], tensor_parallel=[1])

    assert rejected[0].detail.startswith("no usable price of GPU A (gpu-a)")


@pytest.mark.parametrize(
    ("hardware", "quantization", "subject", "reason"),
    [
        # no cloud was found to rent it out
        ("gaudi2-96gb", "bf16", "gaudi2-96gb", "no_price"),
        # sold as a capacity block only, which no plan buys
        ("trainium2-96gb", "bf16", "trainium2-96gb", "no_price"),
        ("t4-16gb", "bf16", "llama-3.1-8b-instruct/bf16/vllm/t4-16gb/tp1", "no_support"),
        (
            "h200-sxm-141gb",
            "bf16",
            "llama-3.1-8b-instruct/bf16/vllm/h200-sxm-141gb/tp16",
            "no_node",
        ),
        # sold one by one; the l40s, which was, comes in nodes of four and eight since
        (
            "h100-pcie-80gb",
            "bf16",
            "llama-3.1-8b-instruct/bf16/vllm/h100-pcie-80gb/tp2",
            "no_node",
        ),
        (
            "a100-pcie-80gb",
            "bf16",
            "llama-3.1-8b-instruct/bf16/vllm/a100-pcie-80gb/tp2",
            "no_interconnect",
        ),
    ],
)
def test_reasons_on_the_shipped_catalogue(hardware, quantization, subject, reason):
    _, rejected, _ = build(
        facts=shipped(),
        models=["llama-3.1-8b-instruct"],
        quantizations=[quantization],
        hardware=[hardware],
        tensor_parallel=[1, 2, 16],
    )

    assert reasons(rejected)[subject] == reason


@pytest.mark.parametrize("hardware", ["mi300x-192gb", "mi325x-256gb", "l40s-48gb"])
def test_hardware_that_got_nodes_of_several_devices_can_be_planned_with(hardware):
    kept, _, _ = build(
        facts=shipped(),
        models=["llama-3.1-8b-instruct"],
        quantizations=["bf16"],
        hardware=[hardware],
        tensor_parallel=[1, 2],
    )

    assert [c.tensor_parallel for c in kept] == [1, 2]


def test_rejections_and_candidates_add_up_on_the_shipped_catalogue():
    kept, rejected, considered = build(facts=shipped(), models=["llama-3.1-8b-instruct"])

    assert len(kept) + sum(r.count for r in rejected) == considered
