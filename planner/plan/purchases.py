"""What decisions take on for a term, as purchases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.purchases import purchases

if TYPE_CHECKING:
    from planner.demand.records import TimeGrid
    from planner.options.purchases import Purchase
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions


def taken_purchases(
    options: OptionSet, grid: TimeGrid, decisions: Decisions
) -> dict[Purchase, float]:
    """Return how much of every purchase is taken on; zeros are left out.

    Parameters
    ----------
    options, grid
        The options that the decisions were made for.
    decisions
        Whole decisions.
    """
    nodes = {(row.offer_id, row.build): float(row.nodes) for row in decisions.builds}
    units = {(row.units_id, row.build): float(row.units) for row in decisions.units}
    spend = {(row.commitment_id, row.build): row.usd_per_hour for row in decisions.spend}
    taken = {"nodes": nodes, "sale": nodes, "units": units, "spend": spend}
    found = {
        purchase: taken[purchase.kind].get((purchase.supply_id, k), 0.0)
        for purchase, (_, k) in purchases(options, grid).items()
    }
    return {purchase: amount for purchase, amount in found.items() if amount}
