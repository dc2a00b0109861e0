"""Demand shapes that are incomplete or do not average to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.errors import Fault

PROFILE_MEAN_TOLERANCE = 0.01
PROBABILITY_TOLERANCE = 1e-6
DAYS_PER_WEEK = 7


def broken_profiles(catalog: Catalog) -> Iterator[Fault]:
    """Yield profiles that lack an hour or do not average to one."""
    lengths = (int(HOURS_PER_DAY), int(HOURS_PER_DAY) * DAYS_PER_WEEK)
    for name in sorted({p.profile for p in catalog.profiles}):
        points = {p.hour: p for p in catalog.profiles if p.profile == name}
        last = points[max(points)]
        period = next(hours for hours in lengths if last.hour < hours)
        missing = [str(hour) for hour in range(period) if hour not in points]
        if missing:
            message = f"profile `{name}` of {period} hours lacks hour {', '.join(missing)}"
            yield fault(catalog, "profiles", last, "hour", message)
            continue
        mean = sum(p.multiplier for p in points.values()) / period
        if abs(mean - 1) > PROFILE_MEAN_TOLERANCE:
            message = f"profile `{name}` has mean {mean:.4f}; multipliers have mean 1"
            yield fault(catalog, "profiles", last, "multiplier", message)


def broken_histograms(catalog: Catalog) -> Iterator[Fault]:
    """Yield length histograms whose probabilities do not sum to one."""
    for name in sorted({c.lengths for c in catalog.lengths}):
        cells = [c for c in catalog.lengths if c.lengths == name]
        total = sum(c.probability for c in cells)
        if abs(total - 1) > PROBABILITY_TOLERANCE:
            message = f"probabilities of `{name}` sum to {total:.6f}, not 1"
            yield fault(catalog, "lengths", cells[-1], "probability", message)
