"""Checks of day types: each workload's own, and that all workloads tell the same days apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.problem.profiles import profile_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Arrival, Problem
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

_DAYS_PER_YEAR = 365.0
_ROUNDING_DAYS = 1e-6


def day_type_findings(arrival: Arrival, path: Path_) -> Iterator[Finding]:
    """Yield what is wrong with the day types of one workload.

    Parameters
    ----------
    arrival
        Arrivals of the workload.
    path
        Path of the arrivals in the problem.
    """
    types = arrival.day_types
    if types is None:
        return
    here = (*path, "day_types")
    days = math.fsum(day.days_per_year for day in types.values())
    if abs(days - _DAYS_PER_YEAR) > _ROUNDING_DAYS:
        yield here, f"its days sum to {days:g}; a year has 365 of them"
    if not any(day.factor for day in types.values()):
        yield here, "has factor 0 on every day; at least one must be above 0"
    for name, day in types.items():
        if day.profile is not None:
            yield from profile_findings(day.profile, (*here, name, "profile"))


def shared_day_type_findings(problem: Problem) -> Iterator[Finding]:
    """Yield workloads whose day types are not those of the first workload that states any.

    Parameters
    ----------
    problem
        The problem.
    """
    stated = [(i, w) for i, w in enumerate(problem.workloads) if w.arrival.day_types]
    if not stated:
        return
    first = stated[0][1]
    wanted = {name: day.days_per_year for name, day in (first.arrival.day_types or {}).items()}
    listing = ", ".join(f"{name} ({days:g} days)" for name, days in wanted.items())
    for index, workload in stated[1:]:
        own = {n: day.days_per_year for n, day in (workload.arrival.day_types or {}).items()}
        if own != wanted or list(own) != list(wanted):
            message = f"differs from `{first.name}`, which has {listing}; state the same days"
            yield ("workloads", index, "arrival", "day_types"), message
