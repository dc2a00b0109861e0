"""Plans of slots that go together: each solved with what is decided once as the relaxation has it.

Slots that are solved at prices agree on their costs, not on their nodes: where two kinds of
hardware cost the same, one slot takes this and the next one that. So nodes of terms, and the nodes
of each offer that are there all day, get the nearest whole number of what the relaxation of the
whole has, work that waits is served when the relaxation serves it, and the slots are solved so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.slots import (
    SlotSolver,
    coupling_rows,
    kinds_of,
    part_of,
    priced,
    rows_of_entries,
    slots_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.blocks import Bounded
    from planner.milp.bridge import Arrays
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    Kinds = NDArray[np.str_]

_COUNTS = frozenset({"B", "buy", "base"})
_PEOPLE = frozenset({"staff", "rentstaff", "tokenstaff", "offerstaff"})
_ORDERS = frozenset({"at", "ordered"})
_SWITCHES = _PEOPLE | _ORDERS | {"u", "v", "M", "serves", "more", "on", "any", "reached"}
"""Choices that cost something or are limited: a slot makes them for nothing when they stand."""
_PROMISES = frozenset({"spend"})
"""Money that is promised for a term, of any amount."""
DECIDED_ONCE = _COUNTS | _SWITCHES
"""Variables that are whole and stand for more than one block."""
_WAITING = frozenset({"q", "d", "x", "g"})
"""Variables of work that waits: at the price of its day a slot would take all of it or none."""
_REPLICAS = frozenset({"n", "y"})
_SERVED = frozenset({"d"})
"""Variables of how much of the work that waits is served in a block."""
_ROUNDING = 1e-6


def constants(arrays: Arrays) -> BoolArray:
    """Return the columns decided once that are no choice, such as nodes that are there.

    Parameters
    ----------
    arrays
        The program.
    """
    constant: BoolArray = arrays.lower == arrays.upper
    return constant & _among(kinds_of(arrays), _COUNTS | _SWITCHES | _PROMISES)


def slots_with_the_fleet(
    program: Bounded,
    settings: SolverSettings,
    *,
    is_static: bool,
    is_narrow: bool,
    limit_s: float,
) -> FloatArray:
    """Return plans of slots that go together, by column; NaN where there is none.

    Parameters
    ----------
    program
        The program, with its relaxation.
    settings
        Gap, seed and threads of the whole solve.
    is_static
        True when a slot is a period.
    is_narrow
        True to choose among the replicas that the relaxation or a pool alone has in a slot, where
        that gives a plan: it takes a fifth of the time and costs a few tenths of a percent.
    limit_s
        Seconds for all slots.
    """
    arrays, relaxation = program.arrays, program.relaxation
    values = np.full(arrays.cost.size, np.nan)
    if relaxation.values is None:
        return values
    kinds = kinds_of(arrays)
    once = _among(kinds, _COUNTS | _SWITCHES | _PROMISES)
    exact = _among(kinds, _SERVED | _PROMISES)
    kept = np.where(exact, relaxation.values, _whole(kinds, relaxation.values))
    kept = np.clip(kept, arrays.lower, arrays.upper)
    held = replace(
        arrays,
        lower=np.where(once | exact, kept, arrays.lower),
        upper=np.where(once | exact, kept, arrays.upper),
    )
    slots = slots_of(held, is_static=is_static, fixed=once)
    paid = coupling_rows(held, slots) & ~_rows_with(held, _among(kinds, _WAITING))
    at_prices = held
    if relaxation.row_duals is not None:
        at_prices = priced(held, np.where(paid, relaxation.row_duals, 0.0))
    solver = SlotSolver(settings, len(slots), limit_s)
    narrow = _without_unused(at_prices, program, kinds) if is_narrow else at_prices
    for slot in slots:
        outcome = solver.solve(part_of(narrow, slot))
        if outcome.values is None and is_narrow:
            outcome = solver.solve(part_of(at_prices, slot))
        if outcome.values is not None:
            values[slot.columns] = outcome.values
    return values


def _without_unused(arrays: Arrays, program: Bounded, kinds: Kinds) -> Arrays:
    """Return the slots without the kinds of replicas that nothing says are of use."""
    unused = _among(kinds, _REPLICAS) & (arrays.lower <= 0)
    if program.relaxation.values is not None:
        unused &= program.relaxation.values <= _ROUNDING
    return replace(arrays, upper=np.where(unused & ~program.is_used(), 0.0, arrays.upper))


def _among(kinds: Kinds, some: frozenset[str]) -> BoolArray:
    return np.isin(kinds, list(some))


def _whole(kinds: Kinds, values: FloatArray) -> FloatArray:
    """Return the nearest whole numbers; switches are on where they are used at all."""
    return np.where(_among(kinds, _SWITCHES), np.ceil(values - _ROUNDING), np.rint(values))


def _rows_with(arrays: Arrays, columns: BoolArray) -> BoolArray:
    """Return the rows that hold any of some columns."""
    found = np.zeros(arrays.row_lower.size, dtype=bool)
    found[rows_of_entries(arrays)[columns[arrays.index]]] = True
    return found
