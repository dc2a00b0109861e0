"""Batch replicas of a start that have time to load models when they come, and to go.

Slots that are solved alone do not see their neighbours, so a replica that is there in one block
only looks as if it worked all of it. Where that leaves too little time for the work, replicas are
added, as many as there may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.milp.costs import blocks_before, starts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.milp.model import Model

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_TOLERANCE = 1e-7


def leave_time_for_changeovers(model: Model, place: Mapping[str, int], start: FloatArray) -> None:
    """Add batch replicas where changes of their number take time that the work needs.

    Parameters
    ----------
    model
        Variables by index.
    place
        Columns by name.
    start
        Values by column, with the flows of slots that were solved; changed in place.
    """
    sets = model.sets
    share, day = sets.changeover_blocks, sets.grid.blocks_per_day
    if share <= 0:
        return
    load = _loads(model, place, start)
    for c, column in enumerate(sets.columns):
        if not sets.is_batch(column.pool):
            continue
        for t in range(sets.grid.periods):
            there = [b for b in range(sets.grid.blocks) if (c, t, b) in model.n]
            if not there:
                continue
            replicas = np.zeros(sets.grid.blocks, dtype=np.int64)
            replicas[there] = [round(start[place[model.n[c, t, b].name]]) for b in there]
            raised = _raised(replicas, load[c, t], sets.n_max[c, t], share, day)
            for b in there:
                start[place[model.n[c, t, b].name]] = raised[b]
                if (c, t, b) in model.y:
                    start[place[model.y[c, t, b].name]] = float(raised[b] > 0)


def _loads(model: Model, place: Mapping[str, int], start: FloatArray) -> FloatArray:
    """Return the work of every column in replicas, shape (C, T, B)."""
    sets = model.sets
    load = np.zeros(sets.n_max.shape)
    for (w, c, t, b), flow in model.f.items():
        per_replica = sets.columns[c].mu_rps[t][b][w] / float(sets.rate_unit_rps[w])
        load[c, t, b] += start[place[flow.name]] / per_replica
    return load


def _raised(
    replicas: IntArray, load: FloatArray, most: IntArray, share: float, day: int
) -> IntArray:
    """Return at least as many replicas, with which changes leave time for the load."""
    while True:
        gone = np.maximum(replicas - blocks_before(replicas, -1, day), 0)
        lost = share * (starts(replicas, day) + gone)
        needed = np.where(load > _TOLERANCE, np.ceil(load + lost - _TOLERANCE), 0)
        raised = np.minimum(np.maximum(replicas, needed.astype(np.int64)), most)
        if np.array_equal(raised, replicas):
            return replicas
        replicas = raised
