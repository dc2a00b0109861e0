"""The time grid: periods of the horizon and blocks of a representative day.

A month is 730 h. Money spent evenly over period t of m months at rate r per year is discounted
by ``(1 + r) ** -((t + 1/2) m / 12)``.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from planner.demand.records import TimeGrid
from planner.units import HOURS_PER_DAY, HOURS_PER_MONTH, MONTHS_PER_YEAR

if TYPE_CHECKING:
    from planner.problem.schema import Problem

_MID_PERIOD = 0.5
_MONTHS = 12


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
    return TimeGrid(
        periods=horizon.periods,
        months_per_period=months,
        blocks=problem.time_blocks,
        block_h=HOURS_PER_DAY / problem.time_blocks,
        period_h=months * HOURS_PER_MONTH,
        period_start=tuple(starts),
        discount_factor=factors,
        utc_offset_h=horizon.utc_offset_h,
        discount_rate_per_year=rate,
    )
