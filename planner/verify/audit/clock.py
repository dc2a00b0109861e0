"""Time as the problem alone states it: periods, types of day, and the blocks of each."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING

from planner.units import (
    HOURS_PER_DAY,
    HOURS_PER_MONTH,
    MINUTES_PER_HOUR,
    MONTHS_PER_YEAR,
    SECONDS_PER_HOUR,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Plan
    from planner.problem.schema import Problem
    from planner.problem.supply import ExistingNodes

_MINUTES_PER_DAY = 1440
_HALF = 0.5
_EVERY_DAY = "day"
_MONTHS = int(MONTHS_PER_YEAR)
_ROUNDING = 1e-9


def period_start(problem: Problem, period: int) -> date:
    """Return the first day of a period, counted from 0."""
    year, month = (int(p) for p in problem.horizon.start.split("-"))
    months = month - 1 + period * problem.horizon.months_per_period
    return date(year + months // _MONTHS, months % _MONTHS + 1, 1)


def day_types(problem: Problem) -> dict[str, float]:
    """Return the share of every type of day that any workload tells apart."""
    for workload in problem.workloads:
        if workload.arrival.day_types:
            types = workload.arrival.day_types
            year = sum(day.days_per_year for day in types.values())
            return {name: day.days_per_year / year for name, day in types.items()}
    return {_EVERY_DAY: 1.0}


def blocks(problem: Problem) -> range:
    """Return the blocks of a period: those of a day, for one type of day after the other."""
    return range(problem.time_blocks * len(day_types(problem)))


def block_hours(problem: Problem, block: int) -> float:
    """Return the hours that a block sums to over a period."""
    share = list(day_types(problem).values())[block // problem.time_blocks]
    return problem.horizon.months_per_period * HOURS_PER_MONTH * share / problem.time_blocks


def block_seconds(problem: Problem, block: int) -> float:
    """Return the seconds that a block sums to over a period."""
    return block_hours(problem, block) * SECONDS_PER_HOUR


def is_there(nodes: ExistingNodes, problem: Problem, block: int) -> bool:
    """Return whether every minute of a block lies in the hours in which nodes are there."""
    if nodes.hours is None:
        return True
    minutes = _MINUTES_PER_DAY // problem.time_blocks
    first = block % problem.time_blocks * minutes
    return all(
        any(
            ((minute + _HALF) / MINUTES_PER_HOUR - begin) % HOURS_PER_DAY
            < (end - begin) % HOURS_PER_DAY
            or end - begin == HOURS_PER_DAY
            for begin, end in nodes.hours
        )
        for minute in range(first, first + minutes)
    )


def paid_share(nodes: ExistingNodes) -> float:
    """Return the share of a day in which nodes are paid."""
    if nodes.hours is None:
        return 1.0
    runs = (end - begin if end > begin else end + HOURS_PER_DAY - begin
            for begin, end in nodes.hours)  # fmt: skip
    return sum(runs) / HOURS_PER_DAY


def clock_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every row of the table of blocks that the problem contradicts."""
    if [row.block for row in plan.time_blocks] != list(blocks(problem)):
        yield f"{len(plan.time_blocks)} time blocks, the problem has {len(blocks(problem))}"
        return
    names, per_day = list(day_types(problem)), problem.time_blocks
    length_h = HOURS_PER_DAY / per_day
    for row in plan.time_blocks:
        of_day = row.block % per_day
        if row.day_type != names[row.block // per_day]:
            yield f"block {row.block} is of {row.day_type}, not {names[row.block // per_day]}"
        for name, got, want in (
            ("starts at hour", row.start_h, of_day * length_h),
            ("ends at hour", row.end_h, (of_day + 1) * length_h),
            ("has hours in a period", row.hours_per_period, block_hours(problem, row.block)),
        ):
            if not math.isclose(got, want, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
                yield f"block {row.block} {name}: {got}, expected {want}"
