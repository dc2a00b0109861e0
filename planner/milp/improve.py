"""Better plans for long horizons: one period at a time, with the others as they are.

Periods hang together by little: nodes of a term, models that are used, budgets. A solver that
works on all of them at once spreads its effort. With all but one period fixed the program is
small, and what it finds is a plan of the whole. The periods take turns until the time is up or
none of them finds more.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.highs import solve_arrays
from planner.milp.slots import SLOT_PREFIXES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.blocks import Bounded
    from planner.milp.bridge import Arrays
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]

_SMALLEST_PROGRAM = 3_000
"""Columns below which the solver needs no help."""
_OF_A_PERIOD = SLOT_PREFIXES | {"s", "q", "loads", "gives"}
"""Variables whose second last position is a period: starts, loads, backlogs beside blocks."""
_PLACE_OF_KIND = {"n": 1, "y": 1, "N": 0, "s": 0}
"""Replicas and nodes, with the position in their names that says of which kind."""
_IN_USE = 0.5
_GAP_SHARE = 0.5
_WORTH_A_ROUND = 1e-4
"""Share of the cost that a round has to save for another one."""


def improved(
    program: Bounded, plan: FloatArray, settings: SolverSettings, deadline_s: float
) -> FloatArray:
    """Return a plan that costs no more than a plan.

    Parameters
    ----------
    program
        The program, with its bound.
    plan
        Values of a plan.
    settings
        Gap, seed and threads of the whole solve.
    deadline_s
        Moment of :func:`time.perf_counter` to stop at.
    """
    arrays = program.arrays
    periods = _periods(arrays)
    if arrays.cost.size < _SMALLEST_PROGRAM or len(periods) <= 1:
        return plan
    best, cost = plan, float(arrays.cost @ plan)
    while not program.proves(best, settings.gap):
        before = cost
        for position, columns in enumerate(periods):
            left_s = (deadline_s - time.perf_counter()) / (len(periods) - position)
            if left_s <= 0:
                return best
            values = _with_one_free(arrays, best, columns, replace(settings, time_limit_s=left_s))
            if values is not None and float(arrays.cost @ values) < cost:
                best, cost = values, float(arrays.cost @ values)
        if before - cost <= _WORTH_A_ROUND * abs(before):
            break
    return best


def improved_with_the_same(
    program: Bounded, plan: FloatArray, settings: SolverSettings, deadline_s: float
) -> FloatArray:
    """Return a plan that costs no more, on the kinds of replicas and nodes that a plan has.

    Slots that are solved alone choose as if nothing were there in the block before. With few kinds
    to choose from it takes little time to find what goes together.

    Parameters
    ----------
    program, plan, settings, deadline_s
        As in :func:`improved`.
    """
    arrays, best = program.arrays, plan
    periods = _periods(arrays)
    for position, columns in enumerate(periods):
        if program.proves(best, settings.gap):
            break
        left_s = (deadline_s - time.perf_counter()) / (len(periods) - position)
        if left_s <= 0:
            break
        asked = replace(settings, time_limit_s=left_s)
        values = _with_one_free(arrays, best, _of_kinds_in_use(arrays, best, columns), asked)
        if values is not None and float(arrays.cost @ values) < float(arrays.cost @ best):
            best = values
    return best


def _of_kinds_in_use(
    arrays: Arrays, plan: FloatArray, columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the columns of a period without replicas and nodes of kinds that it does not use."""
    kind: dict[int, tuple[bool, str]] = {}
    for column in columns.tolist():
        prefix, *positions = arrays.column_names[column].split("_")
        if prefix in _PLACE_OF_KIND:
            place = _PLACE_OF_KIND[prefix]
            kind[column] = (place == 0, positions[place])
    used = {name for column, name in kind.items() if plan[column] > _IN_USE}
    return np.array(
        [c for c in columns.tolist() if c not in kind or kind[c] in used], dtype=np.int64
    )


def _with_one_free(
    arrays: Arrays, plan: FloatArray, columns: NDArray[np.int64], settings: SolverSettings
) -> FloatArray | None:
    """Return the best plan that differs from a plan in some columns only."""
    lower, upper = plan.copy(), plan.copy()
    lower[columns], upper[columns] = arrays.lower[columns], arrays.upper[columns]
    asked = replace(settings, gap=settings.gap * _GAP_SHARE, log=False)
    return solve_arrays(replace(arrays, lower=lower, upper=upper), asked, plan).values


def _periods(arrays: Arrays) -> list[NDArray[np.int64]]:
    """Return the columns of every period."""
    of_period: dict[int, list[int]] = {}
    for column, name in enumerate(arrays.column_names):
        prefix, *positions = name.split("_")
        if prefix in _OF_A_PERIOD:
            of_period.setdefault(int(positions[-2]), []).append(column)
        elif prefix == "base":
            of_period.setdefault(int(positions[-1]), []).append(column)
    return [np.array(columns, dtype=np.int64) for _, columns in sorted(of_period.items())]
