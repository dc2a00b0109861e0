"""Values that may stand where the schema refused one: few, and far apart.

What is found with all of them does not depend on the value that is wrong.
"""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from planner.yaml_io import Path_

_WHOLE = (0, 1, 2, 7, 20, 60, 1_000, 1_000_000)
_REAL = (-0.5, 0.0, 1e-4, 0.01, 0.5, 0.9, 0.999, 1.0, 2.0, 24.0, 60.0, 1e3, 1e6, 1e9)
_TEXT = ("2000-01", "2049-06", "2099-12")
"""Months, and names as well."""
_SIMPLE: dict[Any, tuple[Any, ...]] = {
    int: _WHOLE,
    float: _REAL,
    str: _TEXT,
    bool: (False, True),
    type(None): (None,),
}
_UNION = (Union, UnionType)
Type_ = Any
"""The annotation of a field, which Python has no type for."""


def stand_ins(model: type[BaseModel], path: Path_) -> list[Any]:
    """Return values that the field at a path accepts, none where there is no such field.

    Parameters
    ----------
    model
        Model of the whole document.
    path
        Keys and indices that lead to the value.
    """
    return [value for annotation in _at(model, path) for value in _accepted(annotation)]


def is_optional(model: type[BaseModel], path: Path_) -> bool:
    """Return whether the field at a path may be left out.

    Parameters
    ----------
    model, path
        As in :func:`stand_ins`.
    """
    if not path or not isinstance(path[-1], str):
        return False
    field = fields_beside(model, path).get(path[-1])
    return field is not None and not field.is_required()


def fields_beside(model: type[BaseModel], path: Path_) -> dict[str, FieldInfo]:
    """Return the fields of the section that holds the value at a path, by name.

    Parameters
    ----------
    model, path
        As in :func:`stand_ins`.
    """
    sections = [s for a in _at(model, path[:-1]) for s in _shapes(a) if _is_model(s)]
    return {name: field for section in sections for name, field in section.model_fields.items()}


def _at(model: type[BaseModel], path: Path_) -> list[Any]:
    """Return the types that the value at a path may have."""
    found: list[Any] = [model]
    for part in path:
        found = [
            inner for annotation in found for shape in _shapes(annotation)
            for inner in _inside(shape, part)
        ]  # fmt: skip
    return found


def _inside(shape: Type_, part: str | int) -> list[Any]:
    if isinstance(part, str) and _is_model(shape):
        field = shape.model_fields.get(part)
        return [] if field is None else [field.rebuild_annotation()]
    if isinstance(part, int) and _origin(shape) is list:
        return [get_args(shape)[0]]
    if isinstance(part, str) and _origin(shape) is dict:
        return [get_args(shape)[1]]
    return []


def _shapes(annotation: Type_) -> list[Any]:
    """Return the branches of a type without their constraints."""
    if _origin(annotation) is Annotated:
        return _shapes(get_args(annotation)[0])
    if _origin(annotation) in _UNION:
        return [shape for branch in get_args(annotation) for shape in _shapes(branch)]
    return [annotation]


def _accepted(annotation: Type_) -> list[Any]:
    """Return values of a type that its constraints accept, of every branch of a union."""
    if _origin(annotation) in _UNION:
        return [value for branch in get_args(annotation) for value in _accepted(branch)]
    origin, arguments = _origin(annotation), get_args(annotation)
    if origin is Annotated:
        adapter = TypeAdapter[Any](annotation)
        inner = arguments[0]
        return _apart([v for v in _raw(inner) if _accepts(adapter, v)], inner)
    return _apart(_raw(annotation), annotation) if origin is not Literal else list(arguments)


def _raw(annotation: Type_) -> list[Any]:
    origin, arguments = _origin(annotation), get_args(annotation)
    if _origin(annotation) in _UNION or origin is Annotated:
        return _accepted(annotation)
    if origin is Literal:
        return list(arguments)
    if origin is list:
        items = _accepted(arguments[0])
        return [[], *([item] for item in items), items]
    if origin is dict:
        return [{}]
    if _is_model(annotation):
        return _least(annotation)
    return list(_SIMPLE.get(annotation, ()))


def _least(model: type[BaseModel]) -> list[Any]:
    """Return a section with its required fields only, none where one has no stand-in."""
    required = {n: f for n, f in model.model_fields.items() if f.is_required()}
    values = {name: _accepted(field.rebuild_annotation()) for name, field in required.items()}
    return [{name: found[0] for name, found in values.items()}] if all(values.values()) else []


def _apart(values: list[Any], annotation: Type_) -> list[Any]:
    """Return the least, a middle and the greatest of plain values, all of others."""
    if annotation not in (int, float) or not values:
        return values
    return list(dict.fromkeys((values[0], values[len(values) // 2], values[-1])))


def _accepts(adapter: TypeAdapter[Any], value: object) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def _origin(annotation: Type_) -> Type_:
    return get_origin(annotation)


def _is_model(shape: Type_) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)
