"""Values of latencies that are limited: means and percentiles of samples.

A distribution is the values of r rows, equally likely or with weights. Several levels of the rate
make one distribution, each with its share of the requests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.traffic import MAX_PERCENTILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.perf.spec import Floats
    from planner.perf.traffic import LatencyLimit

    Spread = tuple[Floats, Floats | None]


def is_mean_gap(limit: LatencyLimit) -> bool:
    """Return whether `limit` is on the mean time per token, which follows from the state alone."""
    return limit.percentile is None and limit.metric in {"tpot", "itl"}


def is_per_request(limit: LatencyLimit) -> bool:
    """Return whether `limit` needs the time per token of single requests."""
    return limit.metric == "e2e" or (limit.metric == "tpot" and limit.percentile is not None)


def limit_values_s(
    limits: Sequence[LatencyLimit],
    levels: Sequence[Sequence[Spread]],
    shares: Sequence[float],
    rows: int,
) -> Floats:
    """Return the value of every limit over several levels of the rate, shape (rows, limits).

    Parameters
    ----------
    limits
        What is limited, in the order of the spreads.
    levels
        Spreads of every limit at each level.
    shares
        Requests at each level, relative.
    rows
        Number of rows r.
    """
    values = [
        _limit_value_s(limit, [spreads[i] for spreads in levels], shares)
        for i, limit in enumerate(limits)
    ]
    return np.stack(values, axis=1) if values else np.zeros((rows, 0))


def _limit_value_s(
    limit: LatencyLimit, levels: Sequence[Spread], shares: Sequence[float]
) -> Floats:
    if limit.percentile is None:
        means = np.stack([values.mean(axis=1) for values, _ in levels], axis=1)
        return np.asarray(means @ np.array(shares) / sum(shares), dtype=float)
    if len(levels) == 1 and levels[0][1] is None:
        return order_statistic(levels[0][0], limit.percentile)
    weights = [
        np.full_like(values, 1.0 / values.shape[1])
        if weight is None
        else weight / weight.sum(axis=1, keepdims=True)
        for values, weight in levels
    ]
    return weighted_quantile(
        np.concatenate([values for values, _ in levels], axis=1),
        np.concatenate([w * share for w, share in zip(weights, shares, strict=True)], axis=1),
        limit.percentile / MAX_PERCENTILE,
    )


def order_statistic(values: Floats, percentile: float) -> Floats:
    """Return the smallest value that `percentile` percent of a row do not exceed, shape (r,)."""
    rank = math.ceil(values.shape[1] * percentile / MAX_PERCENTILE) - 1
    return np.asarray(np.partition(values, rank, axis=1)[:, rank], dtype=float)


def weighted_quantile(values: Floats, weights: Floats, quantile: float) -> Floats:
    """Return the smallest value with `quantile` (0 to 1) of the weight of its row, shape (r,)."""
    order = np.argsort(values, axis=1, kind="stable")
    cumulative = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    below = (cumulative < quantile * cumulative[:, -1:]).sum(axis=1)
    position = np.minimum(below, values.shape[1] - 1)
    column = order[np.arange(len(values)), position]
    return np.asarray(values[np.arange(len(values)), column], dtype=float)
