"""Slots and pools: the parts of a program that can be solved by themselves.

A slot is a block, or a period with static scaling: nodes, replicas and rates with its period and
block in their names. Rows that hold columns of one slot only are its own; all others couple slots
with each other, or with what is decided once, such as nodes that are taken on for a term. With
what is decided once fixed, rows that join it to a single slot are the slot's own as well.

Without its nodes a slot falls into its pools, which are far smaller still.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.highs import solve_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.highs import Outcome
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

SLOT_PREFIXES = frozenset("nyerfajdxgNlhkzPCcUWZ")
"""Variables whose names end in the period and the block, starts of nodes excepted."""
_OF_A_DAY = frozenset({"s", "loads", "gives"})
"""Variables that join a block to the one before; where a slot is a period they are its own."""
_NODES = frozenset("NPzCcUWZ")
"""Variables of a slot that its pools share."""
_GAP_SHARE = 0.25
_SMALLEST_GAP = 1e-4
_SHARES_PER_SLOT = 3.0
_TOLERANCE = 1e-6
"""Largest saving of one unit, in the unit of the objective, that is taken as rounding."""
_FIXED = -2
_OF_NO_SLOT = -1


@dataclass(frozen=True, slots=True)
class Slot:
    """Positions of the columns of a slot and of the rows that are its own."""

    columns: IntArray
    rows: IntArray


def slots_of(arrays: Arrays, *, is_static: bool, fixed: BoolArray | None = None) -> list[Slot]:
    """Return the columns of every slot and the rows that hold no other columns.

    Parameters
    ----------
    arrays
        The program.
    is_static
        True when a slot is a period.
    fixed
        Columns outside the slots whose lower bound is their value, by column; ``None`` for none.
    """
    keys: dict[str, int] = {}
    own = SLOT_PREFIXES | _OF_A_DAY if is_static else SLOT_PREFIXES
    slot_of = np.full(arrays.cost.size, _OF_NO_SLOT, dtype=np.int64)
    if fixed is not None:
        slot_of[fixed] = _FIXED
    for column, name in enumerate(arrays.column_names):
        prefix, *positions = name.split("_")
        if prefix in own:
            key = positions[-2] if is_static else f"{positions[-2]}_{positions[-1]}"
            slot_of[column] = keys.setdefault(key, len(keys))
    entries = slot_of[arrays.index]
    row_of, count = rows_of_entries(arrays), arrays.row_lower.size
    lowest = np.full(count, len(keys), dtype=np.int64)
    highest = np.full(count, _FIXED, dtype=np.int64)
    loose = entries != _FIXED
    np.minimum.at(lowest, row_of[loose], entries[loose])
    np.maximum.at(highest, row_of[loose], entries[loose])
    return [
        Slot(
            np.flatnonzero(slot_of == position),
            np.flatnonzero((lowest == position) & (highest == position)),
        )
        for position in range(len(keys))
    ]


def pools_of(arrays: Arrays, slots: Sequence[Slot]) -> list[Slot]:
    """Return the parts into which slots fall without their nodes.

    Parameters
    ----------
    arrays
        The program.
    slots
        All of its slots.
    """
    nodes = np.isin(kinds_of(arrays), list(_NODES))
    part_of_column = np.full(arrays.cost.size, _OF_NO_SLOT, dtype=np.int64)
    for slot in slots:
        part_of_column[slot.columns] = slot.columns
    part_of_column[nodes] = _OF_NO_SLOT
    row_of = rows_of_entries(arrays)
    shared = coupling_rows(arrays, slots)
    shared[row_of[part_of_column[arrays.index] == _OF_NO_SLOT]] = True
    own = ~shared[row_of]
    rows, columns = row_of[own], arrays.index[own]
    while True:  # every part takes the least position among its columns
        least = np.full(shared.size, arrays.cost.size, dtype=np.int64)
        np.minimum.at(least, rows, part_of_column[columns])
        joined = part_of_column.copy()
        np.minimum.at(joined, columns, least[rows])
        if np.array_equal(joined, part_of_column):
            break
        part_of_column = joined
    part_of_row = np.full(shared.size, _OF_NO_SLOT, dtype=np.int64)
    part_of_row[rows] = part_of_column[columns]
    rows_of = _members(part_of_row)
    return [
        Slot(members, rows_of[part])
        for part, members in _members(part_of_column).items()
        if part in rows_of and arrays.integer[members].any()
    ]


def _members(labels: IntArray) -> dict[int, IntArray]:
    """Return the positions with every label that is not negative."""
    order = np.argsort(labels, kind="stable")
    names, firsts = np.unique(labels[order], return_index=True)
    groups = np.split(order, firsts[1:])
    return {int(name): group for name, group in zip(names, groups, strict=True) if name >= 0}


def kinds_of(arrays: Arrays) -> NDArray[np.str_]:
    """Return the kind of every column, which its name begins with."""
    return np.array([name.split("_")[0] for name in arrays.column_names], dtype=np.str_)


def rows_of_entries(arrays: Arrays) -> IntArray:
    """Return the row of every entry of the matrix."""
    return np.repeat(np.arange(arrays.row_lower.size), np.diff(arrays.start))


def part_of(arrays: Arrays, slot: Slot) -> Arrays:
    """Return the problem of one slot; columns outside it count with their lower bounds.

    Parameters
    ----------
    arrays
        The program.
    slot
        Its columns and rows; the rows hold no columns outside it that are not fixed.
    """
    place = np.full(arrays.cost.size, -1, dtype=np.int32)
    place[slot.columns] = np.arange(slot.columns.size)
    counts = np.diff(arrays.start)[slot.rows]
    ends = np.cumsum(counts)
    first = np.repeat(arrays.start[slot.rows] - (ends - counts), counts)
    entries = first + np.arange(int(counts.sum()))
    row_of = np.repeat(np.arange(slot.rows.size), counts)
    inside = place[arrays.index[entries]] >= 0
    outer = entries[~inside]
    taken = np.bincount(
        row_of[~inside],
        weights=arrays.value[outer] * arrays.lower[arrays.index[outer]],
        minlength=slot.rows.size,
    )
    left = np.bincount(row_of[inside], minlength=slot.rows.size)
    return replace(
        arrays,
        column_names=tuple(arrays.column_names[c] for c in slot.columns),
        row_names=tuple(arrays.row_names[r] for r in slot.rows),
        cost=arrays.cost[slot.columns],
        lower=arrays.lower[slot.columns],
        upper=arrays.upper[slot.columns],
        integer=arrays.integer[slot.columns],
        row_lower=arrays.row_lower[slot.rows] - taken,
        row_upper=arrays.row_upper[slot.rows] - taken,
        start=np.concatenate(([0], np.cumsum(left))).astype(np.int32),
        index=place[arrays.index[entries[inside]]],
        value=arrays.value[entries[inside]],
    )


def coupling_rows(arrays: Arrays, slots: Sequence[Slot]) -> BoolArray:
    """Return the rows that are not those of one slot.

    Parameters
    ----------
    arrays
        The program.
    slots
        All of its slots.
    """
    couples = np.ones(arrays.row_lower.size, dtype=bool)
    for slot in slots:
        couples[slot.rows] = False
    return couples


def priced(arrays: Arrays, row_prices: FloatArray) -> Arrays:
    """Return the program in which rows are paid for instead: cost c - p A.

    With the duals of a relaxation no slot can save without end. What looks like it, by the
    solver's tolerance, is taken as free.

    Parameters
    ----------
    arrays
        The program.
    row_prices
        Price p of one unit of every row.
    """
    weights = arrays.value * row_prices[rows_of_entries(arrays)]
    paid = np.bincount(arrays.index, weights=weights, minlength=arrays.cost.size)
    cost = arrays.cost - paid
    rounding = np.isinf(arrays.upper) & (cost < 0) & (cost > -_TOLERANCE)
    return replace(arrays, cost=np.where(rounding, 0.0, cost))


class SlotSolver:
    """Solves slots within one time, equal ones once.

    Parameters
    ----------
    settings
        Gap, time limit, seed and threads of the whole solve.
    count
        Slots that will be solved.
    limit_s
        Seconds for all of them.
    """

    def __init__(self, settings: SolverSettings, count: int, limit_s: float) -> None:
        gap = max(settings.gap * _GAP_SHARE, _SMALLEST_GAP)
        self._settings = replace(settings, gap=gap, log=False)
        self._left = count
        self._deadline_s = time.perf_counter() + limit_s
        self._solved: dict[bytes, Outcome] = {}

    def solve(self, part: Arrays) -> Outcome:
        """Return the outcome of a slot.

        Parameters
        ----------
        part
            Its problem.
        """
        key = _fingerprint(part)
        if key not in self._solved:
            # A few even shares of what is left: hard slots may take longer than easy ones, and
            # early slots cannot starve late ones.
            share_s = (self._deadline_s - time.perf_counter()) / max(self._left, 1)
            limit_s = max(_SHARES_PER_SLOT * share_s, 0.0)
            asked = replace(self._settings, time_limit_s=limit_s)
            self._solved[key] = solve_arrays(part, asked)
        self._left -= 1
        return self._solved[key]


def solve_slots(
    arrays: Arrays, slots: Sequence[Slot], settings: SolverSettings, limit_s: float
) -> list[Outcome]:
    """Return the outcomes of slots.

    Parameters
    ----------
    arrays
        The program.
    slots
        What to solve.
    settings
        Gap, seed and threads of the whole solve.
    limit_s
        Seconds for all of them.
    """
    solver = SlotSolver(settings, len(slots), limit_s)
    return [solver.solve(part_of(arrays, slot)) for slot in slots]


def _fingerprint(part: Arrays) -> bytes:
    numbers = (
        part.cost,
        part.lower,
        part.upper,
        part.integer,
        part.row_lower,
        part.row_upper,
        part.start,
        part.index,
        part.value,
    )
    return b"|".join(array.tobytes() for array in numbers)
