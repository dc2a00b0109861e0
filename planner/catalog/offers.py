"""Which price applies on a day.

An offer is identified without its date. Of the rows of one offer that apply on a day
(``valid_from <= day < valid_to``), the one with the newest ``valid_from`` counts: a superseded
row may stay in the table as history. Partial dates read as their earliest day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from planner.catalog.dates import parse_partial_date
from planner.catalog.schema import ApiOffer, Offer

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

    from planner.catalog.load import Catalog

P = TypeVar("P", Offer, ApiOffer)


def offers_at(catalog: Catalog, date: datetime.date) -> tuple[Offer, ...]:
    """Return the row in force of every offer of nodes on `date`, ordered by offer."""
    return _in_force(catalog.offers, date)


def api_offers_at(catalog: Catalog, date: datetime.date) -> tuple[ApiOffer, ...]:
    """Return the row in force of every offer of tokens on `date`, ordered by offer."""
    return _in_force(catalog.api_offers, date)


def _in_force(rows: Iterable[P], date: datetime.date) -> tuple[P, ...]:
    newest: dict[str, tuple[datetime.date, P]] = {}
    for row in rows:
        start = parse_partial_date(row.valid_from)
        ended = row.valid_to is not None and date >= parse_partial_date(row.valid_to)
        if start > date or ended:
            continue
        known = newest.get(row.offer_id)
        if known is None or start >= known[0]:
            newest[row.offer_id] = (start, row)
    return tuple(newest[offer_id][1] for offer_id in sorted(newest))
