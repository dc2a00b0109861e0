"""Models of the catalogue by the names others give them.

A name stands for one of our models when

1. the catalogue already has an API offer of that provider under that very name, or
2. its folded form equals the folded id or repository name of exactly one model; hosted models
   that models.csv does not describe have only an id.

Folding takes the part after the last ``/`` in lower case, without a leading ``vendor.`` or
``meta-`` and a trailing revision ``-v1:0``; ``llama-v3p1`` reads ``llama-3.1``; separators between
digits become a point and all others vanish. A trailing id of a number format (``-fp8``) is the
format. Nothing else is taken off: ``-turbo`` or a missing ``-instruct`` may be another model, and
a wrong figure is worse than a missing one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

_NAME = re.compile(r"[A-Za-z0-9 ._:/@+-]+")
_FOLDS = (
    (re.compile(r"^(?:[a-z]+\.)+"), ""),
    (re.compile(r"^meta-(?=llama)"), ""),
    (re.compile(r"-v?[0-9]+:[0-9]+$"), ""),
    (re.compile(r"(?<=llama-)v(?=[0-9])"), ""),
    (re.compile(r"(?<=[0-9])p(?=[0-9])"), "."),
    (re.compile(r"(?<=[0-9])[^a-z0-9]+(?=[0-9])"), "."),
    (re.compile(r"(?<![0-9])[^a-z0-9]+|[^a-z0-9]+(?![0-9])"), ""),
)

_KEPT_NAMES = 4096
"""A price list has some thousand names; every list is matched with those of the catalogue."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a name stands for: a model, the format the name states, or why there is no model.

    The name is `unclear` when it stands for several models.
    """

    model: str | None
    quantization: str | None = None
    why: str = ""
    unclear: bool = False


class ModelNames:
    """Our models by the names others give them; the rule is in the module's text.

    Parameters
    ----------
    catalog
        Catalogue with the models, formats and known API offers.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._formats = {q.id.casefold(): q.id for q in catalog.quantizations}
        self._known: dict[tuple[str, str], set[tuple[str, str | None]]] = defaultdict(set)
        for offer in catalog.api_offers:
            known = (offer.model, offer.quantization)
            self._known[offer.provider, offer.model_ref].add(known)
        self._hosted = {o.model: o.weights for o in catalog.api_offers if o.weights != "open"}
        self._folded: dict[str, set[str]] = defaultdict(set)
        for hosted in self._hosted:
            self._folded[_fold(hosted)].add(hosted)
        for model in catalog.models:
            for name in filter(None, (model.id, model.hf_repo)):
                self._folded[_fold(name)].add(model.id)

    def match(self, provider: str, *names: str) -> Match:
        """Return what the first known one of `names` stands for at `provider`."""
        for name in names:
            known = self._known.get((provider, name), set())
            models = {model for model, _ in known}
            if len(models) == 1:
                return Match(models.pop(), next(iter(known))[1] if len(known) == 1 else None)
            for stem, quantization in self._spellings(name):
                found = self._folded.get(_fold(stem), set())
                if len(found) == 1:
                    return Match(next(iter(found)), quantization)
                if found:
                    several = " and ".join(f"`{model}`" for model in sorted(found))
                    return Match(None, None, f"stands for {several}", unclear=True)
        return Match(None, None, "is not a model of the catalogue under any known name")

    def weights(self, model: str | None) -> str:
        """Return how the weights of a model are known: ``open``, ``closed`` or ``unmodelled``."""
        return self._hosted.get(model or "", "open")

    def _spellings(self, name: str) -> list[tuple[str, str | None]]:
        if not _NAME.fullmatch(name):
            return []
        stem, _, last = name.rpartition("-")
        stated = self._formats.get(last.casefold())
        return [(name, None), *([(stem, stated)] if stem and stated else [])]


@lru_cache(maxsize=_KEPT_NAMES)
def _fold(name: str) -> str:
    folded = name.rsplit("/", 1)[-1].strip().casefold()
    for pattern, by in _FOLDS:
        folded = pattern.sub(by, folded)
    return folded
