"""Length distributions: from a joint histogram, or from the mean and percentiles of marginals.

A marginal is a monotone quantile function through (0, 1), p50, p95, p99 and max; inside each
segment it is ``lo + (hi - lo) u^g`` with u from 0 to 1, and one exponent g per marginal makes the
mean exact. With A the mean at ``g -> infinity`` and A + B the mean at g = 0::

    mean = A + B / (1 + g),   A = sum of width x lo,   B = sum of width x (hi - lo)

Two marginals without a histogram are independent, which is what single services show. A histogram
gives the dependence, and stated means win: its lengths are scaled to them.

Where something changes at a length (a price), the cells of a marginal are cut there, at
``u = ((length - lo) / (hi - lo))^(1/g)``, so that no atom stands for lengths on both sides.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.rates import growth_levels
from planner.demand.records import LengthDistribution, LengthLevel, LengthLevels
from planner.problem.schema import SHORTEST_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.schema import LengthCell
    from planner.demand.records import FloatArray
    from planner.problem.growth import LengthGrowth
    from planner.problem.schema import Lengths, Marginal

_PERCENTILE_TOLERANCE = 0.25
"""Difference between a stated percentile and the histogram's that is worth a note."""
_CELLS_PER_SEGMENT = 8
"""Atoms of a segment: the segment mean is exact, so this only limits the resolution."""
_SMALLEST_CELL = 1e-12
"""Share of a segment below which a cell is rounding."""


def marginal_atoms(
    marginal: Marginal, cuts_tokens: Sequence[float] = ()
) -> tuple[FloatArray, FloatArray]:
    """Return lengths and probabilities of a marginal; the mean is exact.

    Parameters
    ----------
    marginal
        Mean and percentiles.
    cuts_tokens
        Lengths that no atom stands on both sides of.

    Raises
    ------
    ValueError
        When no exponent reaches the mean: it lies outside what the percentiles allow.
    """
    knots = marginal.knots
    if len(knots) == 1:
        return np.array([marginal.mean]), np.array([1.0])
    exponent = _exponent(marginal)
    lengths, weights = [], []
    even = np.linspace(0.0, 1.0, _CELLS_PER_SEGMENT + 1)
    for (p_lo, lo), (p_hi, hi) in pairwise(knots):
        cuts = even
        inside = [(x - lo) / (hi - lo) for x in cuts_tokens if lo < x < hi]
        if inside and exponent > 0:
            cuts = np.union1d(even, np.array(inside) ** (1.0 / exponent))
            cuts = cuts[np.diff(cuts, prepend=-1.0) > _SMALLEST_CELL]
        width = np.diff(cuts)
        share = np.diff(cuts ** (exponent + 1)) / ((exponent + 1) * width)
        lengths.append(lo + (hi - lo) * share)
        weights.append((p_hi - p_lo) * width)
    return np.concatenate(lengths), np.concatenate(weights)


def cut_at(
    lengths: Lengths, distribution: LengthDistribution, isl_cuts_tokens: Sequence[float]
) -> LengthDistribution:
    """Return a distribution in which no atom stands for prompts on both sides of a cut.

    Parameters
    ----------
    lengths
        What the problem states.
    distribution
        The distribution of it. Cells of a histogram are represented by their recorded means, so
        they stay whole.
    isl_cuts_tokens
        Prompt lengths.
    """
    isl, osl = lengths.isl_tokens, lengths.osl_tokens
    histogram = lengths.joint is not None or lengths.ref is not None
    if histogram or isl is None or osl is None or isl.max is None:
        return distribution
    return independent(isl, osl, isl_cuts_tokens)


def independent(
    isl: Marginal, osl: Marginal, isl_cuts_tokens: Sequence[float] = ()
) -> LengthDistribution:
    """Return the product of two marginals; `isl_cuts_tokens` as in :func:`marginal_atoms`."""
    isl_tokens, isl_weight = marginal_atoms(isl, isl_cuts_tokens)
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
        isl = _with_mean(isl, weight, isl_mean_tokens)
    if osl_mean_tokens is not None:
        osl = _with_mean(osl, weight, osl_mean_tokens)
    return LengthDistribution(isl, osl, weight)


def length_levels(growth: LengthGrowth, periods: int) -> LengthLevels | None:
    """Return the levels of lengths by period, ``None`` when they do not grow.

    Growth is continuous, like that of rates: what is paid by use takes mid-period, capacities the
    dearer end of the period.

    Parameters
    ----------
    growth
        Factors on prompts and outputs per period.
    periods
        Number of periods T.
    """
    if growth.is_none:
        return None
    isl, osl = (growth_levels(factor, periods) for factor in (growth.isl, growth.osl))
    usage, planned = (
        tuple(LengthLevel(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True))
        for a, b in zip(isl, osl, strict=True)
    )
    return LengthLevels(usage, planned)


def histogram_notes(lengths: Lengths, distribution: LengthDistribution) -> list[str]:
    """Return a sentence for every stated percentile that the histogram does not show.

    Parameters
    ----------
    lengths
        What the problem states.
    distribution
        The histogram, scaled to the stated means; it is what the plan uses.
    """
    notes = []
    weight = distribution.probability
    for field, values in (
        ("isl_tokens", distribution.isl_tokens),
        ("osl_tokens", distribution.osl_tokens),
    ):
        for percentile, name in ((50.0, "p50"), (95.0, "p95"), (99.0, "p99")):
            stated = getattr(getattr(lengths, field), name, None)
            found = percentile_tokens(values, weight, percentile)
            if stated is not None and abs(found / stated - 1) > _PERCENTILE_TOLERANCE:
                notes.append(
                    f"lengths.{field}.{name} is stated as {stated:g}, the histogram has "
                    f"{found:.0f}; the plan uses the histogram"
                )
    return notes


def percentile_tokens(lengths: FloatArray, probability: FloatArray, percentile: float) -> float:
    """Return the smallest length with at least `percentile` % of the requests at or below it."""
    order = np.argsort(lengths, kind="stable")
    cumulative = np.cumsum(probability[order])
    index = int(np.searchsorted(cumulative, percentile / 100.0 - 1e-12))
    return float(lengths[order][min(index, len(lengths) - 1)])


def _with_mean(lengths: FloatArray, weight: FloatArray, mean_tokens: float) -> FloatArray:
    scaled: FloatArray = lengths * (mean_tokens / (lengths @ weight))
    if scaled.min() >= SHORTEST_TOKENS:
        return scaled
    # No request is shorter than a token: the others give back what those are lifted by.
    excess: FloatArray = np.maximum(scaled - SHORTEST_TOKENS, 0.0)
    above = float(excess @ weight)
    factor = (mean_tokens - SHORTEST_TOKENS) / above if above > 0 else 0.0
    return SHORTEST_TOKENS + excess * factor


def _exponent(marginal: Marginal) -> float:
    low, high = marginal.mean_range_tokens
    if not marginal.mean_is_reachable:
        allowed = f"{low:.0f} to {high:.0f}"
        text = f"mean {marginal.mean:g} cannot be reached: these percentiles allow {allowed}"
        raise ValueError(text)
    return max((high - low) / (marginal.mean - low) - 1.0, 0.0) if high > low else 0.0
