"""Orders of an earlier plan that stand, as the file of a later one records them.

A plan that was made with such orders can be solved again from its file alone, without the plan
that they came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.options.held import hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from planner.demand.records import TimeGrid
    from planner.options.records import OptionSet
    from planner.plan.document import Plan
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem


@dataclass(frozen=True, slots=True)
class RecordedOrders:
    """What a plan file says of the plan that it began from, in the place of that plan.

    Parameters
    ----------
    nodes
        Nodes that stand by offer and start period.
    """

    nodes: Mapping[tuple[str, int], int]

    @classmethod
    def of(cls, plan: Plan) -> RecordedOrders:
        """Return the orders that a plan was made with, none for most."""
        orders = (plan.options.get("incumbent") or {}).get("kept", [])
        return cls({(row["offer_id"], row["start_period"]): row["nodes"] for row in orders})

    def kept(self, options: OptionSet, grid: TimeGrid) -> dict[tuple[str, int], int]:
        """Return the nodes that stand, by offer and start period."""
        return dict(self.nodes)

    def held(self, options: OptionSet, grid: TimeGrid) -> OptionSet:
        """Return the options with the orders that stand."""
        return hold(options, self.kept(options, grid), free_from=0)

    def decisions(self, grid: TimeGrid) -> Decisions | None:
        """Return ``None``: replicas of the earlier plan are not known."""
        return None

    def record(self, kept: Mapping[tuple[str, int], int], problem: Problem) -> dict[str, Any]:
        """Return what a plan file says of them; what was carried over is part of its problem."""
        return {"carried": [], "kept": order_rows(kept)}


def order_rows(kept: Mapping[tuple[str, int], int]) -> list[dict[str, Any]]:
    """Return orders that stand as a plan file has them, which :meth:`RecordedOrders.of` reads.

    Parameters
    ----------
    kept
        Nodes by offer and start period.
    """
    return [
        {"offer_id": offer_id, "start_period": period, "nodes": nodes}
        for (offer_id, period), nodes in kept.items()
    ]
