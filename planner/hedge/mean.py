"""The mean-value problem: one future in which every number that scenarios differ in is its mean.

Its plan is what a planner without scenarios would sign. Means are weighted with the probabilities.
Growth is averaged over the rates it leads to: with rate r[s] and factors g[s,u] the mean factor of
period t is ``L[t+1] / L[t]``, ``L[t] = sum p[s] r[s] prod over u < t of g[s,u]``. What differs in
anything but numbers has no mean; the problem is then that of the file without a scenario.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.errors import InputError
from planner.preparation import check_loaded, prepare_checked
from planner.problem.load import load_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.hedge.futures import Futures
    from planner.preparation import Prepared
    from planner.yaml_io import YamlData

MEAN = "the mean of the scenarios"
FILE = "the file without a scenario, because scenarios differ in more than numbers"
_GROWTH = "growth_per_period"


class _NoMeanError(Exception):
    """Scenarios differ in something that has no mean."""


def mean_problem(futures: Futures, overlays: Sequence[Path] = ()) -> tuple[Prepared, str]:
    """Return the mean-value problem, and what it is in words.

    Parameters
    ----------
    futures
        The scenarios.
    overlays
        Catalogue folders that win over those of the problem.
    """
    shares = futures.probabilities
    documents = [p.loaded.document for p in futures.prepared]
    loaded, words = futures.loaded, FILE
    try:
        data = _mean([d.data for d in documents], shares, futures.loaded.problem.horizon.periods)
        document = replace(documents[0], data=data)
        loaded, words = load_document(document, futures.loaded.folder), MEAN
    except (_NoMeanError, InputError):
        pass
    return prepare_checked(check_loaded(loaded, overlays)), words


def _mean(values: Sequence[YamlData], shares: Sequence[float], periods: int) -> YamlData:
    first = values[0]
    if all(value == first for value in values):
        return first
    if all(isinstance(value, dict) for value in values):
        return _mean_section(values, shares, periods)
    if all(isinstance(value, list) for value in values):
        if len({len(value) for value in values}) > 1:
            raise _NoMeanError
        return [_mean(items, shares, periods) for items in zip(*values, strict=True)]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        raise _NoMeanError
    mean = float(np.dot(shares, [float(v) for v in values]))
    return round(mean) if all(isinstance(v, int) for v in values) else mean


def _mean_section(
    sections: Sequence[dict[str, Any]], shares: Sequence[float], periods: int
) -> YamlData:
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for section in sections for key in section):
        if key == _GROWTH:
            growth = [section.get(key, 1.0) for section in sections]
            rates = [_rate(section) for section in sections]
            found[key] = _mean_growth(growth, rates, shares, periods)
        elif all(key in section for section in sections):
            found[key] = _mean([section[key] for section in sections], shares, periods)
        else:
            raise _NoMeanError
    return found


def _rate(workload: dict[str, Any]) -> float:
    arrival = workload.get("arrival", {})
    return float(arrival.get("requests_per_day") or arrival.get("mean_rate_rps") or math.nan)


def _mean_growth(
    growth: Sequence[YamlData], rates: Sequence[float], shares: Sequence[float], periods: int
) -> YamlData:
    if all(g == growth[0] for g in growth):
        return growth[0]
    factors = np.array([g if isinstance(g, list) else [g] * periods for g in growth], dtype=float)
    levels = np.cumprod(np.hstack((np.ones((len(growth), 1)), factors)), axis=1)
    mean = np.array(shares) * np.array(rates) @ levels
    return [float(factor) for factor in mean[1:] / mean[:-1]]
