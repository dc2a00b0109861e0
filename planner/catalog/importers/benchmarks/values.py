"""Numbers and names of statistics as the tools write them."""

from __future__ import annotations

import datetime
import math
from typing import Any

from planner.catalog.importers.files import number

STATISTICS = {
    "mean": "mean",
    "median": "p50",
    "p50": "p50",
    "p90": "p90",
    "p95": "p95",
    "p99": "p99",
}
"""Names of statistics to the suffixes of our metrics; the others are not read."""
LATENCIES = ("ttft_ms", "tpot_ms", "itl_ms", "e2e_latency_ms")
RATES = ("output_tokens_per_s_total", "total_tokens_per_s_in_plus_out", "requests_per_s")
GOODPUT = "goodput_requests_per_s"
METRICS = (
    *(f"{name}_{end}" for name in LATENCIES for end in dict.fromkeys(STATISTICS.values())),
    *RATES,
    GOODPUT,
)
"""Every metric that a run can have, in the order of its rows."""
_NO_NAMES = frozenset({"", ".", "..", "none", "null"})


def figure(value: object) -> float | None:
    """Return a finite number, also one that stands as text; ``None`` for anything else."""
    if isinstance(value, str):
        try:
            return number(float(value))
        except ValueError:
            return None
    return number(value)


def count(value: object) -> float | None:
    """Return a number of things, which is at least 0; ``None`` for anything else."""
    stated = figure(value)
    return stated if stated is not None and stated >= 0 else None


def rate(value: object) -> float | None:
    """Return a rate above 0, infinite too (``"inf"``, ``Infinity``); ``None`` for all else."""
    try:
        if isinstance(value, str | float) and float(value) == math.inf:
            return math.inf
    except ValueError:
        return None
    stated = figure(value)
    return stated if stated is not None and stated > 0 else None


def part(value: object, *names: str) -> dict[str, Any]:
    """Return the object under a path of names, empty when there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """Return a name without its surroundings, empty when it is none."""
    stated = value.strip() if isinstance(value, str) else ""
    return "" if stated.casefold() in _NO_NAMES else stated


def day(value: object) -> str:
    """Return the day of a time as the tools write it, empty when it is none.

    Parameters
    ----------
    value
        ``20250914-015043``, ISO 8601, or seconds since 1970.
    """
    try:
        if isinstance(value, str):
            plain = value.replace("-", "T", 1) if value[:8].isdigit() else value
            return datetime.datetime.fromisoformat(plain).date().isoformat()
        seconds = number(value)
        if seconds is None or seconds <= 0:
            return ""
        return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return ""
