"""A sweep from its first check to its last run."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.pipeline import SolveSettings
from planner.problem.load import NEXT_STEP
from planner.problem.patch import value_at
from planner.sweep.answers import Machines, answers_of
from planner.sweep.assignments import Variable, scan_variables
from planner.sweep.design import DesignName, points_of
from planner.sweep.outcome import FAILED
from planner.sweep.tasks import tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from planner.sweep.design import Point
    from planner.sweep.outcome import Outcome
    from planner.sweep.tasks import Tasks
    from planner.sweep.work import Answer

_SOLVE = SolveSettings(compare=False)


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """Which runs a sweep has, and where they are solved.

    Parameters
    ----------
    design
        ``one-at-a-time``, ``grid`` or ``latin-hypercube``.
    samples
        Runs of a Latin hypercube, >= 1.
    seed
        Seed of its samples.
    jobs
        Processes of this machine, >= 1; 1 solves in this one.
    dask
        Address of a Dask scheduler that solves instead, as in ``tcp://host:8786``.
    store
        SQLite file of finished runs: those that it has are not solved again, and new ones are
        written when they are done.
    solve
        Options of every solve; a run has no comparisons, whatever they say.
    """

    design: DesignName = "one-at-a-time"
    samples: int = 20
    seed: int = 0
    jobs: int = 1
    dask: str | None = None
    store: Path | None = None
    solve: SolveSettings = field(default_factory=lambda: _SOLVE)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what was set, and what came out.

    Parameters
    ----------
    number
        Position from 0 in the sweep.
    scenario
        Named patch of the problem.
    values
        Path and value of everything that is swept, as written; without those of a run that
        leaves them as they stand.
    outcome
        What came out.
    plan_json
        Text of its plan file; ``None`` when it failed.
    """

    number: int
    scenario: str | None
    values: tuple[tuple[str, str], ...]
    outcome: Outcome
    plan_json: str | None = None

    def value(self, path: str) -> str | None:
        """Return the value of a path, ``None`` when this run leaves it as it stands."""
        return dict(self.values).get(path)


@dataclass(frozen=True, slots=True)
class Sweep:
    """All runs of a sweep.

    Parameters
    ----------
    problem
        Name of the problem.
    settings
        Its design and options.
    variables
        What is set and swept.
    base
        Value that the problem has, by scenario and swept path; without those that it does not
        state and has no default for.
    runs
        In the order of the design.
    solved
        Runs that were solved now; others were in the store, or ask the same as one of them.
    """

    problem: str
    settings: SweepSettings
    variables: tuple[Variable, ...]
    base: dict[tuple[str | None, str], str]
    runs: tuple[Run, ...]
    solved: int

    @property
    def swept(self) -> tuple[str, ...]:
        """Paths that runs differ in."""
        return tuple(v.path for v in self.variables if v.is_swept)

    @property
    def scenarios(self) -> tuple[str | None, ...]:
        """Scenarios in order."""
        return tuple(dict.fromkeys(run.scenario for run in self.runs))

    @property
    def failed(self) -> int:
        """Runs that ended by an error instead of an answer."""
        return sum(run.outcome.status == FAILED for run in self.runs)


@dataclass(frozen=True, slots=True)
class CheckedSweep:
    """What a sweep solves: what is set and swept, its runs, and the task of each."""

    variables: tuple[Variable, ...]
    points: tuple[Point, ...]
    tasks: Tasks


def check_sweep(
    name: str | Path,
    stated: Sequence[str],
    scenarios: Sequence[str | None],
    overlays: Sequence[Path],
    settings: SweepSettings,
    *,
    scales: Sequence[str] = (),
) -> CheckedSweep:
    """Return what a sweep solves; arguments as in :func:`run_sweep`.

    Raises
    ------
    InputError
        With every fault of every run.
    """
    variables, faults = scan_variables(stated, scales, ranges=settings.design == "latin-hypercube")
    scenarios = tuple(dict.fromkeys(scenarios)) or (None,)
    try:
        points = points_of(settings.design, variables, scenarios, settings.samples, settings.seed)
        tasks = tasks_of(name, points, overlays, settings.solve)
    except InputError as error:
        raise InputError([*faults, *error.faults], error.next_step) from error
    if faults:
        raise InputError(faults, NEXT_STEP)
    return CheckedSweep(variables, points, tasks)


def run_sweep(
    name: str | Path,
    stated: Sequence[str],
    scenarios: Sequence[str | None] = (None,),
    overlays: Sequence[Path] = (),
    settings: SweepSettings | None = None,
    *,
    scales: Sequence[str] = (),
    on_run: Callable[[int, int], None] = lambda _done, _all: None,
) -> Sweep:
    """Return all runs of a sweep. What comes out does not depend on where it is solved.

    Parameters
    ----------
    name
        Path of a problem file, or name of a shipped problem.
    stated
        ``PATH=VALUE``, ``PATH=a,b,c`` or, for a Latin hypercube, ``PATH=LOW..HIGH``.
    scenarios
        Named patches: the design is solved in each of them.
    overlays
        Catalogue folders that win over the shipped catalogue and the problem's own.
    settings
        Design, where to solve, store, options of the solves.
    scales
        ``KIND FILTER... COLUMN*=a,b,c``: factors on a figure of rows of the catalogue.
    on_run
        Called with the runs done, and all, whenever one is done.

    Raises
    ------
    InputError
        Before any run: with every fault of every run, or when the store or cluster cannot be used.
    """
    settings = settings or SweepSettings()
    settings = replace(settings, solve=replace(settings.solve, compare=False, log=False))
    checked = check_sweep(name, stated, scenarios, overlays, settings, scales=scales)
    variables, points, tasks = checked.variables, checked.points, checked.tasks
    where = Machines(settings.jobs, settings.dask, settings.store)
    answers, solved = answers_of(tasks.tasks, tasks.catalogs, where, on_run)
    runs = tuple(
        _run(number, point, answers[task.key])
        for number, (point, task) in enumerate(zip(points, tasks.tasks, strict=True))
    )
    base = _base_values(variables, points, tasks)
    return Sweep(tasks.problem, settings, variables, base, runs, solved)


def _base_values(
    variables: Sequence[Variable], points: Sequence[Point], tasks: Tasks
) -> dict[tuple[str | None, str], str]:
    """Return what swept paths are where a run leaves them as they stand, defaults included."""
    values = {}
    for point, task in zip(points, tasks.tasks, strict=True):
        if point.swept:
            continue
        stands = task.loaded.problem.model_dump(mode="json")
        for variable in variables:
            if variable.selection is not None:
                values[point.scenario, variable.path] = "1"
                continue
            with suppress(ValueError):
                values[point.scenario, variable.path] = _text(value_at(stands, variable.path))
    return values


def _text(value: object) -> str:
    """Return a value as a user would write it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def _run(number: int, point: Point, answer: Answer) -> Run:
    return Run(number, point.scenario, point.swept, answer.outcome, answer.plan_json)
