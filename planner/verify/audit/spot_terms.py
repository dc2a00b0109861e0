"""What spot nodes of a hardware leave of a replica, and by how much their work is due early.

Computed again here, from the rows of offers.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.catalog.dates import age_days
from planner.units import MINUTES_PER_HOUR
from planner.verify.audit.clock import period_start
from planner.verify.audit.expected import in_force

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.problem.schema import Problem

_SPOT, _ON_DEMAND = "spot", "on_demand"
_ASSUMED_STARTUP_MINUTES = 10.0


class _Start(NamedTuple):
    """Start-up time of an offer by the hour, and how often its nodes are taken away."""

    tenure: str
    minutes: float
    interruptions_per_h: float


def share_left(hardware: str, problem: Problem, catalog: Catalog) -> float:
    """Return the share of its time that the least favourable spot node of a hardware works."""
    lost = problem.supply.spot.lost_work_minutes
    shares = [
        1 - start.interruptions_per_h * (start.minutes + lost) / MINUTES_PER_HOUR
        for start in _starts(hardware, problem, catalog)
        if start.tenure == _SPOT
    ]
    return min([1.0, *shares])


def due_early_h(hardware: str, problem: Problem, catalog: Catalog) -> float:
    """Return the hours that work on spot nodes loses when all of them are replaced at once."""
    minutes = [start.minutes for start in _starts(hardware, problem, catalog)]
    return (max(minutes, default=0.0) + problem.supply.spot.lost_work_minutes) / MINUTES_PER_HOUR


def _starts(hardware: str, problem: Problem, catalog: Catalog) -> Iterator[_Start]:
    spot, supply = problem.supply.spot, problem.supply
    offers: dict[str, list[Offer]] = defaultdict(list)
    for offer in catalog.offers:
        named = catalog.resolve_accelerator(offer.accelerator) or offer.accelerator
        wanted = not supply.providers or offer.provider in supply.providers
        by_the_hour = offer.tenure in {_SPOT, _ON_DEMAND} and offer.tenure in supply.tenures
        if by_the_hour and named == hardware and wanted:
            offers[offer.offer_id].append(offer)
    for rows in offers.values():
        starts = [period_start(problem, t) for t in range(problem.horizon.periods)]
        listed = [row for day in starts if (row := in_force(rows, day)) is not None]
        fresh = [r for r in listed if age_days(r.as_of, starts[0]) <= supply.max_price_age_days]
        if not fresh:
            continue
        startup = fresh[-1].startup_minutes
        minutes = _ASSUMED_STARTUP_MINUTES if startup is None else startup
        stated = [r.interruption_rate_per_h for r in rows if r.interruption_rate_per_h is not None]
        yield _Start(rows[0].tenure, minutes, stated[-1] if stated else spot.interruptions_per_h)
