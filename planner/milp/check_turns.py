"""Checks the turns of blocks: what ends and what begins have room side by side."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.check_waiting import batch_pools
from planner.milp.costs import blocks_before, starts
from planner.options.homes import holds
from planner.options.quotas import is_under_quota

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.demand.records import Demand
    from planner.milp.records import Limits
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions, ReplicaDecision

    IntArray = NDArray[np.int64]

_Kind = tuple[str, int | None, frozenset[int]]
"""Option, tokens of a step, and the offers whose nodes may hold its replicas."""


def turn_faults(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> Iterator[str]:
    """Yield a sentence for every turn at which models have no room to load.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    grid = demand.grid
    shape = (len(options.offers), grid.periods, grid.blocks)
    nodes, replaced = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    offers = {offer.offer_id: o for o, offer in enumerate(options.offers)}
    for row in decisions.nodes:
        nodes[offers[row.offer_id], row.period, row.block] += row.nodes
        replaced[offers[row.offer_id], row.period, row.block] += row.replaced
    changes = limits.scaling == "hourly" and grid.blocks_per_day > 1 and limits.changeover_h > 0
    if not changes or not offers:
        if replaced.any():
            yield "nodes give way to new ones where no model changes"
        return
    added = starts(nodes, grid.blocks_per_day) + replaced
    before = blocks_before(nodes, 1, grid.blocks_per_day)
    yield from _node_faults(options, nodes, added, replaced)
    yield from _quota_faults(options, limits, before + np.where(replaced > 0, added, 0), replaced)
    held, batch = _held(demand, options, decisions)
    sizes = np.array([offer.accelerators_per_node for offer in options.offers])
    room = sizes[:, None, None] * (np.maximum(nodes, before) + replaced)
    for union in {home for _, _, home in held}:
        needed = _needed(grid.blocks_per_day, held, batch, union, shape[1:])
        short = needed - room[sorted(union)].sum(axis=0)
        for t, b in np.argwhere(short > 0).tolist():
            yield f"{short[t, b]} accelerators are missing when block {b} of period {t} begins"


def _needed(
    day: int,
    held: dict[_Kind, IntArray],
    batch: dict[tuple[str, str, frozenset[int]], IntArray],
    union: frozenset[int],
    shape: tuple[int, ...],
) -> IntArray:
    """Return the accelerators of what ends and begins on some offers only, shape (T, B)."""
    needed = np.zeros(shape, dtype=np.int64)
    for (_, _, home), count in held.items():
        if home <= union:
            needed += np.maximum(count, blocks_before(count, 1, day))
    for (_, _, home), count in batch.items():
        if home <= union:
            needed += np.minimum(count, blocks_before(count, 1, day))
    return needed


def _held(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> tuple[dict[_Kind, IntArray], dict[tuple[str, str, frozenset[int]], IntArray]]:
    """Return the accelerators of every kind, and of batch replicas, shape (T, B)."""
    by_id = {option.id: option for option in options.options}
    pool_of = {w.workload: w.workload for w in demand.workloads} | dict(options.pool_of)
    waiting = batch_pools(demand, pool_of)
    chunk = {
        (pool_of[c.workload], c.option_id): c.setting.chunk_tokens
        for c in options.capacities
        if c.setting is not None
    }
    shape = (demand.grid.periods, demand.grid.blocks)
    held: dict[_Kind, IntArray] = defaultdict(lambda: np.zeros(shape, dtype=np.int64))
    batch: dict[tuple[str, str, frozenset[int]], IntArray] = defaultdict(
        lambda: np.zeros(shape, dtype=np.int64)
    )
    for row in decisions.replicas:
        option = by_id[row.option_id]
        if option.is_interruptible:
            continue
        home, place = _home(options, row), (row.period, row.block)
        if row.pool in waiting:
            batch[row.pool, option.id, home][place] += row.replicas * option.accelerators
        else:
            kind = (option.id, chunk.get((row.pool, option.id)), home)
            held[kind][place] += row.replicas * option.accelerators
    return dict(held), dict(batch)


def _home(options: OptionSet, row: ReplicaDecision) -> frozenset[int]:
    option = next(o for o in options.options if o.id == row.option_id)
    return frozenset(
        o
        for o, offer in enumerate(options.offers)
        if holds(offer, option) and (row.pool, offer.offer_id) not in options.barred
    )


def _node_faults(
    options: OptionSet, nodes: IntArray, added: IntArray, replaced: IntArray
) -> Iterator[str]:
    for o, t, b in np.argwhere(replaced != 0).tolist():
        offer = options.offers[o]
        if replaced[o, t, b] < 0 or offer.is_committed or added[o, t, b] > nodes[o, t, b]:
            yield f"{added[o, t, b]} of {nodes[o, t, b]} nodes of {offer.offer_id} start, {t}, {b}"


def _quota_faults(
    options: OptionSet, limits: Limits, there: IntArray, replaced: IntArray
) -> Iterator[str]:
    for quota in limits.quotas:
        under = [o for o, offer in enumerate(options.offers) if is_under_quota(offer, quota)]
        sizes = np.array([options.offers[o].accelerators_per_node for o in under])
        if not under:
            continue
        used = np.einsum("o,otb->tb", sizes, there[under])
        over = (used > quota.max_accelerators) & (replaced[under].sum(axis=0) > 0)
        for t, b in np.argwhere(over).tolist():
            yield f"{used[t, b]} accelerators of {quota.hardware} when block {b} of {t} begins"
