"""Token prices as sources state them, and which of them can be planned with.

**Figures.** Below 0.001 or above 10,000 USD per million tokens no list price exists: such figures
are unit slips (a price per token or per thousand in the wrong column). Zero is a free tier or an
unknown price; neither can be planned with. A cached price above the input price is an error, and
the row does without it.

**Long prompts.** A tier prices the whole request, prompt and answer, once the prompt is longer
than a threshold. The column ``prompt_from_tokens`` is the least length that has the price, so a
tier above 200,000 tokens starts at 200,001. What a tier leaves out carries over from the tier
below it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from planner.catalog.importers.files import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HIGHEST_USD_PER_MTOK = 10_000.0
LOWEST_USD_PER_MTOK = 0.001
LONGEST_PROMPT_TOKENS = 10_000_000
"""Thresholds above this are taken for errors: no model has a context of this size."""

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

Figures = dict[str, Any]
"""Figures of any type in USD per million tokens, by the column they are for."""


def provider_key(name: str) -> str:
    """Return our key of a provider that a source calls `name`."""
    key = name.strip().casefold().replace("_", "-")
    return PROVIDERS.get(key, key)


def least_tokens(above: object) -> int | None:
    """Return the least prompt length above a threshold, ``None`` when it cannot be one."""
    known = number(above)
    if known is None or not 0 <= known < LONGEST_PROMPT_TOKENS or not known.is_integer():
        return None
    return int(known) + 1


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
    hours_utc
        Hours of the day as ``HH:MM-HH:MM``; ``None`` for all that no other price covers.
    prompt_from_tokens
        Least prompt length that has this price.
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
    hours_utc: str | None = None
    prompt_from_tokens: int = 0
    valid_from: str | None = None
    valid_to: str | None = None
    notes: str = ""


def by_prompt_length(price: TokenPrice, stated: Mapping[int, Figures]) -> Iterator[TokenPrice]:
    """Yield the price of the shortest prompts and then of every tier, in order of length.

    Parameters
    ----------
    price
        Price without its figures.
    stated
        What is stated of each tier, by its least prompt length.
    """
    for prompt_from_tokens, figures in sorted({0: Figures(), **stated}.items()):
        price = replace(price, prompt_from_tokens=prompt_from_tokens, **figures)
        yield price


def wrong_price(usd_per_mtok: float | None) -> tuple[str, str] | None:
    """Return reason and detail when an input or output price cannot be planned with."""
    if usd_per_mtok is None:
        return "no_price", "input and output need a number each"
    if usd_per_mtok == 0:
        return "zero_price", "a free tier or an unknown price; neither can be planned with"
    if not LOWEST_USD_PER_MTOK <= usd_per_mtok <= HIGHEST_USD_PER_MTOK:
        span = f"{LOWEST_USD_PER_MTOK:g} to {HIGHEST_USD_PER_MTOK:,.0f} USD per million tokens"
        return "impossible_price", f"list prices lie within {span}; the unit must be wrong"
    return None


def wrong_cached_price(
    usd_per_mtok: float | None, input_usd_per_mtok: float
) -> tuple[str, str] | None:
    """Return reason and detail when a price of cached tokens cannot be used."""
    if usd_per_mtok is not None and 0 < usd_per_mtok <= input_usd_per_mtok:
        return None
    return (
        "cached_price",
        "a cached price is above 0 and at most the input price; it is left blank",
    )
