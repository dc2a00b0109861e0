"""Reads a problem file into a validated :class:`Problem`, with every fault reported at once.

Order of priority: the file, then a named scenario, then ``--set`` assignments. The result is
validated like a file that had been written that way.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from planner.catalog.location import shipped_path
from planner.errors import Fault, InputError, did_you_mean
from planner.problem.messages import sentence
from planner.problem.patch import apply_assignments, apply_scenario
from planner.problem.performance import MeasuredCapacity, read_performance
from planner.problem.schema import Problem
from planner.problem.semantics import semantic_faults
from planner.yaml_io import read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.yaml_io import Document, Path_, YamlData

NEXT_STEP = "planner schema problem"


@dataclass(frozen=True, slots=True)
class LoadedProblem:
    """A validated problem and where it came from.

    Parameters
    ----------
    problem
        The problem with the scenario and assignments applied.
    document
        The file, its data after patches, and positions for messages.
    folder
        Folder that relative paths start from.
    measured
        Rows of the table of measured capacities; empty when the problem has none.
    scenario, assignments
        What was applied.
    """

    problem: Problem
    document: Document
    folder: Path
    measured: tuple[MeasuredCapacity, ...]
    scenario: str | None
    assignments: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of the problem after patches, independent of layout and comments."""
        text = json.dumps(self.document.data, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def overlays(self) -> tuple[Path, ...]:
        """Overlay folders of the problem, absolute."""
        return tuple(self.folder / name for name in self.problem.catalog)

    def fault(self, path: Path_, message: str) -> Fault:
        """Return a fault at the nearest position known for `path`."""
        return fault_at(self.document, path, message)


def find_problem(name: str | Path) -> Path:
    """Return the file of a problem: a path, or the name of a shipped problem.

    Raises
    ------
    InputError
        When neither exists, with the nearest shipped names.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_path("problems")
    relative = path if path.suffix else path.with_suffix(".yaml")
    parts = relative.parts[1:] if relative.parts[:1] == ("problems",) else relative.parts
    candidate = shipped.joinpath(*parts)
    if not path.is_absolute() and candidate.is_file():
        return candidate
    names = sorted(p.relative_to(shipped).with_suffix("").as_posix() for p in _problems(shipped))
    hint = did_you_mean(str(Path(*parts).with_suffix("")), names)
    state = "is a folder" if path.is_dir() else "does not exist"
    message = f"{state}{hint} Shipped problems: {', '.join(names)}"
    raise InputError([Fault(str(name), None, None, "", message)], "planner check PROBLEM")


def load_problem(
    name: str | Path, scenario: str | None = None, assignments: Sequence[str] = ()
) -> LoadedProblem:
    """Return a validated problem.

    Parameters
    ----------
    name
        Path of a problem file, or name of a shipped problem.
    scenario
        Named patch of the file to apply.
    assignments
        ``PATH=VALUE`` changes, applied last.

    Raises
    ------
    InputError
        With every fault of the file, of its table of measured capacities, or of the patches.
    """
    path = find_problem(name)
    document = read_yaml(path, str(name))
    if scenario is not None:
        document = apply_scenario(document, scenario)
    if assignments:
        document = apply_assignments(document, assignments)
    problem = _validated(document)
    faults = [fault_at(document, where, message) for where, message in semantic_faults(problem)]
    measured: tuple[MeasuredCapacity, ...] = ()
    if problem.performance:
        table = path.parent / problem.performance
        try:
            workloads = [w.name for w in problem.workloads]
            measured = read_performance(table, problem.performance, workloads)
        except InputError as error:
            faults += error.faults
    for index, overlay in enumerate(problem.catalog):
        if not (path.parent / overlay).is_dir():
            message = f"overlay folder `{overlay}` does not exist beside the problem file"
            faults.append(fault_at(document, ("catalog", index), message))
    if faults:
        raise InputError(faults, NEXT_STEP)
    return LoadedProblem(problem, document, path.parent, measured, scenario, tuple(assignments))


def fault_at(document: Document, path: Path_, message: str) -> Fault:
    """Return a fault with the position of `path`, or of its nearest known parent."""
    known = path
    while known and known not in document.positions:
        known = known[:-1]
    line, column = document.positions.get(known, (None, None)) if known else (None, None)
    return Fault(document.file, line, column, _readable(document.data, path), message)


def _validated(document: Document) -> Problem:
    if not isinstance(document.data, dict):
        message = "is empty or not a mapping; start with `schema_version: 1`"
        raise InputError([Fault(document.file, 1, 1, "", message)], NEXT_STEP)
    try:
        return Problem.model_validate(document.data)
    except ValidationError as error:
        faults = []
        seen: set[Path_] = set()
        for detail in error.errors():
            where = _data_path(document.data, detail["loc"])
            if where in seen:
                continue
            seen.add(where)
            faults.append(fault_at(document, where, sentence(detail, Problem)))
        raise InputError(faults, NEXT_STEP) from error


def _data_path(data: YamlData, location: tuple[int | str, ...]) -> Path_:
    """Drop the parts of a validation location that name a union branch, not a place."""
    path: list[str | int] = []
    node = data
    for i, part in enumerate(location):
        last = i == len(location) - 1
        if isinstance(node, dict) and (part in node or (last and isinstance(part, str))):
            if part not in node and not _looks_like_field(part):
                continue
            node = node.get(part)
            path.append(part)
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
            path.append(part)
    return tuple(path)


def _looks_like_field(part: str | int) -> bool:
    return isinstance(part, str) and part.replace("_", "").isalnum() and "[" not in part


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


def _problems(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*.yaml") if "infeasible" not in p.parts]
