"""Solves the cases of claims: each different one once, in parallel, kept in the store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from planner.pipeline import SolveSettings
from planner.plan.plan_file import plan_of_text
from planner.sweep.answers import Machines, answers_of
from planner.sweep.design import Point
from planner.sweep.outcome import FAILED
from planner.sweep.tasks import tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.claims.records import Case
    from planner.plan.document import Plan
    from planner.sweep.tasks import Task
    from planner.sweep.work import Answer

_NO_SOLUTION = "no_solution"
_MORE_TIME = 8.0
"""Times the limit, for a run that was stopped before it had any plan."""
_SOLVE = SolveSettings(gap=0.02, time_limit_s=8.0, compare=False)


@dataclass(frozen=True, slots=True)
class ClaimsSettings:
    """How cases are solved, and where.

    Parameters
    ----------
    solve
        Options of every solve.
    machines
        Processes and store.
    """

    solve: SolveSettings = field(default_factory=lambda: _SOLVE)
    machines: Machines = field(default_factory=Machines)


@dataclass(frozen=True, slots=True)
class Solved:
    """Plans by case, why others have none, and how many runs were new.

    Parameters
    ----------
    plans
        Of the cases that have one.
    reasons
        Of the others.
    failed
        Different errors that ended a run.
    runs
        Different questions.
    solved
        Of them, those that were not in the store.
    """

    plans: dict[Case, Plan]
    reasons: dict[Case, str]
    failed: int
    runs: int
    solved: int


def solve_cases(
    cases: Iterable[Case],
    overlays: Sequence[Path],
    settings: ClaimsSettings,
    on_run: Callable[[int, int], None],
) -> Solved:
    """Return the plan of every case; one that time left without a plan gets more of it.

    Parameters
    ----------
    cases
        What is asked.
    overlays
        Catalogue folders that win over the shipped catalogue.
    settings
        Options of the solves, processes, store.
    on_run
        Called with the runs done, and all, whenever one is done.

    Raises
    ------
    InputError
        With every fault of the cases, or when the store cannot be used.
    """
    first = _solve(cases, overlays, settings, on_run)
    stopped = [case for case, answer in first.answers.items() if _was_stopped(answer)]
    if not stopped:
        return _read(first)
    longer = replace(settings.solve, time_limit_s=settings.solve.time_limit_s * _MORE_TIME)
    again = _solve(stopped, overlays, replace(settings, solve=longer), on_run)
    return _read(
        _Round({**first.answers, **again.answers}, first.runs, first.solved + again.solved)
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """Answers by case, how many different runs they are, and how many were new."""

    answers: dict[Case, Answer]
    runs: int
    solved: int


def _solve(
    cases: Iterable[Case],
    overlays: Sequence[Path],
    settings: ClaimsSettings,
    on_run: Callable[[int, int], None],
) -> _Round:
    tasks: dict[Case, Task] = {}
    catalogs: dict[str, Catalog] = {}
    for problem, group in groupby(sorted(set(cases), key=repr), key=lambda case: case.problem):
        mine = list(group)
        found = tasks_of(problem, [_point(case) for case in mine], overlays, settings.solve)
        tasks |= dict(zip(mine, found.tasks, strict=True))
        catalogs |= found.catalogs
    answers, solved = answers_of(list(tasks.values()), catalogs, settings.machines, on_run)
    by_case = {case: answers[task.key] for case, task in tasks.items()}
    return _Round(by_case, len(answers), solved)


def _was_stopped(answer: Answer) -> bool:
    """Whether time ran out before there was any plan: a busy machine must decide no claim."""
    return answer.outcome.status == _NO_SOLUTION


def _read(found: _Round) -> Solved:
    plans: dict[Case, Plan] = {}
    reasons: dict[Case, str] = {}
    failed: set[str] = set()
    read: dict[str, Plan] = {}
    for case, answer in found.answers.items():
        if answer.outcome.status == FAILED:
            failed.add(answer.outcome.status_reason)
        if answer.plan_json is None or answer.outcome.cost_usd is None:
            reasons[case] = answer.outcome.status_reason
            continue
        if answer.plan_json not in read:
            read[answer.plan_json] = plan_of_text(answer.plan_json)
        plans[case] = read[answer.plan_json]
    return Solved(plans, reasons, len(failed), found.runs, found.solved)


def _point(case: Case) -> Point:
    values = tuple(
        (path, value) for path, _, value in (a.partition("=") for a in case.assignments)
    )
    return Point(case.scenario, values, case.factors, ())
