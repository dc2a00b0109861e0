"""API prices from litellm's price file, and what all readers of token prices share.

The file is one JSON object (``model_prices_and_context_window.json``): a key per model with
``litellm_provider``, ``mode`` and USD per token. Per million tokens that is 10^6 times as much, in
decimal arithmetic, so that 1.35e-06 becomes 1.35. Only ``mode: chat`` is read;
``*_batches`` prices become batch offers, ``*_above_*_tokens`` are tiers and rejected, and
``deprecation_date`` ends an offer.

**Prices.** Below 0.001 or above 10,000 USD per million tokens no list price exists: such figures
are unit slips (a price per token or per thousand in the wrong column). Zero is a free tier or an
unknown price; neither can be planned with.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from planner.catalog.dates import parse_partial_date
from planner.catalog.importers.lm_eval import (
    MOST_PLACE,
    ModelNames,
    json_object,
    number,
    shortened,
    unreadable,
)
from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.messages import sentence
from planner.catalog.schema import ApiOffer

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Settings

HIGHEST_USD_PER_MTOK = 10_000.0
LOWEST_USD_PER_MTOK = 0.001
_TOKENS_PER_MTOK = 1_000_000

PROVIDERS = {
    "amazon-bedrock": "aws",
    "bedrock": "aws",
    "bedrock-converse": "aws",
    "deepinfra-ai": "deepinfra",
    "fireworks-ai": "fireworks",
    "novita-ai": "novita",
    "together-ai": "together",
    "togetherai": "together",
}
"""Names of providers elsewhere to the names in ``catalogs/api_offers.csv``."""


def provider_key(name: str) -> str:
    """Return our key of a provider that a source calls `name`."""
    key = name.strip().casefold().replace("_", "-")
    return PROVIDERS.get(key, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """A price as a source states it, before it is judged.

    Parameters
    ----------
    place
        Where it stands.
    provider
        Our key of the provider.
    names
        Names of the model, the provider's own first.
    source
        Source of the row.
    input_usd_per_mtok, output_usd_per_mtok, cached_input_usd_per_mtok
        Figures of any type in USD per million tokens; ``None`` when not stated.
    mode
        How requests are answered.
    valid_from, valid_to
        First day it applies, and first day it no longer does; ``None`` when not stated.
    notes
        What a reader of the row should know.
    """

    place: str
    provider: str
    names: tuple[str, ...]
    source: str
    input_usd_per_mtok: object = None
    output_usd_per_mtok: object = None
    cached_input_usd_per_mtok: object = None
    mode: Literal["standard", "batch"] = "standard"
    valid_from: str | None = None
    valid_to: str | None = None
    notes: str = ""


class OfferRows:
    """Collects API offers and rejections in source order.

    Parameters
    ----------
    settings
        Catalogue to resolve names with, and the date of undated prices.
    """

    def __init__(self, settings: Settings) -> None:
        self.names = ModelNames(settings.catalog)
        self.as_of = settings.as_of
        self._rows: list[tuple[str, ApiOffer]] = []
        self._rejected: list[Rejected] = []
        self._unused: Counter[str] = Counter()

    def reject(self, place: str, value: object, reason: str, detail: str) -> None:
        """Record one thing that did not become a row."""
        self._rejected.append(
            Rejected(shortened(place, MOST_PLACE), shortened(value), reason, detail)
        )

    def unused(self, kind: str) -> None:
        """Count a price of a kind that API offers have no column for."""
        self._unused[shortened(kind)] += 1

    def add(self, price: TokenPrice) -> None:
        """Record a price as a row, or why it cannot be one."""
        match = self.names.match(price.provider, *price.names)
        if match.model is None:
            detail = f"`{shortened(price.names[0])}` {match.why}; add it to models.csv"
            self.reject(price.place, price.names[0], "unknown_model", detail)
            return
        figures = self._figures(price)
        if figures is None:
            return
        try:
            row = ApiOffer.model_validate(
                {
                    **figures,
                    "provider": price.provider,
                    "model": match.model,
                    "model_ref": price.names[0],
                    "mode": price.mode,
                    "quantization": match.quantization,
                    "weights": "closed" if match.model in self.names.closed else "open",
                    "valid_from": price.valid_from or self.as_of,
                    "valid_to": price.valid_to,
                    "source": shortened(price.source, MOST_PLACE),
                    "as_of": self.as_of,
                    "notes": price.notes,
                }
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {shortened(sentence(first))}"
            self.reject(price.place, first["input"], "invalid", detail)
            return
        self._rows.append((price.place, row))

    def _figures(self, price: TokenPrice) -> dict[str, float | None] | None:
        stated = {
            "input_usd_per_mtok": price.input_usd_per_mtok,
            "output_usd_per_mtok": price.output_usd_per_mtok,
        }
        figures: dict[str, float | None] = {}
        for column, value in stated.items():
            figures[column] = known = number(value)
            wrong = _wrong(known)
            if wrong:
                self.reject(price.place, value, *wrong)
                return None
        cached, full = price.cached_input_usd_per_mtok, figures["input_usd_per_mtok"]
        known = number(cached)
        usable = known is not None and full is not None and 0 < known <= full
        if cached is not None and not usable:
            detail = "a cached price is above 0 and at most the input price; it is left blank"
            self.reject(price.place, cached, "cached_price", detail)
        return figures | {"cached_input_usd_per_mtok": known if usable else None}

    def imported(self, notes: tuple[str, ...] = ()) -> Imported:
        """Return everything collected; of rows with one key none is chosen by its place.

        Parameters
        ----------
        notes
            What the reader adds.
        """
        groups: dict[tuple[str, ...], list[tuple[str, ApiOffer]]] = defaultdict(list)
        for place, row in self._rows:
            groups[row.key].append((place, row))
        kept: list[ApiOffer] = []
        for rows in groups.values():
            prices = {row.model_dump_json(exclude={"notes", "source"}) for _, row in rows}
            if len(prices) > 1:
                for place, row in rows:
                    detail = "the source states several prices for this model; none is taken"
                    self.reject(place, row.model_ref, "contradiction", detail)
                continue
            kept.append(min((row for _, row in rows), key=lambda row: (row.source, row.notes)))
            for place, row in rows[1:]:
                detail = "the source states the same price twice; one row is made"
                self.reject(place, row.model_ref, "duplicate", detail)
        if self._unused:
            kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self._unused.items()))
            notes = (*notes, f"prices without a column in api_offers are left out: {kinds}")
        return Imported({"api_offers": tuple(kept)}, tuple(self._rejected), notes)


def _wrong(price: float | None) -> tuple[str, str] | None:
    """Return reason and detail when a price per million tokens cannot be planned with."""
    if price is None:
        return "no_price", "input and output need a number each"
    if price == 0:
        return "zero_price", "a free tier or an unknown price; neither can be planned with"
    if not LOWEST_USD_PER_MTOK <= price <= HIGHEST_USD_PER_MTOK:
        span = f"{LOWEST_USD_PER_MTOK:g} to {HIGHEST_USD_PER_MTOK:,.0f} USD per million tokens"
        return "impossible_price", f"list prices lie within {span}; the unit must be wrong"
    return None


_ACCEPTED = "litellm's model_prices_and_context_window.json, an object with a key per model"


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
    if not isinstance(entries, dict):
        raise unreadable(source, "is JSON but not an object", None, _ACCEPTED)
    rows = OfferRows(settings)
    for key in repeated:
        rows.reject(source.name, key, "repeated_key", "stands twice; JSON keeps the last one")
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
    name = key.removeprefix(f"{provider}/")
    rows.add(_price(entry, place, name, "", valid_to))
    if "input_cost_per_token_batches" in entry:
        rows.add(_price(entry, place, name, "_batches", valid_to))
    if rows.names.match(provider_key(provider), name).model is not None:
        _leftover(rows, place, entry)


def _price(
    entry: dict[str, Any], place: str, name: str, suffix: str, valid_to: str | None
) -> TokenPrice:
    page = entry.get("source")
    via = f" citing {page}" if isinstance(page, str) and page.isprintable() else ""
    return TokenPrice(
        place=place,
        provider=provider_key(entry["litellm_provider"]),
        names=(name,),
        source=f"litellm model_prices_and_context_window.json (MIT){via}",
        input_usd_per_mtok=_per_mtok(entry.get(f"input_cost_per_token{suffix}")),
        output_usd_per_mtok=_per_mtok(entry.get(f"output_cost_per_token{suffix}")),
        cached_input_usd_per_mtok=_per_mtok(entry.get(f"cache_read_input_token_cost{suffix}")),
        mode="batch" if suffix else "standard",
        valid_to=valid_to,
    )


def _per_mtok(usd_per_token: object) -> object:
    known = number(usd_per_token)
    return usd_per_token if known is None else float(Decimal(str(known)) * _TOKENS_PER_MTOK)


def _end(as_of: str, date: object) -> tuple[bool, str | None]:
    """Return whether an offer ended by the file's date, and the day it ends, if known."""
    try:
        end = parse_partial_date(date) if isinstance(date, str) else None
    except ValueError:
        return False, None
    return (False, None) if end is None else (end <= parse_partial_date(as_of), end.isoformat())


_USED = re.compile(
    r"(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost)(_batches)?"
)


def _leftover(rows: OfferRows, place: str, entry: dict[str, Any]) -> None:
    """Report the prices of a known model that no column holds."""
    for field, value in entry.items():
        if "cost" not in field or _USED.fullmatch(field) or number(value) is None:
            continue
        if "_above_" in field:
            rows.reject(place, f"{field}={value}", "tier", "the base tier is used for all lengths")
        else:
            rows.unused(field)
