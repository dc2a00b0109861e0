"""API prices from genai-prices: the installed package, or its ``data.json``.

The source ``installed`` reads the optional package (``inference-planner[genai-prices]``), any
other source is a file: a list of providers, each with ``models[].prices`` in USD per million
tokens. Prices are one object, or a list of objects with a ``constraint``, of which the last that
applies counts. What they become:

==============================  ================================================================
``{base, tiers}``               the base tier; every other tier is rejected (``tier``)
``start_date``                  ``valid_from``, and ``valid_to`` of the price before it
``start_time``/``end_time``     all standard prices of the model are rejected (``time_of_day``):
                                the price of the other hours alone would be wrong half the day
variant ``processing: batch``   mode ``batch``; keys it leaves out are those of the standard price
other variants                  rejected (``variant``)
==============================  ================================================================

A price without a date applies from the date of the source. An undated price that a dated one has
replaced by then, or one that a later entry hides, is rejected (``superseded``).
"""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, Literal

from planner.catalog.dates import parse_partial_date
from planner.catalog.importers.litellm import OfferRows, TokenPrice, provider_key
from planner.catalog.importers.lm_eval import json_object, unreadable
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings

INSTALLED = "installed"
"""Name of the source that stands for the installed package."""
_ACCEPTED = f"data.json of genai-prices, or `{INSTALLED}` for the installed package"
_USED = {
    "input_mtok": "input_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
    "cache_read_mtok": "cached_input_usd_per_mtok",
}


def read(source: Path, settings: Settings) -> Imported:
    """Return the API offers of genai-prices.

    Parameters
    ----------
    source
        ``data.json``, or ``installed`` when there is no file of that name.
    settings
        Catalogue to resolve names with, and the date of undated prices.

    Raises
    ------
    InputError
        When the file cannot be read or is no list of providers, or the package is missing.
    """
    rows = _Prices(settings)
    if str(source) == INSTALLED and not source.exists():
        providers: object
        providers, origin = _installed()
    else:
        providers, repeated = json_object(source, _ACCEPTED)
        origin = f"genai-prices (MIT) {source.name}"
        for key in repeated:
            rows.reject(source.name, key, "repeated_key", "stands twice; JSON keeps the last one")
    if not isinstance(providers, list):
        raise unreadable(source, "is JSON but no list of providers", None, _ACCEPTED)
    for number, provider in enumerate(providers):
        rows.provider(f"{source.name}:{number}", origin, provider)
    return rows.imported(("a price without a start date applies from the date of the source",))


def _installed() -> tuple[list[Any], str]:
    """Return the package's providers in the form of its file, and where they come from."""
    try:
        data = import_module("genai_prices.data")
        version = metadata.version("genai-prices")
    except ImportError as error:
        message = (
            "the optional package is missing; install inference-planner[genai-prices], or give "
            "the path of a data.json"
        )
        raise InputError([Fault(INSTALLED, None, None, "genai-prices", message)]) from error
    return [_plain(p) for p in data.providers], f"genai-prices {version} (MIT) bundled data"


def _plain(value: object) -> object:
    """Return an object of the package as the JSON of its file has it."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        names = {field.name for field in dataclasses.fields(value)}
        used = names & _FIELDS
        return {name: _plain(getattr(value, name)) for name in sorted(used)}
    # A set of prices keeps its figures as plain attributes, one per unit.
    return _plain(vars(value)) if type(value).__name__ == "ModelPrice" else value


_FIELDS = {
    *("id", "models", "prices", "price_variants", "when", "constraint", "base", "tiers"),
    *("start", "price", "start_date", "start_time", "end_time"),
}
"""What is read of the package's objects; matching rules and texts are not."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Dated:
    """Prices with the days they apply: from `start`, or ever, until `end`, or for good."""

    prices: dict[str, Any]
    start: datetime.date | None
    end: datetime.date | None


class _Prices(OfferRows):
    """Reads providers and collects their offers."""

    def provider(self, place: str, origin: str, provider: object) -> None:
        """Read one provider of the list."""
        name = provider.get("id") if isinstance(provider, dict) else None
        models = provider.get("models") if isinstance(provider, dict) else None
        if not isinstance(name, str) or not isinstance(models, list):
            self.reject(place, name, "not_a_provider", "a provider has `id` and a list `models`")
            return
        for number, model in enumerate(models):
            key = model.get("id") if isinstance(model, dict) else None
            if not isinstance(key, str):
                self.reject(f"{name}:{number}", key, "not_a_model", "a model has an `id`")
                continue
            price = TokenPrice(
                place=f"{name}:{key}", provider=provider_key(name), names=(key,), source=origin
            )
            self._model(price, model)

    def _model(self, price: TokenPrice, model: dict[str, Any]) -> None:
        match = self.names.match(price.provider, *price.names)
        if match.model is None:
            self.add(price)
            return
        stated = model.get("prices")
        entries = stated if isinstance(stated, list) else [{"prices": stated}]
        standard = self._dated(price.place, entries)
        for dated in standard:
            self._offer(price, "standard", dated)
        if not standard and not entries:
            self.reject(price.place, price.names[0], "no_price", "`prices` is empty")
        variants = model.get("price_variants")
        self._variants(price, variants if isinstance(variants, list) else [], standard)

    def _variants(self, price: TokenPrice, variants: list[Any], standard: list[_Dated]) -> None:
        batch = []
        for variant in variants:
            when = variant.get("when") if isinstance(variant, dict) else None
            if when == {"processing": "batch"}:
                batch.append(variant)
            else:
                detail = "only standard and batch prices are planned with"
                self.reject(f"{price.place}:price_variants", when, "variant", detail)
        current = standard[-1].prices if standard else {}
        # Of variants the first that applies counts, of prices the last.
        for dated in self._dated(f"{price.place}:batch", batch[::-1]):
            merged = {key: value for key, value in current.items() if key in _USED}
            whole = _Dated(merged | dated.prices, dated.start, dated.end)
            self._offer(price, "batch", whole)

    def _dated(self, place: str, entries: list[Any]) -> list[_Dated]:
        """Return the prices that ever apply from the source's date on, or did on known days."""
        usable: list[_Dated] = []
        end: datetime.date | None = None
        parts = [(entry, *_constraint(entry)) for entry in entries]
        timed = any(kind == "time_of_day" for _, kind, _ in parts)
        for entry, kind, start in reversed(parts):
            prices = entry.get("prices") if isinstance(entry, dict) else None
            reason = _unusable(prices, kind, timed)
            if not reason and usable and (end is None or (start is not None and start >= end)):
                reason = ("superseded", "a later entry applies whenever this one would")
            as_of = parse_partial_date(self.as_of)
            if not reason and start is None and end is not None and end <= as_of:
                reason = ("superseded", f"another price applies since {end}")
            if reason or not isinstance(prices, dict):
                self.reject(place, prices, *(reason or ("no_price", "")))
                continue
            usable.append(_Dated(prices, start, end))
            end = start
        return usable[::-1]

    def _offer(self, price: TokenPrice, mode: Literal["standard", "batch"], dated: _Dated) -> None:
        figures: dict[str, Any] = {}
        for unit, value in dated.prices.items():
            if value is None:
                continue
            if unit not in _USED:
                self.unused(unit)
                continue
            figures[_USED[unit]] = self._base(f"{price.place}:{unit}", value)
        self.add(
            dataclasses.replace(
                price,
                **figures,
                mode=mode,
                valid_from=dated.start.isoformat() if dated.start else None,
                valid_to=dated.end.isoformat() if dated.end else None,
            )
        )

    def _base(self, place: str, value: object) -> object:
        if not isinstance(value, dict):
            return value
        tiers = value.get("tiers")
        for tier in tiers if isinstance(tiers, list) else [tiers]:
            self.reject(place, tier, "tier", "the base tier is used for prompts of all lengths")
        return value.get("base")


def _unusable(prices: object, kind: str, timed: bool) -> tuple[str, str] | None:
    """Return reason and detail when an entry cannot be an offer by itself."""
    if timed:
        return "time_of_day", "prices by the hour are not in the tables; add the one to plan with"
    if kind == "unknown":
        return "unknown_constraint", "constraints that are read: start_date"
    if not isinstance(prices, dict):
        return "no_price", "`prices` is an object with input_mtok and output_mtok"
    return None


def _constraint(entry: object) -> tuple[str, datetime.date | None]:
    """Return the kind of an entry's constraint, and the day it names."""
    constraint = entry.get("constraint") if isinstance(entry, dict) else None
    if constraint is None:
        return "none", None
    keys = set(constraint) if isinstance(constraint, dict) else set()
    if keys == {"start_time", "end_time"}:
        return "time_of_day", None
    try:
        if keys == {"start_date"}:
            return "start_date", datetime.date.fromisoformat(constraint["start_date"])
    except (TypeError, ValueError):
        pass
    return "unknown", None
