"""Catalogue rows in the units of the performance model, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.options.candidates import Candidate
from planner.options.specs import (
    architecture,
    coefficients,
    handover_parameters,
    replica_spec,
)
from planner.perf.arch import total_params
from planner.perf.attention import Indexer
from planner.perf.step import step_model
from tests.options.world import catalog, fp8, row, shipped


def candidate(quantization=None, degree=1, **accelerator):
    number_format = quantization or row("quantizations")
    return Candidate(
        row("models"),
        number_format,
        row("engines"),
        row("accelerators", **accelerator),
        degree,
        number_format.compute,
    )


def value(parameter, number, **changes):
    base = {"scope": "default", "key_id": "all", "kind": "value", "unit": "1"}
    base |= {"provenance": "class_default"}
    return row("calibration", parameter=parameter, value=number, **base | changes)


PARAMETERS = {
    "e_c": 0.7, "e_m": 0.8, "p_overlap": 2.0, "e_c_moe": 0.5, "e_m_moe": 0.6,
    "expert_cv": 1.1, "e_kv": 0.9,
    "e_att": 0.4, "a_ar_us": 12.0, "e_net": 0.75, "c_layer_us": 40.0, "c_moe_us": 30.0,
    "c_step_us": 2000.0, "c_req_us": 25.0, "c_launch_us": 150.0,
    "c_first_us": 90.0, "t_req_ms": 18.0,
    "throughput_factor": 0.85, "sigma_ln_time": 0.3,
}  # fmt: skip


@pytest.fixture
def facts():
    return catalog(calibration=[value(name, number) for name, number in PARAMETERS.items()])


def test_memory_bandwidth_and_rates_become_si(facts):
    device = replica_spec(candidate(), facts).device

    assert device.memory_bytes == 81_559 * 1024**2
    assert device.bandwidth_bytes_per_s == 3350e9
    assert device.peak_flops == 989e12
    assert device.link_bytes_per_s == 450e9


def test_matrices_use_the_rate_of_the_format_and_attention_that_of_bf16(facts):
    device = replica_spec(candidate(fp8()), facts).device

    assert device.peak_flops == 1979e12
    assert device.peak_attention_flops == 989e12


def test_measured_all_reduce_becomes_si(facts):
    measured = catalog(calibration=list(facts.calibration), interconnects=[row("interconnects")])

    device = replica_spec(candidate(degree=2), measured).device

    assert device.allreduce_bandwidth_bytes_per_s == 20e9
    assert device.allreduce_latency_s == pytest.approx(10e-6)


def test_all_reduce_of_another_group_size_is_not_used(facts):
    measured = catalog(calibration=list(facts.calibration), interconnects=[row("interconnects")])

    device = replica_spec(candidate(degree=4), measured).device

    assert device.allreduce_bandwidth_bytes_per_s is None
    assert device.allreduce_latency_s is None


def test_unknown_link_stays_unknown(facts):
    device = replica_spec(candidate(link="pcie", link_gb_per_s=None), facts).device

    assert device.link_bytes_per_s is None


def test_microseconds_and_milliseconds_become_seconds(facts):
    parameters = replica_spec(candidate(), facts).parameters

    assert parameters.a_ar_s == pytest.approx(12e-6)
    assert parameters.c_layer_s == pytest.approx(40e-6)
    assert parameters.c_moe_s == pytest.approx(30e-6)
    assert parameters.c_step_s == pytest.approx(2e-3)
    assert parameters.c_req_s == pytest.approx(25e-6)
    assert parameters.c_launch_s == pytest.approx(150e-6)
    assert parameters.c_first_s == pytest.approx(90e-6)
    assert parameters.t_req_s == pytest.approx(18e-3)


def test_fractions_keep_their_value(facts):
    parameters = replica_spec(candidate(), facts).parameters

    assert (parameters.e_c, parameters.e_m, parameters.p_overlap) == (0.7, 0.8, 2.0)
    assert (parameters.e_c_moe, parameters.e_m_moe) == (0.5, 0.6)
    assert parameters.expert_cv == 1.1
    assert (parameters.e_kv, parameters.e_att, parameters.e_net) == (0.9, 0.4, 0.75)


def test_format_engine_and_parallelism_are_carried_over(facts):
    spec = replica_spec(candidate(fp8(kv_bytes=1), degree=4), facts)

    assert spec.number_format.weight_bytes == 1
    assert spec.number_format.kv_bytes == 1
    assert (spec.engine.chunk_tokens, spec.engine.max_num_seqs) == (8192, 256)
    assert spec.engine.memory_fraction == 0.9
    assert spec.tensor_parallel == 4


def test_format_without_a_rate_must_be_rejected_before(facts):
    with pytest.raises(ValueError, match="model-a/fp8/vllm/gpu-a/tp1 has no rate"):
        replica_spec(candidate(fp8(), fp8_tflops=None), facts)


def test_trust_comes_with_its_origin(facts):
    trust = coefficients(candidate(), facts)

    assert (trust.throughput_factor, trust.sigma_ln_time) == (0.85, 0.3)
    assert trust.origin == "class_default"


def test_spread_of_the_accelerator_wins_and_says_how_it_is_known(facts):
    own = value("sigma_ln_time", 0.1, scope="accelerator", key_id="gpu-a", provenance="calibrated")

    trust = coefficients(candidate(), catalog(calibration=[*facts.calibration, own]))

    assert (trust.sigma_ln_time, trust.origin) == (0.1, "calibrated")


COMBINATION = {"scope": "combination", "provenance": "two_point"}


def test_rows_of_the_combination_win_and_multiply(facts):
    key = {**COMBINATION, "key_id": "model-a/bf16/vllm/gpu-a"}
    own = [
        value("sigma_ln_time", 0.12, **key),
        value("throughput_factor", 0.7, **key),
        value("c_layer_us", 1.5, **key | {"kind": "multiplier"}),
    ]
    measured = catalog(calibration=[*facts.calibration, *own])

    trust = coefficients(candidate(), measured)

    assert (trust.throughput_factor, trust.sigma_ln_time) == (0.7, 0.12)
    assert trust.origin == "two_point"
    assert replica_spec(candidate(), measured).parameters.c_layer_s == pytest.approx(60e-6)


@pytest.mark.parametrize(
    "other", ["model-b/bf16/vllm/gpu-a", "model-a/fp8/vllm/gpu-a", "model-a/bf16/vllm/gpu-b"]
)
def test_rows_of_another_combination_do_not_count(facts, other):
    own = value("sigma_ln_time", 0.12, **COMBINATION, key_id=other)

    trust = coefficients(candidate(), catalog(calibration=[*facts.calibration, own]))

    assert (trust.sigma_ln_time, trust.origin) == (0.3, "class_default")


def test_a_combination_goes_by_the_format_itself_where_it_multiplies_in_16_bits(facts):
    """Other parameters of FP8 weights without units for FP8 are those of 4-bit weights."""
    own = value("sigma_ln_time", 0.12, **COMBINATION, key_id="model-a/fp8/vllm/gpu-a")
    narrow = candidate(fp8(), fp8_tflops=None)
    item = Candidate(narrow.model, fp8(), narrow.engine, narrow.accelerator, 1, "bf16")

    trust = coefficients(item, catalog(calibration=[*facts.calibration, own]))

    assert trust.origin == "two_point"


def test_architecture_takes_every_field_of_the_model():
    model = row(
        "models", experts_routed=128, experts_active=4, moe_intermediate=2880, sliding_window=128,
        full_attention_fraction=0.5, tied_embeddings=True, kv_lora_rank=512, q_lora_rank=1536,
        qk_rope_head_dim=64, qk_nope_head_dim=96, v_head_dim=112, experts_shared=1,
        dense_first_layers=3, qk_norm="head",
    )  # fmt: skip

    built = architecture(model)

    names = set(type(built).__dataclass_fields__) & set(type(model).model_fields)
    assert {n: getattr(built, n) for n in names} == {n: getattr(model, n) for n in names}
    assert {"layers", "kv_heads", "experts_routed", "kv_lora_rank", "sliding_window"} <= names


def test_an_indexer_makes_the_architecture_sparse():
    latent = {
        "attention": "mla", "kv_heads": None, "head_dim": None, "kv_lora_rank": 512,
        "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 96, "v_head_dim": 112,
    }  # fmt: skip
    whole = architecture(row("models", **latent))

    sparse = architecture(
        row("models", **latent, index_heads=32, index_head_dim=128, index_tokens=2048)
    )

    assert whole.indexer is None
    assert sparse.indexer == Indexer(heads=32, head_dim=128, tokens=2048)
    assert all(
        getattr(sparse, name) == getattr(whole, name) for name in whole.__dataclass_fields__
    )
    # Per layer: queries of 32 heads from the compressed query, keys and weights from the hidden.
    added = 1536 * 32 * 128 + 4096 * (128 + 32)
    assert total_params(sparse) - total_params(whole) == 32 * added


@pytest.mark.parametrize("name", ["deepseek-v3.2", "glm-5"])
def test_shipped_sparse_models_pay_their_indexer_and_save_on_long_contexts(facts, name):
    """Beyond the tokens that are chosen only the keys of the indexer are read."""
    model = shipped().model(name)
    blank = dict.fromkeys(("index_heads", "index_head_dim", "index_tokens"))
    shapes = [architecture(m) for m in (model, model.model_copy(update=blank))]
    base = replica_spec(candidate(), facts)
    step = step_model([replace(base, architecture=shape) for shape in shapes])

    short_sparse_s, short_whole_s = step.time_s(1, 100, 0, 1)
    long_sparse_s, long_whole_s = step.time_s(32, 32 * 100_000, 0, 32)

    assert short_sparse_s > short_whole_s
    assert long_sparse_s < long_whole_s


def test_handover_in_units_of_the_model():
    facts = catalog(
        calibration=[
            value("kv_link_share", 0.4),
            value("kv_handover_ms", 20.0),
            value("kv_handover_ms", 30.0, scope="engine", key_id="vllm"),
        ]
    )

    found = handover_parameters(candidate(), facts)

    assert (found.link_share, found.fixed_s, found.recomputed) == (0.4, 0.03, True)


@pytest.mark.parametrize(
    ("engine", "recomputed"), [("vllm", True), ("sglang", False), ("trtllm", False)]
)
def test_every_shipped_engine_says_what_becomes_of_the_first_token(engine, recomputed):
    facts = shipped()
    parts = Candidate(
        row("models"), row("quantizations"), facts.engine(engine), row("accelerators"), 1, "bf16"
    )

    found = handover_parameters(parts, facts)

    assert found.recomputed is recomputed
    assert 0.005 < found.fixed_s < 0.2
    assert 0.05 < found.link_share < 1
