"""Solves of several scenarios at once, one solver thread and one process each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from planner.milp.families import build_program
from planner.milp.scenario import ScenarioProgram, bound_scenario, solve_scenario
from planner.milp.solver import solve_bounded
from planner.workers import worker_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.demand.records import Demand
    from planner.milp.bridge import Arrays
    from planner.milp.records import Limits, MilpResult, SolverSettings
    from planner.options.records import OptionSet

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Task:
    """A program of one scenario.

    Parameters
    ----------
    demand, options, limits
        The program.
    settings
        Gap, time limit, solver and start.
    elsewhere
        What all scenarios together may want to take on.
    known
        The program with its bound rows, when it is known with less of it decided.
    """

    demand: Demand
    options: OptionSet
    limits: Limits
    settings: SolverSettings
    elsewhere: Mapping[str, float] | None = None
    known: Arrays | None = None


def programs_of(
    tasks: Sequence[Task], jobs: int, done: Callable[[], None]
) -> list[ScenarioProgram | None]:
    """Return the programs of scenarios that will be joined, ``None`` for one without a plan.

    Parameters
    ----------
    tasks
        What they are made of.
    jobs
        Processes, >= 1.
    done
        Called after each.
    """
    return _each(_program, tasks, jobs, done)


def results_of(tasks: Sequence[Task], jobs: int, done: Callable[[], None]) -> list[MilpResult]:
    """Return the decisions and proofs of programs; parameters as in :func:`programs_of`."""
    return _each(_result, tasks, jobs, done)


def alone_of(
    tasks: Sequence[Task],
    programs: Sequence[ScenarioProgram],
    jobs: int,
    done: Callable[[], None],
) -> list[MilpResult]:
    """Return the decisions and proofs of scenarios by themselves.

    Parameters
    ----------
    tasks, jobs, done
        As in :func:`programs_of`.
    programs
        What that returned.
    """
    return _each(_alone, list(zip(tasks, programs, strict=True)), jobs, done)


def _each(
    solve: Callable[[_Asked], _Answer],
    tasks: Sequence[_Asked],
    jobs: int,
    done: Callable[[], None],
) -> list[_Answer]:
    found: list[_Answer] = []
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            found.append(solve(task))
            done()
        return found
    with worker_pool(min(jobs, len(tasks)), __name__) as pool:
        for answer in pool.map(solve, tasks):
            found.append(answer)
            done()
    return found


def _program(task: Task) -> ScenarioProgram | None:
    return bound_scenario(
        task.demand,
        task.options,
        task.limits,
        elsewhere=task.elsewhere or {},
        settings=task.settings,
    )


def _alone(asked: tuple[Task, ScenarioProgram]) -> MilpResult:
    task, program = asked
    return solve_scenario(
        task.demand,
        task.options,
        task.limits,
        program=program,
        elsewhere=task.elsewhere or {},
        settings=task.settings,
    )


def _result(task: Task) -> MilpResult:
    program = build_program(task.demand, task.options, task.limits, task.elsewhere)
    return solve_bounded(program, task.settings, task.known).result
