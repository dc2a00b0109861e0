"""Errors of predictions against measured figures.

With the absolute percentage error ``APE = |predicted / measured - 1|``::

    median APE, MAPE (mean), 90th percentile     as fractions
    log bias     mean of ln(measured / predicted): above 0 where the model says too little
    coverage     share with |ln(measured / predicted)| <= z(0.9) sigma

The stated interval is lognormal around the prediction. Quantities without a stated spread have no
coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.perf.uncertainty import covered_share

if TYPE_CHECKING:
    from collections.abc import Sequence

_HIGH = 0.9
_MOST_LN = 500.0
"""Largest logarithm that is summed up: keeps absurd figures finite."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Summary of n predictions; ``None`` where there is nothing to sum up.

    Parameters
    ----------
    n
        Predictions.
    median_ape, mape, p90_ape
        Absolute percentage errors, fractions.
    log_bias
        Mean of ln(measured / predicted).
    coverage_80
        Share inside the stated 80 % interval.
    """

    n: int
    median_ape: float | None = None
    mape: float | None = None
    p90_ape: float | None = None
    log_bias: float | None = None
    coverage_80: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A prediction beside its measured figure.

    Parameters
    ----------
    predicted, measured
        In one unit, > 0.
    sigma_ln
        Stated standard deviation of ln(measured / predicted), ``None`` when none is stated.
    """

    predicted: float
    measured: float
    sigma_ln: float | None


def errors_of(pairs: Sequence[Pair]) -> Errors:
    """Return the errors of `pairs`; their order does not matter."""
    if not pairs:
        return Errors(0)
    low = np.array([math.log(p.measured) - math.log(p.predicted) for p in pairs])
    low = np.sort(np.clip(low, -_MOST_LN, _MOST_LN))
    ape = np.sort(np.abs(np.expm1(-low)))
    stated = [p for p in pairs if p.sigma_ln is not None]
    return Errors(
        n=len(pairs),
        median_ape=float(np.median(ape)),
        mape=float(ape.mean()),
        p90_ape=float(np.quantile(ape, _HIGH)),
        log_bias=float(low.mean()),
        coverage_80=_covered(stated) if stated else None,
    )


def _covered(pairs: Sequence[Pair]) -> float:
    columns = ((p.measured, p.predicted, p.sigma_ln or 0.0) for p in pairs)
    measured, predicted, sigma_ln = map(list, zip(*columns, strict=True))
    return covered_share(measured, predicted, sigma_ln)
