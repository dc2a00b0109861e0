"""Volume discounts of a plan on what is paid month by month: what they take off, and for whom.

What is taken off in a period goes to the workloads in proportion to the spending that counts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.volumes import REBATE
from planner.plan.document import ApiRow, CostLine
from planner.plan.finance_rows import VolumeRow
from planner.plan.tables import api_rows, fleet_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.options.supply_records import VolumeDiscount
    from planner.plan.document import FleetRow, Plan
    from planner.plan.records import Decisions
    from planner.plan.shares import HardwareShares

_LITTLE = 0.05
"""Share of a threshold by which a volume lies above it, below which that is pointed out."""


def volume_rows(demand: Demand, options: OptionSet, decisions: Decisions) -> tuple[VolumeRow, ...]:
    """Return a row for every period in which a volume discount takes something off.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    """
    months = demand.grid.months_per_period
    rows = []
    for volume in options.volumes:
        spent: dict[int, float] = defaultdict(float)
        mtok: dict[int, float] = defaultdict(float)
        for row in counted_rows(volume, demand, options, decisions):
            spent[row.period] += row.usd
            mtok[row.period] += row.input_mtok + row.output_mtok if isinstance(row, ApiRow) else 0
        for period, usd in sorted(spent.items()):
            monthly = (usd if volume.unit == "usd" else mtok[period]) / months
            rebate = months * volume.rebate_usd(usd / months, monthly)
            tier = volume.tier_of(monthly)
            if rebate > 0:
                rows.append(
                    VolumeRow(
                        name=volume.name,
                        provider=volume.provider,
                        period=period,
                        spent_usd=usd,
                        rebate_usd=rebate,
                        unit=f"{volume.unit}_per_month",
                        volume=monthly,
                        tier_from=volume.tiers[max(tier, 1) - 1][0],
                        discount=volume.discount_at(max(tier, 1)),
                        applies_to="all" if volume.on_all else "part_above",
                    )
                )
    return tuple(rows)


def volume_charges(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> Iterator[CostLine]:
    """Yield, line by line, what is taken off for each workload; amounts are negative.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    shares
        Who uses which hardware.
    """
    known = {volume.name: volume for volume in options.volumes}
    for row in volume_rows(demand, options, decisions):
        weights: dict[str, float] = defaultdict(float)
        for item in counted_rows(known[row.name], demand, options, decisions):
            if item.period != row.period:
                continue
            if isinstance(item, ApiRow):
                weights[item.workload] += item.usd
                continue
            for part in shares.paid(item):
                for workload, share in part.shares.items():
                    weights[workload] += part.usd * share
        for workload, weight in weights.items():
            usd = -row.rebate_usd * weight / row.spent_usd
            later = usd * demand.grid.discount_factor[row.period]
            yield CostLine(row.period, REBATE, workload, "", "", usd, later)


def volume_notes(plan: Plan) -> list[str]:
    """Return which prices hang by little on a volume, where a tier holds for everything.

    Parameters
    ----------
    plan
        The plan, with its tables.
    """
    notes = []
    together: dict[tuple[str, int], int] = defaultdict(int)
    for row in plan.commitments:
        if row.volume_discount is not None and row.tier_from_nodes is not None:
            together[row.volume_discount, row.start_period] += row.nodes
    tiers = {(c.volume_discount, c.start_period): c for c in plan.commitments}
    for (name, start), nodes in together.items():
        taken = tiers[name, start]
        if nodes == taken.tier_from_nodes:
            notes.append(
                f"volume discount {name}: exactly the {nodes} nodes that the price asks for start "
                f"in {taken.start_month}; with one less, all of them lose this tier"
            )
    for paid in plan.volume_discounts:
        above = paid.volume / paid.tier_from - 1.0
        if paid.applies_to == "all" and above < _LITTLE:
            notes.append(
                f"volume discount {paid.name}: period {paid.period} is {max(above, 0.0):.1%} above"
                f" the threshold of {paid.tier_from:,.10g}; with less demand, everything that "
                "counts loses this tier"
            )
    return notes


def counted_rows(
    volume: VolumeDiscount, demand: Demand, options: OptionSet, decisions: Decisions
) -> Iterator[FleetRow | ApiRow]:
    """Yield the nodes that are rented by the hour, and the tokens, that count.

    Parameters
    ----------
    volume
        A volume discount; terms of nodes have none.
    demand, options, decisions
        The records the plan is made from.
    """
    if volume.is_of_terms:
        return
    committed = {o.offer_id for o in options.offers if o.is_committed}
    for row in fleet_rows(demand, options, decisions):
        if row.offer_id not in committed and volume.counts(row):
            yield row
    yield from filter(volume.counts_tokens, api_rows(demand, options, decisions))
