r"""Programs of several scenarios as one: what cannot yet be told apart is decided the same.

With scenarios s of probability p[s], columns x[s] and cost c[s] x[s]::

    min   (1 - beta) sum p[s] c[s] x[s]  +  beta (eta + sum p[s] xi[s] / (1 - alpha))
    where the rows of every scenario hold,
          x[s,k] = x[r,k]           purchase k is decided while s and r look alike
          xi[s] >= c[s] x[s] - eta,  xi[s] >= 0        (only with beta > 0)

beta is the weight and alpha the level of the conditional value at risk, the mean cost of the worst
1 - alpha of the probability (Rockafellar and Uryasev 2000, "Optimization of conditional
value-at-risk"). Equal purchases are one column, not rows, so that the program is smaller than its
parts together. Parts bring rows that bound them (:mod:`planner.milp.blocks`): those hold in every
plan, whatever couples the scenarios, so the joint relaxation bounds the joint program.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.bridge import Arrays
from planner.milp.held_slots import DECIDED_ONCE
from planner.milp.highs import solve_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.milp.highs import Outcome
    from planner.milp.records import SolverSettings

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

_TOLERANCE = 1e-12
_SMALL_PROGRAM = 4_000
"""Columns up to which a joint program is solved with whole replicas and nodes."""


@dataclass(frozen=True, slots=True)
class Risk:
    """How much the worst outcomes count beside the expected cost.

    Parameters
    ----------
    weight
        Weight beta of the conditional value at risk, 0 to 1; 0 is the expected cost alone.
    level
        Level alpha: the worst 1 - alpha of the probability is averaged, 0 to below 1.
    """

    weight: float = 0.0
    level: float = 0.9

    def cvar_usd(self, costs_usd: Sequence[float], probabilities: Sequence[float]) -> float:
        """Return the mean cost of the worst ``1 - level`` of the probability.

        Parameters
        ----------
        costs_usd, probabilities
            By scenario; probabilities sum to 1.
        """
        left = tail = 1.0 - self.level
        total = 0.0
        for usd, share in sorted(zip(costs_usd, probabilities, strict=True), reverse=True):
            taken = min(share, left)
            total += taken * usd
            left -= taken
        # What rounding leaves of the tail costs as much as the cheapest scenario.
        return (total + max(left, 0.0) * min(costs_usd)) / tail

    def measure_usd(self, costs_usd: Sequence[float], probabilities: Sequence[float]) -> float:
        """Return ``(1 - weight) expected cost + weight CVaR``; parameters as `cvar_usd`."""
        expected = sum(p * c for p, c in zip(probabilities, costs_usd, strict=True))
        if self.weight == 0:
            return expected
        return (1 - self.weight) * expected + self.weight * self.cvar_usd(costs_usd, probabilities)


@dataclass(frozen=True, slots=True)
class Part:
    """The program of one scenario.

    Parameters
    ----------
    arrays
        The program, with rows that bound it.
    money_unit_usd
        USD of one unit of its objective.
    probability
        Above 0; those of all parts sum to 1.
    """

    arrays: Arrays
    money_unit_usd: float
    probability: float


@dataclass(frozen=True, slots=True)
class Tie:
    """Columns that are one decision.

    Parameters
    ----------
    members
        Position of the part and of its column.
    is_open
        False when it cannot be decided, because a part that looks alike does not have it.
    """

    members: tuple[tuple[int, int], ...]
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Joint:
    """The joint program.

    Parameters
    ----------
    arrays
        The program; its first columns are those of the parts.
    columns
        Joint column of every column of every part.
    tied
        Joint columns of ties, in their order.
    money_unit_usd
        USD of one unit of the objective.
    """

    arrays: Arrays
    columns: tuple[IntArray, ...]
    tied: IntArray
    money_unit_usd: float

    def relaxed_by_slot(self) -> Joint:
        """Return the relaxation in which what is decided once is whole, but no replicas or nodes.

        The rows that bound parts stand for whole replicas and nodes.
        """
        once = [name.split("_")[1:2] for name in self.arrays.column_names]
        kept = np.array([kind[0] in DECIDED_ONCE if kind else False for kind in once], dtype=bool)
        return replace(self, arrays=replace(self.arrays, integer=self.arrays.integer & kept))

    def held(self, values: FloatArray) -> Joint:
        """Return the program with what is decided together as it is in some values.

        Parameters
        ----------
        values
            By tie; NaN where it stays open.
        """
        lower, upper = self.arrays.lower.copy(), self.arrays.upper.copy()
        known = ~np.isnan(values)
        lower[self.tied[known]] = upper[self.tied[known]] = values[known]
        return replace(self, arrays=replace(self.arrays, lower=lower, upper=upper))


def join(parts: Sequence[Part], ties: Sequence[Tie], risk: Risk) -> Joint:
    """Return the joint program of several scenarios.

    Parameters
    ----------
    parts
        The scenarios.
    ties
        Columns that are one decision; no column is in two ties.
    risk
        What the objective is.
    """
    unit_usd = max(part.money_unit_usd for part in parts)
    columns, tied, count = _places(parts, ties)
    cost, lower, upper = np.zeros(count), np.full(count, -np.inf), np.full(count, np.inf)
    integer = np.zeros(count, dtype=bool)
    names = [""] * count
    for s, part in enumerate(parts):
        place, arrays = columns[s], part.arrays
        weight = part.probability * part.money_unit_usd / unit_usd
        cost[place] += weight * arrays.cost
        lower[place] = np.maximum(lower[place], arrays.lower)
        upper[place] = np.minimum(upper[place], arrays.upper)
        integer[place] |= arrays.integer
        for column, name in zip(place.tolist(), arrays.column_names, strict=True):
            names[column] = names[column] or f"s{s}_{name}"
    closed = [column for column, tie in zip(tied.tolist(), ties, strict=True) if not tie.is_open]
    upper[closed] = 0.0
    arrays = Arrays(
        column_names=tuple(names),
        row_names=tuple(f"s{s}_{n}" for s, p in enumerate(parts) for n in p.arrays.row_names),
        cost=cost,
        lower=lower,
        upper=upper,
        integer=integer,
        row_lower=np.concatenate([p.arrays.row_lower for p in parts]),
        row_upper=np.concatenate([p.arrays.row_upper for p in parts]),
        start=_starts(parts),
        index=np.concatenate([columns[s][p.arrays.index] for s, p in enumerate(parts)]).astype(
            np.int32
        ),
        value=np.concatenate([p.arrays.value for p in parts]),
    )
    joint = Joint(arrays, columns, tied, unit_usd)
    return joint if risk.weight == 0 else _with_tail(joint, parts, risk)


def solve_joint(
    joint: Joint, settings: SolverSettings, most_whole: int = _SMALL_PROGRAM
) -> Outcome:
    """Return the outcome of a joint program, whole replicas and nodes only where it is small.

    Parameters
    ----------
    joint
        The program.
    settings
        Gap, time limit and seed.
    most_whole
        Columns up to which it is small.
    """
    is_small = joint.arrays.cost.size <= most_whole
    return solve_arrays((joint if is_small else joint.relaxed_by_slot()).arrays, settings)


def _places(
    parts: Sequence[Part], ties: Sequence[Tie]
) -> tuple[tuple[IntArray, ...], IntArray, int]:
    """Return the joint column of every column, those of the ties, and how many there are."""
    places = [np.full(part.arrays.cost.size, -1, dtype=np.int32) for part in parts]
    for column, tie in enumerate(ties):
        for s, own in tie.members:
            places[s][own] = column
    count = len(ties)
    for place in places:
        free = np.flatnonzero(place < 0)
        place[free] = np.arange(count, count + free.size)
        count += free.size
    return tuple(places), np.arange(len(ties), dtype=np.int32), count


def _starts(parts: Sequence[Part]) -> IntArray:
    starts, before = [np.zeros(1, dtype=np.int64)], 0
    for part in parts:
        starts.append(part.arrays.start[1:].astype(np.int64) + before)
        before += int(part.arrays.start[-1])
    return np.concatenate(starts).astype(np.int32)


def _with_tail(joint: Joint, parts: Sequence[Part], risk: Risk) -> Joint:
    """Add eta, the cost of every part, and what it is above eta."""
    arrays, scenarios = joint.arrays, len(parts)
    first = arrays.cost.size
    costs, above, eta = first + np.arange(scenarios), first + scenarios, first + 2 * scenarios
    tail = np.array([part.probability for part in parts]) / (1.0 - risk.level)
    rows: list[tuple[IntArray, FloatArray, float]] = []
    for s, part in enumerate(parts):
        paid = np.flatnonzero(np.abs(part.arrays.cost) > _TOLERANCE)
        own = part.arrays.cost[paid] * (part.money_unit_usd / joint.money_unit_usd)
        size = max(float(np.median(np.abs(own))), _TOLERANCE) if own.size else 1.0
        index = np.append(joint.columns[s][paid], costs[s]).astype(np.int32)
        rows.append((index, np.append(own, -1.0) / size, 0.0))
    for s in range(scenarios):
        index = np.array([costs[s], above + s, eta], dtype=np.int32)
        rows.append((index, np.array([1.0, -1.0, -1.0]), -np.inf))
    sizes = np.cumsum([index.size for index, _, _ in rows])
    zeros, ones = np.zeros(scenarios), np.full(scenarios, np.inf)
    weights = np.concatenate((zeros, risk.weight * tail, [risk.weight]))
    stronger = replace(
        arrays,
        column_names=(
            *arrays.column_names,
            *(f"cost_{s}" for s in range(scenarios)),
            *(f"above_{s}" for s in range(scenarios)),
            "eta",
        ),
        row_names=(*arrays.row_names, *(f"tail_{i}" for i in range(len(rows)))),
        cost=np.concatenate(((1.0 - risk.weight) * arrays.cost, weights)),
        lower=np.concatenate((arrays.lower, -ones, zeros, [-np.inf])),
        upper=np.concatenate((arrays.upper, ones, ones, [np.inf])),
        integer=np.concatenate((arrays.integer, np.zeros(2 * scenarios + 1, dtype=bool))),
        row_lower=np.concatenate((arrays.row_lower, [low for _, _, low in rows])),
        row_upper=np.concatenate((arrays.row_upper, np.zeros(len(rows)))),
        start=np.concatenate((arrays.start, int(arrays.start[-1]) + sizes)).astype(np.int32),
        index=np.concatenate((arrays.index, *(index for index, _, _ in rows))).astype(np.int32),
        value=np.concatenate((arrays.value, *(value for _, value, _ in rows))),
    )
    return replace(joint, arrays=stronger)
