"""Accelerators that decisions need and have at the turn of every block, and how a start gets them.

See :mod:`planner.milp.turns` for the rule.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.costs import blocks_before, starts
from planner.milp.fleet import billing_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulp
    from numpy.typing import NDArray

    from planner.milp.model import Model
    from planner.milp.sets import Sets
    from planner.milp.turn_sets import TurnGroup

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


def needed_at_turns(sets: Sets, group: TurnGroup, replicas: IntArray) -> IntArray:
    """Return the accelerators of what ends and begins with each block, shape (T, B).

    Parameters
    ----------
    sets
        Index sets and data.
    group
        What can run on some offers only.
    replicas
        As in :class:`planner.milp.draft.Draft`.
    """
    day = sets.grid.blocks_per_day
    needed = np.zeros(replicas.shape[1:], dtype=np.int64)
    for kind in group.kinds:
        count = replicas[list(kind)].sum(axis=0)
        both = np.maximum(count, blocks_before(count, 1, day))
        needed += sets.columns[kind[0]].accelerators * both
    batch = np.zeros_like(needed)
    for c in group.batch:
        batch += sets.columns[c].accelerators * replicas[c]
    return np.asarray(needed + np.minimum(batch, blocks_before(batch, 1, day)))


def room_at_turns(sets: Sets, group: TurnGroup, nodes: IntArray, replaced: IntArray) -> IntArray:
    """Return the accelerators that are there or start before each block, shape (T, B).

    Parameters
    ----------
    sets, group
        As in :func:`needed_at_turns`.
    nodes, replaced
        As in :class:`planner.milp.draft.Draft`.
    """
    room = np.zeros(nodes.shape[1:], dtype=np.int64)
    for o in group.offers:
        there = np.maximum(nodes[o], blocks_before(nodes[o], 1, sets.grid.blocks_per_day))
        room += sets.options.offers[o].accelerators_per_node * (there + replaced[o])
    return room


def make_room(model: Model, place: Mapping[str, int], start: FloatArray) -> None:
    """Let nodes of a start give way to new ones, or rent more, where models change.

    Where nothing can be rented the start stays as it is, and nodes of terms are chosen for it.

    Parameters
    ----------
    model
        Variables by index.
    place
        Columns by name.
    start
        Values of the integer columns, changed in place.
    """
    if not model.turn_groups:
        return
    sets = model.sets
    replicas = _counts(model.n, place, start, sets.n_max.shape)
    shape = (len(sets.options.offers), *replicas.shape[1:])
    nodes = _counts(model.nodes, place, start, shape)
    replaced = np.zeros_like(nodes)
    for group in model.turn_groups:
        needed = needed_at_turns(sets, group, replicas)
        for t, b in np.argwhere(needed > room_at_turns(sets, group, nodes, replaced)).tolist():
            left = int((needed - room_at_turns(sets, group, nodes, replaced))[t, b])
            if left > 0:
                _cover(model, group, (t, b), left, (nodes, replaced))
    added = starts(nodes, sets.grid.blocks_per_day) + replaced
    for index, variable in model.nodes.items():
        start[place[variable.name]] = nodes[index]
    for index, variable in model.starts.items():
        start[place[variable.name]] = added[index]
    _count_batches(model, place, start, replicas)


def _counts(
    variables: Mapping[tuple[int, int, int], pulp.LpVariable],
    place: Mapping[str, int],
    start: FloatArray,
    shape: tuple[int, ...],
) -> IntArray:
    """Return the values of whole variables by their index."""
    counts = np.zeros(shape, dtype=np.int64)
    for index, variable in variables.items():
        counts[index] = round(start[place[variable.name]])
    return counts


def _cover(
    model: Model,
    group: TurnGroup,
    slot: tuple[int, int],
    left: int,
    there: tuple[IntArray, IntArray],
) -> None:
    """Start nodes of the cheapest offer in place of old ones, or have more of them all day."""
    sets, (t, b), (nodes, replaced) = model.sets, slot, there
    grid, offers = sets.grid, sets.options.offers
    rented = [o for o in group.offers if (o, t, b) in model.starts]
    if not rented:
        return

    def usd(o: int) -> tuple[float, int]:
        return (offers[o].price_usd_per_hour[t] or 0.0) / offers[o].accelerators_per_node, o

    for o in sorted(rented, key=usd):
        size = offers[o].accelerators_per_node
        if billing_blocks(offers[o], grid.block_h, grid.blocks_per_day) > 1:
            continue
        begun = max(nodes[o, t, b] - nodes[o, t, grid.before(b)], 0)
        most = min(
            offers[o].elastic_max_nodes + nodes[o, t].min() - nodes[o, t, grid.before(b)] - begun,
            nodes[o, t, b] - begun,
        )
        count = int(min(max(most - replaced[o, t, b], 0), math.ceil(left / size)))
        replaced[o, t, b] += count
        left -= count * size
        if left <= 0:
            return
    cheapest = min(rented, key=usd)
    day = grid.blocks_of(b // grid.blocks_per_day)
    more = math.ceil(left / offers[cheapest].accelerators_per_node)
    nodes[cheapest, t, list(day)] += more


def _count_batches(
    model: Model, place: Mapping[str, int], start: FloatArray, replicas: IntArray
) -> None:
    """Say on which side of every turn batch replicas are fewer."""
    sets = model.sets
    for group in model.turn_groups:
        batch = sum(
            (sets.columns[c].accelerators * replicas[c] for c in group.batch),
            start=np.zeros_like(replicas[0]),
        )
        fewer_after = batch < blocks_before(batch, 1, sets.grid.blocks_per_day)
        for t, b in sets.slots():
            column = place.get(f"gives_{group.hardware}_{group.position}_{t}_{b}")
            if column is not None:
                start[column] = float(fewer_after[t, b])
