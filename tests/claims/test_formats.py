"""What formats save: memory by hand, pairs of runs by hand, losses within one evaluator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.claims.formats import (
    losses,
    measured_savings,
    memory_bytes,
    spec_of,
    step_s,
    verdict_with_losses,
)
from planner.evaluate.measurements import MeasuredRow

RUN = MeasuredRow(source="lab", model="m", gpu="g", metric="tpot_ms", concurrency_or_rate="8")


def test_memory_of_a_replica_grows_by_its_cache(catalog):
    """320 KiB per token of Llama-3-70B in 16 bits, 1,260.5 tokens a chat."""
    spec = spec_of(catalog, "fp8")

    grown = memory_bytes(spec, 11.0) - memory_bytes(spec, 1.0)

    assert grown == pytest.approx(10 * 1260.5 * 327_680)


def test_weights_take_the_bytes_of_their_format(catalog):
    """68.5 billion parameters in layers go from 2 bytes to 1; embedding and head stay."""
    wide, narrow = (memory_bytes(spec_of(catalog, name), 0.0) for name in ("bf16", "fp8"))

    assert wide - narrow == pytest.approx(68.45e9, rel=0.002)


def test_int4_saves_more_than_fp8_with_few_requests_and_less_with_many(catalog):
    """Weights are read by a small batch; a large one computes in 16 bits."""
    few = [step_s(spec_of(catalog, name), 1.0) for name in ("int4", "fp8", "bf16")]
    many = [step_s(spec_of(catalog, name), 256.0) for name in ("fp8", "int4", "bf16")]

    assert few == sorted(few)
    assert many == sorted(many)


def test_runs_are_paired_only_when_all_but_the_format_agrees():
    rows = [
        replace(RUN, weight_precision="fp16", value="20"),
        replace(RUN, weight_precision="fp8", value="12"),
        replace(RUN, weight_precision="fp8", value="1", concurrency_or_rate="9"),
        replace(RUN, weight_precision="fp8", value="1", metric="output_tokens_per_s_total"),
    ]

    assert measured_savings(rows, "fp16", "fp8") == pytest.approx([0.4])


def test_losses_compare_scores_of_one_evaluator(catalog):
    rows = [row for row in catalog.quality if row.quantization == "bf16"][:2]
    base, other = rows
    fp8 = base.model_copy(update={"quantization": "fp8", "score": base.score * 0.98})
    alien = other.model_copy(update={"quantization": "fp8", "evaluator": "nobody"})

    found = losses(replace(catalog, quality=(base, other, fp8, alien)), "fp8")

    assert found == pytest.approx([0.02])


@pytest.mark.parametrize(
    ("saved", "fp8", "int4", "verdict"),
    [
        ("holds", [0.001, 0.004], [0.009], "holds"),
        ("holds", [0.001], [0.05], "holds_when"),
        ("holds_when", [0.001], [0.009], "holds_when"),
        ("holds", [0.02], [0.05], "does_not_hold"),
        ("holds_when", [0.02], [0.05], "does_not_hold"),
        ("holds", [0.001], [], "not_decidable"),
        ("does_not_hold", [0.001], [], "does_not_hold"),
    ],
)
def test_what_is_saved_holds_only_where_accuracy_is_kept(saved, fp8, int4, verdict):
    assert verdict_with_losses(saved, {"fp8": fp8, "int4": int4}) == verdict
