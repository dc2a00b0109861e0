"""Confidence intervals of a mean over independent simulations (Student's t, 95 %)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.verify.replay.requests import Floats

_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""97.5 % quantiles of Student's t with 1 to 30 degrees of freedom."""
_NORMAL_975 = 1.96


def half_width(values: Floats) -> float:
    """Return half the width of the 95 % interval of the mean; infinite with one value.

    Parameters
    ----------
    values
        Independent values, shape (n,).
    """
    freedom = len(values) - 1
    if freedom < 1:
        return math.inf
    t = _T_975[freedom - 1] if freedom <= len(_T_975) else _NORMAL_975
    return float(t * values.std(ddof=1) / math.sqrt(len(values)))
