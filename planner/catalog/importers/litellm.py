"""API prices from litellm's price file.

The file is one JSON object (``model_prices_and_context_window.json``): a key per model with
``litellm_provider``, ``mode`` and USD per token. Per million tokens that is 10^6 times as much, in
decimal arithmetic, so that 1.35e-06 becomes 1.35. Only ``mode: chat`` is read; ``*_batches``
prices become batch offers and ``deprecation_date`` ends an offer. Prices of long prompts, which
litellm charges for the whole request:

* ``*_above_128k_tokens``: prompts of more than 128,000 tokens; of xAI, from 128,000 tokens.
* ``tiered_pricing`` with ``range: [a, b]``: prompts of more than a and up to b tokens. Such a
  list replaces the prices beside it.

``off_peak_pricing`` is rejected (``time_of_day``): its hours differ between days of the week, and
the dearer price is taken for all hours.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.catalog.dates import parse_partial_date
from planner.catalog.importers.files import REPEATED_KEY, json_object, number
from planner.catalog.importers.offer_rows import OfferRows
from planner.catalog.importers.token_prices import TokenPrice, least_tokens, provider_key

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings
    from planner.catalog.importers.token_prices import Figures

OPTIONS: dict[str, str] = {}
"""Keys of ``--option``: none."""
_ACCEPTED = "litellm's model_prices_and_context_window.json, an object with a key per model"
_TOKENS_PER_MTOK = 1_000_000
_COLUMNS = {
    "input_cost_per_token": "input_usd_per_mtok",
    "output_cost_per_token": "output_usd_per_mtok",
    "cache_read_input_token_cost": "cached_input_usd_per_mtok",
}
_FIELD = re.compile(
    rf"(?P<cost>{'|'.join(_COLUMNS)})"
    r"(?:_above_(?P<above>[0-9]{1,9})(?P<thousands>k?)_tokens)?(?P<batches>_batches)?"
)
_INCLUSIVE = ("xai",)
"""Providers whose price of long prompts starts at the threshold, not above it."""


def read(source: Path, settings: Settings) -> Imported:
    """Return the API offers of a litellm price file.

    Parameters
    ----------
    source
        ``model_prices_and_context_window.json`` or a file of its form.
    settings
        Catalogue to resolve names with, and the date the prices hold.

    Raises
    ------
    InputError
        When the file cannot be read or is no JSON object.
    """
    entries, repeated = json_object(source, _ACCEPTED)
    rows = OfferRows(settings)
    for key in repeated:
        rows.reject(source.name, key, *REPEATED_KEY)
    for key, entry in entries.items():
        _entry(rows, source.name, key, entry)
    return rows.imported(("litellm states no dates: prices apply from the date of the file",))


def _entry(rows: OfferRows, file: str, key: str, entry: object) -> None:
    place = f"{file}:{key}"
    provider = entry.get("litellm_provider") if isinstance(entry, dict) else None
    if key == "sample_spec" or not isinstance(entry, dict) or not isinstance(provider, str):
        rows.reject(place, key, "not_a_model", "an entry names its litellm_provider")
        return
    if entry.get("mode") != "chat":
        detail = "only entries with mode chat are token prices of a conversation"
        rows.reject(place, entry.get("mode"), "mode", detail)
        return
    ended, valid_to = _end(rows.as_of, entry.get("deprecation_date"))
    if ended:
        rows.reject(place, entry["deprecation_date"], "deprecated", "ended before the file's date")
        return
    page = entry.get("source")
    via = f" citing {page.strip()}" if isinstance(page, str) and page.isprintable() else ""
    price = TokenPrice(
        place=place,
        provider=provider_key(provider),
        names=(key.removeprefix(f"{provider}/"),),
        source=f"litellm model_prices_and_context_window.json (MIT){via}",
        valid_to=valid_to,
    )
    if rows.knows(price):
        _add_offers(rows, price, entry)


def _end(as_of: str, date: object) -> tuple[bool, str | None]:
    """Return whether an offer ended by the file's date, and the day it ends, if known."""
    try:
        end = parse_partial_date(date) if isinstance(date, str) else None
    except ValueError:
        return False, None
    return (False, None) if end is None else (end <= parse_partial_date(as_of), end.isoformat())


def _add_offers(rows: OfferRows, price: TokenPrice, entry: dict[str, Any]) -> None:
    """Add the standard and the batch offer of an entry, and report the prices of neither."""
    standard: dict[int, Figures] = defaultdict(dict)
    batch: dict[int, Figures] = defaultdict(dict)
    for field, value in entry.items():
        known = _FIELD.fullmatch(field)
        start = known and _start(price.provider, known)
        if field == "off_peak_pricing":
            detail = "hours that differ by day of the week have no column; the peak price is taken"
            rows.reject(price.place, value, "time_of_day", detail)
        elif known and start is None:
            rows.reject(price.place, field, "tier", "no prompt is that long")
        elif known and value is not None:
            figures = batch if known["batches"] else standard
            figures[start or 0][_COLUMNS[known["cost"]]] = _per_mtok(value)
        elif "cost" in field and value is not None:
            rows.unused(field)
    standard = _tiered(rows, price.place, entry) or standard
    rows.add((price, standard))
    if batch:
        rows.add((replace(price, mode="batch"), batch))


def _start(provider: str, field: re.Match[str]) -> int | None:
    """Return the least prompt length of a field's price, ``None`` when there is no such length."""
    if field["above"] is None:
        return 0
    start = least_tokens(int(field["above"]) * (1_000 if field["thousands"] else 1))
    return start and start - (provider in _INCLUSIVE)


def _tiered(rows: OfferRows, place: str, entry: dict[str, Any]) -> dict[int, Figures]:
    """Return the figures of ``tiered_pricing`` by least prompt length, empty without any."""
    stated = entry.get("tiered_pricing", [])
    figures: dict[int, Figures] = {}
    for tier in stated if isinstance(stated, list) else [stated]:
        span = tier.get("range") if isinstance(tier, dict) else None
        above = span[0] if isinstance(span, list) and span else None
        start = least_tokens(above)
        if start is None:
            rows.reject(place, tier, "tier", "a tier has a `range` of tokens")
            continue
        # Of the fields that a tier leaves out, only the output price is that of the model.
        costs = {"output_cost_per_token": entry.get("output_cost_per_token"), **tier}
        figures[start if above else 0] = {
            column: _per_mtok(costs.get(field)) for field, column in _COLUMNS.items()
        }
    return figures


def _per_mtok(usd_per_token: object) -> object:
    known = number(usd_per_token)
    return usd_per_token if known is None else float(Decimal(str(known)) * _TOKENS_PER_MTOK)
