"""Shipped models, number formats and scores: figures checked by hand, and their coherence."""

from collections import Counter

import pytest

from planner.options.quality import QualityBook


def test_models_of_one_architecture_share_its_figures(shipped):
    tune, later = shipped.model("llama-3.1-70b-instruct"), shipped.model("llama-3.3-70b-instruct")

    assert (tune.layers, tune.hidden, tune.kv_heads) == (80, 8192, 8)
    assert (later.layers, later.hidden, later.kv_heads) == (80, 8192, 8)


def test_latent_attention_has_its_ranks_and_head_sizes(shipped):
    model = shipped.model("deepseek-v3")

    assert (model.kv_lora_rank, model.qk_rope_head_dim) == (512, 64)
    assert (model.qk_nope_head_dim, model.v_head_dim) == (128, 128)
    assert model.kv_heads is None


@pytest.mark.parametrize(
    ("model", "window_tokens", "full"),
    [("gpt-oss-120b", 128, 0.5), ("gemma-3-27b", 1024, 10 / 62), ("qwen3-32b", None, 1)],
)
def test_sliding_windows_hold_for_a_share_of_the_layers(shipped, model, window_tokens, full):
    row = shipped.model(model)

    assert row.sliding_window == window_tokens
    assert row.full_attention_fraction == pytest.approx(full, abs=1e-6)


def test_narrower_formats_have_smaller_weights(shipped):
    sizes = [shipped.quantization(q).weight_bytes for q in ("bf16", "fp8", "nvfp4", "int4")]

    assert sizes == [2, 1, 0.5625, 0.53]


def test_a_quantized_kv_cache_shares_no_measured_loss(shipped):
    groups = Counter(q.quality_group for q in shipped.quantizations)

    assert groups[shipped.quantization("fp8-kv8").quality_group] == 1


@pytest.mark.parametrize(
    ("model", "benchmark", "score"),
    [
        ("llama-3.3-70b-instruct", "mmlu_pro", 0.689),
        ("llama-3.1-8b-instruct", "mmlu_pro", 0.483),
        ("qwen2.5-72b-instruct", "mmlu_pro", 0.711),
        ("llama-3.3-70b-instruct", "ifeval", 0.921),
        ("deepseek-v3", "mmlu_pro", 0.759),
    ],
)
def test_scores_are_those_the_publisher_states(shipped, model, benchmark, score):
    found = [q for q in shipped.scores(model, benchmark) if q.quantization == "bf16"]

    assert score in {q.score for q in found}


def test_every_quantized_score_has_a_16_bit_score_of_its_evaluator(shipped):
    base = {
        (q.model, q.benchmark, q.evaluator) for q in shipped.quality if q.quantization == "bf16"
    }
    native = {("gpt-oss-20b", "openai"), ("gpt-oss-120b", "openai")}

    orphans = [
        q.key
        for q in shipped.quality
        if q.quantization != "bf16"
        and (q.model, q.benchmark, q.evaluator) not in base
        and (q.model, q.evaluator) not in native
    ]
    assert orphans == []


def test_losses_are_measured_for_the_common_formats(shipped):
    rows = Counter(q.quantization for q in shipped.quality)

    assert rows["fp8"] >= 20
    assert rows["int4"] >= 50
    assert rows["fp8-block"] == 27


@pytest.mark.parametrize(
    ("benchmark", "bf16", "fp8_block"),
    [("mmlu_pro", 0.6214, 0.6204), ("gsm8k", 0.8726, 0.8704), ("truthfulqa", 0.3647, 0.3721)],
)
def test_fp8_in_blocks_is_measured_beside_bf16_of_one_evaluator(
    shipped, benchmark, bf16, fp8_block
):
    scores = {
        q.quantization: q.score
        for q in shipped.scores("qwen3-8b", benchmark)
        if q.evaluator == "intel-auto-round/fp8-block"
    }

    assert scores == {"bf16": bf16, "fp8-block": fp8_block}


@pytest.fixture(scope="module")
def book(shipped):
    """Return the losses measured in the shipped catalogue."""
    return QualityBook(shipped.quality, shipped.quantizations)


@pytest.mark.parametrize("benchmark", ["mmlu", "mmlu_pro", "gsm8k"])
def test_a_loss_of_fp8_in_blocks_can_be_estimated_and_is_below_one_percent(book, benchmark):
    """The upper quartile of all 27 measured losses: no benchmark has five of its own."""
    assert book.loss("fp8-block", benchmark) == pytest.approx(0.00734, abs=1e-5)


def test_fewer_bits_lose_more(book):
    losses = [book.loss(q, "gsm8k") for q in ("fp8-block", "fp8", "nvfp4", "int4")]

    assert losses == sorted(losses)


@pytest.mark.parametrize("quantization", ["fp16", "fp8-kv8", "int8"])
def test_no_loss_is_invented_for_a_format_with_fewer_than_five_measurements(book, quantization):
    assert book.loss(quantization, "gsm8k") is None
