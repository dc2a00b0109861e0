"""Which price of a server applies on a day: the newest row whose day has come.

A row without a date is the price before the day of any other. A blank price says nothing.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.catalog.schema import SERVER_PRICE

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import ServerFigure


def server_prices(catalog: Catalog, server: str) -> list[tuple[datetime.date, ServerFigure]]:
    """Return the prices of a server with their first days, in order of time.

    Parameters
    ----------
    catalog
        The catalogue.
    server
        Key in servers.csv.
    """
    rows = [
        row
        for row in catalog.servers
        if (row.id, row.quantity) == (server, SERVER_PRICE) and row.value is not None
    ]
    dated = [(_first_day(row.valid_from), row) for row in rows]
    return sorted(dated, key=lambda pair: pair[0])


def server_price_at(catalog: Catalog, server: str, day: datetime.date) -> ServerFigure | None:
    """Return the row with the price of a server on a day, ``None`` where it has none.

    Parameters
    ----------
    catalog
        The catalogue.
    server
        Key in servers.csv.
    day
        Day of the order.
    """
    begun = [row for first, row in server_prices(catalog, server) if first <= day]
    return begun[-1] if begun else None


def _first_day(valid_from: str | None) -> datetime.date:
    return datetime.date.min if valid_from is None else parse_partial_date(valid_from)
