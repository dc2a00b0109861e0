"""Number formats by the words of others, and in which type they multiply on a device.

A blank format is 16 bits, or the format of the published checkpoint where there is no 16-bit one
(:data:`NATIVE`); FP8 of a checkpoint that is published with a scale per block is that. The notes
may say more (``gemm_quant=fp8_block``). A measured row shows that the format ran, so a device
without units for it multiplied in 16 bits; only a device whose 16-bit rate is unknown cannot be
predicted.

An unstated KV cache is that of the format, with two exceptions. The throughput tables of
TensorRT-LLM come from ``trtllm-bench``, which keeps the cache of FP8 and FP4 checkpoints in FP8
(NVIDIA/TensorRT-LLM, tensorrt_llm/bench/benchmark/utils/general.py, ``_KV_CACHE_MAP``). Runs of
such checkpoints under a number of clients are taken to do the same, except vLLM on Hopper: that is
inferred from the numbers of clients at which published runs fill up, and no source states it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.evaluate.engines import engine_of
from planner.evaluate.names import letters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Model, Quantization
    from planner.evaluate.runs import Run
    from planner.options.formats import ComputeType

NATIVE = {
    "gpt-oss": "mxfp4",
    "deepseek-v3": "fp8-block",
    "deepseek-r1": "fp8-block",
    "minimax-m2": "fp8-block",
}
"""Format of checkpoints that are not published in 16 bits, by the beginning of the model's id."""
_WIDE = ("bf16", "fp16")
_WORDS = {
    "bf16": ("bf16", "bfloat16", "16bit"),
    "fp16": ("fp16", "float16", "half"),
    "fp8-block": ("fp8block", "fp8blockwise", "blockfp8"),
    "fp8": ("fp8", "fp8e4m3", "e4m3", "w8a8fp8", "fp8w8a8", "fp8pertensor"),
    "int8": ("int8", "w8a8", "int8w8a8", "w8a8int8"),
    "int4": ("int4", "w4a16", "awq", "gptq", "uint4", "4bit", "int4awq", "int4gptq", "marlin"),
    "nvfp4": ("fp4", "nvfp4", "w4a4", "fp4e2m1"),
    "mxfp4": ("mxfp4", "w4a16mxfp4", "mxfp4moe"),
}
_INT8_WEIGHTS = ("w8a16", "int8weightonly", "int8woq", "int8gptq", "int8awq")
"""8-bit integer weights that multiply in 16 bits."""
_IN_BRACKETS = re.compile(r"\(([^)]*)\)")
_NOTED = ("gemm_quant", "moe_quant")
_FP8_CACHE = frozenset({"fp8", "fp8-block", "nvfp4", "mxfp4"})
_UNSTATED = frozenset({"", "auto"})
_KV_BYTES = {"fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5, "fp4": 0.5}


def format_of(run: Run, model: Model, catalog: Catalog) -> tuple[Quantization, bool] | None:
    """Return the number format of a run and whether only its weights are narrow.

    Parameters
    ----------
    run
        What ran, with the formats of weights and KV cache as stated.
    model
        Its model.
    catalog
        The formats that there are.

    Returns
    -------
    The format with the bytes of the stated cache, or ``None`` when the words mean none of it.
    """
    weights, notes = run.row.weight_precision, run.notes
    native = next((fmt for start, fmt in NATIVE.items() if model.id.startswith(start)), None)
    word = letters(_IN_BRACKETS.sub("", weights)) or _noted(notes)
    narrow = _is_narrow(weights, word)
    name = "int8" if narrow else _named(word, notes, native)
    quantization = None if name is None else catalog.quantization(name)
    cache = letters(run.row.kv_precision)
    kv_bytes = next((size for word, size in _KV_BYTES.items() if cache.startswith(word)), None)
    if quantization is None or (kv_bytes is None and cache not in _UNSTATED):
        return None
    if kv_bytes is None and _keeps_fp8_cache(run) and quantization.id in _FP8_CACHE:
        kv_bytes = _KV_BYTES["fp8"]
    if kv_bytes is not None:
        quantization = quantization.model_copy(update={"kv_bytes": kv_bytes})
    return quantization, narrow


def stated_format(weights: str, notes: Mapping[str, str]) -> str:
    """Return the stated format of weights by its common name, ``unstated`` when it is blank."""
    word = letters(_IN_BRACKETS.sub("", weights)) or _noted(notes)
    if not word:
        return "unstated"
    return "w8a16" if _is_narrow(weights, word) else _named(word, notes, None) or weights


def compute_type(
    quantization: Quantization,
    weights_only: bool,
    engine: str,
    device: Accelerator,
    catalog: Catalog,
) -> ComputeType | None:
    """Return the type in which matrices multiply, ``None`` when the device has no rate for it."""
    if device.peak_16_bit_flops is None:
        return None
    wide = next((name for name in _WIDE if device.peak_flops(name) is not None), None)
    support = catalog.support(engine, quantization.id, device.architecture or "")
    native = not weights_only and (support is None or support.mode == "native")
    if native and device.peak_flops(quantization.compute) is not None:
        return quantization.compute
    return "bf16" if wide == "bf16" else "fp16"


def _keeps_fp8_cache(run: Run) -> bool:
    """Return whether an unstated cache is FP8, judged by the clients at which runs fill up."""
    if run.load.kind == "closed":
        on_hopper = any(name in run.row.gpu.lower() for name in ("h100", "h200"))
        return not (on_hopper and engine_of(run.row.engine) == "vllm")
    return run.load.kind in {"max_load", "static"} and engine_of(run.row.engine) == "trtllm"


def _is_narrow(weights: str, word: str) -> bool:
    inner = _IN_BRACKETS.search(weights)
    return word in _INT8_WEIGHTS or (inner is not None and letters(inner[1]) == "w8a16")


def _named(word: str, notes: Mapping[str, str], native: str | None) -> str | None:
    if not word:
        return native or "bf16"
    name = next((name for name, words in _WORDS.items() if word in words), None)
    if name == "fp8" and any("block" in notes.get(key, "") for key in _NOTED):
        return "fp8-block"
    if name == "fp8" and native == "fp8-block":
        return native
    # Checkpoints of experts in MXFP4 are labelled by their four bits alone.
    return native if name == "nvfp4" and native == "mxfp4" else name


def _noted(notes: Mapping[str, str]) -> str:
    return letters(notes.get("gemm_quant", ""))
