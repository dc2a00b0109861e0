"""A plan with few kinds of replicas: what goes together from block to block.

Where models load before the blocks in which they serve, plans of single blocks do not fit
together: of options that cost about the same each block takes another one. With the options that
the relaxation uses most in every pool, one first and then a few, the program of all blocks is
small.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.highs import solve_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.milp.blocks import Bounded
    from planner.milp.model import Model
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]

_KINDS = (1, 2, 4)
_WORTH_SHARE = 0.1
"""Share of the gap that more kinds have to gain."""
_USED_NODES = 0.05
"""Nodes of an offer in the relaxation from which on it may be in the plan."""


def plan_of_few_kinds(
    model: Model, program: Bounded, settings: SolverSettings, limit_s: float
) -> FloatArray | None:
    """Return a plan with few options in every pool, ``None`` when none is found.

    Parameters
    ----------
    model
        Variables by index.
    program
        The program, with its relaxation.
    settings
        Gap, seed and threads of the whole solve.
    limit_s
        Seconds for each number of options; all together never more than the settings have.
    """
    arrays, best = program.arrays, None
    place = {name: i for i, name in enumerate(arrays.column_names)}
    values = program.relaxation.values
    if values is None:
        return None
    ranked = _ranked_options(model, values, place)
    offers = _offers_in_use(model, values, place)
    until_s = time.perf_counter() + settings.time_limit_s
    for most in _KINDS:
        left_s = max(min(limit_s, until_s - time.perf_counter()), 0.0)
        asked = replace(settings, time_limit_s=left_s, log=False)
        left_out = _left_out(model, ranked, offers, most)
        upper = arrays.upper.copy()
        columns = [place[name] for name in left_out]
        upper[columns] = np.maximum(arrays.lower[columns], 0.0)
        found = solve_arrays(replace(arrays, upper=upper), asked, best).values
        is_better = found is not None and _is_better(arrays.cost, found, best, settings.gap)
        best = best if found is None else found
        # Where more kinds gain nothing, yet more of them will not either.
        if best is None or not is_better or program.proves(best, settings.gap):
            break
    return best


def _is_better(cost: FloatArray, found: FloatArray, best: FloatArray | None, gap: float) -> bool:
    """Say whether a plan saves more than a part of the gap."""
    return best is None or float(cost @ (best - found)) > _WORTH_SHARE * gap * abs(
        float(cost @ best)
    )


def _left_out(
    model: Model, ranked: dict[int, list[int]], offers: set[int], most: int
) -> Iterator[str]:
    """Yield the names of replicas and nodes beyond the first options and the offers."""
    for (column, *_), variable in model.n.items():
        kind = model.sets.columns[column]
        if kind.option not in ranked[kind.pool][:most]:
            yield variable.name
    for nodes in (model.nodes, model.starts):
        for (offer, *_), variable in nodes.items():
            if offer not in offers:
                yield variable.name


def _ranked_options(
    model: Model, values: FloatArray, place: dict[str, int]
) -> dict[int, list[int]]:
    """Return the options of every pool, those with the most accelerators first."""
    used: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for (column, *_), variable in model.n.items():
        kind = model.sets.columns[column]
        used[kind.pool][kind.option] += values[place[variable.name]] * kind.accelerators
    return {
        pool: [option for _, option in sorted((-most, option) for option, most in options.items())]
        for pool, options in used.items()
    }


def _offers_in_use(model: Model, values: FloatArray, place: dict[str, int]) -> set[int]:
    return {
        offer
        for (offer, *_), variable in model.nodes.items()
        if values[place[variable.name]] > _USED_NODES
    }
