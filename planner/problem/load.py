"""Reads a problem file into a validated :class:`Problem`, with every fault reported at once.

Order of priority: the file, then a named scenario, then ``--set`` assignments. The result is
validated like a file that had been written that way.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from planner.catalog.load import load_catalog
from planner.catalog.location import shipped_path
from planner.catalog.overlay import YAML_SUFFIXES
from planner.errors import Fault, InputError, did_you_mean
from planner.problem.growth import measured_growth_findings
from planner.problem.patch import apply_scenario, assign
from planner.problem.performance import MeasuredCapacity, read_performance
from planner.problem.references import name_findings
from planner.problem.validate import fault_at, validate
from planner.yaml_io import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.problem.schema import Problem
    from planner.problem.validate import Validation
    from planner.yaml_io import Document, Path_

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
        """Overlays of the problem, absolute."""
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
    if not str(name).strip():
        raise InputError([Fault("PROBLEM", None, None, "", "is empty; name a problem file")])
    path = Path(name)
    if _is_file(path):
        return path
    shipped = shipped_path("problems")
    # A folder such as `.` has no name to add a suffix to.
    relative = path if path.suffix or not path.name else path.with_suffix(".yaml")
    parts = relative.parts[1:] if relative.parts[:1] == ("problems",) else relative.parts
    candidate = shipped.joinpath(*parts)
    if not path.is_absolute() and _is_file(candidate):
        return candidate
    names = sorted(p.relative_to(shipped).with_suffix("").as_posix() for p in _problems(shipped))
    asked = Path(*parts)
    hint = did_you_mean(str(asked.with_suffix("") if asked.name else asked), names)
    state = "is a folder, not a problem file" if _is_folder(path) else "does not exist"
    message = f"{state}{hint or '.'} Shipped problems: {', '.join(names)}"
    raise InputError([Fault(str(name), None, None, "", message)], "planner check PROBLEM")


def shipped_problem_folder(text: str) -> Path | None:
    """Return the folder of the shipped problem with a text, ``None`` when none has it."""
    for path in _problems(shipped_path("problems")):
        if path.read_text(encoding="utf-8") == text:
            return path.parent
    return None


def scenario_names(name: str | Path) -> list[str]:
    """Return the names of a file's scenarios, whatever else is wrong with it.

    Raises
    ------
    InputError
        When the file does not exist or is not YAML.
    """
    data = read_yaml(find_problem(name), str(name), keep_repeated=True).data
    scenarios = data.get("scenarios") if isinstance(data, dict) else None
    return [str(key) for key in scenarios] if isinstance(scenarios, dict) else []


def load_problem(
    name: str | Path,
    scenario: str | None = None,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] | None = None,
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
    overlays
        Catalogue folders that win over the problem's own: names that lead nowhere are then
        reported together with the other faults. ``None`` leaves names unchecked.

    Raises
    ------
    InputError
        With every fault of the file, of its table of measured capacities, or of the patches.
    """
    path = find_problem(name)
    document = read_yaml(path, str(name), keep_repeated=True)
    return load_document(document, path.parent, scenario, assignments, overlays)


def load_document(
    document: Document,
    folder: Path,
    scenario: str | None = None,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] | None = None,
) -> LoadedProblem:
    """Return the validated problem of a file that is parsed already.

    Parameters
    ----------
    document
        The file.
    folder
        Folder that relative paths start from.
    scenario, assignments, overlays
        As in :func:`load_problem`.

    Raises
    ------
    InputError
        With every fault of the file, of its table of measured capacities, or of the patches.
    """
    document, unapplied = _patched(document, scenario, assignments)
    validation = validate(document)
    if unapplied:
        # What a patch would have mended is no fault: of the rest, only what has the wrong form is.
        wrong = [*validation.faults[: len(validation.refused)], *document.repeated]
        told = [*unapplied, *_in_file_order(wrong, document), *_of_overlays(overlays)]
        raise InputError(told, NEXT_STEP)
    document, faults = validation.document, [*validation.faults, *document.repeated]
    problem = validation.problem
    if problem is None:
        raise InputError([*_in_file_order(faults, document), *_of_overlays(overlays)], NEXT_STEP)
    measured, outside = _outside(problem, document, folder, validation)
    faults += outside
    loaded = LoadedProblem(problem, document, folder, measured, scenario, tuple(assignments))
    if faults:
        if outside:
            faults += _of_overlays(overlays)
        elif overlays is not None:
            faults += _unknown_names(loaded, overlays, validation)
        raise InputError(_in_file_order(faults, document), NEXT_STEP)
    return loaded


def sure_part(
    name: str | Path, scenario: str | None = None, assignments: Sequence[str] = ()
) -> Problem | None:
    """Return what a problem with faults says for sure: what else is checked against it.

    Parameters
    ----------
    name, scenario, assignments
        As in :func:`load_problem`.

    Returns
    -------
    Problem or None
        What is left without the faults, when they leave periods and names of workloads as they
        are; else ``None``.
    """
    try:
        document = read_yaml(find_problem(name), keep_repeated=True)
        document, unapplied = _patched(document, scenario, assignments)
    except InputError:
        return None
    validation = validate(document)
    doubtful = any(
        path[0] == "horizon" or path[-1] in {"name", "workloads"} for path in validation.refused
    )
    return None if unapplied or doubtful else validation.problem


def _patched(
    document: Document, scenario: str | None, assignments: Sequence[str]
) -> tuple[Document, list[Fault]]:
    """Return the document with all patches that can be applied, and faults of the others."""
    faults: list[Fault] = []
    if scenario is not None:
        try:
            document = apply_scenario(document, scenario)
        except InputError as error:
            faults += error.faults
    document, unreadable = assign(document, assignments)
    return document, faults + unreadable


def with_assignments(loaded: LoadedProblem, assignments: Sequence[str]) -> LoadedProblem:
    """Return a problem with more assignments, after those that it has.

    Parameters
    ----------
    loaded
        The problem.
    assignments
        ``PATH=VALUE`` changes.

    Raises
    ------
    InputError
        With every fault that they bring about.
    """
    more = load_document(loaded.document, loaded.folder, None, assignments)
    every = (*loaded.assignments, *assignments)
    return replace(more, scenario=loaded.scenario, assignments=every)


def _outside(
    problem: Problem, document: Document, folder: Path, validation: Validation
) -> tuple[tuple[MeasuredCapacity, ...], list[Fault]]:
    """Return the measured capacities, and the faults of files that the problem names."""
    possible = validation.possible
    absent = possible.findings(lambda meant: _absent_overlays(meant, folder))
    faults = [fault_at(document, path, text) for path, text in absent]
    if problem.performance is None:
        return (), faults
    if not _is_file(folder / problem.performance):
        message = (
            f"there is no file `{problem.performance}`; its path starts from the folder of the "
            "problem file"
        )
        return (), [*faults, fault_at(document, ("performance",), message)]
    names_are_sure = not any(bad[-1] in {"name", "workloads"} for bad in possible.refused)
    workloads = [w.name for w in problem.workloads] if names_are_sure else None
    try:
        measured = read_performance(folder / problem.performance, problem.performance, workloads)
    except InputError as error:
        return (), [*faults, *error.faults]
    names = {row.workload for row in measured}
    grown = possible.findings(lambda meant: measured_growth_findings(meant, names))
    return measured, [*faults, *(fault_at(document, path, text) for path, text in grown)]


def _absent_overlays(problem: Problem, folder: Path) -> Iterator[tuple[Path_, str]]:
    for index, overlay in enumerate(problem.catalog):
        if not _is_overlay(folder / overlay):
            message = (
                f"there is no overlay folder `{overlay}`, nor a YAML file of that name; its path "
                "starts from the folder of the problem file"
            )
            yield ("catalog", index), message


def _of_overlays(overlays: Sequence[Path] | None) -> tuple[Fault, ...]:
    """Return what is wrong in overlays, where the problem leaves no names to look up in them."""
    try:
        load_catalog(overlays or ())
    except InputError as error:
        return error.faults
    return ()


def _unknown_names(
    loaded: LoadedProblem, overlays: Sequence[Path], validation: Validation
) -> list[Fault]:
    try:
        catalog = load_catalog([*loaded.overlays, *overlays])
    except InputError as error:
        return list(error.faults)
    findings = validation.possible.findings(
        lambda meant: name_findings(replace(loaded, problem=meant), catalog)
    )
    return [loaded.fault(path, message) for path, message in findings]


def _in_file_order(faults: list[Fault], document: Document) -> list[Fault]:
    def place(fault: Fault) -> tuple[bool, int, int]:
        return fault.file != document.file, fault.line or 0, fault.column or 0

    return sorted(faults, key=place)


def _is_overlay(path: Path) -> bool:
    return path.is_dir() or (path.suffix.lower() in YAML_SUFFIXES and _is_file(path))


def _is_file(path: Path) -> bool:
    # Not Path.is_file(): it raises for a name too long for the system, or inside a folder that
    # may not be searched.
    return os.path.isfile(path)  # noqa: PTH113


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112


def _problems(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*.yaml") if "infeasible" not in p.parts]
