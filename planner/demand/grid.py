"""The time grid: periods of the horizon and blocks of a representative day of every type.

A month is 730 h. A day type has ``days_per_year / 365`` of the days of every period. Money spent
evenly over period t of m months at rate r per year is discounted by
``(1 + r) ** -((t + 1/2) m / 12)``.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from planner.demand.records import EVERY_DAY, DayType, TimeGrid
from planner.units import HOURS_PER_DAY, HOURS_PER_MONTH, MONTHS_PER_YEAR

if TYPE_CHECKING:
    from planner.problem.schema import Problem

_MID_PERIOD = 0.5
_MONTHS = 12
_DAYS_PER_YEAR = 365


def time_grid(problem: Problem) -> TimeGrid:
    """Return the grid of a problem."""
    horizon = problem.horizon
    months = horizon.months_per_period
    rate = problem.finance.discount_rate_per_year
    year, month = (int(part) for part in horizon.start.split("-"))
    starts = []
    for period in range(horizon.periods):
        index = month - 1 + period * months
        starts.append(dt.date(year + index // _MONTHS, index % _MONTHS + 1, 1))
    factors = tuple(
        (1 + rate) ** -((t + _MID_PERIOD) * months / MONTHS_PER_YEAR)
        for t in range(horizon.periods)
    )
    types = _day_types(problem)
    return TimeGrid(
        periods=horizon.periods,
        months_per_period=months,
        blocks=problem.time_blocks * len(types),
        block_h=HOURS_PER_DAY / problem.time_blocks,
        period_h=months * HOURS_PER_MONTH,
        period_start=tuple(starts),
        discount_factor=factors,
        utc_offset_h=horizon.utc_offset_h,
        discount_rate_per_year=rate,
        day_types=types,
    )


def _day_types(problem: Problem) -> tuple[DayType, ...]:
    """Return the day types that workloads tell apart; all that state any state the same."""
    for workload in problem.workloads:
        if stated := workload.arrival.day_types:
            shares = {name: day.days_per_year / _DAYS_PER_YEAR for name, day in stated.items()}
            return tuple(DayType(name, share) for name, share in shares.items())
    return EVERY_DAY
