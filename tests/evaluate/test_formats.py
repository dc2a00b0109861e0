import pytest

from planner.evaluate.formats import compute_type, format_of, stated_format
from planner.evaluate.runs import run_of
from tests.evaluate.rows import measured
from tests.options.world import shipped

LLAMA = "llama-3.1-8b-instruct"


def found(weights, model=LLAMA, **changes):
    run = run_of(measured(weight_precision=weights, **changes))
    return format_of(run, shipped().model(model), shipped())


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("", "bf16"),
        ("bf16", "bf16"),
        ("fp16", "fp16"),
        ("fp8", "fp8"),
        ("FP8_BLOCK", "fp8-block"),
        ("int8", "int8"),
        ("w8a8", "int8"),
        ("w4a16", "int4"),
        ("int4-awq(w4a16)", "int4"),
        ("int4-gptq(w4a16)", "int4"),
        ("fp4", "nvfp4"),
        ("nvfp4", "nvfp4"),
        ("mxfp4", "mxfp4"),
    ],
)
def test_words_name_formats(weights, name):
    quantization, weights_only = found(weights)

    assert (quantization.id, weights_only) == (name, False)


@pytest.mark.parametrize("weights", ["w8a16", "int8-gptq(w8a16)"])
def test_eight_bit_weights_alone_multiply_in_sixteen(weights):
    quantization, weights_only = found(weights)

    assert (quantization.id, weights_only) == ("int8", True)


@pytest.mark.parametrize(
    "changes", [{"weights": "fp32"}, {"weights": "bf16", "kv_precision": "x"}]
)
def test_other_words_are_unknown(changes):
    assert found(**changes) is None


@pytest.mark.parametrize(
    ("model", "weights", "name"),
    [
        ("gpt-oss-120b", "", "mxfp4"),
        ("gpt-oss-120b", "fp4", "mxfp4"),
        ("gpt-oss-120b", "bf16", "bf16"),
        ("deepseek-r1", "", "fp8-block"),
        ("deepseek-r1", "fp4", "nvfp4"),
        ("deepseek-r1", "fp8", "fp8-block"),
    ],
)
def test_blank_is_the_format_of_the_published_checkpoint(model, weights, name):
    assert found(weights, model)[0].id == name


def test_notes_tell_block_scales_and_fill_a_blank():
    notes = "gemm_quant=fp8_block; moe_quant=fp8"

    assert found("fp8", scenario_notes=notes)[0].id == "fp8-block"
    assert found("", scenario_notes="gemm_quant=fp8")[0].id == "fp8"


@pytest.mark.parametrize(
    ("cache", "kv_bytes"), [("", 2), ("auto", 2), ("fp8_e4m3", 1), ("int4", 0.5)]
)
def test_cache_has_a_format_of_its_own(cache, kv_bytes):
    assert found("bf16", kv_precision=cache)[0].kv_bytes == kv_bytes


@pytest.mark.parametrize(
    ("engine", "gpu", "load", "kv_bytes"),
    [
        ("TensorRT-LLM", "H100-SXM-80GB", "max_load", 1),
        ("TensorRT-LLM", "H100-SXM-80GB", "batch=8", 1),
        ("TensorRT-LLM", "H100-SXM-80GB", "concurrency=8", 1),
        ("SGLang", "H200-SXM-141GB", "concurrency=8", 1),
        ("vLLM", "B200-SXM", "concurrency=8", 1),
        ("vLLM", "H100-SXM-80GB", "concurrency=8", 2),
        ("vLLM", "B200-SXM", "max_load", 2),
    ],
)
def test_an_unstated_cache_of_fp8_checkpoints_is_fp8_where_runs_fill_up_as_if_it_were(
    engine, gpu, load, kv_bytes
):
    quantization, _ = found("fp8", engine=engine, gpu=gpu, concurrency_or_rate=load)

    assert quantization.kv_bytes == kv_bytes


@pytest.mark.parametrize(
    ("weights", "name"),
    [("", "unstated"), ("fp8", "fp8"), ("int8-gptq(w8a16)", "w8a16"), ("fp32", "fp32")],
)
def test_slices_use_the_common_name(weights, name):
    assert stated_format(weights, {}) == name


@pytest.mark.parametrize(
    ("format_id", "device", "weights_only", "compute"),
    [
        ("bf16", "h100-sxm-80gb", False, "bf16"),
        ("fp8", "h100-sxm-80gb", False, "fp8"),
        ("fp8", "a100-sxm-80gb", False, "bf16"),
        ("fp8-block", "l40s-48gb", False, "bf16"),
        ("int8", "h100-sxm-80gb", True, "bf16"),
        ("nvfp4", "h100-sxm-80gb", False, "bf16"),
        ("nvfp4", "b200-sxm-180gb", False, "fp4"),
        ("int4", "t4-16gb", False, "fp16"),
        ("bf16", "a10g-24gb", False, None),
    ],
)
def test_narrow_formats_multiply_in_sixteen_bits_without_units(
    format_id, device, weights_only, compute
):
    catalog = shipped()
    accelerator, quantization = catalog.accelerator(device), catalog.quantization(format_id)

    assert compute_type(quantization, weights_only, "vllm", accelerator, catalog) == compute
