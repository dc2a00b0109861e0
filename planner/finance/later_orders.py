"""What an earlier plan orders within the horizon of a later one, and whether it can still be had.

Such orders are not signed yet. They are nodes of a term and bought servers, provisioned units of a
term that is longer than a period, and promises of spending. Where they stand, at least as much of
the same offer, item or tier is taken on from the same month on, at today's terms.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from planner.errors import Fault, InputError, did_you_mean
from planner.finance.recorded_orders import StandingOrders
from planner.plan.reading import NEXT_STEP
from planner.problem.supply import months_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from planner.demand.records import TimeGrid
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.plan.reading import CommitmentRow, PlanFile


class _Order(NamedTuple):
    """One order: where the file has it, what it is of, and how much from which month on."""

    place: str
    name: str
    months: int
    amount: float
    words: str


class _Supply(NamedTuple):
    """What can be ordered under a name now: its terms, and how much of it at a time."""

    builds: Sequence[Build]
    increment: int = 1
    most: float | None = None


@dataclass(frozen=True, slots=True)
class LaterOrders:
    """Orders of an earlier plan.

    Parameters
    ----------
    path, plan
        The file, and what it holds.
    is_sunk
        Whether nodes of a row have begun, or were paid for, before a month ``YYYY-MM``.
    """

    path: Path
    plan: PlanFile
    is_sunk: Callable[[CommitmentRow, str], bool]

    def standing(self, options: OptionSet, grid: TimeGrid) -> StandingOrders:
        """Return the orders within a horizon, where they stand.

        Parameters
        ----------
        options, grid
            Offers and periods of the new problem.

        Raises
        ------
        InputError
            With every order whose offer is gone, cannot be taken on from that month or in that
            size, or begins within a period.
        """
        offers = {
            o.offer_id: _Supply(o.builds)
            for o in options.offers
            if o.is_committed and not o.is_existing
        }
        units = {
            u.id: _Supply(
                [b for b in u.builds if b.fixed_nodes is None], u.increment_units, u.max_units
            )
            for u in options.provisioned
        }
        spend = {
            s.id: _Supply(s.builds, 1, s.max_usd_per_hour)
            for s in options.spend
            if not s.is_existing
        }
        faults: list[Fault] = []
        nodes = self._taken(self._nodes(grid), offers, grid, faults)
        more_units = self._taken(self._units(grid), units, grid, faults)
        promised = self._taken(self._spend(grid), spend, grid, faults, whole=False)
        if faults:
            raise InputError(faults, NEXT_STEP)
        return StandingOrders(
            {key: int(amount) for key, amount in nodes.items()},
            {key: int(amount) for key, amount in more_units.items()},
            promised,
        )

    def words(self, grid: TimeGrid) -> list[str]:
        """Return every order within a horizon in words."""
        return [o.words for o in (*self._nodes(grid), *self._units(grid), *self._spend(grid))]

    def _taken(
        self,
        orders: Iterator[_Order],
        supplies: dict[str, _Supply],
        grid: TimeGrid,
        faults: list[Fault],
        *,
        whole: bool = True,
    ) -> dict[tuple[str, int], float]:
        """Return how much is ordered by name and start period; faults of orders are added."""
        taken: dict[tuple[str, int], float] = defaultdict(float)
        for order in orders:
            message = _why_not(order, supplies, grid, whole=whole)
            if message:
                faults.append(Fault(str(self.path), None, None, order.place, message))
            else:
                key = order.name, order.months // grid.months_per_period
                taken[key] += order.amount
        return dict(taken)

    def _nodes(self, grid: TimeGrid) -> Iterator[_Order]:
        start = _first_month(grid)
        for number, row in enumerate(self.plan.commitments):
            months = months_between(start, row.start_month)
            if not row.is_existing and not self.is_sunk(row, start) and months < grid.months:
                words = f"{row.nodes} x {row.offer_id} from {row.start_month}"
                place = f"commitments.{number}.offer_id"
                yield _Order(place, row.offer_id, months, row.nodes, words)

    def _units(self, grid: TimeGrid) -> Iterator[_Order]:
        start = _first_month(grid)
        for number, row in enumerate(self.plan.provisioned):
            months = months_between(start, row.start_month)
            term = months_between(row.start_month, row.end_month)
            is_order = not row.is_existing and term > self.plan.horizon.months_per_period
            if is_order and 0 <= months < grid.months:
                words = f"{row.units} x {row.units_id} from {row.start_month}"
                place = f"provisioned.{number}.units_id"
                yield _Order(place, row.units_id, months, row.units, words)

    def _spend(self, grid: TimeGrid) -> Iterator[_Order]:
        start = _first_month(grid)
        for number, row in enumerate(self.plan.spend_commitments):
            months = months_between(start, row.start_month)
            if not row.is_existing and 0 <= months < grid.months:
                usd = f"{row.usd_per_hour:.6g} USD/h of {row.commitment_id}"
                place = f"spend_commitments.{number}.commitment_id"
                words = f"{usd} from {row.start_month}"
                yield _Order(place, row.commitment_id, months, row.usd_per_hour, words)


def _first_month(grid: TimeGrid) -> str:
    return grid.period_start[0].isoformat()[:7]


def _why_not(order: _Order, supplies: dict[str, _Supply], grid: TimeGrid, *, whole: bool) -> str:
    """Return why an order cannot stand, empty when it can."""
    if order.name not in supplies:
        hint = did_you_mean(order.name, supplies) or "; see `planner options PROBLEM --rejected`"
        return f"`{order.name}` is not on offer in this problem any more{hint}"
    month = order.words.rpartition(" ")[2]
    if order.months % grid.months_per_period:
        return (
            f"begins in {month}, within a period of this problem; choose horizon.start "
            "and months_per_period so that a period begins then"
        )
    supply, period = supplies[order.name], order.months // grid.months_per_period
    if not any(b.start == period for b in supply.builds):
        return f"cannot be taken on from {month} any more: no price is valid there"
    if supply.most is not None and order.amount > supply.most:
        return f"{order.amount:.10g} are ordered, and the problem allows {supply.most:.10g}"
    if whole and order.amount % supply.increment:
        return f"{order.amount:.10g} are ordered, and they come in steps of {supply.increment}"
    return ""
