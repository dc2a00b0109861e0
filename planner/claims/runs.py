"""Solves the cases of claims: each different one once, in parallel, kept in the store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from planner.claims.records import Effort
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

_NO_SOLUTION, _FEASIBLE = "no_solution", "feasible"
_MORE_TIME = 4.0
"""Times the limit, for a run that was stopped before it had any plan."""
_SOLVE = SolveSettings(gap=0.02, time_limit_s=60.0, compare=False)


@dataclass(frozen=True, slots=True)
class ClaimsSettings:
    """How cases are solved, and where.

    Parameters
    ----------
    solve
        Options of every solve.
    machines
        Processes and store.
    verify
        Whether the plans of the figures are audited and replayed.
    """

    solve: SolveSettings = field(default_factory=lambda: _SOLVE)
    machines: Machines = field(default_factory=Machines)
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Solved:
    """Plans by case, why others have none, and what it took.

    Parameters
    ----------
    plans
        Of the cases that have one.
    reasons
        Of the others.
    effort
        Of all.
    """

    plans: dict[Case, Plan]
    reasons: dict[Case, str]
    effort: Effort


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
    stopped = [case for case, answer in first.by_case.items() if _was_stopped(answer)]
    if not stopped:
        return _read([first])
    longer = replace(settings.solve, time_limit_s=settings.solve.time_limit_s * _MORE_TIME)
    return _read([first, _solve(stopped, overlays, replace(settings, solve=longer), on_run)])


def tasks_by_case(
    cases: Iterable[Case], overlays: Sequence[Path], solve: SolveSettings
) -> tuple[dict[Case, Task], dict[str, Catalog]]:
    """Return the checked question of every case, and the catalogues of all by checksum.

    Raises
    ------
    InputError
        With every fault of the cases.
    """
    tasks: dict[Case, Task] = {}
    catalogs: dict[str, Catalog] = {}
    for problem, group in groupby(sorted(set(cases), key=repr), key=lambda case: case.problem):
        mine = list(group)
        found = tasks_of(problem, [_point(case) for case in mine], overlays, solve)
        tasks |= dict(zip(mine, found.tasks, strict=True))
        catalogs |= found.catalogs
    return tasks, catalogs


@dataclass(frozen=True, slots=True)
class _Round:
    """Answers by case, those of different questions, and how many were new."""

    by_case: dict[Case, Answer]
    different: tuple[Answer, ...]
    solved: int


def _solve(
    cases: Iterable[Case],
    overlays: Sequence[Path],
    settings: ClaimsSettings,
    on_run: Callable[[int, int], None],
) -> _Round:
    tasks, catalogs = tasks_by_case(cases, overlays, settings.solve)
    answers, solved = answers_of(list(tasks.values()), catalogs, settings.machines, on_run)
    by_case = {case: answers[task.key] for case, task in tasks.items()}
    return _Round(by_case, tuple(answers.values()), solved)


def _was_stopped(answer: Answer) -> bool:
    """Whether time ran out before there was any plan: a busy machine must decide no claim."""
    return answer.outcome.status == _NO_SOLUTION


def _read(rounds: Sequence[_Round]) -> Solved:
    """Return what came out of rounds, of which a later one replaces answers."""
    plans: dict[Case, Plan] = {}
    reasons: dict[Case, str] = {}
    read: dict[str, Plan] = {}
    by_case = {case: answer for found in rounds for case, answer in found.by_case.items()}
    for case, answer in by_case.items():
        if answer.plan_json is None or answer.outcome.cost_usd is None:
            reasons[case] = answer.outcome.status_reason
            continue
        if answer.plan_json not in read:
            read[answer.plan_json] = plan_of_text(answer.plan_json)
        plans[case] = read[answer.plan_json]
    return Solved(plans, reasons, _effort(rounds))


def _effort(rounds: Sequence[_Round]) -> Effort:
    first, last = rounds[0].different, rounds[-1].different
    kept = first if len(rounds) == 1 else (*(a for a in first if not _was_stopped(a)), *last)
    outcomes = [answer.outcome for found in rounds for answer in found.different]
    return Effort(
        runs=len(first),
        solved=sum(found.solved for found in rounds),
        failed=len({a.outcome.status_reason for a in kept if a.outcome.status == FAILED}),
        outside_gap=sum(a.outcome.status in {_FEASIBLE, _NO_SOLUTION} for a in kept),
        processor_seconds=sum(outcome.processor_seconds or 0.0 for outcome in outcomes),
    )


def _point(case: Case) -> Point:
    values = tuple(
        (path, value) for path, _, value in (a.partition("=") for a in case.assignments)
    )
    return Point(case.scenario, values, case.factors, ())
