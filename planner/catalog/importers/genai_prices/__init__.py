"""API prices from genai-prices: the installed package, or its ``data.json``.

The source ``installed`` reads the optional package (``inference-planner[genai-prices]``), any
other source is a file: a list of providers, each with ``models[].prices`` in USD per million
tokens. Prices are one object, or a list of objects with a ``constraint``, of which the last that
applies counts. What they become:

==============================  ================================================================
``{base, tiers}``               one row for short prompts and one per ``start`` of a tier
``start_date``                  ``valid_from``, and ``valid_to`` of the price before it
``start_time``/``end_time``     ``hours_utc``, less the hours that a later entry takes
variant ``processing: batch``   mode ``batch``; keys it leaves out are those of the standard price
other variants                  rejected (``variant``)
other constraints               rejected (``unknown_constraint``)
==============================  ================================================================

A tier prices all tokens of a request whose input has more than ``start`` tokens, cached ones
included; so says ``TieredPrices`` of the package, and its ``calc_unit_price`` compares with ``>``.
A tier at 200,000 hence is ``prompt_from_tokens`` 200,001, and one at 199,999 is 200,000. Keys
without tiers have one price at all lengths.

A price without a date applies from the date of the source. An undated price that a dated one has
replaced by then, or one that a later entry hides, is rejected (``superseded``). When the price of
some hours cannot be used, that of the other hours alone would be wrong, and is rejected too
(``time_of_day``). The package uses the first entry when none applies; here such hours or days have
no price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.importers.files import REPEATED_KEY, json_of, unreadable
from planner.catalog.importers.genai_prices.installed import INSTALLED, installed_providers
from planner.catalog.importers.genai_prices.model import add_model
from planner.catalog.importers.offer_rows import OfferRows
from planner.catalog.importers.token_prices import TokenPrice, provider_key

if TYPE_CHECKING:
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings

OPTIONS: dict[str, str] = {}
"""Keys of ``--option``: none."""
_ACCEPTED = f"data.json of genai-prices, or `{INSTALLED}` for the installed package"


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
    rows = OfferRows(settings)
    if str(source) == INSTALLED and not source.exists():
        providers: object
        providers, origin = installed_providers()
    else:
        providers, repeated = json_of(source, _ACCEPTED)
        origin = f"genai-prices (MIT) {source.name}"
        for key in repeated:
            rows.reject(source.name, key, *REPEATED_KEY)
    if not isinstance(providers, list):
        raise unreadable(source, "is JSON but no list of providers", _ACCEPTED)
    for number, provider in enumerate(providers):
        _provider(rows, f"{source.name}:{number}", origin, provider)
    return rows.imported(("a price without a start date applies from the date of the source",))


def _provider(rows: OfferRows, place: str, origin: str, provider: object) -> None:
    name = provider.get("id") if isinstance(provider, dict) else None
    models = provider.get("models") if isinstance(provider, dict) else None
    if not isinstance(name, str) or not isinstance(models, list):
        rows.reject(place, name, "not_a_provider", "a provider has `id` and a list `models`")
        return
    for number, model in enumerate(models):
        key = model.get("id") if isinstance(model, dict) else None
        if not isinstance(key, str):
            rows.reject(f"{name}:{number}", key, "not_a_model", "a model has an `id`")
            continue
        price = TokenPrice(
            place=f"{name}:{key}", provider=provider_key(name), names=(key,), source=origin
        )
        if rows.knows(price):
            add_model(rows, price, model)
