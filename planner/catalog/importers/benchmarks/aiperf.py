"""AIPerf: ``profile_export_aiperf.json``; GenAI-Perf: ``profile_export_genai_perf.json``.

Every metric is an object with its ``unit`` and ``avg``, ``p50``, ``p90``, ``p95``, ``p99``.
``input_config`` says what was run; ``aiperf_config`` knows its four layouts. By meaning
(``aiperf/metrics/types``, GenAI-Perf's ``llm_profile_data_parser``):

* ``inter_token_latency`` is (request latency - TTFT) / (output tokens - 1) of a request: our
  TPOT, not our ITL.
* ``inter_chunk_latency`` is one gap between two chunks: our ITL.
* ``output_token_throughput_per_user`` is 1 / TPOT of a request and not read.

``request_count`` counts the requests that succeeded, ``error_request_count`` the others; warm-up
requests are in neither. AIPerf 0.13 also writes a file per phase, ``phases/NAME/``, that of the
warm-up too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.catalog.importers.benchmarks import setup
from planner.catalog.importers.benchmarks.aiperf_config import plan_of
from planner.catalog.importers.benchmarks.run import Load, Requests, Run, shown
from planner.catalog.importers.benchmarks.sources import read_runs
from planner.catalog.importers.benchmarks.values import GOODPUT, count, day, figure, part, text

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.benchmarks.rows import MeasuredRows
    from planner.catalog.importers.benchmarks.sources import Found
    from planner.catalog.importers.record import Imported, Settings

OPTIONS = setup.OPTIONS
"""Keys of ``--option`` with their help."""
_ACCEPTED = "a profile_export JSON of AIPerf or GenAI-Perf"
_LATENCIES = {
    "time_to_first_token": "ttft_ms",
    "inter_token_latency": "tpot_ms",
    "inter_chunk_latency": "itl_ms",
    "request_latency": "e2e_latency_ms",
}
_RATES = {
    "request_throughput": "requests_per_s",
    "output_token_throughput": "output_tokens_per_s_total",
    "goodput": GOODPUT,
    "request_goodput": GOODPUT,
}
_ENDS = {"avg": "mean", "p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99"}
_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}
_PER_S = {f"{what}/{second}": 1.0 for what in ("requests", "tokens") for second in ("sec", "s")}


def read(source: Path, settings: Settings) -> Imported:
    """Return the measured rows of AIPerf and GenAI-Perf.

    Parameters
    ----------
    source
        Exported profile, or a folder with ``*.json`` at any depth.
    settings
        Catalogue to resolve names with, and the options of ``setup``.

    Raises
    ------
    InputError
        When an option or a single file cannot be used, or a folder has no ``*.json``.
    """
    return read_runs(source, settings, _ACCEPTED, _add)


def _add(rows: MeasuredRows, found: Found) -> bool:
    place, profile = found.place, found.content
    known = any(part(profile, name) for name in ("request_latency", "request_throughput"))
    if not known or not isinstance(profile.get("input_config"), dict):
        return False
    plan = plan_of(part(profile, "input_config"), found.folders)
    if isinstance(plan, tuple):
        rows.reject(place, *plan)
        return True
    version = text(profile.get("aiperf_version"))
    tool = f"AIPerf {version}".strip() if _is_aiperf(profile) else "GenAI-Perf"
    requests = _requests(profile)
    limit, note = plan.load.concurrency, []
    if requests is not None and limit is not None and limit > requests.total > 0:
        note = [f"concurrency={shown(limit)} was above the number of requests"]
        limit = requests.total
    rows.add(
        Run(
            place=place,
            tool=tool,
            model=plan.model,
            load=Load(limit, plan.load.rate_per_s),
            requests=requests,
            figures=_figures(rows, place, profile),
            duration_s=_duration_s(profile, requests),
            isl_tokens=_average(profile, "input_sequence_length"),
            osl_tokens=_average(profile, "output_sequence_length"),
            hardware=_hardware(profile),
            notes=(*note, *plan.notes, *_notes(profile)),
        )
    )
    return True


def _is_aiperf(profile: dict[str, Any]) -> bool:
    """Return whether AIPerf wrote it: GenAI-Perf has neither times nor a state of the run."""
    return "aiperf_version" in profile or "was_cancelled" in profile or "start_time" in profile


def _figures(rows: MeasuredRows, place: str, profile: dict[str, Any]) -> dict[str, object]:
    figures: dict[str, object] = {}
    for names, factors in ((_LATENCIES, _MS), (_RATES, _PER_S)):
        for name, metric in names.items():
            stated = part(profile, name)
            unit = text(stated.get("unit")).replace("µ", "u").replace("μ", "u")
            if stated and unit not in factors:
                detail = f"{name} is read in {', '.join(factors)}"
                rows.reject(place, stated.get("unit"), "unknown_unit", detail)
                continue
            ends = _ENDS if names is _LATENCIES else {"avg": ""}
            for key, end in ends.items():
                if stated.get(key) is not None:
                    value = figure(stated[key])
                    known = stated[key] if value is None else value * factors[unit]
                    figures.setdefault(f"{metric}_{end}" if end else metric, known)
    return figures


def _average(profile: dict[str, Any], name: str) -> float | None:
    return count(part(profile, name).get("avg")) or None


def _requests(profile: dict[str, Any]) -> Requests | None:
    """Return the counts; older GenAI-Perf has none."""
    if not part(profile, "request_count"):
        return None
    done, failed = (_average(profile, n) or 0.0 for n in ("request_count", "error_request_count"))
    return Requests(done, failed)


def _duration_s(profile: dict[str, Any], requests: Requests | None) -> float | None:
    stated = part(profile, "benchmark_duration")
    factor = _MS.get(text(stated.get("unit")))
    value = count(stated.get("avg"))
    if factor is not None and value is not None:
        return value * factor / _MS["s"]
    per_s = _average(profile, "request_throughput")
    return None if per_s is None or requests is None else requests.succeeded / per_s


def _hardware(profile: dict[str, Any]) -> str:
    """Return the one name of accelerator that the telemetry saw, empty when it saw several."""
    endpoints = part(profile, "telemetry_data", "endpoints")
    gpus = [gpu for name in endpoints for gpu in part(endpoints, name, "gpus").values()]
    names = {text(gpu.get("gpu_name")) for gpu in gpus if isinstance(gpu, dict)}
    return names.pop() if len(names) == 1 else ""


def _notes(profile: dict[str, Any]) -> list[str]:
    measured = day(profile.get("start_time"))
    notes = [f"measured={measured}"] if measured else []
    if profile.get("was_cancelled") is True:
        notes.append("cancelled before its end")
    return [*notes, "lengths=means"]
