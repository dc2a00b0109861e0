"""What decisions take on for a term, as purchases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.purchases import build_of, purchases
from planner.plan.records import BuildDecision, UnitDecision

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


def on_other_options(
    options: OptionSet, others: OptionSet, grid: TimeGrid, decisions: Decisions
) -> Decisions:
    """Return decisions with what they take on as other options count it; the rest as it is.

    What the others do not offer is left out, and so are promises of spending.

    Parameters
    ----------
    options, grid, decisions
        As in :func:`taken_purchases`.
    others
        Options of the same offers, some of whose builds may be missing.
    """
    builds, units, places = [], [], purchases(others, grid)
    for purchase, amount in taken_purchases(options, grid, decisions).items():
        if purchase not in places:
            continue
        row = purchase.supply_id, places[purchase][1], round(amount)
        if purchase.kind in {"nodes", "sale"}:
            builds.append(BuildDecision(*row))
        elif purchase.kind == "units":
            units.append(UnitDecision(*row))
    return replace(decisions, builds=tuple(builds), units=tuple(units), spend=())


def terms_beside_nodes(
    options: OptionSet, grid: TimeGrid, decisions: Decisions
) -> dict[Purchase, float]:
    """Return how much of every term of units and promise of spending is taken on, 0 for none.

    Units without a term, which may change in every period, are operated and not taken on.

    Parameters
    ----------
    options, grid, decisions
        As in :func:`taken_purchases`.
    """
    taken = taken_purchases(options, grid, decisions)
    places = purchases(options, grid)
    return {
        purchase: taken.get(purchase, 0.0)
        for purchase, place in places.items()
        if purchase.kind == "spend"
        or (
            purchase.kind == "units"
            and build_of(options, purchase, place).term_months > grid.months_per_period
        )
    }
