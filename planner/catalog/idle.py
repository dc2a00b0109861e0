"""Prices and discounts of overlay folders that have no effect on some days.

A row of an overlay replaces the row with the same key, and the day on which a price starts is part
of the key. So an own price that starts before a newer shipped one of the same offer stays history,
and says nothing unless somebody looks. The same holds for a discount that has ended, or that a
more specific one goes before.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.catalog.discounts import discount_of_offer, discount_of_tokens
from planner.catalog.kept import kept_with_catalog
from planner.catalog.offers import listed_offers_at, listed_price_lists_at

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, Discount, Offer, Row

SHIPPED = "catalogs/"
"""Beginning of the names of shipped files."""


@kept_with_catalog
def idle_price_notes(catalog: Catalog, *dates: datetime.date) -> tuple[str, ...]:
    """Return a sentence for every own price and discount that applies on none of some days.

    Parameters
    ----------
    catalog
        The catalogue with its overlays.
    dates
        The days, one or more; reasons are those of the first.
    """
    notes = []
    for table, row, why in idle_overlay_rows(catalog, *dates):
        origin = catalog.origin(table, row)
        place = f"{origin.file}:{origin.line}" if origin else table
        notes.append(f"{place} {row.label}: {why}")
    return tuple(notes)


@kept_with_catalog
def idle_overlay_rows(catalog: Catalog, *dates: datetime.date) -> tuple[tuple[str, Row, str], ...]:
    """Return table, row and reason of own prices and discounts that apply on none of some days.

    Parameters
    ----------
    catalog, dates
        As in :func:`idle_price_notes`.
    """
    idle = tuple(_idle_rows(catalog, dates[0]))
    for date in dates[1:] if idle else ():
        then = {(table, row) for table, row, _ in _idle_rows(catalog, date)}
        idle = tuple(found for found in idle if found[:2] in then)
    return idle


def _idle_rows(catalog: Catalog, date: datetime.date) -> Iterator[tuple[str, Row, str]]:
    offers = {row.offer_id: row for row in listed_offers_at(catalog, date)}
    yield from _idle_prices(catalog, "offers", offers, date)
    tokens = {lst.base.offer_id: lst.base for lst in listed_price_lists_at(catalog, date)}
    yield from _idle_prices(catalog, "api_offers", tokens, date)
    used = {discount_of_offer(row, catalog.discounts, date) for row in offers.values()}
    used |= {discount_of_tokens(row, catalog.discounts, date) for row in tokens.values()}
    for row in catalog.discounts:
        if row not in used:
            yield "discounts", row, f"no price of {date} takes it: {_why(row, date)}"


def _why(row: Offer | ApiOffer | Discount, date: datetime.date) -> str:
    start = parse_partial_date(row.valid_from)
    if start > date:
        return f"it starts on {start}"
    if row.valid_to is not None and parse_partial_date(row.valid_to) <= date:
        return f"it ended on {row.valid_to}"
    return "no offer matches, or a more specific one goes before"


def _idle_prices(
    catalog: Catalog,
    table: str,
    in_force: dict[str, Offer] | dict[str, ApiOffer],
    date: datetime.date,
) -> Iterator[tuple[str, Row, str]]:
    own: dict[str, list[Offer | ApiOffer]] = defaultdict(list)
    rows: tuple[Offer | ApiOffer, ...] = getattr(catalog, table)
    for row in rows:
        if _is_own(catalog, table, row):
            own[row.offer_id].append(row)
    for offer_id, mine in own.items():
        winner = in_force.get(offer_id)
        newest = max(mine, key=lambda row: parse_partial_date(row.valid_from))
        if winner is None:
            yield table, newest, f"it does not apply on {date}: {_why(newest, date)}"
        elif not _is_own(catalog, table, winner):
            origin = catalog.origin(table, winner)
            place = f"{origin.file}:{origin.line}" if origin else table
            yield (
                table,
                newest,
                f"it does not apply on {date}: {place} starts later ({winner.valid_from}); give "
                "yours the day from which it holds against that one",
            )


def _is_own(catalog: Catalog, table: str, row: Row) -> bool:
    origin = catalog.origin(table, row)
    return origin is not None and not origin.file.startswith(SHIPPED)
