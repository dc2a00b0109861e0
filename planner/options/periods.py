"""Prices that change inside a period: the price at its first day is charged for all of it.

A reader who signs for the whole period has to know, so every such change is a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.offers import price_changes

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, Offer
    from planner.demand.records import TimeGrid


def price_change_notes(
    offer: Offer | ApiOffer, catalog: Catalog, grid: TimeGrid
) -> tuple[str, ...]:
    """Return a sentence for every period in which the price of an offer changes.

    Parameters
    ----------
    offer
        Offer of nodes or of tokens.
    catalog
        Its prices and discounts.
    grid
        First days of the periods; the last period ends when the horizon does.
    """
    starts = (*grid.period_start, grid.end)
    notes = []
    for period in range(grid.periods):
        days = price_changes(catalog, offer, starts[period], starts[period + 1])
        if days:
            listed = ", ".join(map(str, days))
            notes.append(
                f"its price changes on {listed}, inside period {period}, and the one of "
                f"{starts[period]} is charged for the whole period"
            )
    return tuple(notes)
