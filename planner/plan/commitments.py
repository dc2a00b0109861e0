"""Nodes taken on for a term: the table of commitments, and who pays for them.

The payments of a build are split over the workloads by the accelerators that their replicas hold
on its hardware, averaged over all blocks in which its nodes are there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.builds import RESALE, TERMINAL_VALUE
from planner.options.volumes import volume_of
from planner.plan.document import Commitment, CostLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import Demand, TimeGrid
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import VolumeDiscount
    from planner.plan.records import Decisions
    from planner.plan.shares import HardwareShares


def taken_builds(options: OptionSet, decisions: Decisions) -> list[tuple[NodeOffer, Build, int]]:
    """Return offer, build and nodes of everything that is taken on, in the order of decisions."""
    offers = {o.offer_id: o for o in options.offers}
    return [
        (offers[row.offer_id], offers[row.offer_id].builds[row.build], row.nodes)
        for row in decisions.builds
    ]


def taken_on(options: OptionSet, decisions: Decisions) -> dict[tuple[str, int], int]:
    """Return the nodes of everything that is taken on, by offer and start period.

    Nodes that are there already are left out: they are no decision.
    """
    return {
        (offer.offer_id, build.start): nodes
        for offer, build, nodes in taken_builds(options, decisions)
        if build.fixed_nodes is None
    }


def sold_nodes(options: OptionSet, decisions: Decisions) -> dict[tuple[str, int], int]:
    """Return the nodes that are sold, by offer and month from the start of the horizon."""
    return {
        (offer.offer_id, build.sold_month): nodes
        for offer, build, nodes in taken_builds(options, decisions)
        if build.sold_month is not None
    }


def commitment_rows(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[Commitment, ...]:
    """Return a row for everything that is taken on for a term, or was there."""
    return tuple(
        _row(demand.grid, *taken, volume_of(options, taken[0]))
        for taken in taken_in_order(options, decisions)
    )


def taken_in_order(options: OptionSet, decisions: Decisions) -> list[tuple[NodeOffer, Build, int]]:
    """Return everything that is taken on, in the order of the table of commitments."""
    taken = taken_builds(options, decisions)
    return sorted(taken, key=lambda x: (x[1].start, x[0].tenure, x[0].offer_id))


def _row(
    grid: TimeGrid, offer: NodeOffer, build: Build, nodes: int, volume: VolumeDiscount | None
) -> Commitment:
    first = build.start * grid.months_per_period
    return Commitment(
        offer_id=offer.offer_id,
        provider=offer.provider,
        region=offer.region,
        instance=offer.instance,
        tenure=offer.tenure,
        hardware=offer.hardware,
        nodes=nodes,
        accelerators_per_node=offer.accelerators_per_node,
        accelerators=nodes * offer.accelerators_per_node,
        is_existing=build.fixed_nodes is not None,
        order_month=grid.month_name(int(build.order_month // 1)),
        start_month=grid.month_name(first),
        end_month=grid.month_name(first + build.term_months),
        start_period=build.start,
        usd_per_node_hour=build.usd_per_node_hour,
        usd=nodes * build.usd,
        discounted_usd=nodes * build.discounted_usd,
        usd_after_horizon=nodes * sum(p.usd for p in build.payments if p.period >= grid.periods),
        usd_per_month=nodes * build.usd_per_month,
        nodes_kept=build.least_nodes,
        price_date=build.price_date,
        price_source=build.source,
        hours=offer.hours,
        sold_month=None if build.sold_month is None else grid.month_name(build.sold_month),
        volume_discount=None if volume is None else volume.name,
        tier_from_nodes=int(volume.tiers[build.tier - 1][0]) if volume and build.tier else None,
        discount=0.0 if volume is None else volume.discount_at(build.tier),
    )


def commitment_charges(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> Iterator[CostLine]:
    """Yield, line by line, what each workload bears of every payment for nodes taken on."""
    for taken in taken_builds(options, decisions):
        yield from _charges_of(taken, demand.grid, shares)


def _charges_of(
    taken: tuple[NodeOffer, Build, int], grid: TimeGrid, shares: HardwareShares
) -> Iterator[CostLine]:
    offer, build, nodes = taken
    there = [b for b in range(grid.blocks) if offer.is_there(b, grid.blocks_per_day)]
    split = shares.over(offer.hardware, range(build.start, build.end), there)
    for payment in build.payments:
        for workload, share in split.items():
            usd = nodes * payment.usd * share
            later = usd * payment.factor
            where = (payment.period, payment.category, workload, offer.hardware, offer.tenure)
            yield CostLine(*where, usd, later)


def worth_of_existing(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> dict[str, float]:
    """Return what nodes that were there are worth to each workload, nominal USD, negative.

    That is what they bring when they are sold, and what is left of them at the end. It pays for
    nothing that is served: the plan did not buy them.
    """
    worth: dict[str, float] = defaultdict(float)
    for offer, build, nodes in taken_builds(options, decisions):
        if build.fixed_nodes is not None:
            for line in _charges_of((offer, build, nodes), demand.grid, shares):
                if line.category in {RESALE, TERMINAL_VALUE}:
                    worth[line.workload] += line.usd
    return dict(worth)
