"""Misspelt fields under the name that they were meant to have.

A section under an unknown name would be read only when its name is right, and its faults be told
a round later. So where one field alone is nearly called so, and is not there, the section is
checked as that field; the unknown name stays a fault.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from planner.problem.possible import data_path
from planner.problem.schema import Problem
from planner.problem.stand_ins import fields_beside

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from planner.yaml_io import Document, Path_, YamlData

_ALIKE = 0.8
"""Similarity from which on a name can hardly be meant otherwise."""
_ROUNDS = 4
"""Depth of misspelt sections within misspelt sections."""
_NEAR = 2


@dataclass(frozen=True, slots=True)
class Misspelt:
    """An unknown field that stands for a known one.

    Parameters
    ----------
    document
        The document in which it has the name that is written.
    path
        Where it stands there.
    meant
        Its path with the name that was meant.
    error
        What the schema says of it.
    """

    document: Document
    path: Path_
    meant: Path_
    error: ErrorDetails


def respelt(document: Document) -> tuple[Document, list[Misspelt]]:
    """Return a document with misspelt fields under the names that were meant.

    Parameters
    ----------
    document
        A problem file whose data is a mapping.

    Returns
    -------
    The document with data and positions by the new names, and the fields that were renamed.
    """
    found: list[Misspelt] = []
    for _ in range(_ROUNDS):
        meant = {
            path: (name, error)
            for path, error in _unknown_fields(document.data).items()
            if (name := _meant(document.data, path)) is not None
        }
        # Of two names that mean the same field neither is taken.
        names = [(*path[:-1], name) for path, (name, _) in meant.items()]
        meant = {p: m for p, m in meant.items() if names.count((*p[:-1], m[0])) == 1}
        if not meant:
            break
        found += [Misspelt(document, p, (*p[:-1], n), error) for p, (n, error) in meant.items()]
        for path, (name, _) in meant.items():
            document = _renamed(document, path, name)
    return document, found


def _unknown_fields(data: YamlData) -> dict[Path_, ErrorDetails]:
    try:
        Problem.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return {data_path(data, d): d for d in details if d["type"] == "extra_forbidden"}
    return {}


def _meant(data: YamlData, path: Path_) -> str | None:
    """Return the only absent field that an unknown one is nearly called."""
    at = tuple(0 if isinstance(part, int) else part for part in path)
    section = data
    for part in path[:-1]:
        section = section[part]
    absent = [name for name in fields_beside(Problem, at) if name not in section]
    near = difflib.get_close_matches(str(path[-1]), absent, n=_NEAR, cutoff=_ALIKE)
    return near[0] if len(near) == 1 else None


def _renamed(document: Document, path: Path_, name: str) -> Document:
    new = (*path[:-1], name)

    def moved(place: Path_) -> Path_:
        return (*new, *place[len(path) :]) if place[: len(path)] == path else place

    return replace(
        document,
        data=_with_name(document.data, path, name),
        positions={moved(place): at for place, at in document.positions.items()},
        assigned={moved(place): text for place, text in document.assigned.items()},
    )


def _with_name(data: YamlData, path: Path_, name: str) -> YamlData:
    """Return a copy of data in which the key at the end of a path has another name."""
    first, *rest = path
    if isinstance(data, list):
        return [
            _with_name(item, tuple(rest), name) if i == first else item
            for i, item in enumerate(data)
        ]
    if not rest:
        return {name if key == first else key: value for key, value in data.items()}
    return {
        key: _with_name(value, tuple(rest), name) if key == first else value
        for key, value in data.items()
    }
