"""Length distributions: from a joint histogram, or from the mean and percentiles of marginals.

A marginal is a monotone quantile function through (0, 1), p50, p95, p99 and max; inside each
segment it is ``lo + (hi - lo) u^g`` with u from 0 to 1, and one exponent g per marginal makes the
mean exact. With A the mean at ``g -> infinity`` and A + B the mean at g = 0::

    mean = A + B / (1 + g),   A = sum of width x lo,   B = sum of width x (hi - lo)

Two marginals without a histogram are independent, which is what single services show. A histogram
gives the dependence, and stated means win: its lengths are scaled to them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.records import LengthDistribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.schema import LengthCell
    from planner.demand.records import FloatArray
    from planner.problem.schema import Marginal

SHORTEST_TOKENS = 1.0
_CELLS_PER_SEGMENT = 8
"""Atoms of a segment: the segment mean is exact, so this only limits the resolution."""


def marginal_atoms(marginal: Marginal) -> tuple[FloatArray, FloatArray]:
    """Return lengths and probabilities of a marginal; the mean is exact.

    Raises
    ------
    ValueError
        When no exponent reaches the mean: it lies outside what the percentiles allow.
    """
    knots = _knots(marginal)
    if len(knots) == 1:
        return np.array([marginal.mean]), np.array([1.0])
    exponent = _exponent(knots, marginal.mean)
    lengths, weights = [], []
    cuts = np.linspace(0.0, 1.0, _CELLS_PER_SEGMENT + 1)
    share = np.diff(cuts ** (exponent + 1)) / ((exponent + 1) * np.diff(cuts))
    for (p_lo, lo), (p_hi, hi) in pairwise(knots):
        lengths.append(lo + (hi - lo) * share)
        weights.append(np.full(_CELLS_PER_SEGMENT, (p_hi - p_lo) / _CELLS_PER_SEGMENT))
    return np.concatenate(lengths), np.concatenate(weights)


def independent(isl: Marginal, osl: Marginal) -> LengthDistribution:
    """Return the product of two marginals."""
    isl_tokens, isl_weight = marginal_atoms(isl)
    osl_tokens, osl_weight = marginal_atoms(osl)
    i, o = np.meshgrid(np.arange(len(isl_tokens)), np.arange(len(osl_tokens)), indexing="ij")
    return LengthDistribution(
        isl_tokens[i.ravel()],
        osl_tokens[o.ravel()],
        np.outer(isl_weight, osl_weight).ravel(),
    )


def from_histogram(
    cells: Sequence[LengthCell], isl_mean_tokens: float | None, osl_mean_tokens: float | None
) -> LengthDistribution:
    """Return the distribution of a joint histogram, scaled to the stated means.

    Parameters
    ----------
    cells
        Cells of one histogram.
    isl_mean_tokens, osl_mean_tokens
        Stated means, or ``None`` to keep those of the histogram.
    """
    isl = np.array([c.isl_tokens for c in cells])
    osl = np.array([c.osl_tokens for c in cells])
    weight = np.array([c.probability for c in cells])
    weight = weight / weight.sum()
    if isl_mean_tokens is not None:
        isl = np.maximum(isl * (isl_mean_tokens / (isl @ weight)), SHORTEST_TOKENS)
    if osl_mean_tokens is not None:
        osl = np.maximum(osl * (osl_mean_tokens / (osl @ weight)), SHORTEST_TOKENS)
    return LengthDistribution(isl, osl, weight)


def percentile_tokens(lengths: FloatArray, probability: FloatArray, percentile: float) -> float:
    """Return the smallest length with at least `percentile` % of the requests at or below it."""
    order = np.argsort(lengths, kind="stable")
    cumulative = np.cumsum(probability[order])
    index = int(np.searchsorted(cumulative, percentile / 100.0 - 1e-12))
    return float(lengths[order][min(index, len(lengths) - 1)])


def _knots(marginal: Marginal) -> list[tuple[float, float]]:
    stated = ((0.5, marginal.p50), (0.95, marginal.p95), (0.99, marginal.p99), (1.0, marginal.max))
    return [(0.0, SHORTEST_TOKENS), *((p, v) for p, v in stated if v is not None)]


def _exponent(knots: list[tuple[float, float]], mean: float) -> float:
    low = sum((q - p) * lo for (p, lo), (q, _) in pairwise(knots))
    span = sum((q - p) * (hi - lo) for (p, lo), (q, hi) in pairwise(knots))
    if not low < mean <= low + span:
        allowed = f"{low:.0f} to {low + span:.0f}"
        text = f"mean {mean:g} cannot be reached: these percentiles allow {allowed}"
        raise ValueError(text)
    return span / (mean - low) - 1.0
