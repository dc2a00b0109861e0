"""Options kept out of the blocks of a program in which other options dominate them.

An option that another one dominates is in the program where the better one may not serve in some
block, or has headroom of its own there (:mod:`planner.options.prune`). In that block it may be of
use. In all others it would only make more plans that cost as much, with replicas that do not share
a queue. Replicas that are the same in all blocks need one option that serves in all of them, so
nothing is left out for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.prune import prune

if TYPE_CHECKING:
    from planner.demand.records import TimeGrid
    from planner.options.records import Capacity, OptionSet

_Slot = tuple[int, int]


def barred_where_dominated(options: OptionSet, grid: TimeGrid) -> OptionSet:
    """Return options, each barred from the blocks in which another one of them dominates it.

    Parameters
    ----------
    options
        Options of a program, with at least one that is not the same in all blocks; else they are
        returned as they are.
    grid
        Periods and blocks.
    """
    if not any(c.barred or c.headroom for c in options.capacities):
        return options
    ids = {option.id for option in options.options}
    mine = [c for c in options.capacities if c.option_id in ids]
    known: dict[tuple[object, ...], frozenset[str]] = {}
    barred: dict[str, set[_Slot]] = {option: set() for option in ids}
    for slot in grid.slots:
        alike = tuple(_likeness(c, slot) for c in mine)
        if alike not in known:
            known[alike] = _dominated(options, [c for c in mine if c.serves_in(*slot)], slot)
        for option in known[alike]:
            barred[option].add(slot)
    capacities = (
        replace(c, barred=c.barred | barred[c.option_id]) if barred.get(c.option_id) else c
        for c in options.capacities
    )
    return replace(options, capacities=tuple(capacities))


def _likeness(capacity: Capacity, slot: _Slot) -> tuple[object, ...]:
    """Return what decides on what an option carries in a block."""
    period = slot[0] if capacity.by_period else 0
    return period, slot in capacity.barred, capacity.headroom.get(slot, 1.0)


def _dominated(options: OptionSet, serving: list[Capacity], slot: _Slot) -> frozenset[str]:
    """Return the options that another one of their model dominates in a block."""
    there = {c.option_id for c in serving}
    here = [
        replace(c, points=c.points_in(*slot), by_period=(), barred=frozenset(), headroom={})
        for c in serving
    ]
    able = [option for option in options.options if option.id in there]
    _, dropped = prune(able, here, same_model_only=True)
    return frozenset(rejection.subject for rejection in dropped)
