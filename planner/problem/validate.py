"""The data of a problem file against its schema, with every fault placed in the file.

One wrong value must not hide the faults behind it: the checks that need a valid problem see what
the file may have meant (:mod:`planner.problem.possible`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from planner.errors import Fault
from planner.problem.mention import Mention
from planner.problem.messages import sentence, union_field
from planner.problem.possible import RANGE_KINDS, Possible, data_path, possible_problems
from planner.problem.respelt import respelt
from planner.problem.schema import Problem
from planner.problem.semantics import semantic_faults

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from planner.yaml_io import Document, Path_, Position, YamlData


@dataclass(frozen=True, slots=True)
class Validation:
    """What a problem file holds, and what is wrong with it.

    Parameters
    ----------
    possible
        The problem; when the schema refused values, the problems that the file may have meant.
    faults
        Everything that is wrong inside the file, what the schema refused first.
    document
        The file as it was checked: misspelt fields have the names that were meant.
    refused
        Paths of the values that the schema refused, one for each of its faults.
    """

    possible: Possible
    faults: tuple[Fault, ...]
    document: Document
    refused: tuple[Path_, ...] = ()

    @property
    def problem(self) -> Problem | None:
        """The problem, or the first of those that may have been meant, if there is one."""
        return next(iter(self.possible.problems), None)


def validate(document: Document) -> Validation:
    """Return the problem of a document with every fault inside the file."""
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else "is not a mapping of fields to values"
        message = f"{what}; start with `schema_version: 1`"
        return Validation(Possible(()), (Fault(document.file, 1, 1, "", message),), document)
    document, misspelt = respelt(document)
    unknown = [fault_at(m.document, m.path, sentence(m.error, Problem)) for m in misspelt]
    try:
        possible = Possible((Problem.model_validate(document.data),))
        found: dict[Path_, str] = {}
    except ValidationError as error:
        found = _sentences(document.data, error.errors(include_url=False))
        possible = possible_problems(document.data)
    wrong = [fault_at(document, path, message) for path, message in found.items()]
    further = possible.findings(semantic_faults)
    behind = [fault_at(document, path, message) for path, message in further]
    refused = (*found, *(m.meant for m in misspelt))
    return Validation(possible, (*wrong, *unknown, *behind), document, refused)


def fault_at(document: Document, path: Path_, message: str) -> Fault:
    """Return a fault with the position of `path`, or of its nearest known parent.

    A value that an assignment set is not in the file: the fault then names the assignment.
    """
    readable = _readable(document.data, path)
    if isinstance(message, Mention):
        message = message.placed(_place(document, message.parts[1]))
    assignment = _assignment(document, path)
    if assignment is not None:
        return Fault(f"--set {assignment}", None, None, readable, message)
    line, column = _position(document, path)
    return Fault(document.file, line, column, readable, message)


def _position(document: Document, path: Path_) -> Position:
    """Return the position of a path, or of its nearest known parent."""
    while path not in document.positions:
        path = path[:-1]
    return document.positions[path]


def _place(document: Document, path: Path_) -> str:
    """Return which item stands at a path, for a sentence."""
    if _assignment(document, path) is not None:
        return f"the item `{_readable(document.data, path)}`"
    line, column = _position(document, path)
    return f"the item at {document.file}:{line}:{column}"


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
        path = data_path(data, error)
        before = chosen.get(path)
        if before is None or error["type"].startswith(RANGE_KINDS):
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
    is_shape = error["type"].endswith("_type") and isinstance(error["input"], dict | list)
    return deeper and (is_shape or union_field(error["loc"]))


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
