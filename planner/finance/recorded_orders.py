"""Orders of an earlier plan that stand: how options hold them, and how a plan file records them.

A plan that was made with such orders can be solved again from its file alone, without the plan
that they came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.finance.in_use import InUse
from planner.options.held import hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from planner.demand.records import TimeGrid
    from planner.options.records import OptionSet
    from planner.options.supply_records import ProvisionedUnits, SpendCommitment
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem

Key = tuple[str, int]
"""Identity of a supply, and start period of what is taken on of it."""


@dataclass(frozen=True, slots=True)
class StandingOrders:
    """Orders that stand, each by what it is of and its start period.

    Parameters
    ----------
    nodes
        Nodes of offers.
    units
        Provisioned units.
    spend_usd_per_hour
        Promised spending.
    """

    nodes: Mapping[Key, int] = field(default_factory=dict)
    units: Mapping[Key, int] = field(default_factory=dict)
    spend_usd_per_hour: Mapping[Key, float] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> StandingOrders:
        """Return the orders that :meth:`record` wrote."""
        return cls(
            {(r["offer_id"], r["start_period"]): r["nodes"] for r in record.get("kept", ())},
            {(r["units_id"], r["start_period"]): r["units"] for r in record.get("kept_units", ())},
            {
                (r["commitment_id"], r["start_period"]): r["usd_per_hour"]
                for r in record.get("kept_spend", ())
            },
        )

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.nodes or self.units or self.spend_usd_per_hour)

    def record(self) -> dict[str, Any]:
        """Return them as a plan file has them; units and spending only where there are any."""
        found: dict[str, Any] = {"kept": _rows("offer_id", "nodes", self.nodes)}
        if self.units:
            found["kept_units"] = _rows("units_id", "units", self.units)
        if self.spend_usd_per_hour:
            rows = _rows("commitment_id", "usd_per_hour", self.spend_usd_per_hour)
            found["kept_spend"] = rows
        return found

    def held(self, options: OptionSet) -> OptionSet:
        """Return the options with at least as much of each to be taken on."""
        found = hold(options, self.nodes, free_from=0)
        return replace(
            found,
            provisioned=tuple(self._held_units(units) for units in found.provisioned),
            spend=tuple(self._held_spend(spend) for spend in found.spend),
        )

    def _held_units(self, units: ProvisionedUnits) -> ProvisionedUnits:
        builds = tuple(
            replace(build, least_nodes=self.units[units.id, build.start])
            if build.fixed_nodes is None and (units.id, build.start) in self.units
            else build
            for build in units.builds
        )
        return replace(units, builds=builds)

    def _held_spend(self, spend: SpendCommitment) -> SpendCommitment:
        least = [self.spend_usd_per_hour.get((spend.id, b.start), 0.0) for b in spend.builds]
        if spend.is_existing or not any(least):
            return spend
        return replace(spend, least_usd_per_hour=tuple(least))


@dataclass(frozen=True, slots=True)
class RecordedOrders:
    """What a plan file says of the plan that it began from, in the place of that plan.

    Parameters
    ----------
    orders
        What stands.
    in_use
        Models that were in use when the plan began.
    """

    orders: StandingOrders
    in_use: InUse = field(default_factory=InUse)

    @classmethod
    def of(cls, plan: Plan) -> RecordedOrders:
        """Return the orders and models in use that a plan was made with, none for most."""
        record = plan.options.get("incumbent") or {}
        return cls(StandingOrders.of(record), InUse.of(record))

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.orders or self.in_use.served)

    def kept(self, options: OptionSet, grid: TimeGrid) -> StandingOrders:
        """Return what stands."""
        return self.orders

    def held(self, options: OptionSet, grid: TimeGrid) -> OptionSet:
        """Return the options with the orders that stand and what serves before."""
        return self.in_use.held(self.orders.held(options))

    def decisions(self, grid: TimeGrid) -> Decisions | None:
        """Return ``None``: replicas of the earlier plan are not known."""
        return None

    def record(self, kept: StandingOrders, problem: Problem) -> dict[str, Any]:
        """Return what a plan file says of them; what was carried over is part of its problem."""
        return {"carried": [], **kept.record(), **self.in_use.record()}


def _rows(identity: str, amount: str, orders: Mapping[Key, float]) -> list[dict[str, Any]]:
    return [
        {identity: name, "start_period": period, amount: much}
        for (name, period), much in orders.items()
    ]
