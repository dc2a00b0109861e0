"""Sources as text or JSON, and what stands in them as short text or a number.

Everything a source holds is untrusted: a file is read only up to `MOST_BYTES`, and what is shown
of it is cut and made printable. A file that cannot be read is an
:class:`~planner.errors.InputError` with its name, its line where that is known, and what would be
accepted.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Value = TypeVar("Value")
MOST_BYTES = 256 * 1024 * 1024
"""Size above which a file is not read."""
MOST_PLACE_CHARACTERS = 300
"""Characters of a place or source that are shown."""
REPEATED_KEY = ("repeated_key", "stands twice; JSON keeps the last one")
"""Reason and detail of a key that an object has twice."""


def text_of(path: Path, accepted: str) -> str:
    """Return the text of a UTF-8 file with or without a mark.

    Parameters
    ----------
    path
        File to read.
    accepted
        What the reader accepts, for the message.

    Raises
    ------
    InputError
        When the file cannot be read, is too large, or is not UTF-8.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except (OSError, ValueError) as error:
        message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise unreadable(path, message, accepted) from error
    if size > MOST_BYTES:
        message = f"has {size:,} bytes, and at most {MOST_BYTES:,} are read"
        raise unreadable(path, message, accepted)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind the mark, in the bytes it keeps with the error.
        line = error.object.count(b"\n", 0, error.start) + 1
        raise unreadable(path, "is not UTF-8; save it as UTF-8", accepted, line) from error


def decoded(
    path: Path, accepted: str, decode: Callable[[json.JSONDecoder, str], Value]
) -> tuple[Value, list[str]]:
    """Return what `decode` makes of the text of a file, and the keys that an object has twice.

    Parameters
    ----------
    path
        File to read.
    accepted
        What the reader accepts, for the message.
    decode
        Reads the text with a decoder that notices repeated keys.

    Raises
    ------
    InputError
        When the file cannot be read or is no JSON.
    """
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) < len(items):
            counts = Counter(key for key, _ in items)
            repeated.extend(key for key, count in counts.items() if count > 1)
        return value

    text = text_of(path, accepted)
    try:
        value = decode(json.JSONDecoder(object_pairs_hook=pairs), text)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg}"
        raise unreadable(path, message, accepted, error.lineno, error.colno) from error
    except (ValueError, RecursionError) as error:
        message = "is not JSON: nested too deep, or a number too long"
        raise unreadable(path, message, accepted) from error
    return value, repeated


def json_of(path: Path, accepted: str) -> tuple[dict[str, Any] | list[Any], list[str]]:
    """Return the object or array of a JSON file, and the keys that an object has twice.

    Parameters
    ----------
    path
        File to read.
    accepted
        What the reader accepts, for the message.

    Raises
    ------
    InputError
        When the file cannot be read or is no such JSON.
    """
    value, repeated = decoded(path, accepted, lambda decoder, text: decoder.decode(text))
    if not isinstance(value, dict | list):
        raise unreadable(path, "is JSON, but neither an object nor an array", accepted)
    return value, repeated


def json_object(path: Path, accepted: str) -> tuple[dict[str, Any], list[str]]:
    """Return the object of a JSON file, and the keys that it or a part of it has twice.

    Parameters
    ----------
    path
        File to read.
    accepted
        What the reader accepts, for the message.

    Raises
    ------
    InputError
        When the file cannot be read or holds no JSON object.
    """
    value, repeated = json_of(path, accepted)
    if not isinstance(value, dict):
        raise unreadable(path, "is JSON but not an object", accepted)
    return value, repeated


def unreadable(
    path: Path, message: str, accepted: str, line: int | None = None, column: int | None = None
) -> InputError:
    """Return the error of a source that cannot be read, with what would be accepted."""
    shown = shortened(path, MOST_PLACE_CHARACTERS)
    return InputError([Fault(shown, line, column, "", f"{message}; accepted: {accepted}")])


def shortened(value: object, most: int = 60) -> str:
    """Return a value of a source as one printable line of at most `most` characters."""
    try:
        text = str(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} too long to show"
    shown = text[: most + 1]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else "?" for c in shown)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def number(value: object) -> float | None:
    """Return a finite number as a float, ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None
