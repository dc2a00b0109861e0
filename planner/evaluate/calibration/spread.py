"""How far a calibrated combination is trusted.

With r_i the error ln(measured / predicted) of the pace of point i, predicted by a fit that did not
see it, n points, and sigma_0 what two points leave open::

    sigma = sigma_0                                              after two points
    sigma^2 = (nu sigma_0^2 + sum_i r_i^2) / (nu + n)            after more, nu = 4

where a stray r_i counts for 3 sigma_0 at most, and never below :data:`LEAST_SIGMA_LN`: other
lengths than those measured are further away than the points are from each other. Points are left
out one by one, or in :data:`MOST_FOLDS` groups.

sigma_0 was chosen on published figures of combinations that were calibrated on two points each, so
that the 80 % interval holds about 80 % of the other figures: 0.12 for dense models under a fixed
number of clients, 0.18 for mixtures of experts, whose kernels and balance change with the load,
and 0.2 for points that are batches or full load alone, from which plans are further away.

Source: the mean of a scaled inverse chi-squared posterior (Gelman et al. 2013, section 2.6).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.calibration.combination import Combination, Point

TWO_POINT_SIGMA_LN = 0.12
TWO_POINT_EXPERTS_SIGMA_LN = 0.18
TWO_POINT_BATCHES_SIGMA_LN = 0.2
LEAST_SIGMA_LN = 0.08
MOST_FOLDS = 20
MANY_POINTS = 4
"""Points from which on the spread counts as known."""
_PRIOR_POINTS = 4.0
_STRAY = 3.0
_LEAST_LEFT = 2
Provenance = Literal["two_point", "calibrated"]


def folds_of(points: Sequence[Point]) -> list[list[int]]:
    """Return the groups of points, by index, that are left out together; none of two points."""
    if len(points) <= _LEAST_LEFT:
        return []
    count = min(len(points), MOST_FOLDS)
    return [list(range(start, len(points), count)) for start in range(count)]


def provenance_of(points: int) -> Provenance:
    """Return how a combination with so many points is known."""
    return "calibrated" if points >= MANY_POINTS else "two_point"


def sigma_ln_time(combination: Combination, errors_ln: Sequence[float]) -> float:
    """Return the spread of ln(measured / predicted time) of a combination.

    Parameters
    ----------
    combination
        What was calibrated.
    errors_ln
        Errors of the pace of points that were left out; empty after two points.
    """
    prior = _two_point_sigma_ln(combination)
    counted = (min(abs(error), _STRAY * prior) for error in errors_ln)
    squares = _PRIOR_POINTS * prior**2 + math.fsum(e * e for e in counted)
    return max(math.sqrt(squares / (_PRIOR_POINTS + len(errors_ln))), LEAST_SIGMA_LN)


def _two_point_sigma_ln(combination: Combination) -> float:
    points = combination.points
    if all(point.run.load.kind != "closed" for point in points):
        return TWO_POINT_BATCHES_SIGMA_LN
    is_moe = points[0].case.spec.architecture.is_moe
    return TWO_POINT_EXPERTS_SIGMA_LN if is_moe else TWO_POINT_SIGMA_LN
