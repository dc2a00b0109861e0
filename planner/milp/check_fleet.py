"""Checks the nodes of decisions: packing, builds, prices, starts, elasticity, static scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import counted
from planner.milp.costs import blocks_before, starts, still_billed
from planner.milp.fleet import billing_blocks
from planner.options.homes import holds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.demand.records import Demand, TimeGrid
    from planner.milp.records import Limits
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.records import Decisions

    IntArray = NDArray[np.int64]

Demanded = tuple[int, frozenset[int]]
"""Accelerators of a replica, and the offers whose nodes may hold it."""


def fleet_faults(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> Iterator[str]:
    """Yield what is wrong with the nodes of decisions.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    grid = demand.grid
    offers = {offer.offer_id: o for o, offer in enumerate(options.offers)}
    nodes = np.zeros((len(offers), grid.periods, grid.blocks), dtype=np.int64)
    replaced = np.zeros_like(nodes)
    for row in decisions.nodes:
        nodes[offers[row.offer_id], row.period, row.block] += row.nodes
        replaced[offers[row.offer_id], row.period, row.block] += row.replaced
        if row.nodes < 0:
            yield f"{counted(row.nodes, 'node')} of {row.offer_id}"
    yield from _build_faults(grid, options, decisions, nodes)
    for o, offer in enumerate(options.offers):
        if offer.is_committed:
            continue
        for t in range(grid.periods):
            yield from _offer_faults(offer, t, (nodes[o, t], replaced[o, t]), grid, limits)
    yield from _packing_faults(options, decisions, nodes)
    if limits.scaling == "static":
        yield from _static_faults(decisions, grid.blocks)


def _build_faults(
    grid: TimeGrid, options: OptionSet, decisions: Decisions, nodes: IntArray
) -> Iterator[str]:
    """Yield offers whose nodes are not those of their builds in the blocks they are there."""
    taken: dict[tuple[str, int], int] = {}
    for row in decisions.builds:
        key = (row.offer_id, row.build)
        taken[key] = taken.get(key, 0) + row.nodes
    for o, offer in enumerate(options.offers):
        for k, build in enumerate(offer.builds):
            count = taken.get((offer.offer_id, k), 0)
            most = count if build.most_nodes is None else build.most_nodes
            parted = offer.may_be_sold or build.fixed_nodes in {None, count}
            kept = sum(taken.get((offer.offer_id, j), 0) for j in _alike(offer, k))
            if not parted or build.least_nodes > kept or count > most:
                yield f"{counted(count, 'node')} of build {k} of {offer.offer_id}"
        parted_with = sum(taken.get((offer.offer_id, k), 0) for k in range(len(offer.builds)))
        if offer.may_be_sold and parted_with != offer.nodes_there:
            yield f"{parted_with} nodes of {offer.offer_id} stay or are sold"
        for t in range(nodes.shape[1] if offer.is_committed else 0):
            there = sum(
                taken.get((offer.offer_id, k), 0)
                for k, build in enumerate(offer.builds)
                if build.serves(t)
            )
            hours = [offer.is_there(b, grid.blocks_per_day) for b in range(grid.blocks)]
            if np.any(nodes[o, t] != np.where(hours, there, 0)):
                yield f"nodes of {offer.offer_id} in period {t} are not the {there} of its builds"


def _alike(offer: NodeOffer, k: int) -> list[int]:
    """Return the builds that the least nodes of a build are of: tiers of its start, or itself."""
    start = offer.builds[k].start
    same = [j for j, build in enumerate(offer.builds) if build.start == start]
    return same if any(offer.builds[j].tier for j in same) else [k]


def _offer_faults(
    offer: NodeOffer, t: int, there: tuple[IntArray, IntArray], grid: TimeGrid, limits: Limits
) -> Iterator[str]:
    name, (nodes, replaced) = offer.offer_id, there
    if offer.price_usd_per_hour[t] is None and nodes.any():
        yield f"nodes of {name} in period {t} without a price"
    if limits.scaling == "static":
        if nodes.min() != nodes.max():
            yield f"nodes of {name} differ by block in period {t}"
        return
    day = grid.blocks_per_day
    added = starts(nodes, day) + replaced
    most = max(nodes.max(), (blocks_before(nodes, 1, day) + added)[replaced > 0].max(initial=0))
    if nodes.size > 1 and most - nodes.min() > offer.elastic_max_nodes:
        yield f"{name} follows the day by {most - nodes.min()} nodes in period {t}"
    window = billing_blocks(offer, grid.block_h, day)
    billed = still_billed(added, window, day)
    if window > 1 and np.any(nodes < billed):
        yield f"nodes of {name} end before their minimum billing time in period {t}"


def _static_faults(decisions: Decisions, blocks: int) -> Iterator[str]:
    counts: dict[tuple[str, str, int], list[int]] = {}
    for row in decisions.replicas:
        counts.setdefault((row.pool, row.option_id, row.period), []).append(row.replicas)
    for (pool, option, t), found in counts.items():
        if len(found) != blocks or min(found) != max(found):
            yield f"replicas of {option} in pool {pool} differ by block in period {t}"


def _packing_faults(options: OptionSet, decisions: Decisions, nodes: IntArray) -> Iterator[str]:
    by_id = {option.id: option for option in options.options}
    wanted: dict[tuple[str, int, int], dict[Demanded, int]] = {}
    for row in decisions.replicas:
        option = by_id[row.option_id]
        homes = frozenset(
            o
            for o, offer in enumerate(options.offers)
            if holds(offer, option) and (row.pool, offer.offer_id) not in options.barred
        )
        sizes = wanted.setdefault((option.hardware, row.period, row.block), {})
        key = (option.accelerators, homes)
        sizes[key] = sizes.get(key, 0) + row.replicas
    for (hardware, t, b), sizes in wanted.items():
        shapes = [
            (o, offer.accelerators_per_node)
            for o, offer in enumerate(options.offers)
            if offer.hardware == hardware
            for _ in range(int(nodes[o, t, b]))
        ]
        if not fits_nodes(sizes, shapes):
            yield f"replicas on {hardware} do not fit its nodes in period {t}, block {b}"


def fits_nodes(replicas: Mapping[Demanded, int], nodes: Sequence[tuple[int, int]]) -> bool:
    """Say whether replicas fit nodes one by one, largest and most restricted replica first.

    Exact when the sizes form a chain of divisors and every offer may hold every replica;
    otherwise it may miss a packing.

    Parameters
    ----------
    replicas
        Replicas by accelerators of one and by the offers that may hold them.
    nodes
        Offer and accelerators of each node.
    """
    free = [size for _, size in nodes]
    wanted_by = [sum(offer in homes for _, homes in replicas) for offer, _ in nodes]
    # Nodes that fewer kinds of replica may use are filled first.
    order = sorted(range(len(nodes)), key=wanted_by.__getitem__)
    for size, homes in sorted(replicas, key=lambda kind: (-kind[0], len(kind[1]))):
        left = replicas[size, homes]
        for place in order:
            offer, shape = nodes[place]
            if offer in homes and shape % size == 0:
                here = min(left, free[place] // size)
                free[place] -= here * size
                left -= here
        if left > 0:
            return False
    return True
