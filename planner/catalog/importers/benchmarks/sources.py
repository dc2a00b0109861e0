"""Files of a source as the JSON values in them, and the runs that a format knows among those."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.catalog.importers.benchmarks.rows import MeasuredRows
from planner.catalog.importers.files import REPEATED_KEY, decoded, unreadable
from planner.errors import InputError

if TYPE_CHECKING:
    import json
    from collections.abc import Callable
    from pathlib import Path

    from planner.catalog.importers.record import Imported, Settings

    AddRuns = Callable[[MeasuredRows, "Found"], bool]

_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Found:
    """A JSON object of a source.

    Parameters
    ----------
    place
        File, and number of the object where the file has several.
    content
        The object.
    folders
        Names of the folders that the file lies in, outermost first.
    """

    place: str
    content: dict[str, Any]
    folders: tuple[str, ...] = ()


def read_runs(source: Path, settings: Settings, accepted: str, add: AddRuns) -> Imported:
    """Return the measured rows of a file or folder.

    Parameters
    ----------
    source
        A file with one or more JSON values, or a folder with ``*.json`` at any depth.
    settings
        Catalogue to resolve names with, and the options of ``setup``.
    accepted
        What the format is, for messages.
    add
        Adds the runs of one object, and returns whether it is of the format.

    Raises
    ------
    InputError
        When an option or a single file cannot be used, or a folder has no ``*.json``.
    """
    rows = MeasuredRows(settings)
    folder = source.is_dir()
    paths = sorted(source.rglob("*.json")) if folder else [source]
    if not paths:
        raise unreadable(source, "has no *.json", f"{accepted}, or a folder of them")
    for path in paths:
        place = path.relative_to(source).as_posix() if folder else path.name
        try:
            values, repeated = _values(path, accepted)
        except InputError as error:
            if not folder:
                raise
            rows.reject(place, path.name, "unreadable", error.faults[0].message)
            continue
        for key in repeated:
            rows.reject(place, key, *REPEATED_KEY)
        folders = path.resolve().parent.parts
        unknown = 0
        for number, value in enumerate(values, start=1):
            where = place if len(values) == 1 else f"{place}#{number}"
            known = isinstance(value, dict) and add(rows, Found(where, value, folders))
            unknown += not known
        _report(rows, place, unknown, len(values), accepted)
    return rows.imported()


def _report(rows: MeasuredRows, place: str, unknown: int, values: int, accepted: str) -> None:
    if unknown or not values:
        what = f"{unknown} of {values} values" if values > 1 else place
        rows.reject(place, what, "unknown_layout", f"is not {accepted}")


def _values(path: Path, accepted: str) -> tuple[list[object], list[str]]:
    """Return the JSON values of a file, those of an array each, and the keys that stand twice."""
    values, repeated = decoded(path, accepted, _one_behind_the_other)
    return values, list(dict.fromkeys(repeated))


def _one_behind_the_other(decoder: json.JSONDecoder, text: str) -> list[object]:
    """Return every value of a text: tools that append put one behind the other."""
    values: list[object] = []
    at, end = _after_space(text, 0), len(text)
    while True:
        value, at = decoder.raw_decode(text, at)
        values += value if isinstance(value, list) else [value]
        at = _after_space(text, at)
        if at >= end:
            return values


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
