"""Figures of claims that come from the catalogue alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date

if TYPE_CHECKING:
    import datetime as dt

    from planner.catalog.load import Catalog

_BATCH, _STANDARD = "batch", "standard"


def batch_discounts(catalog: Catalog) -> dict[str, float]:
    """Return the discount of batch on output tokens, by seller and model.

    The newest row of each mode counts, of prices by the hour or by the prompt the lowest.
    """
    newest: dict[tuple[str, str, str], tuple[dt.date, float]] = {}
    for offer in catalog.api_offers:
        key = (offer.provider, offer.model, offer.mode)
        day, price = parse_partial_date(offer.valid_from), offer.output_usd_per_mtok
        if key not in newest or (day, -price) > (newest[key][0], -newest[key][1]):
            newest[key] = (day, price)
    return {
        f"{provider}:{model}": 1.0 - price / newest[provider, model, _STANDARD][1]
        for (provider, model, mode), (_, price) in sorted(newest.items())
        if mode == _BATCH and (provider, model, _STANDARD) in newest
    }
