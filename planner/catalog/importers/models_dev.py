"""API prices from models.dev: its folder of TOML files, or its ``api.json``.

In the folder a file is ``providers/{provider}/models/{name}.toml``, where the name may have
slashes; ``[cost]`` has ``input``, ``output`` and ``cache_read`` in USD per million tokens and
``base_model`` says which model of another maker it is. ``api.json`` has the same under
``{provider}.models.{name}``. Names and judgement of prices are those of
:mod:`planner.catalog.importers.litellm`; ``tiers`` and ``context_over_200k`` are tiers and
rejected, and so are models with status ``deprecated``.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.litellm import OfferRows, TokenPrice, provider_key
from planner.catalog.importers.lm_eval import json_object, number, text_of, unreadable
from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings

_ACCEPTED = "a folder with providers/*/models/*.toml of models.dev, or its api.json"
_USED = ("input", "output", "cache_read")


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
        raise unreadable(source, "has no models", None, _ACCEPTED)
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
    document, repeated = json_object(source, _ACCEPTED)
    for key in repeated:
        rows.reject(source.name, key, "repeated_key", "stands twice; JSON keeps the last one")
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
    names = (name, base) if isinstance(base, str) else (name,)
    cost = entry.get("cost")
    if not isinstance(cost, dict):
        rows.reject(place, name, "no_price", "has no [cost]")
        return
    if entry.get("status") == "deprecated":
        rows.reject(place, name, "deprecated", "the provider is taking it down")
        return
    key = provider_key(provider)
    rows.add(
        TokenPrice(
            place=place,
            provider=key,
            names=names,
            source=f"models.dev (MIT) providers/{provider}/models/{name}.toml",
            input_usd_per_mtok=cost.get("input"),
            output_usd_per_mtok=cost.get("output"),
            cached_input_usd_per_mtok=cost.get("cache_read"),
        )
    )
    if rows.names.match(key, *names).model is not None:
        _leftover(rows, place, cost)


def _leftover(rows: OfferRows, place: str, cost: dict[str, Any]) -> None:
    """Report the prices of a known model that no column holds."""
    for field, value in cost.items():
        if field in _USED:
            continue
        if number(value) is not None:
            rows.unused(field)
        else:
            rows.reject(place, field, "tier", "the base tier is used for all lengths")
