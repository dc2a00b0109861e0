"""Small result files of each tool and layout, with round figures that fit together.

100 requests of 1000 prompt and 200 output tokens in 50 s: 2 requests/s and 400 tokens/s. TTFT 200
ms and TPOT 30 ms give E2E = 200 + 199 * 30 = 6170 ms, thus 12.3 requests in flight of 16 allowed.
"""

from __future__ import annotations

from typing import Any

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
TTFT = {"mean": 200.0, "median": 190.0, "p90": 300.0, "p95": 350.0, "p99": 400.0}
TPOT = {"mean": 30.0, "median": 29.0, "p90": 32.0, "p95": 35.0, "p99": 40.0}
ITL = {"mean": 30.5, "median": 28.0, "p90": 45.0, "p95": 50.0, "p99": 90.0}
E2E = {"mean": 6170.0, "median": 6000.0, "p90": 6500.0, "p95": 7000.0, "p99": 8000.0}
FIGURES = {
    f"{name}_{'p50' if end == 'median' else end}": value
    for name, values in (
        ("ttft_ms", TTFT),
        ("tpot_ms", TPOT),
        ("itl_ms", ITL),
        ("e2e_latency_ms", E2E),
    )
    for end, value in values.items()
} | {"requests_per_s": 2.0, "output_tokens_per_s_total": 400.0}


def serving(**changes: Any) -> dict[str, Any]:
    """Return a result of ``vllm bench serve``; ``None`` takes a key away."""
    named = (("ttft", TTFT), ("tpot", TPOT), ("itl", ITL), ("e2el", E2E))
    result = {
        "date": "20260914-015043",
        "endpoint_type": "vllm",
        "backend": "vllm",
        "label": None,
        "model_id": MODEL,
        "tokenizer_id": MODEL,
        "num_prompts": 100,
        "request_rate": "inf",
        "burstiness": 1.0,
        "max_concurrency": 16,
        "duration": 50.0,
        "completed": 100,
        "failed": 0,
        "total_input_tokens": 100_000,
        "total_output_tokens": 20_000,
        "request_throughput": 2.0,
        "request_goodput": None,
        "output_throughput": 400.0,
        "total_token_throughput": 2400.0,
        **{f"{end}_{name}_ms": value for name, values in named for end, value in values.items()},
        **{f"std_{name}_ms": 1.0 for name, _ in named},
    }
    return {k: v for k, v in (result | changes).items() if v is not None or k not in changes}


def summary(values: dict[str, float], factor: float = 1.0, p50: bool = True) -> dict[str, Any]:
    """Return a distribution as GuideLLM writes it; 0.3 and before have no p50."""
    ends = {key: value * factor for key, value in values.items()}
    percentiles = {key: value for key, value in ends.items() if key[0] == "p"}
    if p50:
        percentiles["p50"] = ends["median"]
    return {"mean": ends["mean"], "median": ends["median"], "percentiles": percentiles}


def metrics(*, p50: bool = True) -> dict[str, Any]:
    """Return the metrics of a GuideLLM benchmark; what is not ours is far off."""
    one = {
        "requests_per_second": {"mean": 2.0, "median": 1.0},
        "output_tokens_per_second": {"mean": 400.0, "median": 300.0},
        "time_to_first_token_ms": summary(TTFT, p50=p50),
        "inter_token_latency_ms": summary(TPOT, p50=p50),
        "time_per_output_token_ms": summary(TPOT, 99.0, p50=p50),
        "request_latency": summary(E2E, 1e-3, p50=p50),
        "prompt_token_count": {"mean": 1000.0},
        "output_token_count": {"mean": 200.0},
    }
    other = {"mean": 12345.0, "median": 12345.0, "percentiles": {"p99": 12345.0}}
    return {k: {"successful": v, "errored": other, "total": other} for k, v in one.items()}


def guidellm(strategy: dict[str, Any] | None = None, **counts: int) -> dict[str, Any]:
    """Return a report of GuideLLM 0.6 with one benchmark."""
    totals = {"successful": 100, "errored": 0, "incomplete": 0, "total": 100} | counts
    benchmark = {
        "type_": "generative_benchmark",
        "config": {
            "strategy": strategy or {"type_": "concurrent", "streams": 16, "max_concurrency": 16},
            "backend": {"target": "http://localhost:8000", "model": MODEL},
            "warmup": {"percent": None, "value": None},
        },
        "metrics": {"request_totals": totals, **metrics()},
        "requests": {"successful": [], "incomplete": [], "errored": []},
        "start_time": 1_789_344_000.0,
        "duration": 50.0,
        "warmup_duration": 0.0,
    }
    metadata = {"version": 1, "guidellm_version": "0.6.0"}
    return {"metadata": metadata, "args": {"model": None}, "benchmarks": [benchmark]}


def guidellm_old(strategy: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a report of GuideLLM 0.2 or 0.3."""
    benchmark = {
        "type_": "generative_benchmark",
        "args": {
            "strategy": strategy or {"type_": "concurrent", "streams": 16},
            "warmup_number": None,
            "warmup_duration": 5.0,
        },
        "worker": {"backend_type": "openai_http", "backend_model": MODEL},
        "metrics": metrics(p50=False),
        "request_totals": {"successful": 100, "errored": 0, "incomplete": 0, "total": 100},
        "start_time": 1_789_344_000.0,
        "duration": 50.0,
    }
    return {"benchmarks": [benchmark]}


CONFIGS: dict[str, dict[str, Any]] = {
    "aiperf": {
        "models": {"items": [{"name": MODEL}]},
        "phases": [
            {"name": "warmup", "kind": "warmup", "exclude_from_results": True, "concurrency": 4},
            {"name": "profiling", "type": "concurrency", "requests": 100, "concurrency": 16},
        ],
    },
    "aiperf to 0.8": {
        "endpoint": {"model_names": [MODEL], "type": "chat", "streaming": True},
        "loadgen": {"concurrency": 16, "request_count": 100, "warmup_request_count": 4},
    },
    "genai-perf": {
        "model_names": [MODEL],
        "endpoint": {"backend": "tensorrtllm", "service_kind": "openai"},
        "perf_analyzer": {"stimulus": {"concurrency": 16}, "warmup_request_count": 4},
    },
    "genai-perf older": {
        "model": [MODEL],
        "backend": "tensorrtllm",
        "concurrency": 16,
        "request_rate": None,
        "warmup_request_count": 4,
    },
}


def aiperf(layout: str = "aiperf", **changes: Any) -> dict[str, Any]:
    """Return an export of AIPerf or GenAI-Perf; ``None`` takes a key away."""

    def distribution(values: dict[str, float], unit: str = "ms") -> dict[str, Any]:
        ends = {"avg": "mean", "p50": "median", "p90": "p90", "p95": "p95", "p99": "p99"}
        return {"unit": unit, "std": 1.0, **{key: values[end] for key, end in ends.items()}}

    export = {
        "request_throughput": {"unit": "requests/sec", "avg": 2.0},
        "request_latency": distribution(E2E),
        "time_to_first_token": distribution(TTFT),
        "inter_token_latency": distribution(TPOT),
        "inter_chunk_latency": distribution(ITL),
        "output_token_throughput": {"unit": "tokens/sec", "avg": 400.0},
        "output_token_throughput_per_user": distribution(TPOT, "tokens/sec/user"),
        "input_sequence_length": {"unit": "tokens", "avg": 1000.0},
        "output_sequence_length": {"unit": "tokens", "avg": 200.0},
        "request_count": {"unit": "requests", "avg": 100.0},
        "benchmark_duration": {"unit": "sec", "avg": 50.0},
        "input_config": CONFIGS[layout],
    }
    if layout.startswith("aiperf"):
        export |= {"aiperf_version": "0.13.0", "was_cancelled": False, "goodput": None}
        export["start_time"] = "2026-09-14T01:50:43.661653"
    return {k: v for k, v in (export | changes).items() if v is not None or k not in changes}
