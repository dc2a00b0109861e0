r"""Bounds from the parts of a program: what makes the program of a whole day solvable.

Replicas and nodes are whole, so the relaxation of one block is far below its best whole plan (10
to 40 % with nodes of 8 accelerators or with a few replicas and a spare), and branching has to
close that gap in every block at the same time. But a part is small: a slot (a block; a period with
static scaling) by itself, or one pool of it without nodes. So each part is solved alone, without
the rows A that couple it to others, at prices p for what those rows take::

    z = min { (c - p A) x of the part : rows that hold only columns of the part }

Every plan pays at least the proven bound of z in that part, whatever the prices, which gives one
valid row::

    sum over columns of the part of (c - p A) x  >=  bound of z

Prices are the duals of the relaxation of the whole program. With them the rows together hold the
Lagrangian bound, which is never below the relaxation (Geoffrion 1974, "Lagrangean relaxation for
integer programming"). Where a program is so large that its relaxation takes longer than all its
pools, the bound is computed instead: the relaxation pays at least the least of a part without
integers, so each part adds what its bound is above that.

Pools take milliseconds and close most of the gap where nodes are small; slots take the nodes
along. On a day of 24 blocks with 18 options and 12 offers slots turned a gap of 4 to 22 % after 60
s into less than 1 % after a few seconds; with 5 workloads, 140 offers, 4 periods and 6 blocks
pools raised the bound by 13 % in 5 s. Parts with equal data are solved once.

Provisioned units are the same all day, so with them slots are solved for several numbers too
(:mod:`planner.milp.unit_bounds`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.highs import relaxed, solve_arrays
from planner.milp.slots import (
    SlotSolver,
    coupling_rows,
    part_of,
    pools_of,
    priced,
    solve_slots,
)
from planner.milp.unit_bounds import MOST_SIZES, Part, Row, unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.highs import Outcome
    from planner.milp.records import SolverSettings
    from planner.milp.slots import Slot

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]

_BOUND_SLACK = 1e-9
"""Relative slack of the rows added, so that rounding cannot cut off a plan."""
_GAP_KEPT = 0.999
"""Share of the gap; the rest is for the difference between the solver's cost and the real one."""
_TRIED = 4
"""Slots that say whether bounds of slots are worth their time."""
_WORTH_SHARE = 0.1
_PREFIX = "bound_"
_NOTHING = 1e-9
"""Cost and bound, in the unit of the objective, that are rounding."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A program with rows that bound the cost of its parts.

    Parameters
    ----------
    arrays
        The program with these rows after its own.
    relaxation
        What it gives without its integrality.
    bound
        Proven lower limit of the cost, in the unit of the objective.
    parts
        Plans of pools at the prices of the relaxation, by column, NaN where there is none;
        ``None`` before pools were solved.
    """

    arrays: Arrays
    relaxation: Outcome
    bound: float
    parts: FloatArray | None = None

    def is_used(self) -> BoolArray:
        """Say which columns are not zero in the plans of pools."""
        if self.parts is None:
            return np.zeros(self.arrays.cost.size, dtype=bool)
        return np.nan_to_num(self.parts) > _NOTHING

    def proves(self, plan: FloatArray, gap: float) -> bool:
        """Say whether the bound alone proves that a plan is within a gap.

        Parameters
        ----------
        plan
            Values by column.
        gap
            Relative gap.
        """
        cost = float(self.arrays.cost @ plan)
        return cost - abs(cost) * gap * _GAP_KEPT <= self.bound


def with_pool_bounds(
    program: Bounded, slots: Sequence[Slot], settings: SolverSettings, limit_s: float
) -> Bounded:
    """Return the program with a bound row for every pool of every slot.

    Parameters
    ----------
    program
        The program.
    slots
        All of its slots.
    settings
        Gap, seed and threads of the whole solve.
    limit_s
        Seconds for all pools.
    """
    by_s = time.perf_counter() + settings.time_limit_s
    program, rows = _with_pools(program, slots, settings, limit_s)
    left = replace(settings, time_limit_s=max(by_s - time.perf_counter(), 0.0))
    return _with_rows(program, rows, left)


def with_pool_plans(
    program: Bounded, slots: Sequence[Slot], settings: SolverSettings, limit_s: float
) -> Bounded:
    """Return the same without the rows: the bound is computed, the relaxation stays as it is.

    Parameters
    ----------
    program, slots, settings, limit_s
        As in :func:`with_pool_bounds`.
    """
    return _with_pools(program, slots, settings, limit_s)[0]


def _with_pools(
    program: Bounded, slots: Sequence[Slot], settings: SolverSettings, limit_s: float
) -> tuple[Bounded, list[Row]]:
    """Return the program with the plans and the computed bound of its pools, and their rows."""
    pools = pools_of(program.arrays, slots)
    rows, plans = _bound_rows(program, pools, pools, settings, limit_s)
    return replace(program, bound=_computed_bound(program, rows), parts=plans), rows


def _computed_bound(program: Bounded, rows: Sequence[Row]) -> float:
    """Return the Lagrangian bound of rows of disjoint parts at the prices of the relaxation."""
    relaxation, gains = program.relaxation, _gains(program, rows)
    if gains is None or relaxation.bound is None or relaxation.row_duals is None:
        return program.bound
    bound = relaxation.bound + sum(max(0.0, gain) for gain in gains) * (1.0 - _BOUND_SLACK)
    return max(program.bound, bound)


def with_slot_bounds(
    program: Bounded, slots: Sequence[Slot], settings: SolverSettings, limit_s: float
) -> Bounded:
    """Return the program with a bound row for every slot, or for a few where those gain nothing.

    Parameters
    ----------
    program, slots, settings
        As in :func:`with_pool_bounds`.
    limit_s
        Seconds for all slots.
    """
    tried = slots[:: max(len(slots) // _TRIED, 1)]
    share = len(tried) / max(len(slots), 1)
    rows, _ = _bound_rows(program, tried, slots, settings, share * limit_s)
    if _gain(program, rows) > _WORTH_SHARE * settings.gap or len(tried) == len(slots):
        known = {id(slot) for slot in tried}
        others = [slot for slot in slots if id(slot) not in known]
        rows += _bound_rows(program, others, slots, settings, (1.0 - share) * limit_s)[0]
    return _with_rows(program, rows, settings)


def _gain(program: Bounded, rows: Sequence[Row]) -> float:
    """Return how far bounds are above what the relaxation pays, as a share of the bounds."""
    gains = _gains(program, rows)
    if not gains:
        return np.inf
    return sum(gains) / max(abs(sum(row.right for row in rows)), _NOTHING)


def _gains(program: Bounded, rows: Sequence[Row]) -> list[float] | None:
    """Return how far each bound is above what the relaxation pays in its part."""
    values = program.relaxation.values
    if values is None:
        return None
    return [row.right - float(row.values @ values[row.columns]) for row in rows]


def with_unit_bounds(
    program: Bounded, slots: Sequence[Slot], settings: SolverSettings, limit_s: float
) -> tuple[Bounded, FloatArray]:
    """Return the program with rows on numbers of provisioned units, and plans of slots with them.

    Parameters
    ----------
    program, slots, settings
        As in :func:`with_pool_bounds`.
    limit_s
        Seconds for all slots.

    Returns
    -------
    The program, and values by column, NaN where no plan is known.
    """
    arrays = program.arrays
    parts = [Part(slot.columns, part_of(arrays, slot)) for slot in slots]
    solver = SlotSolver(settings, len(parts) * MOST_SIZES, limit_s)
    rows, plans = unit_rows(parts, solver.solve)
    values = np.full(arrays.cost.size, np.nan)
    for part, plan in plans:
        values[part.columns] = plan
    return _with_rows(program, rows, settings), values


def _bound_rows(
    program: Bounded,
    parts: Sequence[Slot],
    every: Sequence[Slot],
    settings: SolverSettings,
    limit_s: float,
) -> tuple[list[Row], FloatArray]:
    """Return the row that each part costs at least its bound, at the prices of the relaxation.

    `every` has all parts of the kind: rows that belong to none of them have prices. The second
    result are the plans of the parts by column, NaN where there is none.
    """
    arrays, prices = program.arrays, program.relaxation.row_duals
    if prices is None:
        prices = np.zeros(arrays.row_lower.size)
    at_prices = priced(arrays, np.where(coupling_rows(arrays, every), prices, 0.0))
    rows: list[Row] = []
    plans = np.full(arrays.cost.size, np.nan)
    for part, outcome in zip(parts, solve_slots(at_prices, parts, settings, limit_s), strict=True):
        if outcome.values is not None:
            plans[part.columns] = outcome.values
        if outcome.bound is not None and abs(outcome.bound) > _NOTHING:
            paid = part.columns[at_prices.cost[part.columns] != 0]
            rows.append(Row(paid, at_prices.cost[paid], outcome.bound))
    return rows, plans


def _with_rows(program: Bounded, rows: Sequence[Row], settings: SolverSettings) -> Bounded:
    """Append ``values x / |right| >= sign(right)`` for every row."""
    if not rows:
        return program
    arrays, count = program.arrays, len(rows)
    before = sum(name.startswith(_PREFIX) for name in arrays.row_names)
    sizes = np.cumsum([row.columns.size for row in rows], dtype=np.int64)
    signs = np.array([np.sign(row.right) for row in rows])
    stronger = replace(
        arrays,
        row_names=arrays.row_names + tuple(f"{_PREFIX}{before + i}" for i in range(count)),
        row_lower=np.concatenate((arrays.row_lower, signs - _BOUND_SLACK)),
        row_upper=np.concatenate((arrays.row_upper, np.full(count, np.inf))),
        start=np.concatenate((arrays.start, int(arrays.start[-1]) + sizes)).astype(np.int32),
        index=np.concatenate((arrays.index, *(row.columns for row in rows))).astype(np.int32),
        value=np.concatenate((arrays.value, *(row.values / abs(row.right) for row in rows))),
    )
    basis = program.relaxation.basis
    relaxation = solve_arrays(relaxed(stronger), replace(settings, log=False), basis=basis)
    if relaxation.bound is None:
        return program
    bound = max(program.bound, relaxation.bound)
    return replace(program, arrays=stronger, relaxation=relaxation, bound=bound)
