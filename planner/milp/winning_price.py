"""The price at which an offer that a plan leaves out would be part of one as cheap.

Let c x be what a plan x pays for nodes, or tokens, of the offer at its price, and r x all else. At
f times the price, x beats the plan of cost C* when ``r x + f c x < C*``, so the offer wins below::

    f* = max over plans x that use it of  (C* - r x) / (c x)

which is found by Dinkelbach's iteration (1967, "On nonlinear fractional programming"): solve for
the best plan at f, set f to its ratio, and repeat until the best plan no longer uses the offer. It
begins where the offer enters the linear relaxation, or lower where no whole plan uses it there.

People that nodes need apart from their price stand in r x. Budgets count the lower price too, so
their rows change with f, and the ratio of a plan is at most what keeps them. Where a budget holds
a plan back, another one may reach further: what is found is then a price at which the offer wins,
but not proven to be the highest. The same holds where the price counts in volume discounts or
covered spending, whose rows stay as they are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.bridge import to_arrays
from planner.milp.costs import node_staff_usd
from planner.milp.highs import relaxed, solve_arrays
from planner.milp.slots import rows_of_entries
from planner.milp.solver import best_values
from planner.milp.warm import values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.model import Program
    from planner.milp.records import SolverSettings
    from planner.plan.records import Decisions

    FloatArray = NDArray[np.float64]

_OF_AN_OFFER = ("N", "s", "B")
"""Kinds of columns that carry what nodes of an offer cost."""
_BUDGETS = "budget_"
_COUNTED = ("tiersum_", "spendnodes_")
"""Rows that count what is paid for nodes, for a discount or as promised spending."""
_ROUNDS = 12
_RISES = 1e-4
"""Rise of the price, relative, below which the iteration has ended."""
_LOWER = 0.8
"""What the price is multiplied by while no plan uses the offer."""
_FIRST, _LEAST = 0.5, 0.01
_SMALLEST = 1e-9
_SHORTEST_S = 0.1
_ROUNDING = 1.0 + 1e-6


@dataclass(frozen=True, slots=True)
class WinningPrice:
    """Where an offer begins to win.

    Parameters
    ----------
    offer_id
        The offer.
    factor
        Factor on its price at which a plan with it was found that costs no more than the plan;
        1 when it does at its price already, and ``None`` when none was found at any price.
    proven
        Whether the solver proved that no higher factor up to 1 would do.
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
        self._program, self._model = program, program.model
        self._arrays = to_arrays(program.problem)
        self._settings = replace(settings, log=False)
        self._start = values_of(program.model, self._arrays, plan, np.inf, settings)
        self._relaxed = solve_arrays(relaxed(self._arrays), self._settings).values
        self._enters: dict[int | str, float] = {}
        self._deadline_s = inf

    @property
    def is_begun(self) -> bool:
        """Whether the plan to begin from was found again."""
        return self._start is not None

    def of(self, offer: int | str, time_limit_s: float | None = None) -> WinningPrice:
        """Return where an offer that the plan does not use begins to win.

        Parameters
        ----------
        offer
            Position of the offer among those of the program, or the id of an offer of tokens.
        time_limit_s
            Wall seconds of all solves together; default is that of the settings for each.
        """
        if time_limit_s is None:
            self._deadline_s = inf
        else:
            self._deadline_s = time.perf_counter() + time_limit_s
        priced = self._priced(offer)
        known = self._model.sets.options.offers
        name = offer if isinstance(offer, str) else known[offer].offer_id
        if self._start is None or not priced.own.any():
            return WinningPrice(name, None, False)
        first = self.in_relaxation(offer)
        found = self._highest(name, priced, first, float(self._arrays.cost @ self._start))
        return replace(found, proven=found.proven and not priced.counts)

    def in_relaxation(self, offer: int | str) -> float:
        """Return the factor on the price of an offer below which the linear relaxation uses it.

        Parameters
        ----------
        offer
            As of :meth:`of`.
        """
        if offer not in self._enters:
            self._enters[offer] = self._entry(self._priced(offer))
        return self._enters[offer]

    def _priced(self, offer: int | str) -> _Priced:
        names = self._arrays.column_names
        if isinstance(offer, str):
            api, sold = self._model.sets.options.api, self._model.a
            own = [column.name for (i, _, _), column in sold.items() if api[i].id == offer]
            return _Priced(self._arrays, self._arrays.cost, np.isin(names, own), np.ones(1))
        place = {name: i for i, name in enumerate(names)}
        cost, shares = self._arrays.cost.copy(), np.ones(len(names))
        for index, nodes in self._model.nodes.items():
            if index[0] == offer and nodes.name in place:
                people_usd, shares[place[nodes.name]] = self._people(*index)
                cost[place[nodes.name]] -= people_usd / self._program.money_unit_usd
        return _Priced(self._arrays, cost, _columns_of(names, offer), shares)

    def _people(self, o: int, t: int, b: int) -> tuple[float, float]:
        """Return what people of a node cost in a block, and what share of its money is price."""
        offer = self._model.sets.options.offers[o]
        usd = node_staff_usd(self._model.sets.grid, offer, t, b)
        if not usd:
            return 0.0, 1.0
        is_paid = not offer.is_committed and (o, t, b) not in self._model.uncovered
        price = offer.price_usd_per_hour[t] or 0.0
        return usd, price / (price + offer.staff_usd_per_hour) if is_paid else 0.0

    def _highest(self, name: str, priced: _Priced, first: float, cost: float) -> WinningPrice:
        factor, best, is_held = first, None, False
        for _ in range(_ROUNDS):
            if time.perf_counter() >= self._deadline_s:
                return WinningPrice(name, best, False)
            values, proven = self._cheapest(priced.at(factor))
            if float(priced.own @ values) <= _SMALLEST:
                if best is not None:
                    return WinningPrice(name, best, proven and not is_held)
                factor *= _LOWER
                continue
            better, is_held = priced.highest(values, cost)
            if better * _ROUNDING >= 1.0:
                return WinningPrice(name, 1.0, True)
            if best is not None and better <= best + _RISES:
                return WinningPrice(name, max(best, better), proven and not is_held)
            factor = best = better
        return WinningPrice(name, best, False)

    def _cheapest(self, arrays: Arrays) -> tuple[FloatArray, bool]:
        """Return the best plan found at other prices, and whether it is proven to be."""
        left_s = max(self._deadline_s - time.perf_counter(), _SHORTEST_S)
        settings = replace(self._settings, time_limit_s=min(self._settings.time_limit_s, left_s))
        outcome = best_values(self._program, arrays, settings)
        if self._start is None:
            msg = "there is no plan to begin from"
            raise ValueError(msg)
        found = [x for x in (outcome.values, self._start) if x is not None]
        values = min(found, key=lambda x: float(arrays.cost @ x))
        asked = float(arrays.cost @ values) * (1.0 - self._settings.gap)
        return values, outcome.bound is not None and outcome.bound * _ROUNDING >= asked

    def _entry(self, priced: _Priced) -> float:
        if self._relaxed is None:
            return _FIRST
        cost, factor = float(self._arrays.cost @ self._relaxed), _LEAST
        for _ in range(_ROUNDS):
            values = solve_arrays(relaxed(priced.at(factor)), self._settings).values
            if values is None or float(priced.own @ values) <= _SMALLEST:
                break
            better, _ = priced.highest(values, cost)
            if better <= factor + _RISES:
                break
            factor = min(better, 1.0)
        return factor


class _Priced:
    """A program in which nodes of an offer cost a multiple of their price.

    Parameters
    ----------
    arrays
        The program.
    cost
        What nodes cost without their people, by column.
    place
        Columns of the nodes of the offer.
    shares
        Share of what their columns pay in budgets that is price, by column; or one for all.
    """

    def __init__(
        self, arrays: Arrays, cost: FloatArray, place: NDArray[np.bool_], shares: FloatArray
    ) -> None:
        self._arrays, self.own = arrays, np.where(place, cost, 0.0)
        self._share = np.broadcast_to(shares, arrays.cost.shape)[arrays.index]
        self._rows = rows_of_entries(arrays)
        mine = place[arrays.index]
        self._entries = mine & self._in_rows(_BUDGETS)
        self.counts = bool((mine & self._in_rows(*_COUNTED)).any())

    def at(self, factor: float) -> Arrays:
        """Return the program at a factor on the price."""
        arrays = self._arrays
        return replace(
            arrays,
            cost=arrays.cost + (factor - 1.0) * self.own,
            value=np.where(self._entries, self._at(factor) * arrays.value, arrays.value),
        )

    def _at(self, factor: float) -> FloatArray:
        """Return the factor on what is paid at a factor on the price, by entry."""
        return np.where(self._share == 1.0, factor, 1.0 + (factor - 1.0) * self._share)

    def highest(self, values: FloatArray, cost: float) -> tuple[float, bool]:
        """Return the factor up to which a plan costs no more, and whether a budget keeps it lower.

        Parameters
        ----------
        values
            A plan that uses the offer.
        cost
            What the plan without it costs.
        """
        arrays = self._arrays
        rest = float((arrays.cost - self.own) @ values)
        better = (cost - rest) / float(self.own @ values)
        paid = arrays.value * values[arrays.index]
        rows, size = self._rows, arrays.row_upper.size
        priced = np.where(self._entries, self._share * paid, 0.0)
        mine = np.bincount(rows, weights=priced, minlength=size)
        every = np.bincount(rows, weights=paid, minlength=size)
        held = mine > _SMALLEST
        room = (arrays.row_upper[held] - (every - mine)[held]) / mine[held]
        most = float(room.min(initial=np.inf))
        return min(better, most), most < better

    def _in_rows(self, *prefixes: str) -> NDArray[np.bool_]:
        """Say which entries are in rows whose names begin so."""
        named = [name.startswith(prefixes) for name in self._arrays.row_names]
        return np.array(named, dtype=bool)[self._rows]


def _columns_of(names: tuple[str, ...], offer: int) -> NDArray[np.bool_]:
    starts = tuple(f"{kind}_{offer}_" for kind in _OF_AN_OFFER)
    return np.array([name.startswith(starts) for name in names], dtype=bool)
