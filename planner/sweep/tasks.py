"""Every run of a sweep, checked before the first is solved, with all that it needs.

A task holds its checked problem, so what is solved is what was checked, whatever becomes of the
files meanwhile, and a worker on another machine needs no files. Its key is a digest of all that
decides the answer: the problem after patches, what its files say, the content of the catalogue,
the options of the solve, and the software.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING

from planner.catalog.load import load_catalog
from planner.catalog.scale import scaled
from planner.digest import digest_of, software_sha256
from planner.errors import Fault, InputError
from planner.preparation import check_loaded
from planner.problem.load import NEXT_STEP, find_problem, load_document
from planner.problem.patch import apply_assignments, apply_scenario
from planner.yaml_io import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.catalog.scale import Selection
    from planner.demand.records import Demand
    from planner.pipeline import SolveSettings
    from planner.problem.load import LoadedProblem
    from planner.sweep.design import Point
    from planner.yaml_io import Document, Path_


@dataclass(frozen=True, slots=True)
class Task:
    """One question to solve.

    Parameters
    ----------
    key
        Digest of all that decides the answer.
    loaded, demand
        The checked problem.
    catalog_sha256
        Which of the catalogues of the sweep it is for, before factors.
    factors
        Figures of the catalogue that are scaled, and by how much.
    settings
        Options of the solve.
    software
        Digest of the planner and its solver.
    """

    key: str
    loaded: LoadedProblem
    demand: Demand
    catalog_sha256: str
    factors: tuple[tuple[Selection, float], ...]
    settings: SolveSettings
    software: str

    @property
    def asked(self) -> dict[str, object]:
        """What is solved, for people who read the store."""
        return {
            "scenario": self.loaded.scenario,
            "set": list(self.loaded.assignments),
            "scale": [f"{what}*={factor:g}" for what, factor in self.factors],
            "problem_sha256": self.loaded.sha256,
            "catalog_sha256": self.catalog_sha256,
            "software_sha256": self.software,
            "options": asdict(self.settings),
        }


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of all points, in order, and the catalogues that they need, by checksum."""

    problem: str
    tasks: tuple[Task, ...]
    catalogs: dict[str, Catalog]


def tasks_of(
    name: str | Path,
    points: Sequence[Point],
    overlays: Sequence[Path],
    settings: SolveSettings,
) -> Tasks:
    """Return the task of every point.

    Parameters
    ----------
    name
        Path of a problem file, or name of a shipped problem.
    points
        What is solved.
    overlays
        Catalogue folders that win over those of the problem.
    settings
        Options of every solve.

    Raises
    ------
    InputError
        With every fault of every run, each once.
    """
    path = find_problem(name)
    document = read_yaml(path, str(name), keep_repeated=True)
    check = _Check(document, path.parent, overlays, settings)
    faults: dict[Fault, str] = dict.fromkeys(_undone(document, points), NEXT_STEP)
    tasks: dict[Point, Task] = {}
    for stage in _stages(points):
        refused: list[Point] = []
        for point in stage:
            try:
                tasks[point] = check.task_of(point)
            except InputError as error:
                faults |= dict.fromkeys(error.faults, error.next_step)
                refused.append(point)
        faults |= check.faults_of_factors(refused)
        if faults:
            raise InputError(list(faults), next(iter(faults.values())))
    catalogs = {catalog.sha256: catalog for catalog in check.catalogs.values()}
    problem = tasks[points[0]].loaded.problem.name
    return Tasks(problem, tuple(tasks[point] for point in points), catalogs)


def with_factors(catalog: Catalog, factors: Iterable[tuple[Selection, float]]) -> Catalog:
    """Return a catalogue with figures scaled, one selection after another.

    Raises
    ------
    InputError
        When a selection holds nothing that can be scaled so.
    """
    for selection, factor in factors:
        try:
            catalog = scaled(catalog, selection, factor)
        except InputError as error:
            where = f"--scale {selection}*={factor:g}"
            faults = [replace(fault, file=where, path="") for fault in error.faults]
            raise InputError(faults, error.next_step) from error
    return catalog


@dataclass(frozen=True, slots=True)
class _Check:
    """Checks points of one file; catalogues are kept, because runs mostly share theirs."""

    document: Document
    folder: Path
    overlays: Sequence[Path]
    settings: SolveSettings
    catalogs: dict[tuple[Path, ...], Catalog] = field(default_factory=dict)

    def task_of(self, point: Point) -> Task:
        loaded = load_document(
            self.document, self.folder, point.scenario, point.assignments, self.overlays
        )
        base = self._catalog([*loaded.overlays, *self.overlays])
        checked = check_loaded(loaded, read_catalog=lambda _: with_factors(base, point.factors))
        software = software_sha256()
        key = digest_of(
            # What the problem says, what its files say, and what both are held against.
            checked.loaded.document.data,
            checked.loaded.measured,
            checked.demand,
            checked.catalog.sha256,
            asdict(self.settings),
            software,
        )
        return Task(
            key=key,
            loaded=checked.loaded,
            demand=checked.demand,
            catalog_sha256=base.sha256,
            factors=point.factors,
            settings=self.settings,
            software=software,
        )

    def faults_of_factors(self, points: Iterable[Point]) -> dict[Fault, str]:
        """Return faults of the factors of refused runs, whatever else is wrong with these.

        They are held against the catalogue of the file as it stands; none when that has faults.
        """
        factors = dict.fromkeys(factor for point in points for factor in point.factors)
        faults: dict[Fault, str] = {}
        if not factors:
            return faults
        try:
            loaded = load_document(self.document, self.folder, None, (), self.overlays)
            catalog = self._catalog([*loaded.overlays, *self.overlays])
        except InputError:
            return faults
        for factor in factors:
            try:
                with_factors(catalog, [factor])
            except InputError as error:
                faults |= dict.fromkeys(error.faults, error.next_step)
        return faults

    def _catalog(self, overlays: Sequence[Path]) -> Catalog:
        key = tuple(overlays)
        if key not in self.catalogs:
            self.catalogs[key] = load_catalog(key)
        return self.catalogs[key]


def _stages(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """Return the points that bring in a value, and the others: a wrong value is in both."""
    first: list[Point] = []
    rest: list[Point] = []
    seen: set[object] = set()
    for point in points:
        brings = {point.scenario, *point.values, *point.factors}
        (rest if brings <= seen else first).append(point)
        seen |= brings
    return first, rest


def _undone(document: Document, points: Iterable[Point]) -> dict[Fault, None]:
    """Return assignments that undo earlier ones: a row would state a value that was not solved."""
    faults: dict[Fault, None] = {}
    alike = {(p.scenario, tuple(path for path, _ in p.values)): p for p in points}
    for point in alike.values():
        try:
            places = _places(document, point)
        except InputError:
            continue  # told together with all other faults
        for (later, place), (earlier, taken) in combinations(reversed(places), 2):
            if taken[: len(place)] == place:
                way = "leave one out" if taken == place else "put it first, or leave one out"
                message = f"replaces what --set {earlier} has set; {way}"
                faults[Fault(f"--set {later}", None, None, "", message)] = None
    return faults


def _places(document: Document, point: Point) -> list[tuple[str, Path_]]:
    """Return every path that is set, and the place in the file where its value stands."""
    if point.scenario is not None:
        document = apply_scenario(document, point.scenario)
    places = []
    for (path, _), text in zip(point.values, point.assignments, strict=True):
        document = apply_assignments(document, [text])
        places.append((path, next(p for p, by in document.assigned.items() if by == text)))
    return places
