"""What a block costs with each number of provisioned units: bounds that hold all day.

Units are the same in every block of a period, but a block alone takes the number that suits it,
and the sum of such bounds is far below any plan. So a block is also solved with at most p
increments, for several p and without their cost: v(p) falls as p rises. Every plan with P
increments pays at least v(P) for the rest of the block, and so at least the lines of the convex
hull of v below it::

    cost of the block without the units  >=  v(p) + slope (P - p)

Where only some p are solved, v at the next larger one stands for the numbers between.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.highs import Outcome

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_PRESENT = "P"
"""Prefix of the increments that are there."""
MOST_SIZES = 8
"""Numbers of units that a block is solved with."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Part:
    """A block alone: its columns of the program, and its own program."""

    columns: IntArray
    arrays: Arrays


@dataclass(frozen=True, slots=True)
class Row:
    """A row ``values x[columns] >= right`` of the program."""

    columns: IntArray
    values: FloatArray
    right: float


@dataclass(frozen=True, slots=True)
class Size:
    """A block with at most so many increments: proven cost of the rest, and its plan."""

    increments: int
    bound: float
    values: FloatArray


def unit_rows(
    parts: Sequence[Part], solve: Callable[[Arrays], Outcome]
) -> tuple[list[Row], list[tuple[Part, FloatArray]]]:
    """Return rows on what blocks cost with each number of units, and plans with one number.

    Parameters
    ----------
    parts
        Blocks; those without units are left out.
    solve
        Solves a block.

    Returns
    -------
    Rows; and for every block of a period its plan with the number of units that is cheapest for
    all of them, where there is a single kind of units.
    """
    rows: list[Row] = []
    plans: dict[str, list[tuple[Part, int, dict[int, Size]]]] = defaultdict(list)
    for part in parts:
        places = _places(part.arrays)
        for place in places:
            found = _sizes(part.arrays, place, solve)
            rows += (_row(part, place, *line) for line in hull_lines(found))
            if len(places) == 1:
                period = part.arrays.column_names[place].split("_")[2]
                plans[period].append((part, place, {s.increments: s for s in found}))
    starts: list[tuple[Part, FloatArray]] = []
    for blocks in plans.values():
        starts += _cheapest(blocks)
    return [row for row in rows if row.right > 0], starts


def _places(arrays: Arrays) -> list[int]:
    names = [name.split("_") for name in arrays.column_names]
    return [i for i, name in enumerate(names) if name[0] == _PRESENT]


def _sizes(part: Arrays, place: int, solve: Callable[[Arrays], Outcome]) -> list[Size]:
    """Return a block with at most so many increments; numbers without a plan are left out."""
    most = int(part.upper[place])
    found = []
    for p in sorted({round(x) for x in np.linspace(0, most, min(most + 1, MOST_SIZES))}):
        upper, cost = part.upper.copy(), part.cost.copy()
        upper[place], cost[place] = p, 0.0
        outcome = solve(replace(part, upper=upper, cost=cost))
        if outcome.values is not None:
            values = outcome.values.copy()
            values[place] = p
            found.append(Size(p, max(outcome.bound or 0.0, 0.0), values))
    return found


def hull_lines(found: Sequence[Size]) -> list[tuple[float, float]]:
    """Return slope and value at 0 of the lines below what a block costs with any increments."""
    if not found:
        return []
    bounds = np.maximum.accumulate([size.bound for size in found][::-1])[::-1]
    hull: list[tuple[float, float]] = []
    if found[0].increments > 0:
        hull.append((0.0, float(bounds[0])))  # fewer cost no less; they need not be impossible
    for i, size in enumerate(found):
        after = min(i + 1, len(found) - 1)
        follows = found[after].increments <= size.increments + 1
        point = (float(size.increments), float(bounds[i if follows else after]))
        while len(hull) > 1 and _is_above(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    if len(hull) == 1:
        return [(0.0, hull[0][1])]
    slopes = [(high[1] - low[1]) / (high[0] - low[0]) for low, high in pairwise(hull)]
    return [(s, low[1] - s * low[0]) for s, low in zip(slopes, hull[:-1], strict=True)]


def _row(part: Part, place: int, slope: float, right: float) -> Row:
    values = part.arrays.cost.copy()
    values[place] = -slope
    paid = np.flatnonzero(values > 0)
    return Row(part.columns[paid], values[paid], right)


def _cheapest(
    blocks: Sequence[tuple[Part, int, dict[int, Size]]],
) -> list[tuple[Part, FloatArray]]:
    """Return the plans of all blocks with the number of increments that is cheapest for them."""
    usd: dict[int, float] = {}
    for p in set.intersection(*(set(sizes) for _, _, sizes in blocks)):
        usd[p] = sum(float(part.arrays.cost @ sizes[p].values) for part, _, sizes in blocks)
    if not usd:
        return []
    best = min(usd, key=lambda p: (usd[p], p))
    return [(part, sizes[best].values) for part, _, sizes in blocks]


def _is_above(
    first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]
) -> bool:
    """Return whether a point lies on or above the line between its neighbours."""
    share = (middle[0] - first[0]) / (last[0] - first[0])
    return middle[1] >= first[1] + share * (last[1] - first[1]) - _ROUNDING
