"""A run that begins from an earlier plan: what was signed stays, and the solver starts there.

With the start of the new horizon as today:

* commitments that began before it and still run are nodes that are there: they stay to the end of
  their term and cost what is still due each month (``usd_per_month``, and what hours with dear
  electricity cost on average; less people in it that the problem states), as entries of
  ``supply.existing`` behind those of the problem; servers go on to need the fixed people of their
  site where nobody states others;
* servers whose price was paid before it, but that come later, are the same with ``since``;
* orders that the earlier plan has for later, of nodes, units of a term and promises of spending,
  are not signed yet, so they are decided again; where they shall stand all the same they are kept
  (:mod:`planner.finance.later_orders`), at today's terms, because nothing has been paid for them
  yet;
* commitments that have ended, and nodes that the earlier problem itself said were there, are left
  out; the new problem states the latter itself;
* spending that was promised before it and still runs is promised already, at the rates of the
  entry of the problem that it came from, or of its tier; what begins later is decided again;
* provisioned units that began before it and still run are taken on already (``committed``) in the
  entry of the problem that they came from, at their price; what begins later is decided again;
* models that it uses before are in use (:mod:`planner.finance.in_use`);
* replicas and rented nodes of periods that both horizons share are where the solver starts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError
from planner.finance.carried_people import people_in_price_usd_per_hour
from planner.finance.earlier_problem import growth_notes
from planner.finance.in_use import InUse
from planner.finance.later_orders import LaterOrders
from planner.finance.recorded_orders import StandingOrders
from planner.options.owned import OWNED
from planner.plan.reading import NEXT_STEP, read_plan_file
from planner.plan.records import Decisions, NodeDecision, ReplicaDecision
from planner.problem.supply import months_between
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from planner.demand.records import TimeGrid
    from planner.options.records import OptionSet
    from planner.plan.reading import CommitmentRow, PlanFile, UnitRow
    from planner.problem.schema import Problem


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The plan that a run begins from.

    Parameters
    ----------
    path, sha256
        The file and the hash of its bytes.
    plan
        What it holds.
    keep_orders
        Whether orders of the plan from the start of the new horizon on stand.
    in_use
        Models that are in use when the new horizon begins (:meth:`at_start_of`).
    growth_notes
        On demand that the new problem states as of the start of the earlier plan.
    """

    path: Path
    sha256: str
    plan: PlanFile
    keep_orders: bool = False
    in_use: InUse = field(default_factory=InUse)
    growth_notes: tuple[str, ...] = ()

    def at_start_of(self, problem: Problem) -> Incumbent:
        """Return the same with what it means for the horizon of a problem."""
        notes = growth_notes(problem, self.plan, self.path.name)
        return replace(self, in_use=InUse.when(problem, self.plan), growth_notes=notes)

    def carried(self, start: str, *, people_apart: bool = False) -> list[dict[str, Any]]:
        """Return what has begun or was paid before a horizon, as entries of the problem.

        Parameters
        ----------
        start
            First month of the horizon, ``YYYY-MM``.
        people_apart
            Whether the problem states people of owned nodes, those that are there included.
        """
        old = [e.model_dump() for e in self.plan.carried if e.until is None or e.until > start]
        return old + [
            {
                "hardware": row.hardware,
                "tenure": row.tenure,
                "nodes": row.nodes,
                "accelerators_per_node": row.accelerators_per_node,
                "since": None if row.start_month <= start else row.start_month,
                "until": row.end_month,
                "usd_per_node_hour": self._due_usd_per_hour(row, people_apart=people_apart),
                "provider": row.provider,
                "region": row.region,
                "hours": None,
                "resale": None,
                "needs_people": row.tenure == OWNED,
            }
            for row in self.plan.commitments
            if not row.is_existing and row.end_month > start and self._is_sunk(row, start)
        ]

    def _due_usd_per_hour(self, row: CommitmentRow, *, people_apart: bool) -> float:
        """Return what is still due for an hour of a node."""
        due = row.usd_per_month / row.nodes / HOURS_PER_MONTH + self._dear_hours_usd(row)
        if not people_apart:
            return due
        return max(due - people_in_price_usd_per_hour(self.plan, row), 0.0)

    def _dear_hours_usd(self, row: CommitmentRow) -> float:
        """Return what electricity beyond its lowest price costs a node, on average over hours."""
        rows = [
            r for r in self.plan.power_prices if row.tenure == OWNED and r.hardware == row.hardware
        ]
        months = len({r.period for r in rows}) * self.plan.horizon.months_per_period
        usd = sum(r.usd / r.accelerators for r in rows) * row.accelerators_per_node
        return usd / (months * HOURS_PER_MONTH) if rows else 0.0

    def _is_sunk(self, row: CommitmentRow, start: str) -> bool:
        """Return whether nodes have begun, or were paid for, before a horizon.

        Money moves at the start of the period of the order, at the earliest with the old horizon.
        """
        old = self.plan.horizon
        months = max(months_between(old.start, row.order_month), 0)
        paid = months // old.months_per_period * old.months_per_period
        return row.start_month < start or paid < months_between(old.start, start)

    def assignments(self, problem: Problem) -> tuple[str, ...]:
        """Return the changes of a problem that carry over what still runs; none when nothing does.

        Parameters
        ----------
        problem
            The problem, with the nodes that it says are there itself.
        """
        supply, changes = problem.supply, []
        people_apart = supply.staff.owned is not None
        if carried := self.carried(problem.horizon.start, people_apart=people_apart):
            entries = [*(e.model_dump() for e in supply.existing), *carried]
            changes.append(f"supply.existing={json.dumps(entries)}")
        if promises := self.promises(problem):
            stated = [s.model_dump(exclude_unset=True) for s in supply.spend_commitments]
            changes.append(f"supply.spend_commitments={json.dumps([*stated, *promises])}")
        if carried_units := self.units(problem):
            entries = [
                units.model_dump(exclude_unset=True)
                | {"committed": [*(c.model_dump() for c in units.committed), *items]}
                if (items := carried_units.get(units.name))
                else units.model_dump(exclude_unset=True)
                for units in supply.provisioned
            ]
            changes.append(f"supply.provisioned={json.dumps(entries)}")
        return (*changes, *self.in_use.assignments(problem))

    def units(self, problem: Problem) -> dict[str, list[dict[str, Any]]]:
        """Return the provisioned units that go on beyond the start of a problem, by their item.

        Parameters
        ----------
        problem
            The problem; what it states as taken on already, with the same end, goes before.

        Raises
        ------
        InputError
            With every row whose item the problem does not have any more.
        """
        start, found, faults = problem.horizon.start, defaultdict(list), []
        stated = {units.name: units for units in problem.supply.provisioned}
        for number, row in enumerate(self.plan.provisioned):
            name = row.units_id.partition(":")[2]
            begun = row.is_existing or row.start_month < start
            if row.end_month <= start or not begun:
                continue
            if name not in stated:
                place = f"provisioned.{number}.units_id"
                message = (
                    f"`{row.units_id}` is taken on until {row.end_month}, and the problem does "
                    "not say what its units carry; add an item of that name to supply.provisioned"
                )
                faults.append(Fault(str(self.path), None, None, place, message))
            elif not any(item.until == row.end_month for item in stated[name].committed):
                found[name].append(row)
        if faults:
            raise InputError(faults, NEXT_STEP)
        return {name: _together(rows) for name, rows in found.items()}

    def kept(self, options: OptionSet, grid: TimeGrid) -> StandingOrders:
        """Return what is ordered within a horizon, where orders stand.

        Parameters
        ----------
        options, grid
            Offers and periods of the new problem.

        Raises
        ------
        InputError
            As of :meth:`planner.finance.later_orders.LaterOrders.standing`.
        """
        return self._later.standing(options, grid) if self.keep_orders else StandingOrders()

    def held(self, options: OptionSet, grid: TimeGrid) -> OptionSet:
        """Return the options with what stands and what is in use, and notes on the plan.

        Parameters
        ----------
        options, grid
            As of :meth:`kept`, which says what is raised.
        """
        found = self.in_use.held(self.kept(options, grid).held(options))
        notes = (*self.growth_notes, *self.in_use.notes(self.path.name), *self.notes(grid))
        return replace(found, warnings=(*found.warnings, *notes))

    def notes(self, grid: TimeGrid) -> tuple[str, ...]:
        """Return what becomes of the orders that the earlier plan has within a horizon.

        Parameters
        ----------
        grid
            Periods of the new problem.
        """
        orders = self._later.words(grid)
        if not orders:
            return ()
        what = f"orders of {self.path.name} that are not signed before this horizon"
        if self.keep_orders:
            return (f"{what} are kept (--keep-orders): {', '.join(orders)}",)
        return (f"{what} are decided again: {', '.join(orders)}; --keep-orders keeps them",)

    @property
    def _later(self) -> LaterOrders:
        return LaterOrders(self.path, self.plan, self._is_sunk)

    def promises(self, problem: Problem) -> list[dict[str, Any]]:
        """Return the spending that is promised beyond the start of a problem, as its entries.

        Rates are those of the entry of the problem that a promise came from.

        Raises
        ------
        InputError
            With every promise whose entry the problem does not have any more.
        """
        start, stated = problem.horizon.start, problem.supply.spend_commitments
        entries, faults = [], []
        for number, row in enumerate(self.plan.spend_commitments):
            name = row.commitment_id.partition(":")[2].partition("/")[0]
            again = row.is_existing and any(s.name == name for s in stated)
            begun = row.is_existing or row.start_month < start
            if row.end_month <= start or again or not begun:
                continue
            base = next((s for s in stated if name in {s.name, f"{s.name}-{name[-7:]}"}), None)
            if base is None:
                place = f"spend_commitments.{number}.commitment_id"
                message = (
                    f"`{row.commitment_id}` is promised until {row.end_month}, and the problem "
                    "has no rates for it; add an item of that name to supply.spend_commitments"
                )
                faults.append(Fault(str(self.path), None, None, place, message))
                continue
            rates = base.model_dump(include={"provider", "discount", "covers"})
            if base.tiers is not None:
                # That of the tier that was promised; what is promised beside it adds to it.
                rates |= {"discount": row.discount, "tiers_of": base.name}
            entries.append(
                rates
                | {
                    "name": name if row.is_existing else f"{name}-{row.start_month}",
                    "committed_usd_per_hour": row.usd_per_hour,
                    "until": row.end_month,
                    "usd_per_month": row.usd_per_month,
                }
            )
        if faults:
            raise InputError(faults, NEXT_STEP)
        return entries

    def decisions(self, grid: TimeGrid) -> Decisions | None:
        """Return replicas and nodes by period of a new grid, ``None`` when no period is shared.

        Parameters
        ----------
        grid
            Periods and blocks of the new problem.
        """
        old = self.plan.horizon
        months = months_between(old.start, grid.period_start[0].isoformat()[:7])
        alike = (old.months_per_period, old.time_blocks) == (
            grid.months_per_period,
            grid.blocks_per_day,
        )
        if not alike or months % grid.months_per_period:
            return None
        shift = months // grid.months_per_period
        inside = range(shift, shift + grid.periods)
        replicas = {
            (row.pool, row.option_id, row.period - shift, row.block): row.replicas
            for row in self.plan.allocations
            if row.period in inside and row.block < grid.blocks
        }
        if not replicas:
            return None
        nodes = tuple(
            NodeDecision(row.offer_id, row.period - shift, row.block, row.nodes)
            for row in self.plan.fleet
            if row.period in inside
        )
        chosen = tuple(ReplicaDecision(*key, count, 1) for key, count in replicas.items())
        return Decisions(chosen, (), (), nodes)

    def record(self, kept: StandingOrders, problem: Problem) -> dict[str, Any]:
        """Return what a plan file says about the plan it began from."""
        people_apart = problem.supply.staff.owned is not None
        return {
            "file": self.path.name,
            "sha256": self.sha256,
            "carried": self.carried(problem.horizon.start, people_apart=people_apart),
            **kept.record(),
            **self.in_use.record(),
        }


def read_incumbent(path: Path, *, keep_orders: bool = False) -> Incumbent:
    """Return the plan in a file.

    Parameters
    ----------
    path
        A file that ``planner solve -o`` wrote.
    keep_orders
        As of :class:`Incumbent`.

    Raises
    ------
    InputError
        When it is no plan, or with every row that is not understood.
    """
    plan, sha256 = read_plan_file(path)
    return Incumbent(path, sha256, plan, keep_orders)


def _together(rows: list[UnitRow]) -> list[dict[str, Any]]:
    """Return an item for every end, with the mean price of the units that end then."""
    items = []
    for end in sorted({row.end_month for row in rows}):
        mine = [row for row in rows if row.end_month == end]
        count = sum(row.units for row in mine)
        usd = sum(row.units * row.usd_per_unit_hour for row in mine) / count
        items.append({"units": count, "until": end, "usd_per_unit_hour": usd})
    return items
