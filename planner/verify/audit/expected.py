"""What the problem and the catalogue alone say: time, demand, lengths, and the price in force.

Computed again here, from the definitions, so that a mistake in the code that made the plan cannot
hide in its audit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, TypeVar

from planner.catalog.dates import parse_partial_date
from planner.catalog.schema import ApiOffer, Offer
from planner.units import (
    HOURS_PER_DAY,
    HOURS_PER_MONTH,
    MONTHS_PER_YEAR,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation
    from planner.problem.schema import Problem, Workload

P = TypeVar("P", Offer, ApiOffer)

TOLERANCE = 1e-6
"""Relative tolerance of every comparison."""
_HOURS = int(HOURS_PER_DAY)
_MONTHS = int(MONTHS_PER_YEAR)
_SHORTEST_TOKENS = 1.0
_FLAT = "flat"

OptionPlace = tuple[int, int, str, str]
"""Period, block, pool and option."""


def differs(first: float, second: float) -> bool:
    """Return whether two figures differ by more than rounding."""
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second), TOLERANCE)


def period_start(problem: Problem, period: int) -> date:
    """Return the first day of a period, counted from 0."""
    year, month = (int(p) for p in problem.horizon.start.split("-"))
    months = month - 1 + period * problem.horizon.months_per_period
    return date(year + months // _MONTHS, months % _MONTHS + 1, 1)


def block_hours(problem: Problem) -> float:
    """Return the hours that one block of the day sums to over a period."""
    return problem.horizon.months_per_period * HOURS_PER_MONTH / problem.time_blocks


def block_seconds(problem: Problem) -> float:
    """Return the seconds that one block of the day sums to over a period."""
    return block_hours(problem) * SECONDS_PER_HOUR


def in_force(rows: Iterable[P], day: date) -> P | None:
    """Return the newest row that applies on a day, ``None`` when there is none."""
    valid = [
        row
        for row in rows
        if parse_partial_date(row.valid_from) <= day
        and (row.valid_to is None or parse_partial_date(row.valid_to) > day)
    ]
    return max(valid, key=lambda row: parse_partial_date(row.valid_from), default=None)


def rates_due(
    workload: Workload, problem: Problem, catalog: Catalog
) -> dict[tuple[int, int], tuple[float, float]]:
    """Return mean and planned rate in requests/s by period and block.

    The mean takes the average hour of a block at mid-period, the planned rate the highest hour at
    the dearer end of the period.
    """
    hours = _hourly_rates(workload, catalog)
    size = _HOURS // problem.time_blocks
    margin = _planning_margin(workload, problem.policy.forecast_confidence)
    due = {}
    for period in range(problem.horizon.periods):
        usage, capacity = _growth(workload, period)
        for block in range(problem.time_blocks):
            inside = hours[block * size : (block + 1) * size]
            due[period, block] = fmean(inside) * usage, max(inside) * margin * capacity
    return due


def _hourly_rates(workload: Workload, catalog: Catalog) -> list[float]:
    arrival = workload.arrival
    profile = arrival.profile
    if profile == _FLAT:
        values = [1.0] * _HOURS
    elif isinstance(profile, str):
        points = {p.hour: p.multiplier for p in catalog.profiles if p.profile == profile}
        values = [points[hour] for hour in sorted(points)]
    else:
        values = list(profile)
    by_hour = [fmean(values[hour::_HOURS]) for hour in range(_HOURS)]
    daily = arrival.requests_per_day
    rate = daily / SECONDS_PER_DAY if daily is not None else arrival.mean_rate_rps or 0.0
    return [rate * value / fmean(by_hour) for value in by_hour]


def _growth(workload: Workload, period: int) -> tuple[float, float]:
    growth = workload.growth_per_period
    factors = growth if isinstance(growth, list) else [float(growth)] * (period + 1)
    start = math.prod(factors[:period])
    return start * math.sqrt(factors[period]), start * max(factors[period], 1.0)


def _planning_margin(workload: Workload, confidence: float) -> float:
    arrival = workload.arrival
    spread = math.sqrt(math.log(1 + arrival.forecast_cv**2))
    forecast = math.exp(NormalDist().inv_cdf(confidence) * spread)
    return forecast if arrival.rate_factors else arrival.peak_factor_in_hour * forecast


def mean_tokens(workload: Workload, catalog: Catalog) -> tuple[float, float] | None:
    """Return mean prompt and output tokens, ``None`` where only a file of the user has them."""
    lengths = workload.lengths
    if lengths is None:
        return None
    stated = [
        None if marginal is None else marginal.mean
        for marginal in (lengths.isl_tokens, lengths.osl_tokens)
    ]
    if lengths.joint is None:
        if None in stated or lengths.ref is not None:
            return None
        return float(stated[0] or 0.0), float(stated[1] or 0.0)
    cells = catalog.length_cells(lengths.joint) or ()
    weights = [cell.probability for cell in cells]
    columns = ([c.isl_tokens for c in cells], [c.osl_tokens for c in cells])
    isl, osl = (
        _scaled_mean(column, weights, mean) for column, mean in zip(columns, stated, strict=True)
    )
    return isl, osl


def _scaled_mean(tokens: Sequence[float], weights: Sequence[float], mean: float | None) -> float:
    """Return the mean after scaling to a stated mean; no request is shorter than one token."""
    total = sum(weights)
    raw = sum(t * w for t, w in zip(tokens, weights, strict=True)) / total
    if mean is None:
        return raw
    scaled = [max(t * mean / raw, _SHORTEST_TOKENS) for t in tokens]
    return sum(t * w for t, w in zip(scaled, weights, strict=True)) / total


def by_option(rows: Sequence[Allocation]) -> dict[OptionPlace, list[Allocation]]:
    """Return the rows of each option of a pool: its replicas are shared by them."""
    groups: dict[OptionPlace, list[Allocation]] = defaultdict(list)
    for row in rows:
        groups[row.period, row.block, row.pool, row.option_id].append(row)
    return groups
