"""A PuLP problem as sparse arrays, in the form HiGHS takes in one call.

PuLP's own HiGHS class adds rows and columns one at a time, which takes most of the time of a large
model, and hides bound, gap, start and true status. Columns are in the order of
``problem.variables()`` (by name), rows in the order they were added, the matrix is by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pulp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Arrays:
    """A minimisation problem ``min cost x, row_lower <= A x <= row_upper`` as arrays.

    Parameters
    ----------
    column_names, row_names
        Names in order.
    cost, lower, upper
        Objective and bounds by column.
    integer
        True for integer columns.
    row_lower, row_upper
        Bounds by row.
    start, index, value
        Matrix by row: entries ``start[r]`` to ``start[r+1]`` hold the columns and coefficients.
    """

    column_names: tuple[str, ...]
    row_names: tuple[str, ...]
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    integer: NDArray[np.bool_]
    row_lower: FloatArray
    row_upper: FloatArray
    start: IntArray
    index: IntArray
    value: FloatArray


def to_arrays(problem: pulp.LpProblem) -> Arrays:
    """Return the arrays of a problem whose sense is to minimise.

    Parameters
    ----------
    problem
        The PuLP problem, with an objective.
    """
    variables = problem.variables()
    column_of = {id(v): i for i, v in enumerate(variables)}
    cost = np.zeros(len(variables))
    objective = problem.objective
    for variable, coefficient in objective.items() if objective is not None else ():
        cost[column_of[id(variable)]] = coefficient
    rows = problem.constraints()
    columns: list[int] = []
    values: list[float] = []
    start = np.zeros(len(rows) + 1, dtype=np.int32)
    for r, row in enumerate(rows):
        columns.extend(map(column_of.__getitem__, map(id, row.expr)))
        values.extend(row.expr.values())
        start[r + 1] = len(columns)
    rhs = np.array([-row.constant for row in rows], dtype=np.float64)
    sense = np.array([row.sense for row in rows], dtype=np.int64)
    return Arrays(
        column_names=tuple(v.name for v in variables),
        row_names=tuple(row.name or "" for row in rows),
        cost=cost,
        lower=_bounds([v.lowBound for v in variables], -np.inf),
        upper=_bounds([v.upBound for v in variables], np.inf),
        integer=np.array([v.cat == pulp.LpInteger for v in variables], dtype=bool),
        row_lower=np.where(sense == pulp.LpConstraintLE, -np.inf, rhs),
        row_upper=np.where(sense == pulp.LpConstraintGE, np.inf, rhs),
        start=start,
        index=np.array(columns, dtype=np.int32),
        value=np.array(values, dtype=np.float64),
    )


def _bounds(bounds: list[float | None], missing: float) -> FloatArray:
    return np.array([missing if b is None else b for b in bounds], dtype=np.float64)
