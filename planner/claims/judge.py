"""The verdict on a figure, and the break-even at which it flips.

A claim `holds` when everything the figure may be lies within what is claimed, and `does_not_hold`
when nothing does, however the inputs are chosen within their ranges. In between it `holds_when`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.claims.records import Band, Range, Verdict


def verdict_of(band: Band, found: Range, others: Iterable[float] = ()) -> Verdict:
    """Return the verdict on a figure.

    Parameters
    ----------
    band
        What is claimed.
    found
        Range of the figure where the claim is tested.
    others
        Figures under conditions that the claim does not state, such as another volume.
    """
    ends = [found.low, found.high]
    all_within = all(band.holds(end) for end in [*ends, *others])
    if all_within:
        return "holds"
    # A range that contains the band has both ends outside and figures within.
    apart = (band.high is not None and found.low > band.high) or (
        band.low is not None and found.high < band.low
    )
    if apart and not any(band.holds(figure) for figure in others):
        return "does_not_hold"
    return "holds_when"


def break_evens(
    band: Band, points: Sequence[tuple[float, float]], *, is_log_x: bool = False
) -> tuple[tuple[float, float], ...]:
    """Return where a curve crosses an end of what is claimed, as pairs of place and end.

    Parameters
    ----------
    band
        What is claimed.
    points
        Place and figure, by rising place.
    is_log_x
        Whether the figure is taken as linear in the logarithm of the place between two points.
    """
    found = []
    for (x, y), (next_x, next_y) in pairwise(points):
        for edge in band.edges:
            if (y < edge) != (next_y < edge):
                share = (edge - y) / (next_y - y)
                found.append((_between(x, next_x, share, is_log_x=is_log_x), edge))
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where a curve crosses an end of what is claimed.

    Parameters
    ----------
    place, edge
        Where, and which end.
    low, high
        Where it crosses when every figure is as low, or as high, as the gaps of its solves leave
        it, in order; both ``None`` where it crosses more or less often then.
    """

    place: float
    edge: float
    low: float | None
    high: float | None


def break_evens_within(
    band: Band,
    points: Sequence[tuple[float, float]],
    margins: Sequence[float],
    *,
    is_log_x: bool = False,
) -> tuple[BreakEven, ...]:
    """Return where a curve crosses an end of what is claimed, and how far gaps may move that.

    Parameters
    ----------
    band, points, is_log_x
        As in `break_evens`.
    margins
        How far the gaps may move the figure of each point, >= 0.
    """
    pairs = list(zip(points, margins, strict=True))
    curves = [
        break_evens(band, [(x, y + sign * m) for (x, y), m in pairs], is_log_x=is_log_x)
        for sign in (0.0, -1.0, 1.0)
    ]
    found = []
    for edge in band.edges:
        here, lower, upper = ([x for x, e in curve if e == edge] for curve in curves)
        is_alike = len(here) == len(lower) == len(upper)
        for number, place in enumerate(here):
            ends = sorted((lower[number], upper[number])) if is_alike else (None, None)
            found.append(BreakEven(place, edge, *ends))
    return tuple(sorted(found, key=lambda item: item.place))


def _between(x: float, next_x: float, share: float, *, is_log_x: bool) -> float:
    if is_log_x:
        return math.exp(math.log(x) + share * (math.log(next_x) - math.log(x)))
    return x + share * (next_x - x)
