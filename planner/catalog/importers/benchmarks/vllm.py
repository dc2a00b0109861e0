"""vLLM: ``vllm bench serve --save-result``, ``benchmark_serving.py``, and the offline ones.

``serve`` writes one object: ``request_rate`` (a number or ``"inf"``), ``max_concurrency`` and
``failed`` (both absent in older versions), ``num_prompts``, ``completed``, ``duration`` in
seconds, totals of tokens, and ``{mean,median,std,pNN}_{ttft,tpot,itl,e2el}_ms``. With
``--append-result`` several stand one behind the other; ``vllm bench sweep`` also writes them as an
array. SGLang's ``bench_serving`` descends from it and writes lines of the same keys. Lengths are
totals over ``completed``, thus means; TPOT is of a request without its first token, ITL one gap
between chunks (``calculate_metrics`` in ``vllm/benchmarks/serve.py``).

Latencies without a unit in their name (``median_ttft``) are of other tools, some in seconds and
some in milliseconds, and are rejected. What ``offline`` reads stands there.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.benchmarks import setup
from planner.catalog.importers.benchmarks.offline import latency_run, throughput_run
from planner.catalog.importers.benchmarks.run import Load, Requests, Run, shown
from planner.catalog.importers.benchmarks.sources import read_runs
from planner.catalog.importers.benchmarks.values import (
    GOODPUT,
    STATISTICS,
    count,
    day,
    figure,
    rate,
    text,
)

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.benchmarks.rows import MeasuredRows
    from planner.catalog.importers.benchmarks.sources import Found
    from planner.catalog.importers.record import Imported, Settings

OPTIONS = setup.OPTIONS
"""Keys of ``--option`` with their help."""
_ACCEPTED = "a result JSON of vllm bench serve, throughput or latency"
_LATENCIES = {
    "ttft": "ttft_ms",
    "tpot": "tpot_ms",
    "itl": "itl_ms",
    "e2el": "e2e_latency_ms",
    "e2e_latency": "e2e_latency_ms",
}
_KEYS = {
    f"{statistic}_{name}_ms": f"{metric}_{end}"
    for name, metric in _LATENCIES.items()
    for statistic, end in STATISTICS.items()
} | {
    "output_throughput": "output_tokens_per_s_total",
    "request_throughput": "requests_per_s",
    "request_goodput": GOODPUT,
    # Some versions have the colon of the printed line in the key.
    "request_goodput:": GOODPUT,
}
_NO_UNIT = re.compile(r"(mean|median|p[0-9.]+)_(ttft|tpot|itl|e2el)")
_ENGINES = {"vllm": "vllm", "sglang": "sglang", "tensorrt-llm": "trtllm", "lmdeploy": "LMDeploy"}
"""Backends that name an engine; ``openai`` is a protocol that all of them speak."""


def read(source: Path, settings: Settings) -> Imported:
    """Return the measured rows of vLLM's benchmarks.

    Parameters
    ----------
    source
        Result file, or a folder with ``*.json`` at any depth.
    settings
        Catalogue to resolve names with, and the options of ``setup``.

    Raises
    ------
    InputError
        When an option or a single file cannot be used, or a folder has no ``*.json``.
    """
    return read_runs(source, settings, _ACCEPTED, _add)


def _add(rows: MeasuredRows, found: Found) -> bool:
    place, result = found.place, found.content
    if {"elapsed_time", "num_requests", "requests_per_second"} <= result.keys():
        rows.add(throughput_run(place, result))
        return True
    if {"avg_latency", "percentiles"} <= result.keys():
        run = latency_run(place, result, rows.setup.batch)
        if run is None:
            detail = "the file does not say how many requests; say --option batch=N"
            rows.reject(place, "batch", "no_batch", detail)
        else:
            rows.add(run)
        return True
    if "completed" not in result or not {"output_throughput", "request_throughput"} & set(result):
        return False
    if "input_sequence_throughput" in result or "total_output_tokens" not in result:
        detail = "an embedding or ranking run has no output tokens"
        rows.reject(place, "total_output_tokens", "not_generation", detail)
    elif result.get("ramp_up_strategy"):
        detail = "the rate rose during the run; run one rate after the other"
        rows.reject(place, result["ramp_up_strategy"], "ramp", detail)
    else:
        _add_serving(rows, place, result)
    return True


def _add_serving(rows: MeasuredRows, place: str, result: dict[str, Any]) -> None:
    unclear = sorted(key for key in result if _NO_UNIT.fullmatch(key))
    if unclear:
        detail = "seconds or milliseconds? vLLM writes the unit: median_ttft_ms"
        rows.reject(place, ", ".join(unclear), "unknown_unit", detail)
    requests = _requests(result)
    figures: dict[str, object] = {}
    for key, metric in _KEYS.items():
        # The median may stand twice, as p50 too; the first name counts.
        if result.get(key) is not None:
            figures.setdefault(metric, result[key])
    load, notes = _load(result, requests)
    done = requests.succeeded or 1.0
    rows.add(
        Run(
            place=place,
            tool=_tool(result),
            model=text(result.get("model_id")),
            load=load,
            requests=requests,
            figures=figures,
            duration_s=count(result.get("duration")),
            isl_tokens=(count(result.get("total_input_tokens")) or 0) / done or None,
            osl_tokens=(count(result.get("total_output_tokens")) or 0) / done or None,
            engine=_ENGINES.get(text(result.get("backend")).split("-chat")[0], ""),
            notes=(*notes, *_notes(result)),
        )
    )


def _tool(result: dict[str, Any]) -> str:
    # SGLang's lines name the data set and, unlike vLLM's, no tokenizer.
    descendant = "dataset_name" in result and "tokenizer_id" not in result
    return "sglang.bench_serving" if descendant else "vllm bench serve"


def _requests(result: dict[str, Any]) -> Requests:
    done = count(result.get("completed")) or 0.0
    failed = count(result.get("failed"))
    if failed is None:
        # A data set with fewer prompts than asked for is no failure: the lists tell.
        lengths = result.get("input_lens")
        asked = len(lengths) if isinstance(lengths, list) else count(result.get("num_prompts"))
        failed = max((asked or 0.0) - done, 0.0)
    return Requests(done, failed)


def _load(result: dict[str, Any], requests: Requests) -> tuple[Load, list[str]]:
    limit = rate(result.get("max_concurrency"))
    per_s = rate(result.get("request_rate")) or math.inf
    notes = []
    if limit is not None and limit > requests.total > 0:
        notes.append(f"max_concurrency={shown(limit)} was above the number of requests")
        limit = requests.total
    burstiness = figure(result.get("burstiness"))
    if math.isfinite(per_s) and burstiness not in {None, 1.0}:
        notes.append(f"burstiness={burstiness:g}")
    if math.isinf(per_s):
        notes.append("warm_up=none: the first requests come at once")
    return Load(None if limit == math.inf else limit, per_s), notes


def _notes(result: dict[str, Any]) -> list[str]:
    measured = day(result.get("date"))
    notes = [f"measured={measured}"] if measured else []
    accepted = figure(result.get("spec_decode_acceptance_length"))
    if accepted is not None:
        notes.append(f"speculative decoding with {accepted:.3g} tokens per step")
    return [*notes, "lengths=means"]
