"""Providers of the installed package genai-prices, in the form of its ``data.json``."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal
from importlib import import_module, metadata
from typing import Any

from planner.errors import Fault, InputError

INSTALLED = "installed"
"""Name of the source that stands for the installed package."""
_FIELDS = {
    *("id", "models", "prices", "price_variants", "when", "constraint", "base", "tiers"),
    *("start", "price", "start_date", "start_time", "end_time"),
}
"""What is read of the package's objects; matching rules and texts are not."""


def installed_providers() -> tuple[list[Any], str]:
    """Return the package's providers in the form of its file, and where they come from.

    Raises
    ------
    InputError
        When the package is missing.
    """
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
