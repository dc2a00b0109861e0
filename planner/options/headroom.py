"""Headroom of options by name: in these blocks a replica carries less than the formulas say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.problem.headroom import headroom_ids, option_headroom

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.demand.records import TimeGrid
    from planner.options.records import Capacity
    from planner.problem.schema import Problem


def with_option_headroom(
    capacities: Iterable[Capacity], problem: Problem, grid: TimeGrid
) -> Iterator[Capacity]:
    """Yield capacities with the headroom of their options; work that waits has none.

    Parameters
    ----------
    capacities
        Capacities.
    problem
        The problem, streams taken apart.
    grid
        Its periods and blocks.
    """
    named = {
        (workload.name, option): workload
        for workload in problem.workloads
        if workload.deferrable is None
        for option in headroom_ids(workload)
    }
    for capacity in capacities:
        workload = named.get((capacity.workload, capacity.option_id))
        if workload is None:
            yield capacity
            continue
        factors = {
            slot: option_headroom(workload, capacity.option_id, *slot) for slot in grid.slots
        }
        yield replace(capacity, headroom={slot: f for slot, f in factors.items() if f > 1})
