"""Range queries of Prometheus over the counters of vLLM.

The JSON of ``/api/v1/query_range`` (one response, or a list of them) for the raw counters, not for
``rate()`` of them; ``series.NAMES`` has all that are read::

    {__name__=~"vllm:(request_success|prompt_tokens|generation_tokens)_total"}
    {__name__=~"vllm:request_(prompt|generation)_tokens_(bucket|sum|count)"}

A counter that falls was restarted and counts from 0 again, so it grows by its new value. What a
series counted before its first sample is unknown and left out, as ``increase()`` does. Between two
samples a counter grows evenly. Percentiles of lengths are interpolated inside the buckets like
``histogram_quantile()``; the maximum is the upper end of the last bucket in use. Means come from
the token counters, or from sum and count of the histogram, of the servers that have both parts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.demand.importers.arrivals import day_shape, peak_factor
from planner.demand.importers.lines import Rejections, read_text
from planner.demand.importers.prometheus.percentiles import marginal
from planner.demand.importers.prometheus.ratios import mean_length, prefix_cache
from planner.demand.importers.prometheus.series import (
    ISL,
    ISL_HISTOGRAM,
    NAMES,
    OSL,
    OSL_HISTOGRAM,
    REQUESTS,
    SERVER_LABELS,
    all_series,
    growth_by_server,
)
from planner.demand.importers.record import ImportedWorkload
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.demand.importers.prometheus.series import Series
    from planner.demand.importers.record import Settings
    from planner.demand.records import FloatArray

_LENGTHS = {"isl_tokens": (ISL, ISL_HISTOGRAM), "osl_tokens": (OSL, OSL_HISTOGRAM)}
"""Length to the counter and the histogram of its tokens."""


def read(source: Path, settings: Settings) -> ImportedWorkload:
    """Return the workload that the counters of vLLM show.

    Parameters
    ----------
    source
        JSON of the HTTP API, plain or compressed by gzip.
    settings
        Name of the workload.

    Raises
    ------
    InputError
        When the file is no response of a range query or counts no requests.
    """
    rejections = Rejections(source.name)
    series = all_series(_results(source), rejections)
    requests = [s for s in series if s.metric == REQUESTS]
    total = sum(growth_by_server(series, REQUESTS).values())
    if total <= 0:
        wanted = (
            f"no growth of {REQUESTS}; export its range query, not rate() of it; metrics that are "
            f"read: {', '.join(NAMES)}"
        )
        raise rejections.unusable(wanted)
    start_s = min(float(s.time_s[0]) for s in requests)
    end_s = max(float(s.time_s[-1]) for s in requests)

    def cumulative(at_s: FloatArray) -> FloatArray:
        sums: FloatArray = np.sum([np.interp(at_s, s.time_s, s.count) for s in requests], axis=0)
        return sums

    step_s = float(np.median(np.concatenate([np.diff(s.time_s) for s in requests])))
    shape = day_shape(cumulative, start_s, end_s)
    peak, peak_note = peak_factor(cumulative, start_s, end_s, step_s)
    arrival: dict[str, Any] = {
        "requests_per_day": shape.requests_per_day,
        "profile": "flat" if shape.profile is None else list(shape.profile),
    }
    if peak is not None:
        arrival["peak_factor_in_hour"] = peak
    workload: dict[str, Any] = {
        "name": settings.name,
        "description": f"{total:.0f} requests counted by {len(requests)} series of {source.name}",
        "arrival": arrival,
    }
    notes = [
        *shape.notes,
        peak_note,
        "counters show no single arrivals: the CV of gaps is the default of the schema",
    ]
    if shape.profile is not None:
        notes.append("hours of the profile: UTC")
    workload |= _lengths(series, notes)
    workload |= prefix_cache(series, notes)
    return ImportedWorkload(workload, (), total, rejections.in_order(), tuple(notes))


def _results(source: Path) -> list[Any]:
    try:
        data = json.loads(read_text(source))
    except json.JSONDecodeError as error:
        message = f"is not complete JSON: {error.msg}"
        raise InputError([Fault(str(source), error.lineno, error.colno, "", message)]) from error
    except (ValueError, RecursionError) as error:
        raise InputError([_not_a_response(source)]) from error
    results: list[Any] = []
    for response in data if isinstance(data, list) else [data]:
        body = response.get("data") if isinstance(response, dict) else None
        result = body.get("result") if isinstance(body, dict) else None
        if not isinstance(result, list):
            raise InputError([_not_a_response(source)])
        results += result
    return results


def _not_a_response(source: Path) -> Fault:
    message = (
        "is no response of /api/v1/query_range; JSON with `data.result`, each with `metric` and "
        "`values`, is accepted"
    )
    return Fault(str(source), None, None, "data.result", message)


def _lengths(series: list[Series], notes: list[str]) -> dict[str, Any]:
    means = {
        name: mean_length(series, counter, histogram, name, notes)
        for name, (counter, histogram) in _LENGTHS.items()
    }
    if any((mean or 0.0) < 1 for mean in means.values()):
        parts = " and ".join(f"{counter} or {name}_sum" for counter, name in _LENGTHS.values())
        notes.append(
            f"no lengths: no server counts a token per request in each of {parts}; servers are "
            f"told apart by {', '.join(SERVER_LABELS)}"
        )
        return {}
    return {
        "lengths": {
            name: marginal(series, _LENGTHS[name][1], mean or 0.0, name, notes)
            for name, mean in means.items()
        }
    }
