"""What each commitment carries, and at which use and price renting would have cost the same.

In a block, hardware h has A[h] accelerators that are taken on and H[h] that replicas hold. What is
taken on is used first, all of it alike: a commitment with A accelerators has ``used = A min(1,
H / A[h])`` of them in use, and carries ``used / H`` of the requests and of the work on h. What it
is needed for, and what that would cost by the hour, is less (:mod:`planner.finance.without`).
Where residency keeps a workload off some nodes of the same hardware, what it carries is an
approximation.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.finance.hardware_use import hardware_use
from planner.finance.rent_instead import Market
from planner.finance.tenants import tenants_of
from planner.finance.without import Lot, Without
from planner.plan.commitments import taken_in_order
from planner.plan.finance_rows import CommitmentFigures
from planner.plan.power_prices import is_bought
from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.demand.records import Demand, TimeGrid
    from planner.finance.hardware_use import HardwareUse
    from planner.options.builds import Build
    from planner.options.quotas import Quota
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Commitment, Plan
    from planner.plan.records import Decisions

_DAYS_PER_MONTH = 365.0 / MONTHS_PER_YEAR


def commitment_figures(
    plan: Plan,
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    quotas: Sequence[Quota] = (),
) -> tuple[CommitmentFigures, ...]:
    """Return a row for every commitment of a plan, in the order of its commitments.

    Parameters
    ----------
    plan
        The plan, with its tables.
    demand, options, decisions
        The records it was made from.
    quotas
        Most accelerators at any time.
    """
    market = Market(plan, options, demand.grid, quotas)
    without = Without(plan, options, demand.grid, tenants_of(plan, options), market)
    all_use = hardware_use(plan, demand.grid)
    taken = taken_in_order(options, decisions)
    return tuple(
        _row(row, Lot(*lot), without, all_use, demand)
        for row, lot in zip(plan.commitments, taken, strict=True)
    )


def _row(
    row: Commitment, lot: Lot, without: Without, all_use: HardwareUse, demand: Demand
) -> CommitmentFigures:
    offer, build = lot.offer, lot.build
    periods = range(build.start, build.end)
    use = _use(all_use, demand.grid, offer, row.accelerators, periods)
    usd = (row.usd_per_node_hour + offer.staff_usd_per_hour) / row.accelerators_per_node
    if is_bought(offer):
        usd += _dear_hours_usd(without.plan, demand.grid, offer.hardware, periods)
    instead = without.lot(lot)
    return CommitmentFigures(
        offer_id=row.offer_id,
        start_period=row.start_period,
        order_by=last_day_to_order(demand, build).isoformat(),
        coverage=use.coverage,
        used_share=use.used_share,
        utilization=use.utilization,
        usd_per_accelerator_hour=usd,
        alternative_offer_id=instead.offer_id,
        alternative_usd_per_accelerator_hour=instead.offer_usd_per_hour,
        break_even_used_share=instead.break_even_share,
        alternative_price_fall=instead.price_fall,
        sold_month=row.sold_month,
        needed_share=instead.needed_share,
        counted_discounted_usd=instead.counted_usd,
        alternative_discounted_usd=instead.usd,
        last_node_price_fall=without.last_node(lot).price_fall,
    )


def _dear_hours_usd(plan: Plan, grid: TimeGrid, hardware: str, periods: range) -> float:
    """Return what dear hours cost a bought accelerator, on average over all hours, USD/h."""
    rows = [r for r in plan.power_prices if r.hardware == hardware and r.period in periods]
    hours = len(periods) * grid.period_h
    return sum(row.usd / row.accelerators for row in rows) / hours if hours else 0.0


def last_day_to_order(demand: Demand, build: Build) -> dt.date:
    """Return the first day of service less the lead time.

    Parameters
    ----------
    demand
        For its time grid.
    build
        What is ordered.
    """
    first = build.start * demand.grid.months_per_period
    lead_days = math.ceil(round((first - build.order_month) * _DAYS_PER_MONTH, 6))
    return demand.grid.period_start[build.start] - dt.timedelta(days=lead_days)


@dataclass(frozen=True, slots=True)
class _Use:
    coverage: float
    used_share: float
    utilization: float


def _use(
    all_use: HardwareUse, grid: TimeGrid, offer: NodeOffer, accelerators: int, periods: range
) -> _Use:
    used = at_work = carried = asked = paid = 0.0
    for (period, number), rate_rps in sorted(all_use.rate_rps.items()):
        if period not in periods:
            continue
        hours = grid.hours_in_period(number)
        asked += hours * rate_rps
        if not offer.is_there(number, grid.blocks_per_day):
            continue
        paid += hours * accelerators
        block = all_use.blocks.get((offer.hardware, period, number))
        if block is None or not block.held:
            continue
        here = hours * accelerators * min(1.0, block.held / block.taken_on)
        used += here
        at_work += block.at_work * here / block.held
        carried += block.rate_rps * here / block.held
    if not paid:
        return _Use(0.0, 0.0, 0.0)
    return _Use(carried / asked if asked else 0.0, used / paid, at_work / paid)
