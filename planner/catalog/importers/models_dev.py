"""API prices from models.dev: its folder of TOML files, or its ``api.json``.

In the folder a file is ``providers/{provider}/models/{name}.toml``, where the name may have
slashes; ``[cost]`` has ``input``, ``output`` and ``cache_read`` in USD per million tokens and
``base_model`` says which model of another maker it is. ``api.json`` has the same under
``{provider}.models.{name}``. Models with status ``deprecated`` are rejected.

A table of ``[[cost.tiers]]`` prices a whole request whose prompt has more than ``tier.size``
tokens, as the older field ``context_over_200k`` says. Where there are tiers, that field repeats
one of them and is not read.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.files import (
    REPEATED_KEY,
    json_of,
    number,
    text_of,
    unreadable,
)
from planner.catalog.importers.offer_rows import OfferRows
from planner.catalog.importers.token_prices import TokenPrice, least_tokens, provider_key
from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings
    from planner.catalog.importers.token_prices import Figures

OPTIONS: dict[str, str] = {}
"""Keys of ``--option``: none."""
_ACCEPTED = "a folder with providers/*/models/*.toml of models.dev, or its api.json"
_COLUMNS = {
    "input": "input_usd_per_mtok",
    "output": "output_usd_per_mtok",
    "cache_read": "cached_input_usd_per_mtok",
}
_TIERS = ("tiers", "context_over_200k", "tier")


def read(source: Path, settings: Settings) -> Imported:
    """Return the API offers of models.dev.

    Parameters
    ----------
    source
        Checkout, its folder ``providers``, the folder of one provider, or ``api.json``.
    settings
        Catalogue to resolve names with, and the date the prices hold.

    Raises
    ------
    InputError
        When `source` is none of these. A single file that cannot be read is a rejection.
    """
    rows = OfferRows(settings)
    found = _read_folder(rows, source) if source.is_dir() else _read_api(rows, source)
    if not found:
        raise unreadable(source, "has no models", _ACCEPTED)
    return rows.imported(("models.dev dates no price: prices apply from the date of the source",))


def _read_folder(rows: OfferRows, source: Path) -> int:
    found = 0
    for place, path, provider, name in _files(source):
        found += 1
        try:
            entry = tomllib.loads(text_of(path, "TOML"))
        except InputError as error:
            rows.reject(place, path.name, "unreadable", error.faults[0].message)
        except (ValueError, RecursionError) as error:
            rows.reject(place, path.name, "unreadable", f"is not TOML: {error}"[:200])
        else:
            _entry(rows, place, provider, name, entry)
    return found


def _files(source: Path) -> Iterator[tuple[str, Path, str, str]]:
    """Yield place, path, provider and model name of every model file, in order of paths."""
    # The maker's facts lie beside `providers` in models/{maker}/ and have no prices.
    root = source / "providers" if (source / "providers").is_dir() else source
    for path in sorted(root.rglob("*.toml")):
        parts = (root.resolve().name, *path.relative_to(root).parts)
        # A name of a model may itself have a folder called models (accounts/x/models/y).
        at = next((i for i, part in enumerate(parts[:-1]) if i and part == "models"), None)
        if at is not None:
            name = "/".join(parts[at + 1 :]).removesuffix(".toml")
            yield path.relative_to(source).as_posix(), path, parts[at - 1], name


def _read_api(rows: OfferRows, source: Path) -> int:
    document, repeated = json_of(source, _ACCEPTED)
    for key in repeated:
        rows.reject(source.name, key, *REPEATED_KEY)
    found = 0
    for provider, stated in document.items() if isinstance(document, dict) else ():
        models = stated.get("models") if isinstance(stated, dict) else None
        if not isinstance(models, dict):
            detail = "a provider has an object `models`"
            rows.reject(f"{source.name}:{provider}", provider, "not_a_provider", detail)
            continue
        for name, entry in models.items():
            found += 1
            _entry(rows, f"{source.name}:{provider}.{name}", provider, name, entry)
    return found


def _entry(rows: OfferRows, place: str, provider: str, name: str, entry: object) -> None:
    if not isinstance(entry, dict):
        rows.reject(place, entry, "not_a_model", "a model is a table with [cost]")
        return
    base = entry.get("base_model")
    cost = entry.get("cost")
    if not isinstance(cost, dict):
        rows.reject(place, name, "no_price", "has no [cost]")
        return
    if entry.get("status") == "deprecated":
        rows.reject(place, name, "deprecated", "the provider is taking it down")
        return
    price = TokenPrice(
        place=place,
        provider=provider_key(provider),
        names=(name, base) if isinstance(base, str) else (name,),
        source=f"models.dev (MIT) providers/{provider}/models/{name}.toml",
    )
    if rows.knows(price):
        rows.add((price, {0: _figures(rows, place, cost), **_tiers(rows, place, cost)}))


def _figures(rows: OfferRows, place: str, cost: dict[str, Any]) -> Figures:
    """Return the figures of a table of prices, and report those that no column holds."""
    for field, value in cost.items():
        if field in _COLUMNS or field in _TIERS:
            continue
        if number(value) is not None:
            rows.unused(field)
        else:
            rows.reject(place, field, "no_price", "a price is a number")
    return {column: cost[field] for field, column in _COLUMNS.items() if field in cost}


def _tiers(rows: OfferRows, place: str, cost: dict[str, Any]) -> dict[int, Figures]:
    """Return the figures of long prompts by the least prompt length."""
    figures: dict[int, Figures] = {}
    for tier in _stated_tiers(cost):
        stated = tier.get("tier") if isinstance(tier, dict) else None
        limit = stated if isinstance(stated, dict) else {}
        start = least_tokens(limit.get("size"))
        if start is None or limit.get("type", "context") != "context":
            rows.reject(place, tier, "tier", "a tier states the `size` of a context in tokens")
        else:
            figures[start] = _figures(rows, place, tier)
    return figures


def _stated_tiers(cost: dict[str, Any]) -> list[Any]:
    """Return the tiers of a table of prices; the older field counts where there is no list."""
    if "tiers" in cost:
        return cost["tiers"] if isinstance(cost["tiers"], list) else [cost["tiers"]]
    if "context_over_200k" not in cost:
        return []
    older = cost["context_over_200k"]
    return [{**older, "tier": {"size": 200_000}} if isinstance(older, dict) else older]
