"""Offers of one model of genai-prices: standard and batch, by day, hour and prompt length."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from planner.catalog.dates import parse_partial_date
from planner.catalog.importers.genai_prices.schedule import schedule
from planner.catalog.importers.token_prices import least_tokens

if TYPE_CHECKING:
    import datetime

    from planner.catalog.importers.genai_prices.schedule import Period
    from planner.catalog.importers.offer_rows import OfferRows
    from planner.catalog.importers.token_prices import Figures, TokenPrice

_COLUMNS = {
    "input_mtok": "input_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
    "cache_read_mtok": "cached_input_usd_per_mtok",
}


def add_model(rows: OfferRows, price: TokenPrice, model: dict[str, Any]) -> None:
    """Add the offers of a known model.

    Parameters
    ----------
    rows
        Rows to add to.
    price
        Price without its figures.
    model
        The model as the source has it.
    """
    stated = model.get("prices")
    entries = stated if isinstance(stated, list) else [{"prices": stated}]
    standard = _periods(rows, price.place, entries)
    _add(rows, price, "standard", standard)
    if not entries:
        rows.reject(price.place, price.names[0], "no_price", "`prices` is empty")
    variants = model.get("price_variants")
    batch = _batch(rows, price.place, variants if isinstance(variants, list) else [])
    _add(rows, price, "batch", _completed(rows, price.place, batch, standard))


def _periods(rows: OfferRows, place: str, entries: list[Any]) -> list[Period]:
    periods, skipped = schedule(entries, parse_partial_date(rows.as_of))
    for value, reason, detail in skipped:
        rows.reject(place, value, reason, detail)
    return periods


def _batch(rows: OfferRows, place: str, variants: list[Any]) -> list[Period]:
    """Return the periods of the batch variants, and reject all other variants."""
    batch = []
    for variant in variants:
        when = variant.get("when") if isinstance(variant, dict) else None
        if when == {"processing": "batch"}:
            batch.append(variant)
        else:
            detail = "only standard and batch prices are planned with"
            rows.reject(f"{place}:price_variants", when, "variant", detail)
    # Of variants the first that applies counts, of prices the last.
    return _periods(rows, f"{place}:batch", batch[::-1])


def _completed(
    rows: OfferRows, place: str, batch: list[Period], standard: list[Period]
) -> list[Period]:
    """Return the batch prices with the standard price of every unit that they leave out."""
    by_hour = {unit for period in standard if period.hours_utc for unit in period.prices}
    complete = []
    for period in batch:
        left_out = {unit for unit in _COLUMNS if period.prices.get(unit) is None}
        if left_out & by_hour:
            detail = "a batch price leaves out one that changes with the hour; none is taken"
            rows.reject(f"{place}:batch", period.prices, "variant", detail)
            return []
        current = _in_force(standard, period.start)
        kept = {unit: value for unit, value in current.items() if unit in left_out}
        complete.append(replace(period, prices=period.prices | kept))
    return complete


def _in_force(standard: list[Period], day: datetime.date) -> dict[str, Any]:
    """Return the standard prices of a day, else of the first day that has any."""
    all_day = [period for period in standard if period.hours_utc is None]
    begun = [period for period in all_day if period.start <= day]
    return next((period.prices for period in [*begun[::-1], *all_day]), {})


def _add(
    rows: OfferRows, price: TokenPrice, mode: Literal["standard", "batch"], periods: list[Period]
) -> None:
    """Add the price lists of an offer, each of the periods that start on one day."""
    for start, listed in groupby(periods, key=lambda period: period.start):
        undated = start == parse_partial_date(rows.as_of)
        prices = []
        for period in listed:
            dated = replace(
                price,
                mode=mode,
                hours_utc=period.hours_utc,
                valid_from=None if undated else start.isoformat(),
                valid_to=period.end.isoformat() if period.end else None,
            )
            prices.append((dated, _figures(rows, price.place, period.prices)))
        rows.add(*prices)


def _figures(rows: OfferRows, place: str, prices: dict[str, Any]) -> dict[int, Figures]:
    """Return the figures of a set of prices by the least prompt length that has them."""
    figures: dict[int, Figures] = {0: {}}
    for unit, value in prices.items():
        if value is None:
            continue
        if unit not in _COLUMNS:
            rows.unused(unit)
            continue
        tiered = value if isinstance(value, dict) else {"base": value, "tiers": []}
        figures[0][_COLUMNS[unit]] = tiered.get("base")
        tiers = tiered.get("tiers")
        for tier in tiers if isinstance(tiers, list) else [tiers]:
            known = tier if isinstance(tier, dict) else {}
            start = least_tokens(known.get("start"))
            if start is None:
                detail = "a tier has a `start` in tokens and a `price`"
                rows.reject(f"{place}:{unit}", tier, "tier", detail)
            else:
                figures.setdefault(start, {})[_COLUMNS[unit]] = known.get("price")
    return figures
