"""Series of a range query: how much a counter grew, and which server it is of."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.demand.importers.assemble import LATEST_S
from planner.demand.importers.lines import UnusableError, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.demand.importers.lines import Rejections
    from planner.demand.records import FloatArray

REQUESTS = "vllm:request_success_total"
ISL, OSL = "vllm:prompt_tokens_total", "vllm:generation_tokens_total"
ISL_HISTOGRAM, OSL_HISTOGRAM = "vllm:request_prompt_tokens", "vllm:request_generation_tokens"
HITS, QUERIES = "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"
BUCKET, SUM, COUNT = "_bucket", "_sum", "_count"
NAMES = (
    *(REQUESTS, ISL, OSL),
    *(f"{name}{end}" for name in (ISL_HISTOGRAM, OSL_HISTOGRAM) for end in (SUM, COUNT, BUCKET)),
    *(HITS, QUERIES),
)
"""Metrics that are read."""
SERVER_LABELS = ("namespace", "job", "pod", "instance", "model_name")
"""Labels that tell servers apart; of these, series of one server have the same."""
_TOTAL = "_total"
_STEMS = {name.removesuffix(_TOTAL): name for name in NAMES}
"""Some exporters leave the ending of a counter out."""
_HIGHEST_COUNT = 1e15
_PAIR = 2

Server = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Growth of one counter of one server.

    Parameters
    ----------
    metric
        One of `NAMES`.
    server
        Its `SERVER_LABELS` that are stated, with their values.
    bucket_upper_tokens
        Upper end of a bucket of a histogram, else ``None``.
    time_s, count
        Times of the samples, and growth since the first one.
    """

    metric: str
    server: Server
    bucket_upper_tokens: float | None
    time_s: FloatArray
    count: FloatArray


def all_series(results: list[Any], rejections: Rejections) -> list[Series]:
    """Return the series that can be used.

    Parameters
    ----------
    results
        ``data.result`` of the responses.
    rejections
        Where the others go.
    """
    series = []
    for index, result in enumerate(results):
        place = f"result[{index}]"
        try:
            series.append(_series(result, place, rejections))
        except UnusableError as error:
            rejections.add(place, error)
    return series


def growth_by_server(series: Iterable[Series], metric: str) -> dict[Server, float]:
    """Return how much a metric grew at every server that exports it."""
    growth: dict[Server, float] = defaultdict(float)
    for one in series:
        if one.metric == metric:
            growth[one.server] += float(one.count[-1])
    return dict(growth)


def _series(result: object, place: str, rejections: Rejections) -> Series:
    body = result if isinstance(result, dict) else {}
    metric = body.get("metric")
    name = metric.get("__name__") if isinstance(metric, dict) else None
    if not isinstance(metric, dict) or not isinstance(name, str):
        detail = "no metric name; export the counter itself, not an expression over it"
        raise UnusableError(value="", reason="no_name", detail=detail)
    known = _STEMS.get(name.removesuffix(_TOTAL))
    if known is None:
        raise UnusableError(
            value=name, reason="unused_metric", detail=f"not one of {', '.join(NAMES)}"
        )
    upper = None
    if known.endswith(BUCKET):
        label = str(metric.get("le"))
        upper = math.inf if label == "+Inf" else number(label, "le")
    samples = _samples(body.get("values"), place, rejections)
    if len(samples) < _PAIR:
        detail = "fewer than two samples show no growth; use a range query"
        raise UnusableError(value=name, reason="one_sample", detail=detail)
    time_s = np.array(list(samples))
    value = np.array(list(samples.values()))
    growth = np.where(np.diff(value) < 0, value[1:], np.diff(value))
    count = np.concatenate([[0.0], np.cumsum(growth)])
    server = tuple((label, str(metric[label])) for label in SERVER_LABELS if label in metric)
    return Series(known, server, upper, time_s, count)


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
