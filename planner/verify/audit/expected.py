"""What the problem and the catalogue alone say: demand, and the price in force.

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
from planner.units import HOURS_PER_DAY, SECONDS_PER_DAY
from planner.verify.audit.clock import blocks, day_types
from planner.verify.audit.lengths import growth_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation
    from planner.problem.schema import Problem, Workload

P = TypeVar("P", Offer, ApiOffer)

TOLERANCE = 1e-6
"""Relative tolerance of every comparison."""
_HOURS = int(HOURS_PER_DAY)
_FLAT = "flat"

OptionPlace = tuple[int, int, str, str]
"""Period, block, pool and option."""


def differs(first: float, second: float) -> bool:
    """Return whether two figures differ by more than rounding."""
    return abs(first - second) > TOLERANCE * max(abs(first), abs(second), TOLERANCE)


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
    workload: Workload, problem: Problem, catalog: Catalog, *, waits: bool = False
) -> dict[tuple[int, int], tuple[float, float]]:
    """Return mean and planned rate in requests/s by period and block.

    The mean takes the average hour of a block at mid-period, the planned rate the highest hour at
    the dearer end of the period, with the headroom asked for. Requests that wait have neither peak
    nor headroom: theirs is the average hour too.
    """
    days = list(_hourly_rates(workload, problem, catalog))
    size = _HOURS // problem.time_blocks
    margin = _forecast_margin(workload, problem.policy.forecast_confidence)
    if not waits and not workload.arrival.rate_factors:
        margin *= workload.arrival.peak_factor_in_hour
    due = {}
    for period in range(problem.horizon.periods):
        usage, capacity = growth_at(workload.growth_per_period, period)
        for block in blocks(problem):
            day, first = divmod(block * size, _HOURS)
            inside = days[day][first : first + size]
            due[period, block] = (
                fmean(inside) * usage,
                (fmean(inside) if waits else max(inside) * _headroom(workload, period, block))
                * margin
                * capacity,
            )
    return due


def _headroom(workload: Workload, period: int, block: int, option: str | None = None) -> float:
    """Return the factor on the rate that all options, or one, are planned for."""
    here = [
        item.factor
        for item in workload.headroom
        if item.option in {None, option}
        and period in (item.periods or [period])
        and block in (item.blocks or [block])
    ]
    return max([1.0, *here])


def derating(row: Allocation, problem: Problem) -> float:
    """Return how many times less a replica carries because of headroom of its option, from 1."""
    if row.is_deferred:
        return 1.0
    where = problem.workload(row.workload), row.period, row.block
    return _headroom(*where, row.option_id) / _headroom(*where)


def _hourly_rates(workload: Workload, problem: Problem, catalog: Catalog) -> Iterator[list[float]]:
    """Yield the mean rate of every hour, for one type of day after the other."""
    arrival = workload.arrival
    daily = arrival.requests_per_day
    rate = daily / SECONDS_PER_DAY if daily is not None else arrival.mean_rate_rps or 0.0
    for name in day_types(problem):
        day = (arrival.day_types or {}).get(name)
        own = None if day is None else day.profile
        shape = _shape(arrival.profile if own is None else own, catalog)
        yield [rate * value * (1.0 if day is None else day.factor) for value in shape]


def _shape(profile: str | list[float], catalog: Catalog) -> list[float]:
    """Return the rate of every hour of a day over its mean."""
    if profile == _FLAT:
        values = [1.0] * _HOURS
    elif isinstance(profile, str):
        points = {p.hour: p.multiplier for p in catalog.profiles if p.profile == profile}
        values = [points[hour] for hour in sorted(points)]
    else:
        values = list(profile)
    by_hour = [fmean(values[hour::_HOURS]) for hour in range(_HOURS)]
    return [value / fmean(by_hour) for value in by_hour]


def _forecast_margin(workload: Workload, confidence: float) -> float:
    spread = math.sqrt(math.log(1 + workload.arrival.forecast_cv**2))
    return math.exp(NormalDist().inv_cdf(confidence) * spread)


def by_option(rows: Sequence[Allocation]) -> dict[OptionPlace, list[Allocation]]:
    """Return the rows of each option of a pool: its replicas are shared by them."""
    groups: dict[OptionPlace, list[Allocation]] = defaultdict(list)
    for row in rows:
        groups[row.period, row.block, row.pool, row.option_id].append(row)
    return groups
