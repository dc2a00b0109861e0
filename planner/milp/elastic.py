"""The least by which limits have to give way until there is a plan.

Every limit l gets a column s_l >= 0 that loosens its rows, in the unit in which users state it,
and what the plan costs is left out::

    min  sum_l s_l / |limit_l|     rows of l:  A x <= b + w_l s_l   (>=: b - w_l s_l,  =: either)

The integer program is solved, so the amounts are those of a whole plan; the plan that proves them
is the solver's. Stopped early, they are enough but perhaps not the least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.bridge import to_arrays
from planner.milp.highs import solve_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.milp.bridge import Arrays
    from planner.milp.model import Program
    from planner.milp.records import SolverSettings

_NOTHING = 1e-7
"""Share of a limit below which an excess is the solver's tolerance."""


@dataclass(frozen=True, slots=True)
class Loosened:
    """A limit that may give way.

    Parameters
    ----------
    weights
        Change of the right-hand side of each row per unit of the limit, by row name, > 0.
    size
        What an excess is compared with where several limits give way, > 0.
    most
        Most by which it may give way, ``None`` for any amount.
    """

    weights: Mapping[str, float]
    size: float
    most: float | None = None


def least_excess(
    program: Program, limits: Sequence[Loosened], settings: SolverSettings
) -> tuple[float, ...] | None:
    """Return by how much each limit gives way, ``None`` when no plan was found even then.

    Parameters
    ----------
    program
        A program without a plan.
    limits
        Limits that may give way together.
    settings
        Gap, time limit and seed.
    """
    arrays = to_arrays(program.problem)
    loose = _with_columns(arrays, limits)
    outcome = solve_arrays(loose, replace(settings, log=False))
    if outcome.values is None:
        return None
    shares = outcome.values[arrays.cost.size :]
    return tuple(
        0.0 if share <= _NOTHING else float(share) * limit.size
        for share, limit in zip(shares, limits, strict=True)
    )


def _with_columns(arrays: Arrays, limits: Sequence[Loosened]) -> Arrays:
    """Return the arrays with a column for the excess of each limit, in shares of its size."""
    row_of = {name: r for r, name in enumerate(arrays.row_names)}
    first, count = arrays.cost.size, len(limits)
    at: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    added = np.zeros(len(arrays.row_names) + 1, dtype=np.int32)
    for k, limit in enumerate(limits):
        for name, weight in limit.weights.items():
            row = row_of[name]
            is_most = not np.isfinite(arrays.row_lower[row])
            at.append(int(arrays.start[row + 1]))
            columns.append(first + k)
            values.append((-1.0 if is_most else 1.0) * weight * limit.size)
            added[row + 1] += 1
    most = [np.inf if x.most is None else x.most / x.size for x in limits]
    return replace(
        arrays,
        column_names=(*arrays.column_names, *(f"excess_{k}" for k in range(count))),
        cost=np.concatenate([np.zeros(first), np.ones(count)]),
        lower=np.concatenate([arrays.lower, np.zeros(count)]),
        upper=np.concatenate([arrays.upper, most]),
        integer=np.concatenate([arrays.integer, np.zeros(count, dtype=bool)]),
        start=(arrays.start + np.cumsum(added)).astype(np.int32),
        index=np.insert(arrays.index, at, columns).astype(np.int32),
        value=np.insert(arrays.value, at, values),
    )
