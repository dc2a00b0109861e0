"""Range queries of Prometheus over the counters of vLLM.

The JSON of ``/api/v1/query_range`` (one response, or a list of them) for the raw counters, not for
``rate()`` of them::

    {__name__=~"vllm:(request_success|prompt_tokens|generation_tokens)_total"}
    {__name__=~"vllm:request_(prompt|generation)_tokens_bucket"}

A counter that falls was restarted and counts from 0 again, so it grows by its new value. What a
series counted before its first sample is unknown and left out, as ``increase()`` does. Between two
samples a counter grows evenly. Percentiles of lengths are interpolated inside the buckets like
``histogram_quantile()``; the maximum is the upper end of the last bucket in use. Means come from
the token counters and are exact.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.demand.importers.arrivals import day_shape, peak_factor
from planner.demand.importers.assemble import LATEST_S
from planner.demand.importers.lines import Rejections, UnusableError, number, read_text
from planner.demand.importers.record import ImportedWorkload
from planner.errors import Fault, InputError
from planner.problem.schema import Marginal

if TYPE_CHECKING:
    from pathlib import Path

    from planner.demand.importers.record import Settings
    from planner.demand.records import FloatArray

_REQUESTS = "vllm:request_success"
_ISL, _OSL = "vllm:prompt_tokens", "vllm:generation_tokens"
_ISL_BUCKET, _OSL_BUCKET = (
    "vllm:request_prompt_tokens_bucket",
    "vllm:request_generation_tokens_bucket",
)
_HITS, _QUERIES = "vllm:prefix_cache_hits", "vllm:prefix_cache_queries"
_USED = (_REQUESTS, _ISL, _OSL, _ISL_BUCKET, _OSL_BUCKET, _HITS, _QUERIES)
_HIGHEST_COUNT = 1e15
_PERCENTILES = (0.5, 0.95, 0.99)
_PAIR = 2
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class _Series:
    metric: str
    bucket_upper_tokens: float | None
    time_s: FloatArray
    count: FloatArray
    """Growth since the first sample."""


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
    series = _all_series(_results(source), rejections)
    requests = [s for s in series if s.metric == _REQUESTS]
    total = _growth(series, _REQUESTS)
    if total <= 0:
        wanted = f"no growth of {_REQUESTS}_total; export its range query, not rate() of it"
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
    workload |= _lengths(series, total, notes)
    workload |= _prefix_cache(series)
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


def _all_series(results: list[Any], rejections: Rejections) -> list[_Series]:
    series = []
    for index, result in enumerate(results):
        place = f"result[{index}]"
        try:
            series.append(_series(result, place, rejections))
        except UnusableError as error:
            rejections.add(place, error)
    return series


def _series(result: object, place: str, rejections: Rejections) -> _Series:
    body = result if isinstance(result, dict) else {}
    metric = body.get("metric")
    name = metric.get("__name__") if isinstance(metric, dict) else None
    if not isinstance(metric, dict) or not isinstance(name, str):
        detail = "no metric name; export the counter itself, not an expression over it"
        raise UnusableError(value="", reason="no_name", detail=detail)
    stem = name.removesuffix("_total")
    if stem not in _USED:
        raise UnusableError(
            value=name, reason="unused_metric", detail=f"not one of {', '.join(_USED)}"
        )
    upper = None
    if stem in {_ISL_BUCKET, _OSL_BUCKET}:
        label = str(metric.get("le"))
        upper = math.inf if label == "+Inf" else number(label, "le")
    samples = _samples(body.get("values"), place, rejections)
    if len(samples) < _PAIR:
        detail = "fewer than two samples show no growth; use a range query"
        raise UnusableError(value=name, reason="one_sample", detail=detail)
    time_s = np.array(list(samples))
    value = np.array(list(samples.values()))
    growth = np.where(np.diff(value) < 0, value[1:], np.diff(value))
    return _Series(stem, upper, time_s, np.concatenate([[0.0], np.cumsum(growth)]))


def _samples(values: object, place: str, rejections: Rejections) -> dict[float, float]:
    if not isinstance(values, list):
        raise UnusableError(
            value="",
            reason="no_values",
            detail="no `values`; use a range query, not an instant one",
        )
    samples = {}
    for index, pair in enumerate(values):
        try:
            time_s, value = _sample(pair)
        except UnusableError as error:
            rejections.add(f"{place}.values[{index}]", error)
            continue
        samples[time_s] = value
    return dict(sorted(samples.items()))


def _sample(pair: object) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != _PAIR:
        raise UnusableError(
            value="", reason="bad_sample", detail="a sample is a pair of time and value"
        )
    if any(isinstance(p, bool) or not isinstance(p, int | float | str) for p in pair):
        raise UnusableError(
            value="", reason="bad_sample", detail="time and value of a sample are numbers"
        )
    time_s, value = number(str(pair[0]), "time"), number(str(pair[1]), "value")
    if not 0 <= time_s <= LATEST_S or not 0 <= value <= _HIGHEST_COUNT:
        raise UnusableError(
            value=str(pair[1]), reason="absurd", detail="no second since 1970, or no count"
        )
    return time_s, value


def _growth(series: list[_Series], metric: str) -> float:
    return float(sum(s.count[-1] for s in series if s.metric == metric))


def _lengths(series: list[_Series], requests: float, notes: list[str]) -> dict[str, Any]:
    means = [_growth(series, metric) / requests for metric in (_ISL, _OSL)]
    if min(means) < 1:
        missing = f"{_ISL}_total and {_OSL}_total do not both grow by a token per request"
        notes.append(f"no lengths: {missing}")
        return {}
    return {
        "lengths": {
            name: _marginal(series, bucket, round(mean, _DECIMALS), name, notes)
            for name, bucket, mean in (
                ("isl_tokens", _ISL_BUCKET, means[0]),
                ("osl_tokens", _OSL_BUCKET, means[1]),
            )
        }
    }


def _marginal(
    series: list[_Series], bucket: str, mean: float, name: str, notes: list[str]
) -> dict[str, float]:
    growth: dict[float, float] = {}
    for s in series:
        if s.metric == bucket and s.bucket_upper_tokens is not None:
            upper = s.bucket_upper_tokens
            growth[upper] = growth.get(upper, 0.0) + float(s.count[-1])
    uppers = np.array(sorted(upper for upper in growth if upper > 0))
    below = np.maximum.accumulate([growth[float(u)] for u in uppers]) if len(uppers) else uppers
    finite = np.isfinite(uppers)
    if not finite.any() or below[finite][-1] <= 0:
        notes.append(f"lengths.{name}: no {bucket} in use, only the mean is known")
        return {"mean": mean}
    figures = {"mean": mean, **_percentiles(uppers[finite], below[finite], float(below[-1]))}
    if below[-1] > below[finite][-1]:
        notes.append(f"lengths.{name}: some are above the last bucket, max is its upper end")
    if Marginal(**figures).mean_is_reachable:
        notes.append(f"lengths.{name}: percentiles interpolated inside buckets of the histogram")
        return figures
    notes.append(f"lengths.{name}: the buckets contradict the mean, only the mean is stated")
    return {"mean": mean}


def _percentiles(uppers: FloatArray, below: FloatArray, total: float) -> dict[str, float]:
    knots_tokens = np.concatenate([[0.0], uppers])
    share = np.concatenate([[0.0], below]) / total
    figures = {}
    for p in _PERCENTILES:
        # The first bucket that reaches the share; searching keeps empty buckets out of it.
        index = min(int(np.searchsorted(share, p)), len(uppers))
        low, high = share[index - 1], share[index]
        part = min((p - low) / (high - low), 1.0) if high > low else 1.0
        value = knots_tokens[index - 1] + part * (knots_tokens[index] - knots_tokens[index - 1])
        figures[f"p{p * 100:.0f}"] = max(round(float(value), _DECIMALS), 1.0)
    last = int(np.searchsorted(below, below[-1]))
    figures["max"] = max(float(uppers[last]), 1.0)
    return figures


def _prefix_cache(series: list[_Series]) -> dict[str, Any]:
    queries = _growth(series, _QUERIES)
    if queries <= 0:
        return {}
    hit_rate = min(_growth(series, _HITS) / queries, 1.0)
    return {"prefix_cache": {"hit_rate": round(hit_rate, _DECIMALS)}}
