"""Lines of a text file that may be broken in any way, and the list of what was not used.

A file is read line by line, each line on its own: a stray quote or a byte of another encoding
spoils its line only. What is not text at all, or ends in the middle of a compressed block, is an
:class:`~planner.errors.InputError`.
"""

from __future__ import annotations

import gzip
import io
import math
import re
import zlib
from typing import TYPE_CHECKING, BinaryIO

from planner.catalog.importers.record import Rejected
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_MOST_LINE_CHARACTERS = 1 << 20
_MOST_TEXT_CHARACTERS = 1 << 29
_MOST_REJECTED = 100_000
_SHOWN_CHARACTERS = 60
MOST_TOKENS = 10_000_000
"""Longest length that is believed; no model has a context of this size."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class UnusableError(ValueError):
    """A value that a row cannot be used with.

    Parameters
    ----------
    value
        What stands there.
    reason
        Short code to count by.
    detail
        Sentence with the way out.
    """

    def __init__(self, *, value: str, reason: str, detail: str) -> None:
        self.value = value
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


class Rejections:
    """The rows of a file that were not used, in the order they were met.

    Parameters
    ----------
    file
        Name of the file for the places.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[Rejected] = []

    def add(self, place: int | str, error: UnusableError) -> None:
        """Keep a rejection.

        Parameters
        ----------
        place
            Line from 1, or a key inside the file.
        error
            Value, reason and detail.

        Raises
        ------
        InputError
            When there are so many that the file cannot be of the stated format.
        """
        value = error.value[:_SHOWN_CHARACTERS]
        self._found.append(Rejected(f"{self.file}:{place}", value, error.reason, error.detail))
        if len(self._found) > _MOST_REJECTED:
            text = f"more than {_MOST_REJECTED:,} rows cannot be used"
            raise self.unusable(text)

    def in_order(self) -> tuple[Rejected, ...]:
        """Return all rejections, those of numbered lines by line."""
        return tuple(sorted(self._found, key=_line))

    def unusable(self, text: str) -> InputError:
        """Return the error that says why no workload can be made, with the first rejection."""
        first = self.in_order()[:1]
        because = "".join(f"; {r.place}: `{r.value}`, {r.detail}" for r in first)
        return InputError([Fault(self.file, None, None, "", f"{text}{because}")])


def read_lines(source: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers from 1 and lines without their end; blank lines are left out.

    Raises
    ------
    InputError
        When the file cannot be opened, is not text by lines, or is compressed and cut short.
    """
    line = 0
    try:
        with source.open("rb") as raw, _text(raw) as stream:
            while text := stream.readline(_MOST_LINE_CHARACTERS):
                line += 1
                if len(text) == _MOST_LINE_CHARACTERS:
                    message = "this line is longer than 1 MiB; one request per line is accepted"
                    raise InputError([Fault(str(source), line, None, "", message)])
                if text.strip():
                    yield line, text.rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(source, line, error) from error


def read_text(source: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    InputError
        When the file cannot be opened, is too large, or is compressed and cut short.
    """
    try:
        with source.open("rb") as raw, _text(raw) as stream:
            text = stream.read(_MOST_TEXT_CHARACTERS)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(source, 0, error) from error
    if len(text) == _MOST_TEXT_CHARACTERS:
        message = "is larger than 512 MiB; export a shorter range or a longer step"
        raise InputError([Fault(str(source), None, None, "", message)])
    return text


def number(text: str, column: str) -> float:
    """Return a finite number.

    Parameters
    ----------
    text
        As it stands in the file.
    column
        Column for the message.

    Raises
    ------
    UnusableError
        When the text is empty, no number, or not finite.
    """
    stripped = text.strip()
    if not stripped:
        raise UnusableError(value="", reason="missing", detail=f"{column} is empty")
    if not _NUMBER.fullmatch(stripped) or not math.isfinite(float(stripped)):
        raise UnusableError(
            value=stripped, reason="not_a_number", detail=f"{column} is not a finite number"
        )
    return float(stripped)


def tokens(text: str, column: str, least: int = 1) -> float:
    """Return a number of tokens.

    Parameters
    ----------
    text
        As it stands in the file.
    column
        Column for the message.
    least
        Smallest number that is accepted.

    Raises
    ------
    UnusableError
        When the text is no whole number from `least` to `MOST_TOKENS`.
    """
    value = number(text, column)
    if value < 0:
        raise UnusableError(value=text, reason="negative", detail=f"{column} is negative")
    if value != int(value):
        raise UnusableError(
            value=text, reason="not_whole", detail=f"{column} is not a whole number of tokens"
        )
    if value < least:
        raise UnusableError(
            value=text, reason="no_tokens", detail=f"{column} is 0: such a request does no work"
        )
    if value > MOST_TOKENS:
        raise UnusableError(
            value=text, reason="absurd", detail=f"{column} is above {MOST_TOKENS:,} tokens"
        )
    return value


def _text(raw: BinaryIO) -> io.TextIOWrapper:
    is_gzip = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    raw.seek(0)
    binary = gzip.GzipFile(fileobj=raw) if is_gzip else raw
    # A wrong byte becomes a mark in its own cell, which then is no number: the row is reported.
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace")


def _unreadable(source: Path, line: int, error: Exception) -> InputError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    message = f"cannot be read: {why}; plain text or a complete gzip file is accepted"
    return InputError([Fault(str(source), line or None, None, "", message)])


def _line(rejected: Rejected) -> int:
    tail = rejected.place.rpartition(":")[2]
    return int(tail) if tail.isdecimal() else 0
