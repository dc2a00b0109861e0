"""Spot nodes: only work that waits, no more than its share, and what interruptions leave."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.units import MINUTES_PER_HOUR
from planner.verify.audit.clock import period_start
from planner.verify.audit.expected import TOLERANCE, by_option, differs, in_force
from planner.verify.audit.waiting import is_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

_SPOT, _MEASURED = "spot", "measured"
_ASSUMED_STARTUP_MINUTES = 10.0


def spot_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every use of spot nodes that the problem does not allow."""
    held: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for (period, block, pool, option_id), rows in by_option(plan.allocations).items():
        row = rows[0]
        if is_batch(pool):
            held[period, block][0] += row.accelerators
            held[period, block][1] += row.accelerators if row.is_interruptible else 0
        elif row.is_interruptible:
            yield f"period {period} block {block} {option_id}: spot nodes serve pool {pool}"
    most = problem.supply.spot.max_share
    for (period, block), (total, spot) in held.items():
        if spot > most * total * (1 + TOLERANCE):
            yield f"period {period} block {block}: {spot} of {total} batch accelerators are spot"
    yield from _measured(plan, problem, catalog)


def _measured(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Compare capacities on spot nodes with the measured ones."""
    for row in plan.allocations:
        if not row.is_interruptible or row.coefficient_origin != _MEASURED:
            continue
        twin = next(
            (
                other
                for other in plan.allocations
                if (other.workload, other.pool) == (row.workload, row.pool)
                and f"{other.option_id}/{_SPOT}" == row.option_id
            ),
            None,
        )
        left = _share_left(row.hardware, problem, catalog)
        if twin is not None and differs(row.capacity_rps, twin.capacity_rps * left):
            yield (
                f"period {row.period} block {row.block} {row.option_id}: interruptions leave "
                f"{left:.4g} of {twin.capacity_rps:.6g}/s, not {row.capacity_rps:.6g}/s"
            )


def _share_left(hardware: str, problem: Problem, catalog: Catalog) -> float:
    """Return the share of its time that the least favourable spot node of a hardware works."""
    spot, supply = problem.supply.spot, problem.supply
    offers: dict[str, list[Offer]] = defaultdict(list)
    for offer in catalog.offers:
        named = catalog.resolve_accelerator(offer.accelerator) or offer.accelerator
        wanted = not supply.providers or offer.provider in supply.providers
        if offer.tenure == _SPOT and named == hardware and wanted:
            offers[offer.offer_id].append(offer)
    left = 1.0
    for rows in offers.values():
        starts = [period_start(problem, t) for t in range(problem.horizon.periods)]
        listed = [row for day in starts if (row := in_force(rows, day)) is not None]
        fresh = [r for r in listed if age_days(r.as_of, starts[0]) <= supply.max_price_age_days]
        if not fresh:
            continue
        startup = fresh[-1].startup_minutes
        minutes = _ASSUMED_STARTUP_MINUTES if startup is None else startup
        stated = [r.interruption_rate_per_h for r in rows if r.interruption_rate_per_h is not None]
        rate = stated[-1] if stated else spot.interruptions_per_h
        left = min(left, 1 - rate * (minutes + spot.lost_work_minutes) / MINUTES_PER_HOUR)
    return left
