"""Digests of content: equal questions have equal ones, in any process and on any machine."""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("highspy", "numpy", "pulp", "pydantic")
"""What the answer may depend on, beside the planner and Python."""
_AFTER_THE_ANSWER = ("claims", "cli")
"""Rooms that read plans and have no part in making them: nothing below imports them."""


def digest_of(*values: object) -> str:
    """Return the SHA-256 of values by their content.

    Parameters
    ----------
    values
        Numbers, texts, dates, ``None``, arrays, dictionaries, sequences, dataclasses and pydantic
        models of these.

    Raises
    ------
    TypeError
        When a value is of another kind.
    """
    found = hashlib.sha256()
    for part in _parts(values):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:  # noqa: ANN401 - any tree of content
    if value is None or isinstance(value, bool | int | float | str):
        yield f"{type(value).__name__}:{value!r}".encode()
    elif isinstance(value, dt.date):
        yield f"date:{value.isoformat()}".encode()
    elif isinstance(value, np.ndarray):
        yield f"array:{value.dtype.str}:{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.generic):
        yield from _parts(value.item())
    else:
        items = _items(value)
        yield f"{type(value).__name__}:{len(items)}".encode()
        for key, item in items:
            yield from _parts(key)
            yield from _parts(item)


def _items(value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
    if isinstance(value, BaseModel):
        return [(name, getattr(value, name)) for name in type(value).model_fields]
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, dict):
        return sorted(value.items(), key=lambda item: repr(item[0]))
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    text = f"no digest of {type(value).__name__}"
    raise TypeError(text)


@cache
def software_sha256() -> str:
    """Return a digest of the code that makes plans, of its solver and libraries, and of Python."""
    root = Path(__file__).parent
    files = {
        path.relative_to(root).as_posix(): path
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] not in _AFTER_THE_ANSWER
    }
    code = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    versions = {name: version(name) for name in _PACKAGES}
    return digest_of(code, versions, platform.python_version())
