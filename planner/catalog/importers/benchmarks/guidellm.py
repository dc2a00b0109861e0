"""GuideLLM: the JSON report of one or more benchmarks, versions 0.2 to 0.8.

``benchmarks[]`` has ``metrics.{name}.successful.{mean,median,percentiles.pNN}``. Up to 0.3 the
load stands in ``args.strategy``, the model in ``worker.backend_model`` and the counts in
``request_totals``; from 0.4 on in ``config.strategy``, ``config.backend.model`` and
``metrics.request_totals``. A strategy is ``synchronous`` (one request), ``concurrent``
(``streams`` requests), ``throughput`` (all at once, at most ``max_concurrency`` in flight),
``constant`` or ``poisson`` (``rate`` requests/s); a sweep is a list of these. 0.1 kept single
requests only and is rejected.

By meaning (``guidellm/schemas/request_stats.py``):

* ``inter_token_latency_ms`` is (last token - first token) / (output tokens - 1) of a request,
  weighted by its gaps: our TPOT, not our ITL.
* ``time_per_output_token_ms`` divides by all output tokens and from 0.4 on counts the time to the
  first one too: it is not read.
* ``request_latency`` is in seconds.

``incomplete`` requests were cut off by the end of the run; long ones are more often cut off.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.benchmarks import setup
from planner.catalog.importers.benchmarks.offline import in_ms
from planner.catalog.importers.benchmarks.run import Load, Requests, Run, shown
from planner.catalog.importers.benchmarks.sources import read_runs
from planner.catalog.importers.benchmarks.values import (
    STATISTICS,
    count,
    day,
    figure,
    part,
    rate,
    text,
)
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.benchmarks.rows import MeasuredRows
    from planner.catalog.importers.benchmarks.sources import Found
    from planner.catalog.importers.record import Imported, Settings

OPTIONS = setup.OPTIONS
"""Keys of ``--option`` with their help."""
_ACCEPTED = "a benchmarks.json of GuideLLM 0.2 or later"
_LATENCIES = {
    "time_to_first_token_ms": "ttft_ms",
    "inter_token_latency_ms": "tpot_ms",
    "request_latency": "e2e_latency_ms",
}
_RATES = {
    "requests_per_second": "requests_per_s",
    "output_tokens_per_second": "output_tokens_per_s_total",
}
_BOUND = 0.8
"""Mean number in flight, as a share of the limit, from which on the limit shaped the run."""


def read(source: Path, settings: Settings) -> Imported:
    """Return the measured rows of GuideLLM's reports.

    Parameters
    ----------
    source
        Report, or a folder with ``*.json`` at any depth.
    settings
        Catalogue to resolve names with, and the options of ``setup``.

    Raises
    ------
    InputError
        When an option or a single file cannot be used, or a folder has no ``*.json``.
    """
    return read_runs(source, settings, _ACCEPTED, _add)


def _add(rows: MeasuredRows, found: Found) -> bool:
    place, report = found.place, found.content
    benchmarks = report.get("benchmarks")
    if not isinstance(benchmarks, list):
        return False
    known = 0
    for number, benchmark in enumerate(benchmarks, start=1):
        where = f"{place}#{number}"
        if not isinstance(benchmark, dict):
            continue
        if "benchmarks" in benchmark or "results" in benchmark:
            detail = "GuideLLM 0.1 keeps single requests only; run 0.2 or later"
            rows.reject(where, "results", "old_layout", detail)
            known += 1
        elif part(benchmark, "metrics", "time_to_first_token_ms"):
            _add_benchmark(rows, where, report, benchmark)
            known += 1
    if 0 < known < len(benchmarks):
        detail = "a benchmark has `metrics`"
        rows.reject(place, f"{len(benchmarks) - known} benchmarks", "unknown_layout", detail)
    return known > 0


def _add_benchmark(
    rows: MeasuredRows, place: str, report: dict[str, Any], benchmark: dict[str, Any]
) -> None:
    metrics = part(benchmark, "metrics")
    requests = _requests(benchmark)
    settings = part(benchmark, "config") or part(benchmark, "args")
    strategy = part(settings, "strategy")
    version = text(part(report, "metadata").get("guidellm_version"))
    figures = _figures(metrics)
    load = _load(strategy, requests, figures)
    if load is None:
        detail = "synchronous, concurrent, throughput, constant and poisson are read"
        rows.reject(place, strategy.get("type_"), "unknown_load", detail)
        return
    rows.add(
        Run(
            place=place,
            tool=f"GuideLLM {version}".strip(),
            model=_model(report, benchmark),
            load=load,
            requests=requests,
            figures=figures,
            duration_s=count(benchmark.get("duration")),
            isl_tokens=_mean(metrics, "prompt_token_count"),
            osl_tokens=_mean(metrics, "output_token_count"),
            notes=tuple(_notes(benchmark, settings, strategy)),
        )
    )


def _figures(metrics: dict[str, Any]) -> dict[str, object]:
    figures: dict[str, object] = {
        metric: part(metrics, name, "successful").get("mean") for name, metric in _RATES.items()
    }
    for name, metric in _LATENCIES.items():
        stated = part(metrics, name, "successful")
        # 0.2 and 0.3 have no p50 among the percentiles, but always a median.
        statistics = part(stated, "percentiles") | {
            key: stated[key] for key in ("mean", "median") if key in stated
        }
        for statistic, end in STATISTICS.items():
            value = statistics.get(statistic)
            if value is not None:
                known = in_ms(value) if name == "request_latency" else value
                figures.setdefault(f"{metric}_{end}", known)
    return figures


def _mean(metrics: dict[str, Any], name: str) -> float | None:
    return count(part(metrics, name, "successful").get("mean")) or None


def _requests(benchmark: dict[str, Any]) -> Requests | None:
    totals = part(benchmark, "metrics", "request_totals") or part(benchmark, "request_totals")
    if "successful" not in totals:
        return None
    done, failed, cut_off = (
        count(totals.get(name)) or 0.0 for name in ("successful", "errored", "incomplete")
    )
    return Requests(done, failed, cut_off)


def _load(
    strategy: dict[str, Any], requests: Requests | None, figures: dict[str, object]
) -> Load | None:
    kind = text(strategy.get("type_"))
    total = requests.total if requests is not None and requests.total > 0 else math.inf
    limit = rate(strategy.get("max_concurrency"))
    if kind == "synchronous":
        return Load(1.0)
    if kind == "concurrent":
        streams = rate(strategy.get("streams"))
        most = min(streams or math.inf, total)
        return Load(most) if streams and math.isfinite(most) else None
    if kind in {"constant", "poisson"}:
        per_s = rate(strategy.get("rate"))
        # The limit is the tool's own unless it is below what could have been in flight.
        below = limit is not None and limit < total < math.inf
        return None if per_s is None else Load(limit if below else None, per_s)
    if kind != "throughput":
        return None
    per_s, e2e_ms = figure(figures["requests_per_s"]), figure(figures.get("e2e_latency_ms_mean"))
    in_flight = (per_s or 0.0) * (e2e_ms or 0.0) / MS_PER_S
    bound = limit is not None and math.isfinite(limit) and in_flight >= _BOUND * limit
    return Load(limit if bound else None)


def _model(report: dict[str, Any], benchmark: dict[str, Any]) -> str:
    stated = (
        part(benchmark, "config", "backend").get("model"),
        part(benchmark, "worker").get("backend_model"),
        part(report, "config", "spec", "backend").get("model"),
        part(report, "args").get("model"),
    )
    return next((name for name in map(text, stated) if name), "")


def _notes(
    benchmark: dict[str, Any], settings: dict[str, Any], strategy: dict[str, Any]
) -> list[str]:
    notes = []
    warm_up = (
        figure(benchmark.get("warmup_duration")),
        figure(settings.get("warmup_number")),
        figure(settings.get("warmup_duration")),
    )
    notes.append("warm_up=excluded" if any(warm_up) else "warm_up=none")
    if text(strategy.get("type_")) in {"constant", "poisson"}:
        notes.append(f"arrivals={strategy['type_']}")
    ramp_s = rate(strategy.get("rampup_duration"))
    if ramp_s is not None:
        notes.append(f"ramp_up_s={shown(ramp_s)}")
    measured = day(benchmark.get("start_time"))
    return [*notes, *([f"measured={measured}"] if measured else []), "lengths=means"]
