"""Lengths of real requests: marginals exactly as counted, and the joint histogram.

A percentile p of n lengths is the ``ceil(p n / 100)``-th smallest, so that it is a length that
occurred. The buckets of the histogram are those of the catalogue's ``lengths`` table; a cell
stands for its requests by their own mean lengths, and its probability is their share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.catalog.schema import LengthCell

if TYPE_CHECKING:
    from planner.demand.importers.record import Traffic
    from planner.demand.records import FloatArray

_ISL_UPPER_TOKENS = (25, 100, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)
_OSL_UPPER_TOKENS = (25, 100, 250, 500, 1000, 2000, 4000, 8000)
"""Upper ends of the buckets, inclusive; the last bucket has none."""
_PERCENTILES = (50, 95, 99)
_DECIMALS = 6


def marginal(length_tokens: FloatArray) -> dict[str, float]:
    """Return mean, percentiles and maximum of lengths, by the names of the problem file."""
    ordered = np.sort(length_tokens)
    n = len(ordered)
    figures = {"mean": round(float(ordered.mean()), _DECIMALS)}
    for percentile in _PERCENTILES:
        figures[f"p{percentile}"] = float(ordered[-(-percentile * n // 100) - 1])
    figures["max"] = float(ordered[-1])
    return {key: int(v) if v.is_integer() else v for key, v in figures.items()}


def joint_cells(traffic: Traffic, name: str, source: str, as_of: str) -> tuple[LengthCell, ...]:
    """Return the joint histogram of a trace, without empty cells.

    Parameters
    ----------
    traffic
        Requests, at least one.
    name
        Name of the histogram.
    source, as_of
        Provenance of its rows.
    """
    columns = len(_OSL_UPPER_TOKENS) + 1
    size = (len(_ISL_UPPER_TOKENS) + 1) * columns
    row = np.searchsorted(_ISL_UPPER_TOKENS, traffic.isl_tokens)
    cell = row * columns + np.searchsorted(_OSL_UPPER_TOKENS, traffic.osl_tokens)
    count = np.bincount(cell, minlength=size)
    isl = np.bincount(cell, traffic.isl_tokens, minlength=size)
    osl = np.bincount(cell, traffic.osl_tokens, minlength=size)
    return tuple(
        LengthCell(
            lengths=name,
            cell=index,
            isl_tokens=round(float(isl[filled] / count[filled]), _DECIMALS),
            osl_tokens=round(float(osl[filled] / count[filled]), _DECIMALS),
            probability=float(count[filled] / count.sum()),
            source=source,
            as_of=as_of,
        )
        for index, filled in enumerate(np.flatnonzero(count))
    )
