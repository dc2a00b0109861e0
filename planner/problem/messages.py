"""Sentences for validation errors: the value, what is accepted, and the nearest right name."""

from __future__ import annotations

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


def sentence(error: ErrorDetails, root: type[BaseModel]) -> str:
    """Return what is wrong, with the value and what would be accepted."""
    kind, value, location = error["type"], error["input"], error["loc"]
    if kind == "extra_forbidden":
        return _unknown_field(str(location[-1]), _model_at(root, location[:-1]))
    if kind == "missing":
        return f"`{location[-1]}` is required and missing"
    context = error.get("ctx", {})
    if kind == "literal_error":
        expected = str(context["expected"])
        options = [option.strip("'\" ") for option in expected.replace(" or ", ",").split(",")]
        hint = did_you_mean(str(value), options)
        return f"{value!r} is not accepted; use {expected}{hint}"
    if kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        return _out_of_range(kind, value, context, location)
    if kind.endswith("_type") or kind.endswith("_parsing") or kind == "int_from_float":
        return _wrong_type(kind, value, location)
    return f"{error['msg']}, got {value!r}"


def _unknown_field(name: str, model: type[BaseModel] | None) -> str:
    known = list(model.model_fields) if model else []
    hint = did_you_mean(name, known)
    accepted = "" if hint or not known else f"; accepted here: {', '.join(known)}"
    return f"unknown field `{name}`{hint}{accepted}"


def _out_of_range(
    kind: str, value: YamlData, context: dict[str, Any], location: tuple[Any, ...]
) -> str:
    word, key = {
        "greater_than": ("above", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("below", "lt"),
        "less_than_equal": ("at most", "le"),
    }[kind]
    text = f"{value!r} is out of range; it must be {word} {context[key]}{_unit(location)}"
    if key in {"le", "lt"} and context[key] == 1 and isinstance(value, int | float):
        text += f". It is a fraction: for {value:g} % write {value / 100:g}"
    return text


def _wrong_type(kind: str, value: YamlData, location: tuple[Any, ...]) -> str:
    if kind.startswith("int"):
        wanted = "a whole number"
    elif kind.startswith("float"):
        wanted = "a number"
    elif kind.startswith("string"):
        wanted = "text"
    elif kind.startswith("bool"):
        wanted = "true or false"
    elif kind.startswith("list"):
        wanted = "a list"
    else:
        wanted = "a group of fields"
    return f"needs {wanted}{_unit(location)}, got {value!r}"


def _unit(location: tuple[Any, ...]) -> str:
    names = [part for part in location if isinstance(part, str)]
    field = next((n for n in reversed(names) if n.islower()), "")
    if field in _FIELD_WORDS:
        return f" ({_FIELD_WORDS[field]})"
    return next((f" ({w})" for end, w in _UNIT_WORDS.items() if field.endswith(end)), "")


def _model_at(model: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str) and current is not None:
            field = current.model_fields.get(part)
            current = None if field is None else _inner_model(field.annotation)
    return current


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
