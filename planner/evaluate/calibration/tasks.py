"""From operating points to the figures that a fit has to meet.

A point states its pace (time per output token, output tokens/s, or the gap between tokens where
nothing else is stated), which counts once however often it is stated, and perhaps a time to first
token. With e_i = ln(measured / predicted time) of the pace of point i under what is shipped, the
error of a pace is how far the points disagree about one common factor::

    s = 1.4826 median_i |e_i - median(e)|,  between 0.002 and 0.12

Points that agree are met exactly. Points that do not are met as closely as the priors of the moves
allow: published points of one combination scatter by 0.12, so more than that says nothing new.

Source: Rousseeuw and Croux (1993) for the scale.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

from planner.evaluate.calibration.fit import Target, Task
from planner.evaluate.calibration.moves import freed
from planner.evaluate.observations import LATENCIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.evaluate.calibration.combination import Point
    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric

Figures: TypeAlias = "Mapping[int, float]"
"""Predicted figure by the identity of the reading."""
LEAST_PACE_LN, MOST_PACE_LN = 0.002, 0.12
"""Range of the error of a pace."""
LEAST_COMMON_LN = 0.1
"""Least spread of the common factor."""
TTFT_SIGMA_LN = 0.3
"""Error of a time to first token, most of which is queueing in the benchmark itself."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_PACES: tuple[Metric, ...] = (
    "tpot_ms",
    "throughput_closed_loop",
    "throughput_max_load",
    "throughput_static",
)


def task_of(points: Sequence[Point], shipped: Figures) -> Task:
    """Return the fit of some points of a combination.

    Parameters
    ----------
    points
        The points, at least one.
    shipped
        What is predicted of their figures before anything moves.
    """
    errors = pace_errors_ln(points, shipped)
    middle = median(errors)
    scale = _NORMAL * median(abs(error - middle) for error in errors)
    sigma_ln = min(max(scale, LEAST_PACE_LN), MOST_PACE_LN)
    targets = tuple(target for point in points for target in _targets(point, sigma_ln))
    has_ttft = any(t.metric == "ttft_ms" for t in targets)
    return Task(targets, freed(len(points), has_ttft, _common_ln(points[0].case)))


def _common_ln(case: Case) -> float:
    """Return the spread of what all points of a combination have in common.

    What is shipped states that of a single point, ``sigma^2 = common^2 + scatter^2``.
    """
    stated = case.trust.sigma_ln_time
    return math.sqrt(max(stated**2 - MOST_PACE_LN**2, LEAST_COMMON_LN**2))


def pace_errors_ln(points: Iterable[Point], predicted: Figures) -> list[float]:
    """Return ln(measured / predicted time) of the pace of every point that has a prediction."""
    errors = []
    for point in points:
        known = {r.metric: predicted[id(r)] for r in point.readings if id(r) in predicted}
        paces = {m: f for m, f in _paces(point).items() if m in known}
        if paces:
            logs = (_time_ln(m, f) - _time_ln(m, known[m]) for m, f in paces.items())
            errors.append(math.fsum(logs) / len(paces))
    return errors


def _targets(point: Point, sigma_ln: float) -> list[Target]:
    paces = _paces(point)
    found = [
        Target(point.run, point.case, metric, figure, sigma_ln, 1.0 / len(paces))
        for metric, figure in paces.items()
    ]
    ttft_ms = point.figure("ttft_ms")
    if ttft_ms is not None:
        found.append(Target(point.run, point.case, "ttft_ms", ttft_ms, TTFT_SIGMA_LN, 1.0))
    return found


def _paces(point: Point) -> dict[Metric, float]:
    paces = {m: f for m in _PACES if (f := point.figure(m)) is not None}
    gap_ms = point.figure("itl_ms")
    if "tpot_ms" not in paces and gap_ms is not None:
        paces["itl_ms"] = gap_ms
    return paces


def _time_ln(metric: Metric, figure: float) -> float:
    """Return the logarithm of the time that a figure means: rates fall where times rise."""
    return math.log(figure) if metric in LATENCIES else -math.log(figure)
