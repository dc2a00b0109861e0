"""Units: the one place where numbers change unit.

Inside the planner everything is SI (seconds, bytes, watts) and US dollars. Names end in their
unit. Files use the unit their readers know (milliseconds, gigabytes per second, TFLOPS), and
loaders convert with the constants below.
"""

from __future__ import annotations

import math

HOURS_PER_MONTH = 730.0
"""A month is 730 h: 8,760 h / 12."""
HOURS_PER_YEAR = 8_760.0
HOURS_PER_DAY = 24.0
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_HOUR = 3_600.0
SECONDS_PER_DAY = 86_400.0
MINUTES_PER_HOUR = 60.0
MONTHS_PER_YEAR = 12.0
DAYS_PER_YEAR = 365.0
W_PER_KW = 1_000.0
G_PER_KG = 1_000.0
MS_PER_S = 1_000.0
TOKENS_PER_MTOK = 1e6
BYTES_PER_MIB = 1_048_576.0
BYTES_PER_GB = 1e9
BYTES_PER_GIB = 1_073_741_824.0
FLOPS_PER_TFLOPS = 1e12
JOULES_PER_KWH = 3.6e6
PARAMS_PER_BILLION = 1e9

_DIGITS = 7
_SHORT_DIGITS = 3
_WHOLE = 1e-3
"""What float arithmetic may have added to a figure that is exact, in its last short digit."""


def significant(value: float) -> float:
    """Return a figure of the performance model in seven digits, far more than it is good for.

    Processors differ in the last bits of sums and powers, and of plans that cost the same a
    solver takes the one that they decide: rounded, the same problem is the same on all of them.

    Parameters
    ----------
    value
        Any figure.
    """
    return float(f"{value:.{_DIGITS}g}")


def enough(value: float) -> float:
    """Return a figure rounded up to three digits, or to a whole number when it has more.

    A limit that is set to what it returns is kept by what needs `value`.

    Parameters
    ----------
    value
        Any figure above 0.
    """
    digits = max(_SHORT_DIGITS - 1 - math.floor(math.log10(value)), 0)
    scale = float(10**digits)
    return math.ceil(value * scale - _WHOLE) / scale
