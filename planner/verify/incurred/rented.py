"""Nodes that are rented by the hour, as their providers bill them in the replay."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR
from planner.verify.audit.clock import block_hours
from planner.verify.audit.nodes import ASSUMED_STARTUP_MINUTES, hourly_terms
from planner.verify.incurred.meter import Terms, metered
from planner.verify.incurred.records import SpotIncurred
from planner.verify.replay.spot import offer_interruptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.plan.document import FleetRow, Plan
    from planner.verify.incurred.meter import Metered
    from planner.verify.replay.cases import World
    from planner.verify.replay.requests import Floats

_SPOT = "spot"
_SPOT_DAYS = 40
"""Days with interruptions that are metered with every seed."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The nodes of an offer in a period on the days of a type.

    Parameters
    ----------
    offer_id, period
        Which.
    rows
        Their rows in the plan, by block of the day.
    days
        Days of that type in the period.
    by_seed
        A mean day of theirs, with every seed.
    """

    offer_id: str
    period: int
    rows: Mapping[int, FleetRow]
    days: float
    by_seed: tuple[Metered, ...]


def bills(world: World, seed: int, seeds: int) -> list[Bill]:
    """Return what providers bill for nodes by the hour.

    Parameters
    ----------
    world
        The plan, with what it rests on.
    seed, seeds
        First seed, and number of seeds.
    """
    plan, per_day = world.plan, world.problem.time_blocks
    taken_on = {row.offer_id for row in plan.commitments}
    groups: dict[tuple[str, int, int], dict[int, FleetRow]] = defaultdict(dict)
    for row in plan.fleet:
        if row.offer_id not in taken_on:
            groups[row.offer_id, row.period, row.block // per_day][row.block % per_day] = row
    found = []
    for number, ((offer_id, period, kind), rows) in enumerate(sorted(groups.items())):
        nodes = [rows[b].nodes if b in rows else 0 for b in range(per_day)]
        starting = [rows[b].starting_nodes if b in rows else 0 for b in range(per_day)]
        terms = _terms(world, next(iter(rows.values())))
        days = _SPOT_DAYS if terms.interruptions_per_h else 1
        by_seed = tuple(
            metered(nodes, starting, terms, days, np.random.default_rng([seed, k, number]))
            for k in range(seeds)
        )
        hours = block_hours(world.problem, kind * per_day) * per_day
        found.append(Bill(offer_id, period, rows, hours / HOURS_PER_DAY, by_seed))
    return found


def _terms(world: World, row: FleetRow) -> Terms:
    offers = [offer for offer in world.catalog.offers if offer.offer_id == row.offer_id]
    listed = hourly_terms(offers, world.problem)
    minutes = ASSUMED_STARTUP_MINUTES
    if listed is not None and listed.startup_minutes is not None:
        minutes = listed.startup_minutes
    shortest = (listed.min_billing_minutes or 0.0) if listed is not None else 0.0
    rate_per_h = 0.0
    if row.tenure == _SPOT:
        rate_per_h, _ = offer_interruptions(row.offer_id, world.problem, world.catalog)
    return Terms(minutes / MINUTES_PER_HOUR, shortest / MINUTES_PER_HOUR, rate_per_h)


def billed_fleet(plan: Plan, billed: list[Bill], seed: int) -> tuple[FleetRow, ...]:
    """Return the nodes of a plan with what they cost with one of the seeds.

    Parameters
    ----------
    plan
        The plan.
    billed
        What providers bill.
    seed
        Number of the seed, from 0.
    """
    usd: dict[tuple[str, int, int], float] = {}
    for bill in billed:
        for block, row in bill.rows.items():
            paid_h = bill.by_seed[seed].paid_h[block] * bill.days - row.covered_nodes * row.hours
            usd[row.offer_id, row.period, row.block] = row.price_usd_per_hour * float(paid_h)
    return tuple(
        replace(row, usd=usd.get((row.offer_id, row.period, row.block), row.usd))
        for row in plan.fleet
    )


def spot_incurred(billed: list[Bill]) -> Iterator[SpotIncurred]:
    """Yield how spot nodes of an offer fare in each period.

    Parameters
    ----------
    billed
        What providers bill.
    """
    groups: dict[tuple[str, int], list[Bill]] = defaultdict(list)
    for bill in billed:
        if any(row.tenure == _SPOT for row in bill.rows.values()):
            groups[bill.offer_id, bill.period].append(bill)
    for (offer_id, period), mine in groups.items():
        paid_h = lost_h = usd = taken = 0.0
        for bill in mine:
            paid, lost = _mean(bill, "paid_h"), _mean(bill, "lost_h")
            paid_h += float(paid.sum()) * bill.days
            lost_h += float(lost.sum()) * bill.days
            usd += sum(
                float(lost[b]) * bill.days * row.price_usd_per_hour for b, row in bill.rows.items()
            )
            taken += float(np.mean([m.interruptions for m in bill.by_seed])) * bill.days
        yield SpotIncurred(offer_id, period, taken, paid_h, lost_h, usd)


def _mean(bill: Bill, name: str) -> Floats:
    return np.asarray(np.mean([getattr(m, name) for m in bill.by_seed], axis=0), dtype=float)
