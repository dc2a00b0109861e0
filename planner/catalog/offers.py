"""Which price applies on a day.

An offer is identified without its date. Of the rows of one offer that apply on a day
(``valid_from <= day < valid_to``), the one with the newest ``valid_from`` counts: a superseded
row may stay in the table as history. Partial dates read as their earliest day.

Tokens may cost more or less at some hours and for long prompts, so an offer of tokens is a price
list: all rows of it with the newest ``valid_from``. A newer list replaces the older one whole.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from planner.catalog.dates import parse_partial_date
from planner.catalog.discounts import API, covers, discounted_offer, discounted_tokens
from planner.catalog.kept import kept_with_catalog
from planner.catalog.schema import ANY, ApiOffer, Discount, Offer
from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Iterator

    from planner.catalog.load import Catalog

CAPACITY_BLOCK = "capacity_block"
"""Tenure of nodes that are reserved for a dated window."""
P = TypeVar("P", Offer, ApiOffer)


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices of one offer of tokens on a day.

    Parameters
    ----------
    rows
        Rows in force, of one offer and one date.
    """

    rows: tuple[ApiOffer, ...]

    @property
    def base(self) -> ApiOffer:
        """The row for short prompts at hours without a price of their own."""
        plain = (row for row in self.rows if row.hours_utc is None)
        return min(plain, key=lambda row: row.prompt_from_tokens, default=self.rows[0])

    @property
    def tier_starts_tokens(self) -> tuple[int, ...]:
        """Prompt lengths from which another price applies at some hour, in order."""
        return tuple(sorted({r.prompt_from_tokens for r in self.rows if r.prompt_from_tokens}))

    def at(self, minute_utc: float) -> tuple[ApiOffer, ...]:
        """Return the rows in force at a minute of the day, the one for short prompts first.

        Parameters
        ----------
        minute_utc
            0 to below 1,440.
        """
        timed = [r for r in self.rows if r.hours_utc and _covers(r.hours_utc, minute_utc)]
        rows = timed or [r for r in self.rows if r.hours_utc is None] or [self.base]
        return tuple(sorted(rows, key=lambda row: row.prompt_from_tokens))

    def changes_minutes_utc(self) -> tuple[float, ...]:
        """Return the minutes of the day at which a price starts or ends, in order."""
        spans = [window_minutes(row.hours_utc) for row in self.rows if row.hours_utc]
        return tuple(sorted({minute for span in spans for minute in span}))


@kept_with_catalog
def offers_at(catalog: Catalog, date: datetime.date) -> tuple[Offer, ...]:
    """Return every offer of nodes in force on `date` at the price paid, ordered by offer."""
    rows = listed_offers_at(catalog, date)
    return tuple(discounted_offer(row, catalog.discounts, date) for row in rows)


@kept_with_catalog
def listed_offers_at(catalog: Catalog, date: datetime.date) -> tuple[Offer, ...]:
    """Return every offer of nodes in force on `date` at its list price, ordered by offer."""
    return tuple(rows[-1] for rows in _in_force(catalog.offers, date))


def capacity_blocks_at(
    catalog: Catalog,
    date: datetime.date,
    node: tuple[str, str, int],
    instance: str | None,
    region: str,
) -> list[Offer]:
    """Return the capacity blocks in force on a day at the price paid.

    Parameters
    ----------
    catalog
        The catalogue.
    date
        The day.
    node
        Provider, accelerator, and accelerators of a node.
    instance
        Instance, ``None`` for any.
    region
        Region, `any` for all.
    """
    return [
        row
        for row in offers_at(catalog, date)
        if row.tenure == CAPACITY_BLOCK
        and (row.provider, row.accelerator, row.accelerators) == node
        and instance in {None, row.instance}
        and region in {ANY, row.region}
    ]


@kept_with_catalog
def price_lists_at(catalog: Catalog, date: datetime.date) -> tuple[PriceList, ...]:
    """Return every offer of tokens in force on `date` at the prices paid, ordered by offer."""
    return tuple(
        PriceList(tuple(discounted_tokens(row, catalog.discounts, date) for row in listed.rows))
        for listed in listed_price_lists_at(catalog, date)
    )


@kept_with_catalog
def listed_price_lists_at(catalog: Catalog, date: datetime.date) -> tuple[PriceList, ...]:
    """Return every offer of tokens in force on `date` at its list prices, ordered by offer."""
    return tuple(PriceList(rows) for rows in _in_force(catalog.api_offers, date))


def price_changes(
    catalog: Catalog, offer: Offer | ApiOffer, start: datetime.date, end: datetime.date
) -> tuple[datetime.date, ...]:
    """Return the days after `start` and before `end` on which the price of an offer may change.

    Parameters
    ----------
    catalog
        The catalogue.
    offer
        Offer of nodes or of tokens; its other rows and the discounts of its provider count too.
    start, end
        First day, and first day no longer looked at.
    """
    dated: list[Offer | ApiOffer | Discount] = []
    if isinstance(offer, Offer):
        dated += _rows_of_offers(catalog).get(offer.offer_id, ())
        place = (offer.instance, offer.region, str(offer.tenure))
    else:
        dated += _rows_of_tokens(catalog).get(offer.offer_id, ())
        place = (offer.model_ref, ANY, API)
    dated += [d for d in catalog.discounts if d.provider == offer.provider and covers(d, place)]
    stated = (text for row in dated for text in (row.valid_from, row.valid_to) if text)
    return tuple(sorted({day for day in map(parse_partial_date, stated) if start < day < end}))


@kept_with_catalog
def _rows_of_offers(catalog: Catalog) -> dict[str, list[Offer]]:
    return _by_offer(catalog.offers)


@kept_with_catalog
def _rows_of_tokens(catalog: Catalog) -> dict[str, list[ApiOffer]]:
    return _by_offer(catalog.api_offers)


def _by_offer(rows: Iterable[P]) -> dict[str, list[P]]:
    found: dict[str, list[P]] = defaultdict(list)
    for row in rows:
        found[row.offer_id].append(row)
    return dict(found)


def window_minutes(hours_utc: str) -> tuple[float, float]:
    """Return start and end of `HH:MM-HH:MM` in minutes of the day; the end may lie before."""
    start, end = (
        float(int(hours) * MINUTES_PER_HOUR + int(minutes))
        for hours, _, minutes in (clock.partition(":") for clock in hours_utc.split("-"))
    )
    return start, end


def windows_overlap(one_utc: str, other_utc: str) -> bool:
    """Return whether two windows of the day share a minute."""
    starts = (window_minutes(one_utc)[0], window_minutes(other_utc)[0])
    return _covers(one_utc, starts[1]) or _covers(other_utc, starts[0])


def _covers(hours_utc: str, minute_utc: float) -> bool:
    start, end = window_minutes(hours_utc)
    if start < end:
        return start <= minute_utc < end
    return minute_utc >= start or minute_utc < end


def _in_force(rows: Iterable[P], date: datetime.date) -> Iterator[tuple[P, ...]]:
    """Yield the rows with the newest date of every offer, in table order."""
    newest: dict[str, datetime.date] = {}
    by_date: dict[tuple[str, datetime.date], list[P]] = defaultdict(list)
    for row in rows:
        start = parse_partial_date(row.valid_from)
        ended = row.valid_to is not None and date >= parse_partial_date(row.valid_to)
        if start > date or ended:
            continue
        offer_id = row.offer_id
        newest[offer_id] = max(start, newest.get(offer_id, start))
        by_date[offer_id, start].append(row)
    for offer_id in sorted(newest):
        yield tuple(by_date[offer_id, newest[offer_id]])
