"""``vllm bench throughput`` and ``vllm bench latency``: an engine without a server.

Neither file names the model or the lengths: ``--option model=``, ``isl=`` and ``osl=`` do.

``throughput`` hands all requests over at once: ``elapsed_time`` in seconds, ``num_requests``,
``requests_per_second``, and ``tokens_per_second`` that counts prompts too
(``vllm/benchmarks/throughput.py``).

``latency`` times one batch again and again after warming up: ``avg_latency`` and ``percentiles``
of the whole batch in seconds (``vllm/benchmarks/latency.py``); ``--option batch=`` says how many
requests. The percentiles are of iterations, not of requests.
"""

from __future__ import annotations

from typing import Any

from planner.catalog.importers.benchmarks.run import Load, Requests, Run
from planner.catalog.importers.benchmarks.values import count, figure, part
from planner.units import MS_PER_S

_ENDS = ("50", "90", "95", "99")


def throughput_run(place: str, result: dict[str, Any]) -> Run:
    """Return the run of a result of ``vllm bench throughput``."""
    return Run(
        place=place,
        tool="vllm bench throughput",
        model="",
        load=Load(),
        requests=Requests(count(result.get("num_requests")) or 0.0),
        figures={
            "requests_per_s": result.get("requests_per_second"),
            "total_tokens_per_s_in_plus_out": result.get("tokens_per_second"),
        },
        duration_s=count(result.get("elapsed_time")),
        engine="vllm",
        notes=("offline",),
    )


def latency_run(place: str, result: dict[str, Any], batch: int | None) -> Run | None:
    """Return the run of a result of ``vllm bench latency``, ``None`` without a batch."""
    if batch is None:
        return None
    latencies = result.get("latencies")
    iterations = len(latencies) if isinstance(latencies, list) else 0
    percentiles = part(result, "percentiles")
    stated = {"mean": result.get("avg_latency")} | {
        f"p{end}": percentiles[end] for end in _ENDS if end in percentiles
    }
    return Run(
        place=place,
        tool="vllm bench latency",
        model="",
        load=Load(batch=batch),
        requests=Requests(batch),
        figures={f"e2e_latency_ms_{end}": in_ms(value) for end, value in stated.items()},
        engine="vllm",
        notes=("offline", f"iterations={iterations}" if iterations else "iterations not stated"),
    )


def in_ms(seconds: object) -> object:
    """Return seconds in milliseconds, anything that is no number as it stands."""
    value = figure(seconds)
    return seconds if value is None else value * MS_PER_S
