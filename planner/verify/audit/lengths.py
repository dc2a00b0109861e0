"""Lengths of the requests of a workload: their means, and how they grow by period.

Computed again here, from the definitions: what is paid by use takes mid-period, capacities and
limits the dearer end of the period.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.problem.schema import Workload

_SHORTEST_TOKENS = 1.0

Pair = tuple[float, float]
"""Of prompts, and of outputs."""


def growth_at(growth: float | list[float], period: int) -> Pair:
    """Return the level in the middle of a period, and at its dearer end.

    Parameters
    ----------
    growth
        One factor for every period, or a list of them.
    period
        Period, counted from 0.
    """
    factors = growth if isinstance(growth, list) else [float(growth)] * (period + 1)
    start = math.prod(factors[:period])
    return start * math.sqrt(factors[period]), start * max(factors[period], 1.0)


def paid_level(workload: Workload, period: int) -> Pair:
    """Return the factors on mean prompt and output that are paid for in a period."""
    growth = workload.length_growth_per_period
    return growth_at(growth.isl, period)[0], growth_at(growth.osl, period)[0]


def planned_level(workload: Workload, period: int) -> Pair:
    """Return the factors on prompts and outputs that a period is planned with."""
    growth = workload.length_growth_per_period
    return growth_at(growth.isl, period)[1], growth_at(growth.osl, period)[1]


def longer_than_paid(workload: Workload, period: int) -> Pair:
    """Return how much longer prompts and outputs are planned than paid for in a period."""
    paid, planned = paid_level(workload, period), planned_level(workload, period)
    return planned[0] / paid[0], planned[1] / paid[1]


def mean_tokens(workload: Workload, catalog: Catalog) -> Pair | None:
    """Return mean prompt and output tokens at the start of the horizon.

    ``None`` where only a file of the user has them.
    """
    lengths = workload.lengths
    if lengths is None:
        return None
    stated = [
        None if marginal is None else marginal.mean
        for marginal in (lengths.isl_tokens, lengths.osl_tokens)
    ]
    if lengths.joint is None:
        if None in stated or lengths.ref is not None:
            return None
        return float(stated[0] or 0.0), float(stated[1] or 0.0)
    cells = catalog.length_cells(lengths.joint) or ()
    weights = [cell.probability for cell in cells]
    columns = ([c.isl_tokens for c in cells], [c.osl_tokens for c in cells])
    isl, osl = (
        _scaled_mean(column, weights, mean) for column, mean in zip(columns, stated, strict=True)
    )
    return isl, osl


def _scaled_mean(tokens: Sequence[float], weights: Sequence[float], mean: float | None) -> float:
    """Return the mean after scaling to a stated mean; no request is shorter than one token."""
    total = sum(weights)
    raw = sum(t * w for t, w in zip(tokens, weights, strict=True)) / total
    if mean is None:
        return raw
    scaled = [max(t * mean / raw, _SHORTEST_TOKENS) for t in tokens]
    return sum(t * w for t, w in zip(scaled, weights, strict=True)) / total
