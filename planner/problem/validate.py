"""The data of a problem file against its schema, with every fault placed in the file.

One wrong value must not hide the faults behind it: values that the schema refuses are taken out,
and the rest of the file goes through the checks that need a valid problem.
"""

from __future__ import annotations

import copy
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from planner.errors import Fault
from planner.problem.messages import sentence, union_field
from planner.problem.schema import Problem
from planner.problem.semantics import independent_of, semantic_faults

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from planner.yaml_io import Document, Path_, YamlData

_ROUNDS = 4
_RANGE_KINDS = ("greater_than", "less_than", "finite_number")
_PLACEHOLDERS: dict[str, Any] = {
    "schema_version": 1,
    "name": "unnamed",
    "start": "2027-01",
    "horizon": {"start": "2027-01"},
    "arrival": {"requests_per_day": 1},
}
"""Stand-ins for values that are required and missing, while the rest of the file is checked."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What a problem file holds, and what is wrong with it.

    Parameters
    ----------
    problem
        The problem; when `faults` is not empty, what is left of it without them, or ``None``.
    faults
        Everything that is wrong inside the file.
    refused
        Paths of the values that the schema refused.
    """

    problem: Problem | None
    faults: tuple[Fault, ...]
    refused: tuple[Path_, ...] = ()


def validate(document: Document) -> Validation:
    """Return the problem of a document with every fault inside the file."""
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else "is not a mapping of fields to values"
        message = f"{what}; start with `schema_version: 1`"
        return Validation(None, (Fault(document.file, 1, 1, "", message),))
    try:
        problem: Problem | None = Problem.model_validate(document.data)
        found: dict[Path_, str] = {}
    except ValidationError as error:
        found = _sentences(document.data, error.errors(include_url=False))
        problem = _rest(document.data)
    findings = semantic_faults(problem) if problem is not None else []
    places = [*found.items(), *independent_of(findings, found)]
    faults = tuple(fault_at(document, path, message) for path, message in places)
    return Validation(problem, faults, tuple(found))


def fault_at(document: Document, path: Path_, message: str) -> Fault:
    """Return a fault with the position of `path`, or of its nearest known parent.

    A value that an assignment set is not in the file: the fault then names the assignment.
    """
    readable = _readable(document.data, path)
    assignment = _assignment(document, path)
    if assignment is not None:
        return Fault(f"--set {assignment}", None, None, readable, message)
    known = path
    while known not in document.positions:
        known = known[:-1]
    line, column = document.positions[known]
    return Fault(document.file, line, column, readable, message)


def _assignment(document: Document, path: Path_) -> str | None:
    """Return the assignment that set the value at `path`, or made it out of nothing."""
    for length in range(len(path), 0, -1):
        assignment = document.assigned.get(path[:length])
        if assignment is not None:
            return assignment
    if path in document.positions:
        return None
    inside = (text for place, text in document.assigned.items() if place[: len(path)] == path)
    return next(inside, None)


def _sentences(data: YamlData, errors: list[ErrorDetails]) -> dict[Path_, str]:
    """Return one sentence for every place: the branches of a union are one fault."""
    chosen: dict[Path_, ErrorDetails] = {}
    for error in errors:
        path = _data_path(data, error)
        before = chosen.get(path)
        if before is None or error["type"].startswith(_RANGE_KINDS):
            chosen[path] = error
    kept = {
        path: error
        for path, error in chosen.items()
        if not _repeated_below(path, error, chosen) and not _misspelt(path, error, chosen)
    }
    return {path: sentence(error, Problem) for path, error in kept.items()}


def _repeated_below(path: Path_, error: ErrorDetails, others: dict[Path_, ErrorDetails]) -> bool:
    """Return whether another branch of the same union found the fault further inside."""
    deeper = any(len(p) > len(path) and p[: len(path)] == path for p in others)
    return deeper and union_field(error["loc"])


def _misspelt(path: Path_, error: ErrorDetails, others: dict[Path_, ErrorDetails]) -> bool:
    """Return whether a missing field stands beside it under a similar, unknown name."""
    if error["type"] != "missing":
        return False
    beside = [
        str(p[-1])
        for p, other in others.items()
        if other["type"] == "extra_forbidden" and p[:-1] == path[:-1]
    ]
    return bool(difflib.get_close_matches(str(path[-1]), beside, n=1))


def _data_path(data: YamlData, error: ErrorDetails) -> Path_:
    """Return the place of an error without the parts that name the branch of a union."""
    path: list[str | int] = []
    node = data
    for part in error["loc"]:
        inside = part in node if isinstance(node, dict) else False
        if isinstance(node, list) and isinstance(part, int):
            inside = part < len(node)
        if inside:
            node = node[part]
            path.append(part)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return tuple(path)


def _rest(data: YamlData) -> Problem | None:
    """Return the problem without the values that the schema refuses, if one is left."""
    rest = copy.deepcopy(data)
    for _ in range(_ROUNDS):
        try:
            return Problem.model_validate(rest)
        except ValidationError as error:
            details = error.errors(include_url=False)
            places = [(_data_path(rest, d), d["type"] == "missing") for d in details]
            for path, missing in places:
                parent = _node(rest, path[:-1])
                if missing and path[-1] in _PLACEHOLDERS and isinstance(parent, dict):
                    parent[path[-1]] = _PLACEHOLDERS[str(path[-1])]
                else:
                    _take_out(rest, path[:-1] if missing else path)
    return None


def _take_out(data: YamlData, path: Path_) -> None:
    """Remove the value at `path`, or the list it is an item of, unless it is gone already.

    Items of a list stay where they are, so that paths keep their meaning.
    """
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    parent = _node(data, path[:-1]) if path else None
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def _node(data: YamlData, path: Path_) -> YamlData:
    node = data
    for part in path:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def _readable(data: YamlData, path: Path_) -> str:
    """Return the dotted path with list items by name."""
    parts: list[str] = []
    node = data
    for part in path:
        if isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
            named = isinstance(node, dict) and isinstance(node.get("name"), str)
            parts.append(str(node["name"]) if named else str(part))
        else:
            node = node.get(part) if isinstance(node, dict) else None
            parts.append(str(part))
    return ".".join(parts)
