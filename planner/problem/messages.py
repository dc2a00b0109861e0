"""Sentences for validation errors: the value, what is accepted, and the nearest right name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from planner.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from planner.yaml_io import YamlData

_UNIT_WORDS = {
    "_ms": "milliseconds",
    "_usd": "US dollars",
    "_rps": "requests per second",
    "_tokens": "tokens",
    "_per_day": "requests per day",
    "_per_year": "a fraction per year",
    "_days": "days",
    "_kw": "kilowatts",
}
_FIELD_WORDS = {
    "limit": "milliseconds",
    "mean": "tokens",
    "p50": "tokens",
    "p95": "tokens",
    "p99": "tokens",
    "max": "tokens",
}
_UNION_WORDS = {
    "profile": "the name of a profile, or a list of 24 (or 168) numbers",
    "percentile": "a number of at least 1 and below 100, or `mean`",
    "growth_per_period": "a number above 0, or a list with one for each period",
    "usd_per_node": "a number of at least 0, or a list with one for every period and the end",
    "excluded_options": "a list; each item is the id of an option, or a group of `option`, "
    "`periods` and `blocks`",
    "electricity_usd_per_kwh": "a number of at least 0, or a list of 24, one for each hour",
    "budget_usd": "a number of at least 0, or `cash`, `capex` and `opex` apart",
    "residency": "`any`, `on_prem_only` or a list of regions",
    "speculative_decoding": "`off`, `on` or a list of drafts",
}
"""Fields of more than one shape, whose branches would each give a fault of their own."""
_LENGTH_GROWTH, _AXES = "length_growth_per_period", ("isl", "osl")
_FRACTIONS = (
    "discount_rate_per_year",
    "hit_rate",
    "min_score",
    "min_relative",
    "score",
    "max_utilization",
    "confidence",
    "forecast_confidence",
    "forecast_cv",
)
_PERCENT = 100.0
_SHOWN_CHARACTERS = 60
_RANGES = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_NAME_FORM = "a name; use letters, digits, `.`, `_` and `-`, a letter or digit first"
_MONTH_FORM = "a month; write YYYY-MM from 2000-01 to 2099-12, for example 2027-01"
_FIXED = {
    "missing": "`{field}` is required and missing",
    "string_pattern_mismatch": "{value} is not {form}",
    "too_short": "is empty; give at least one",
    "string_too_short": "is empty text; give a name, or leave the field out",
    "finite_number": "{value} is not a finite number; write a plain number",
}
_TOO_FEW = "{value} has too few items; give {least} or more"
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
}


def sentence(error: ErrorDetails, root: type[BaseModel]) -> str:
    """Return what is wrong, with the value and what would be accepted.

    Parameters
    ----------
    error
        One error of the validation of `root`.
    root
        Model of the whole file; knows the fields for suggestions.
    """
    kind, value, location = error["type"], error["input"], error["loc"]
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_field(str(location[-1]), _model_at(root, location[:-1]))
    if kind in _RANGES:
        return _out_of_range(kind, value, context, location)
    if union_field(location) and isinstance(location[-1], str):
        return f"{shown(value)} is not accepted; give {_UNION_WORDS[_field(location)]}"
    if kind == "literal_error":
        return _not_among(value, str(context["expected"]))
    if kind in _FIXED:
        what = _MONTH_FORM if _field(location) in {"start", "since", "until"} else _NAME_FORM
        text = _TOO_FEW if kind == "too_short" and value else _FIXED[kind]
        least = context.get("min_length")
        return text.format(field=location[-1], value=shown(value), form=what, least=least)
    return _wrong_type(kind, value, location)


def shown(value: YamlData) -> str:
    """Return a value as it would stand in the file, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"a group of fields ({_cut(', '.join(map(str, value)))})"
    if isinstance(value, list):
        return _cut(f"[{', '.join(shown(v) for v in value)}]")
    return f"`{_cut(str(value))}`"


def union_field(location: tuple[Any, ...]) -> bool:
    """Return whether a location is inside a field that takes more than one shape."""
    return _field(location) in _UNION_WORDS


def _cut(text: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _unknown_field(raw_name: str, model: type[BaseModel] | None) -> str:
    name = _cut(raw_name)
    known = list(model.model_fields) if model else []
    if name.isdigit():
        return f"unknown field `{name}`; write thousands without a comma, as 2000 or 2_000"
    hint = did_you_mean(name, known)
    accepted = "" if hint or not known else f"; accepted here: {', '.join(known)}"
    return f"unknown field `{name}`{hint}{accepted}"


def _not_among(value: YamlData, expected: str) -> str:
    options = [option.strip("'\" ") for option in expected.replace(" or ", ",").split(",")]
    listing = f"use {expected}" if isinstance(value, str) else f"use {', '.join(options)}"
    if isinstance(value, str) and value in options:
        return f"'{value}' is text; write {value} without quotes"
    hint = did_you_mean(value, options) if isinstance(value, str) else ""
    return f"{shown(value)} is not accepted; {listing.replace(chr(39), '`')}{hint}"


def _out_of_range(
    kind: str, value: YamlData, context: dict[str, Any], location: tuple[Any, ...]
) -> str:
    word, key = _RANGES[kind]
    text = f"{shown(value)} is out of range; it must be {word} {context[key]:g}{_unit(location)}"
    field = _field(location)
    if field in _FRACTIONS and key in {"le", "lt"}:
        text += f". It is a fraction: for {value:g} % write {value / _PERCENT:g}"
    if field == "percentile" and key == "ge" and value > 0:
        text += f". It is in percent: write {value * _PERCENT:g}"
    return text


def _wrong_type(kind: str, value: YamlData, location: tuple[Any, ...]) -> str:
    wanted = next((w for start, w in _WANTED.items() if kind.startswith(start)), None)
    if wanted is None:
        wanted = "a group of fields"
    text = f"needs {wanted}{_unit(location)}, got {shown(value)}"
    numeric = wanted in {_WANTED["int"], _WANTED["float"]}
    if numeric and isinstance(value, str) and re.match(r"\s*[\d.]", value):
        return text + _number_hint(value, location)
    if numeric and isinstance(value, int) and not isinstance(value, bool):
        return f"{shown(value)} is larger than any number this can be"
    if kind.startswith("string") and _field(location) == "start":
        return f"{shown(value)} is not {_MONTH_FORM}"
    if kind.startswith("string") and isinstance(value, int | float):
        return f'{text}; put it in quotes: "{value}"'
    if kind.startswith("list") and isinstance(value, str | int | float):
        return f"{text}; write [{value}]"
    return text


def _number_hint(value: str, location: tuple[Any, ...]) -> str:
    percent = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)
    if percent and _field(location) in _FRACTIONS:
        return f"; write {float(percent[1]) / _PERCENT:g}"
    return "; write the number alone, without quotes or unit"


def _unit(location: tuple[Any, ...]) -> str:
    field = _field(location)
    if field in _FIELD_WORDS:
        return f" ({_FIELD_WORDS[field]})"
    return next((f" ({w})" for end, w in _UNIT_WORDS.items() if field.endswith(end)), "")


def _field(location: tuple[Any, ...]) -> str:
    """Return the name of the field at a location, without the parts that name a branch."""
    names = [part for part in location if isinstance(part, str) and part.isidentifier()]
    name = next((n for n in reversed(names) if n not in {"str", "float", "int"}), "")
    # Elsewhere the same names are fields of one shape.
    return "growth_per_period" if _LENGTH_GROWTH in names[:-1] and name in _AXES else name


def _model_at(model: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and current is not None:
            field = current.model_fields.get(part)
            # Anything else is the key of a mapping or the name of a union's branch.
            current = current if field is None else _inner_model(field.annotation)
    return current


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
