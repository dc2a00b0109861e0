"""Rows of API offers that a source of token prices gives, and what it does not give.

Rows of one offer that start on one day are its price list and belong together: when a source
states two prices under one key, or an hour of the day has no usable price, none of the list is
taken. Prices of long prompts need one of short prompts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, number, shortened
from planner.catalog.importers.names import ModelNames
from planner.catalog.importers.record import Imported, Rejected
from planner.catalog.importers.token_prices import (
    by_prompt_length,
    wrong_cached_price,
    wrong_price,
)
from planner.catalog.messages import sentence
from planner.catalog.schema import ApiOffer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.importers.record import Settings
    from planner.catalog.importers.token_prices import Figures, TokenPrice

_WAY_IN = (
    "with open weights, add it to models.csv of an overlay; with closed ones, add a first row of "
    "it to api_offers.csv of an overlay, with weights closed; then import again with --catalog "
    "OVERLAY"
)
"""How a model that the catalogue does not have gets known."""
_WHICH_ONE = "a row of this provider under this name in api_offers.csv of an overlay says which"


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
        shown = shortened(place, MOST_PLACE_CHARACTERS)
        self._rejected.append(Rejected(shown, shortened(value), reason, detail))

    def unused(self, kind: str) -> None:
        """Count a price of a kind that API offers have no column for."""
        self._unused[shortened(kind)] += 1

    def knows(self, price: TokenPrice) -> bool:
        """Return whether the model is in the catalogue; record a rejection when it is not."""
        match = self.names.match(price.provider, *price.names)
        if match.model is None:
            way = _WHICH_ONE if match.unclear else _WAY_IN
            detail = f"`{shortened(price.names[0])}` {match.why}; {way}"
            self.reject(price.place, price.names[0], "unknown_model", detail)
        return match.model is not None

    def add(self, *prices: tuple[TokenPrice, Mapping[int, Figures]]) -> None:
        """Record the rows of a price list of a known model, or why it has none.

        Parameters
        ----------
        *prices
            Prices of one offer on one day, one for all hours or several that differ in them:
            each without figures, and its figures by the least prompt length, from 0 on.
        """
        made = [self._rows_of(price, stated) for price, stated in prices]
        for (price, _), rows in zip(prices, made, strict=True):
            if all(made):
                self._rows += ((price.place, row) for row in rows)
            elif rows:
                shown = price.hours_utc or "all other hours"
                detail = "other hours of the day have no usable price"
                self.reject(price.place, shown, "time_of_day", detail)

    def _rows_of(self, price: TokenPrice, stated: Mapping[int, Figures]) -> list[ApiOffer]:
        """Return a row per prompt length, none when the shortest prompts have no price."""
        shortest, *longer = by_prompt_length(price, stated)
        first = self._row(shortest)
        if first is not None:
            return [first, *(row for tier in longer if (row := self._row(tier)) is not None)]
        for tier in longer:
            shown = f"prompts from {tier.prompt_from_tokens} tokens"
            self.reject(tier.place, shown, "tier", "shorter prompts have no usable price")
        return []

    def _row(self, price: TokenPrice) -> ApiOffer | None:
        name = price.names[0]
        if not name.strip() or name != name.strip() or not name.isprintable():
            self.reject(price.place, name, "invalid", "a model's name is printable and not blank")
            return None
        figures = self._figures(price)
        if figures is None:
            return None
        try:
            return ApiOffer.model_validate(figures | self._facts(price))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {shortened(sentence(first))}"
            self.reject(price.place, first["input"], "invalid", detail)
            return None

    def _figures(self, price: TokenPrice) -> dict[str, Any] | None:
        figures: dict[str, Any] = {}
        for column in ("input_usd_per_mtok", "output_usd_per_mtok"):
            stated = getattr(price, column)
            figures[column] = number(stated)
            wrong = wrong_price(figures[column])
            if wrong:
                self.reject(price.place, stated, *wrong)
                return None
        stated = price.cached_input_usd_per_mtok
        cached = number(stated)
        wrong = wrong_cached_price(cached, figures["input_usd_per_mtok"])
        if stated is not None and wrong:
            self.reject(price.place, stated, *wrong)
        return figures | {"cached_input_usd_per_mtok": None if wrong else cached}

    def _facts(self, price: TokenPrice) -> dict[str, Any]:
        match = self.names.match(price.provider, *price.names)
        return {
            "provider": price.provider,
            "model": match.model,
            "model_ref": price.names[0],
            "mode": price.mode,
            "hours_utc": price.hours_utc,
            "prompt_from_tokens": price.prompt_from_tokens,
            "quantization": match.quantization,
            "weights": self.names.weights(match.model),
            "valid_from": price.valid_from or self.as_of,
            "valid_to": price.valid_to,
            "source": shortened(price.source, MOST_PLACE_CHARACTERS).strip(),
            "as_of": self.as_of,
            "notes": price.notes,
        }

    def imported(self, notes: tuple[str, ...] = ()) -> Imported:
        """Return everything collected; of rows with one key none is chosen by its place.

        Parameters
        ----------
        notes
            What the reader adds.
        """
        lists: dict[tuple[str, ...], list[tuple[str, ApiOffer]]] = defaultdict(list)
        for place, row in self._rows:
            key = (row.provider, row.model, row.mode, row.model_ref, row.valid_from)
            lists[key].append((place, row))
        kept = [row for rows in lists.values() for row in self._agreed(rows)]
        if self._unused:
            kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self._unused.items()))
            notes = (*notes, f"prices without a column in api_offers are left out: {kinds}")
        return Imported({"api_offers": tuple(kept)}, tuple(self._rejected), notes)

    def _agreed(self, rows: list[tuple[str, ApiOffer]]) -> list[ApiOffer]:
        """Return one row per key of a price list, none when two of one key disagree."""
        by_key: dict[tuple[str, ...], list[tuple[str, ApiOffer]]] = defaultdict(list)
        for place, row in rows:
            by_key[row.key].append((place, row))
        stated = {row.model_dump_json(exclude={"notes", "source"}) for _, row in rows}
        if len(stated) > len(by_key):
            for place, row in rows:
                detail = "the source states several prices for this model; none is taken"
                self.reject(place, row.model_ref, "contradiction", detail)
            return []
        for same in by_key.values():
            for place, row in same[1:]:
                detail = "the source states the same price twice; one row is made"
                self.reject(place, row.model_ref, "duplicate", detail)
        return [
            min((row for _, row in same), key=lambda row: (row.source, row.notes))
            for same in by_key.values()
        ]
