"""What nodes that are there cost when nothing is served: kept, or sold where that pays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.owned import OWNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.demand.records import TimeGrid
    from planner.options.builds import Build
    from planner.options.records import NodeOffer
    from planner.options.staff_records import HostingStaff

Kept = tuple["NodeOffer", "Build"]


def idle_cost(
    nodes: Sequence[NodeOffer], staff: HostingStaff, grid: TimeGrid
) -> tuple[float, float]:
    """Return nominal and discounted cost of the cheapest way to keep or sell nodes, USD.

    People of owned nodes are needed until the last of them is sold, so every period is tried as
    the last one with any.

    Parameters
    ----------
    nodes
        Nodes that are there, with the people that each of them needs.
    staff
        What people cost whatever the number of nodes.
    grid
        Periods.
    """
    ways = []
    for last in range(grid.periods + 1):
        chosen = [
            (node, min(until, key=lambda build: _of_node(node, build, grid)[1]))
            for node in nodes
            if (until := [b for b in node.builds if b.end <= last or not node.may_be_sold])
        ]
        if len(chosen) == len(nodes):
            ways.append(_together(chosen, staff, grid))
    return min(ways, key=lambda usd: usd[1])


def _together(chosen: Sequence[Kept], staff: HostingStaff, grid: TimeGrid) -> tuple[float, float]:
    """Return nominal and discounted cost of nodes, and of people whatever their number."""
    paid = [(node.nodes_there, _of_node(node, build, grid)) for node, build in chosen]
    usd = sum(count * each for count, (each, _) in paid)
    later = sum(count * each for count, (_, each) in paid)
    own = [build for node, build in chosen if node.tenure == OWNED and staff.counts(node)]
    rented = [build for node, build in chosen if node.tenure != OWNED]
    for builds, per_month in (
        (own, staff.owned_usd_per_month),
        (rented, staff.rented_usd_per_month),
    ):
        for t in _served(builds):
            usd += per_month * grid.months_per_period
            later += per_month * grid.months_per_period * grid.discount_factor[t]
    return usd, later


def _served(builds: Iterable[Build]) -> set[int]:
    return {t for build in builds for t in range(build.start, build.end)}


def _of_node(node: NodeOffer, build: Build, grid: TimeGrid) -> tuple[float, float]:
    """Return nominal and discounted cost of one node with its people."""
    usd, later = build.usd, build.discounted_usd
    there = [b for b in range(grid.blocks) if node.is_there(b, grid.blocks_per_day)]
    people = node.staff_usd_per_hour * sum(grid.hours_in_period(b) for b in there)
    for t in range(build.start, build.end) if people else ():
        usd += people
        later += people * grid.discount_factor[t]
    return usd, later
