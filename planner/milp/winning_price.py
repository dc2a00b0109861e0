"""The price at which an offer that a plan leaves out would be part of one as cheap.

Let c x be what a plan x pays for nodes of the offer at its price, and r x all else. At f times the
price, x beats the plan of cost C* when ``r x + f c x < C*``, so the offer wins below::

    f* = max over plans x that use it of  (C* - r x) / (c x)

which is found by Dinkelbach's iteration (1967, "On nonlinear fractional programming"): solve for
the best plan at f, set f to its ratio, and repeat until the best plan no longer uses the offer. It
begins where the offer enters the linear relaxation, or lower where no whole plan uses it there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.bridge import to_arrays
from planner.milp.highs import relaxed, solve_arrays
from planner.milp.warm import values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.model import Program
    from planner.milp.records import SolverSettings
    from planner.plan.records import Decisions

    FloatArray = NDArray[np.float64]

_OF_AN_OFFER = ("N", "s", "B")
"""Kinds of columns that carry what nodes of an offer cost."""
_ROUNDS = 12
_RISES = 1e-4
"""Rise of the price, relative, below which the iteration has ended."""
_LOWER = 0.8
"""What the price is multiplied by while no plan uses the offer."""
_FIRST, _LEAST = 0.5, 0.01
_SMALLEST = 1e-9
_ROUNDING = 1.0 + 1e-6


@dataclass(frozen=True, slots=True)
class WinningPrice:
    """Where an offer begins to win.

    Parameters
    ----------
    offer_id
        The offer.
    factor
        Factor on its price at which a plan with it was found that costs no more than the plan, at
        most 1; ``None`` when none was found at any price.
    proven
        Whether the solver proved that no higher factor would do.
    """

    offer_id: str
    factor: float | None
    proven: bool


class WinningPrices:
    """Prices at which offers enter a plan of a program.

    Parameters
    ----------
    program
        The program.
    plan
        Decisions of the plan.
    settings
        Gap, seed, and the time of each solve.
    """

    def __init__(self, program: Program, plan: Decisions, settings: SolverSettings) -> None:
        self._model = program.model
        self._arrays = to_arrays(program.problem)
        self._settings = replace(settings, log=False)
        self._start = values_of(program.model, self._arrays, plan, np.inf, settings)

    @property
    def is_begun(self) -> bool:
        """Whether the plan to begin from was found again."""
        return self._start is not None

    def of(self, offer: int) -> WinningPrice:
        """Return where an offer that the plan does not use begins to win.

        Parameters
        ----------
        offer
            Position of the offer among those of the program.
        """
        own = np.where(_columns_of(self._arrays.column_names, offer), 1.0, 0.0)
        own *= self._arrays.cost
        rest, start = self._arrays.cost - own, self._start
        name = self._model.sets.options.offers[offer].offer_id
        if start is None or not own.any():
            return WinningPrice(name, None, False)
        cost = float(self._arrays.cost @ start)
        factor, best = self._in_relaxation(own), None
        for _ in range(_ROUNDS):
            values, proven = self._cheapest(rest + factor * own)
            paid = float(own @ values)
            if paid <= _SMALLEST:
                if best is not None:
                    return WinningPrice(name, best, proven)
                factor *= _LOWER
                continue
            better = (cost - float(rest @ values)) / paid
            if better >= 1.0:
                return WinningPrice(name, 1.0, True)
            if best is not None and better <= best + _RISES:
                return WinningPrice(name, max(best, better), proven)
            factor = best = better
        return WinningPrice(name, best, False)

    def _cheapest(self, cost: FloatArray) -> tuple[FloatArray, bool]:
        """Return the best plan found at other prices, and whether it is proven to be."""
        outcome = solve_arrays(replace(self._arrays, cost=cost), self._settings, self._start)
        values = self._start if outcome.values is None else outcome.values
        if values is None:
            msg = "there is no plan to begin from"
            raise ValueError(msg)
        asked = float(cost @ values) * (1.0 - self._settings.gap)
        return values, outcome.bound is not None and outcome.bound * _ROUNDING >= asked

    def _in_relaxation(self, own: FloatArray) -> float:
        """Return the factor below which the linear relaxation uses the offer."""
        linear, rest = relaxed(self._arrays), self._arrays.cost - own
        before = solve_arrays(linear, self._settings).values
        if before is None:
            return _FIRST
        cost, factor = float(self._arrays.cost @ before), _LEAST
        for _ in range(_ROUNDS):
            asked = replace(linear, cost=rest + factor * own)
            values = solve_arrays(asked, self._settings).values
            paid = 0.0 if values is None else float(own @ values)
            if values is None or paid <= _SMALLEST:
                break
            better = (cost - float(rest @ values)) / paid
            if better <= factor + _RISES:
                break
            factor = min(better, 1.0)
        return factor


def _columns_of(names: tuple[str, ...], offer: int) -> NDArray[np.bool_]:
    starts = tuple(f"{kind}_{offer}_" for kind in _OF_AN_OFFER)
    return np.array([name.startswith(starts) for name in names], dtype=bool)
