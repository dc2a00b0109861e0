"""What a contract takes off a list price.

Of the discounts of a provider that match an offer on a day, the one that names most of its item,
region and tenure applies, the item before the region before the tenure; of two equal ones the
newer. Discounts never add up::

    price = list price x (1 - discount_fraction)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.catalog.schema import ANY, ApiOffer, Discount, Offer

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable

API = "api"
"""Tenure by which a discount names tokens."""
_TOKEN_PRICES = ("input_usd_per_mtok", "cached_input_usd_per_mtok", "output_usd_per_mtok")


def discounted_offer(offer: Offer, discounts: Iterable[Discount], date: datetime.date) -> Offer:
    """Return an offer of nodes at the price that is paid for it on a day.

    Parameters
    ----------
    offer
        Offer at its list price.
    discounts
        Discounts of any provider.
    date
        Day on which a discount has to hold.
    """
    found = discount_of_offer(offer, discounts, date)
    if found is None:
        return offer
    price = offer.price_usd_per_hour * (1 - found.discount_fraction)
    return offer.model_copy(
        update={"price_usd_per_hour": price, "notes": _note(offer.notes, found)}
    )


def discounted_tokens(
    offer: ApiOffer, discounts: Iterable[Discount], date: datetime.date
) -> ApiOffer:
    """Return an offer of tokens at the prices that are paid for it on a day.

    Parameters
    ----------
    offer
        Offer at its list prices.
    discounts
        Discounts of any provider.
    date
        Day on which a discount has to hold.
    """
    found = discount_of_tokens(offer, discounts, date)
    if found is None:
        return offer
    prices = {
        column: None if price is None else price * (1 - found.discount_fraction)
        for column in _TOKEN_PRICES
        for price in [getattr(offer, column)]
    }
    return offer.model_copy(update={**prices, "notes": _note(offer.notes, found)})


def discount_of_offer(
    offer: Offer, discounts: Iterable[Discount], date: datetime.date
) -> Discount | None:
    """Return the discount that an offer of nodes takes on a day, ``None`` without one."""
    return _best(discounts, offer.provider, (offer.instance, offer.region, offer.tenure), date)


def discount_of_tokens(
    offer: ApiOffer, discounts: Iterable[Discount], date: datetime.date
) -> Discount | None:
    """Return the discount that an offer of tokens takes on a day, ``None`` without one."""
    return _best(discounts, offer.provider, (offer.model_ref, ANY, API), date)


def _best(
    discounts: Iterable[Discount],
    provider: str,
    place: tuple[str, str, str],
    date: datetime.date,
) -> Discount | None:
    matching = [
        row
        for row in discounts
        if row.provider == provider and covers(row, place) and _holds(row, date)
    ]
    return max(matching, key=_rank, default=None)


def covers(row: Discount, place: tuple[str, str, str]) -> bool:
    """Return whether a discount is for this item, region and tenure, on some day."""
    item, region, tenure = place
    is_tokens = tenure == API
    return (
        row.item in {ANY, item}
        and row.region in {ANY, region}
        and (row.tenure == tenure or (row.tenure == ANY and not is_tokens))
    )


def _holds(row: Discount, date: datetime.date) -> bool:
    ended = row.valid_to is not None and date >= parse_partial_date(row.valid_to)
    return parse_partial_date(row.valid_from) <= date and not ended


def _rank(row: Discount) -> tuple[int, bool, bool, bool, datetime.date]:
    named = (row.item != ANY, row.region != ANY, row.tenure != ANY)
    return (sum(named), *named, parse_partial_date(row.valid_from))


def _note(notes: str, found: Discount) -> str:
    text = f"less {found.discount_fraction:.4g} of the list price (discount {found.label})"
    return f"{notes}; {text}" if notes else text
