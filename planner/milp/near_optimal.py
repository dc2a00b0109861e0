"""How much of a hardware type plans may use that cost almost as little as the best one.

With the plan's cost C* and a tolerance e, the accelerators of a type, in the mean over the hours
of the horizon, are made as few and as many as possible::

    min / max  sum over offers o of the type, t, b of  G[o] h[t,b] N[o,t,b] / H
    where      every row of the program holds, and  cost x <= (1 + e) C*

Each end is a whole plan (modelling to generate alternatives; Brill 1979, "The use of optimization
models in public-sector planning"); beside it stands what the solver proved: no plan within the
cost lies beyond.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.bridge import to_arrays
from planner.milp.highs import solve_arrays
from planner.milp.warm import values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.model import Model, Program
    from planner.milp.records import SolverSettings
    from planner.plan.records import Decisions

    FloatArray = NDArray[np.float64]

_SMALLEST = 1e-9
_ROW_SIZE = 1_000.0
"""Size of the row of the cost, so that its coefficients stay within the solver's tolerances."""


@dataclass(frozen=True, slots=True)
class HardwareRange:
    """Accelerators of a type in plans near the optimum, in the mean over all hours.

    Parameters
    ----------
    hardware
        Accelerator key.
    least, most
        Fewest and most in the plans that were found; `least_proven` and `most_proven` are the
        limits beyond which there is no such plan, ``None`` without a proof.
    least_proven, most_proven
        As said.
    """

    hardware: str
    least: float
    most: float
    least_proven: float | None
    most_proven: float | None


class NearOptimal:
    """Plans of a program that cost at most so much.

    Parameters
    ----------
    program
        The program.
    plan
        Decisions of a plan within the cost, to begin from.
    most_usd
        Discounted cost that is not exceeded.
    settings
        Gap, seed, and the time of each of the two solves of a range.
    """

    def __init__(
        self, program: Program, plan: Decisions, most_usd: float, settings: SolverSettings
    ) -> None:
        self._model = program.model
        arrays = to_arrays(program.problem)
        self._settings = settings
        most = most_usd / program.money_unit_usd
        self._arrays = _with_cost_row(arrays, most)
        self._start = values_of(program.model, arrays, plan, most, settings)

    @property
    def is_begun(self) -> bool:
        """Whether the plan to begin from was found again within the cost."""
        return self._start is not None

    def range_of(self, hardware: str) -> HardwareRange:
        """Return the fewest and the most accelerators of a type.

        Parameters
        ----------
        hardware
            Accelerator key.
        """
        usage = _mean_accelerators(self._model, self._arrays, hardware)
        (least, least_proven), (most, most_proven) = self._end(usage, 1.0), self._end(usage, -1.0)
        return HardwareRange(hardware, least, most, least_proven, most_proven)

    def _end(self, usage: FloatArray, sign: float) -> tuple[float, float | None]:
        asked = replace(self._arrays, cost=sign * usage)
        outcome = solve_arrays(asked, replace(self._settings, log=False), self._start)
        values = self._start if outcome.values is None else outcome.values
        found = 0.0 if values is None else float(usage @ values)
        return found, None if outcome.bound is None else sign * outcome.bound


def _with_cost_row(arrays: Arrays, most: float) -> Arrays:
    scale = _ROW_SIZE / max(abs(most), _SMALLEST)
    paid = np.flatnonzero(arrays.cost).astype(np.int32)
    return replace(
        arrays,
        row_names=(*arrays.row_names, "nearcost"),
        row_lower=np.append(arrays.row_lower, -np.inf),
        row_upper=np.append(arrays.row_upper, most * scale),
        start=np.append(arrays.start, arrays.start[-1] + len(paid)).astype(np.int32),
        index=np.append(arrays.index, paid),
        value=np.append(arrays.value, arrays.cost[paid] * scale),
    )


def _mean_accelerators(model: Model, arrays: Arrays, hardware: str) -> FloatArray:
    grid = model.sets.grid
    place = {name: i for i, name in enumerate(arrays.column_names)}
    hours = np.array([grid.hours_in_period(b) for b in range(grid.blocks)])
    usage = np.zeros(arrays.cost.size)
    for (o, _, b), nodes in model.nodes.items():
        offer = model.sets.options.offers[o]
        if offer.hardware == hardware:
            share = hours[b] / (hours.sum() * grid.periods)
            usage[place[nodes.name]] = offer.accelerators_per_node * share
    return usage
