"""Prices over time: expected changes between periods, and known ones inside a period.

The price at the first day of a period is charged for all of it. A reader who signs for the whole
period has to know, so every change inside is a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.offers import price_changes
from planner.units import MONTHS_PER_YEAR

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


def price_factors(grid: TimeGrid, yearly_change: float) -> tuple[float, ...]:
    """Return the factor on list prices at the start of every period.

    Parameters
    ----------
    grid
        Periods.
    yearly_change
        Expected change per year as a fraction, above -1.
    """
    months = (t * grid.months_per_period for t in range(grid.periods))
    return tuple(float((1.0 + yearly_change) ** (m / MONTHS_PER_YEAR)) for m in months)
