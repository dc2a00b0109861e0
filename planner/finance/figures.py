"""What each commitment carries, and at which use and price renting would have cost the same.

In a block, hardware h has A[h] accelerators that are taken on and H[h] that replicas hold. What is
taken on is used first, all of it alike: a commitment with A accelerators has ``used = A min(1,
H / A[h])`` of them in use, and carries ``used / H`` of the requests and of the work on h. Where
residency keeps a workload off some nodes of the same hardware, this is an approximation.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from planner.options.spot import SPOT
from planner.plan.commitments import taken_in_order
from planner.plan.finance_rows import CommitmentFigures
from planner.plan.power_prices import is_bought
from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Plan
    from planner.plan.records import Decisions

_DAYS_PER_MONTH = 365.0 / MONTHS_PER_YEAR


def commitment_figures(
    plan: Plan, demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[CommitmentFigures, ...]:
    """Return a row for every commitment of a plan, in the order of its commitments.

    Parameters
    ----------
    plan
        The plan, with its tables.
    demand, options, decisions
        The records it was made from.
    """
    blocks = _blocks(plan)
    rows = []
    taken = taken_in_order(options, decisions)
    for row, (offer, build, _) in zip(plan.commitments, taken, strict=True):
        periods = range(build.start, build.end)
        use = _use(blocks, demand.grid, offer, row.accelerators, periods)
        usd = row.usd_per_node_hour / row.accelerators_per_node
        usd += offer.staff_usd_per_hour / row.accelerators_per_node
        if is_bought(offer):
            usd += _dear_hours_usd(plan, demand.grid, offer.hardware, periods)
        other = _alternative(options, plan, offer, build)
        even = None if other is None else usd / other.usd
        rows.append(
            CommitmentFigures(
                offer_id=row.offer_id,
                start_period=row.start_period,
                order_by=last_day_to_order(demand, build).isoformat(),
                coverage=use.coverage,
                used_share=use.used_share,
                utilization=use.utilization,
                usd_per_accelerator_hour=usd,
                alternative_offer_id=None if other is None else other.offer_id,
                alternative_usd_per_accelerator_hour=None if other is None else other.usd,
                break_even_used_share=even,
                alternative_price_fall=None
                if other is None or even is None or not use.used_share
                else (1.0 - even / use.used_share) / other.price_share,
                sold_month=row.sold_month,
            )
        )
    return tuple(rows)


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


@dataclass(slots=True)
class _Block:
    """Hardware of one type in one block: accelerators held, at work and taken on, requests/s."""

    held: float = 0.0
    at_work: float = 0.0
    taken_on: float = 0.0
    rate_rps: float = 0.0


@dataclass(frozen=True, slots=True)
class _Use:
    coverage: float
    used_share: float
    utilization: float


_Blocks = tuple[dict[tuple[str, int, int], _Block], dict[tuple[int, int], float]]


def _blocks(plan: Plan) -> _Blocks:
    """Return what stands in every block by hardware, and the rate of all requests."""
    blocks: dict[tuple[str, int, int], _Block] = defaultdict(_Block)
    rates: dict[tuple[int, int], float] = defaultdict(float)
    seen = set()
    for row in plan.allocations:
        block = blocks[row.hardware, row.period, row.block]
        block.at_work += row.utilization * row.accelerators
        block.rate_rps += row.rate_rps
        rates[row.period, row.block] += row.rate_rps
        replica = (row.pool, row.option_id, row.period, row.block)
        if replica not in seen:  # replicas repeat on the row of each workload
            seen.add(replica)
            block.held += row.accelerators
    for item in plan.api:
        rates[item.period, item.block] += item.rate_rps
    committed = {c.offer_id for c in plan.commitments}
    for node in plan.fleet:
        if node.offer_id in committed:
            blocks[node.hardware, node.period, node.block].taken_on += node.accelerators
    return blocks, rates


def _use(
    all_blocks: _Blocks, grid: TimeGrid, offer: NodeOffer, accelerators: int, periods: range
) -> _Use:
    blocks, rates = all_blocks
    used = at_work = carried = asked = paid = 0.0
    for (period, number), rate_rps in sorted(rates.items()):
        if period not in periods:
            continue
        hours = grid.hours_in_period(number)
        asked += hours * rate_rps
        if not offer.is_there(number, grid.blocks_per_day):
            continue
        paid += hours * accelerators
        block = blocks.get((offer.hardware, period, number))
        if block is None or not block.held:
            continue
        here = hours * accelerators * min(1.0, block.held / block.taken_on)
        used += here
        at_work += block.at_work * here / block.held
        carried += block.rate_rps * here / block.held
    if not paid:
        return _Use(0.0, 0.0, 0.0)
    return _Use(carried / asked if asked else 0.0, used / paid, at_work / paid)


class _Alternative(NamedTuple):
    """An offer by the hour: cost of an accelerator-hour with its people, and the rent's share."""

    usd: float
    offer_id: str
    price_share: float


def _alternative(
    options: OptionSet, plan: Plan, offer: NodeOffer, build: Build
) -> _Alternative | None:
    """Return the cheapest hourly offer of the same hardware.

    It must have a price in every period of the commitment, and may hold some workload that runs on
    this hardware. Spot nodes are none: they may be taken away.
    """
    pools = {a.pool for a in plan.allocations if a.hardware == offer.hardware}
    found = []
    for other in options.offers:
        barred = all((pool, other.offer_id) in options.barred for pool in pools)
        unlike = other.hardware != offer.hardware or other.tenure == SPOT
        if other.is_committed or unlike or (pools and barred):
            continue
        prices = other.price_usd_per_hour[build.start : build.end]
        known = [p for p in prices if p is not None]
        if known and len(known) == len(prices):
            rent = sum(known) / len(known) / other.accelerators_per_node
            usd = rent + other.staff_usd_per_hour / other.accelerators_per_node
            found.append(_Alternative(usd, other.offer_id, rent / usd))
    return min(found, default=None)
