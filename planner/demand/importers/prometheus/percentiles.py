"""Percentiles of lengths from the buckets of a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.demand.importers.prometheus.series import BUCKET
from planner.problem.schema import Marginal

if TYPE_CHECKING:
    from planner.demand.importers.prometheus.series import Series
    from planner.demand.records import FloatArray

_PERCENTILES = (0.5, 0.95, 0.99)
_DECIMALS = 4


def marginal(
    series: list[Series], histogram: str, mean: float, name: str, notes: list[str]
) -> dict[str, float]:
    """Return mean, percentiles and maximum of a length, as far as they are known.

    Parameters
    ----------
    series
        Everything that was read.
    histogram
        Histogram of the lengths.
    mean
        Mean length in tokens, >= 1.
    name
        Name of the length in notes.
    notes
        Where it is said what the percentiles rest on.
    """
    mean = round(mean, _DECIMALS)
    bucket = f"{histogram}{BUCKET}"
    growth: dict[float, float] = {}
    for one in series:
        if one.metric == bucket and one.bucket_upper_tokens is not None:
            upper = one.bucket_upper_tokens
            growth[upper] = growth.get(upper, 0.0) + float(one.count[-1])
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
