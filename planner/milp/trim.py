"""Removes what a plan within the gap does not need: idle replicas, then idle nodes.

A solver that stops at a gap may keep replicas on nodes that are paid anyway, and nodes that
nothing runs on. Removing them keeps every row and never costs more, so the proof still holds.
Nodes that are taken on for a term stay; provisioned units go in the order of their terms, latest
first.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.check_units import trim_units
from planner.milp.costs import (
    blocks_before,
    node_block_usd,
    node_staff_usd,
    start_usd,
    starts,
    still_billed,
)
from planner.milp.fleet import billing_blocks
from planner.milp.homes import unions
from planner.milp.start import slot_blocks
from planner.milp.turn_room import needed_at_turns, room_at_turns
from planner.milp.turn_sets import turn_groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.milp.draft import Draft
    from planner.milp.sets import Sets
    from planner.milp.turn_sets import TurnGroup
    from planner.options.records import NodeOffer

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_TOLERANCE = 1e-7
"""Replicas' worth of load that the flows may exceed a whole number by."""


def trim(sets: Sets, draft: Draft) -> Draft:
    """Return the draft without replicas and nodes that nothing needs.

    Parameters
    ----------
    sets
        Index sets and data.
    draft
        Decisions that keep every row.
    """
    if sets.limits.is_diverse:  # whose nodes stay matters, not only how many
        return draft
    draft = replace(draft, replicas=_trim_replicas(sets, draft))
    draft = replace(draft, nodes=_trim_nodes(sets, draft))
    return replace(
        draft,
        replaced=_fewest_replaced(sets, draft),
        units=trim_units(sets, draft),
    )


def loads(sets: Sets, draft: Draft) -> FloatArray:
    """Return the load of every column in replicas, shape (C, T, B).

    Parameters
    ----------
    sets
        Index sets and data.
    draft
        Decisions by index.
    """
    load = np.zeros(draft.replicas.shape)
    for (w, c, t, b), rate_rps in draft.flow_rps.items():
        load[c, t, b] += rate_rps / sets.columns[c].mu_rps[t][b][w]
    return load


def _trim_replicas(sets: Sets, draft: Draft) -> IntArray:
    replicas, load = draft.replicas.copy(), loads(sets, draft)
    trial = replace(draft, replicas=replicas)
    least = np.ceil(load - _TOLERANCE * np.maximum(load, 1.0)).astype(np.int64)
    least = np.where(load > 0, np.maximum(least, 1), 0)  # the smallest load needs a replica too
    for pool, members in enumerate(sets.columns_of_pool):
        if sets.is_batch(pool) and sets.changeover_blocks > 0:
            _trim_batch(sets, members, replicas, load)
            continue
        by_size = sorted(members, key=lambda c: -sets.columns[c].accelerators)
        for t, span in slot_blocks(sets):
            for c in by_size:
                needed = int(least[c, t, span].max())
                floor = max(needed, sets.columns[c].min_replicas) if needed else 0
                while replicas[c, t, span[0]] > floor:
                    now = int(replicas[c, t, span[0]])
                    replicas[c, t, span] = _one_step_fewer(sets, c, now, floor)
                    if not all(_survives(sets, pool, trial, load, (t, b)) for b in span):
                        replicas[c, t, span] = now
                        break
    return replicas


def _trim_batch(sets: Sets, members: Sequence[int], replicas: IntArray, load: FloatArray) -> None:
    """Take idle replicas out where a change of the model takes time."""
    for c, t in product(members, range(sets.grid.periods)):
        known = replicas[c, t].copy()
        replicas[c, t] = _fewest_batch_replicas(sets, known, load[c, t])
        if not all(_keeps_spot_share(sets, replicas[:, t, b]) for b in range(sets.grid.blocks)):
            replicas[c, t] = known


def _keeps_spot_share(sets: Sets, replicas: IntArray) -> bool:
    """Say whether no more replicas of a block than their share are on spot nodes."""
    if sets.limits.max_spot_share >= 1:
        return True
    held = [0, 0]
    for c in np.flatnonzero(replicas).tolist():
        if sets.is_batch(sets.columns[c].pool):
            held[sets.option_of(c).is_interruptible] += (
                int(replicas[c]) * sets.columns[c].accelerators
            )
    return held[True] <= sets.limits.max_spot_share * sum(held) * (1 + _TOLERANCE)


def _fewest_batch_replicas(sets: Sets, replicas: IntArray, load: FloatArray) -> IntArray:
    """Return the replicas by block without those that are idle; fewer lets others come or go."""
    day, share = sets.grid.blocks_per_day, sets.changeover_blocks
    replicas = replicas.copy()
    for b in np.flatnonzero(replicas):
        while replicas[b] > 0:
            fewer = replicas.copy()
            fewer[b] -= 1
            gone = fewer - blocks_before(fewer, -1, day)
            lost = share * (starts(fewer, day) + np.maximum(gone, 0))
            if np.any(load + lost > fewer + _TOLERANCE * load):
                break
            replicas = fewer
    return replicas


def _one_step_fewer(sets: Sets, c: int, now: int, floor: int) -> int:
    """Return the next smaller number of replicas that the bracket allows."""
    if not sets.has_spares(sets.columns[c].pool):
        return floor
    return now - 1 if now > sets.columns[c].min_replicas else 0


def _survives(
    sets: Sets, pool: int, draft: Draft, load: FloatArray, slot: tuple[int, int]
) -> bool:
    if not sets.has_spares(pool):
        return _keeps_spot_share(sets, draft.replicas[:, *slot])
    members = list(sets.columns_of_pool[pool])
    count = draft.replicas[members, *slot]
    idle = np.maximum(count - load[members, *slot], 0.0)
    replaced = idle @ sets.ratio_of_pool[pool][slot[0]][slot[1]]
    # A tiny load must not hide in the tolerance: it needs its spare like any other.
    slack = min(_TOLERANCE, float(load[members, *slot].sum()) / 2)
    lost = np.array([_lost(sets, c, draft.nodes[:, *slot]) for c in members])
    return bool(np.all((replaced >= lost - slack)[count > 0]))


def _lost(sets: Sets, c: int, nodes: IntArray) -> int:
    """Return the most replicas of a column that are lost at once, given nodes by offer."""
    offers = sets.options.offers
    there = [offers[o].accelerators_per_node for o in sets.homes[c] if nodes[o] > 0]
    return sets.replicas_lost(c, max(there, default=0))


def _trim_nodes(sets: Sets, draft: Draft) -> IntArray:
    replicas, nodes = draft.replicas, draft.nodes.copy()
    turns = _turns(sets, replicas)
    prices = [max(p or 0.0 for p in o.price_usd_per_hour) for o in sets.options.offers]
    for o in sorted(range(len(prices)), key=lambda o: -prices[o]):
        offer = sets.options.offers[o]
        # Idle nodes may be what reaches a tier that holds for everything.
        needed = any(v.on_all and v.counts(offer) for v in sets.options.volumes)
        if offer.is_committed or needed:
            continue
        for t in range(sets.grid.periods):
            # Those that give way to new ones are as many as their turn needs.
            while not draft.replaced[o, t].any():
                known = nodes[o, t].copy()
                if not _remove_one(sets, replicas, nodes, o, t):
                    break
                if not _can_turn(sets, turns, o, nodes, draft.replaced):
                    nodes[o, t] = known
                    break
    return nodes


def _fewest_replaced(sets: Sets, draft: Draft) -> IntArray:
    """Return the nodes that give way to new ones without those that no turn needs."""
    replaced = draft.replaced.copy()
    turns = _turns(sets, draft.replicas) if replaced.any() else []
    for o, t, b in np.argwhere(replaced).tolist():
        while replaced[o, t, b]:
            replaced[o, t, b] -= 1
            if not _can_turn(sets, turns, o, draft.nodes, replaced):
                replaced[o, t, b] += 1
                break
    return replaced


def _turns(sets: Sets, replicas: IntArray) -> list[tuple[TurnGroup, IntArray]]:
    """Return what can change its model, and the accelerators that it needs at every turn."""
    return [(group, needed_at_turns(sets, group, replicas)) for group in turn_groups(sets)]


def _can_turn(
    sets: Sets,
    turns: Sequence[tuple[TurnGroup, IntArray]],
    o: int,
    nodes: IntArray,
    replaced: IntArray,
) -> bool:
    """Say whether models that nodes of an offer may hold have room to load at every turn."""
    return all(
        bool(np.all(needed <= room_at_turns(sets, group, nodes, replaced)))
        for group, needed in turns
        if o in group.offers
    )


def _remove_one(sets: Sets, replicas: IntArray, nodes: IntArray, o: int, t: int) -> bool:
    """Take one node of an offer out of the longest run of blocks that can spare it."""
    blocks = sets.grid.blocks
    offer = sets.options.offers[o]
    idle = [
        b for b in range(blocks) if nodes[o, t, b] > 0 and _fit(sets, replicas, nodes, o, (t, b))
    ]
    if not idle or (sets.is_static and len(idle) < blocks):
        return False
    now = nodes[o, t].copy()
    for run in _runs(idle, sets.grid.blocks_per_day):
        fewer = now.copy()
        fewer[run] -= 1
        if _is_better(sets, offer, t, now, fewer):
            nodes[o, t] = fewer
            return True
    return False


def _runs(idle: Sequence[int], blocks_per_day: int) -> Iterator[list[int]]:
    """Yield all idle blocks, then the runs of a day that wraps, longest first."""
    yield list(idle)
    free = set(idle)
    for length in range(min(len(idle), blocks_per_day), 0, -1):
        for first in idle:
            midnight = first // blocks_per_day * blocks_per_day
            run = [midnight + (first - midnight + j) % blocks_per_day for j in range(length)]
            if free.issuperset(run):
                yield run


def _fit(sets: Sets, replicas: IntArray, nodes: IntArray, o: int, slot: tuple[int, int]) -> bool:
    """Say whether the replicas still fit with one node of an offer less."""
    used = {
        c: int(replicas[c, *slot]) * sets.columns[c].accelerators
        for c in range(len(sets.columns))
        if replicas[c, *slot] > 0 and o in sets.homes[c]
    }
    reached = frozenset().union(*(sets.homes[c] for c in used))
    rivals = {
        c: int(replicas[c, *slot]) * sets.columns[c].accelerators
        for c in range(len(sets.columns))
        if replicas[c, *slot] > 0 and sets.homes[c] & reached
    }
    supply = {
        other: (int(nodes[other, *slot]) - (1 if other == o else 0))
        * sets.options.offers[other].accelerators_per_node
        for c in rivals
        for other in sets.homes[c]
    }
    return all(
        sum(rivals[c] for c in rivals if sets.homes[c] <= union) <= sum(supply[g] for g in union)
        for union in unions({sets.homes[c] for c in rivals})
    )


def _is_better(sets: Sets, offer: NodeOffer, t: int, now: IntArray, fewer: IntArray) -> bool:
    """Say whether fewer nodes keep the rules of an offer and do not cost more."""
    if sets.is_static:
        return True
    grid = sets.grid
    day, blocks = grid.blocks_per_day, range(grid.blocks)
    # A node less may save nothing where a promise of spending covers it.
    covered = any(spend.covers(offer.offer_id, t) for spend in sets.options.spend)
    paid = [0.0 if covered else node_block_usd(grid, offer, t, b) or 0.0 for b in blocks]
    people = [node_staff_usd(grid, offer, t, b) for b in blocks]
    node_usd = np.array(paid) + np.array(people)
    begin_usd = np.array([start_usd(grid, offer, t, b) for b in blocks])
    added = starts(fewer, day)
    window = billing_blocks(offer, grid.block_h, day)
    billed = still_billed(added, window, day)
    saved_usd = float(node_usd @ (now - fewer))
    extra_usd = float(begin_usd @ (added - starts(now, day)))
    return bool(
        (window == 1 or np.all(fewer >= billed))
        and fewer.max() - fewer.min() <= max(offer.elastic_max_nodes, now.max() - now.min())
        and extra_usd <= saved_usd
    )
