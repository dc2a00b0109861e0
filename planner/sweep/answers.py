"""The answers of many tasks: those in the store are read, the others solved and kept."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.store import RunStore, StoredRun
from planner.sweep.cluster import solve_on_cluster
from planner.sweep.outcome import Outcome
from planner.sweep.processes import solve_here, solve_in_processes
from planner.sweep.work import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.sweep.tasks import Task


@dataclass(frozen=True, slots=True)
class Machines:
    """Where tasks are solved, and where their answers are kept.

    Parameters
    ----------
    jobs
        Processes of this machine, >= 1; 1 solves in this one.
    dask
        Address of a Dask scheduler that solves instead.
    store
        SQLite file of finished runs; ``None`` keeps nothing.
    """

    jobs: int = 1
    dask: str | None = None
    store: Path | None = None


def answers_of(
    tasks: Sequence[Task],
    catalogs: Mapping[str, Catalog],
    where: Machines,
    on_run: Callable[[int, int], None],
) -> tuple[dict[str, Answer], int]:
    """Return the answer of every key, and how many of them had to be solved.

    Parameters
    ----------
    tasks
        What is asked; tasks of one key are one question.
    catalogs
        Catalogues by checksum, before factors.
    where
        Where to solve, and the store.
    on_run
        Called with the runs done, and all, whenever one is done.

    Raises
    ------
    InputError
        When the store or the cluster cannot be used.
    """
    asked = {task.key: task for task in tasks}
    with ExitStack() as stack:
        store = None if where.store is None else stack.enter_context(RunStore(where.store))
        answers = {} if store is None else _stored(store, asked)
        left = [task for key, task in asked.items() if key not in answers]
        on_run(len(answers), len(asked))

        def take(number: int, answer: Answer) -> None:
            task = left[number]
            answers[task.key] = answer
            if store is not None and answer.plan_json is not None:
                name, outcome = task.loaded.problem.name, answer.outcome.as_data
                store.add(StoredRun(task.key, name, task.asked, outcome, answer.plan_json))
            on_run(len(answers), len(asked))

        if left and where.dask is not None:
            solve_on_cluster(left, catalogs, where.dask, take)
        elif left and where.jobs > 1:
            solve_in_processes(left, catalogs, where.jobs, take)
        else:
            solve_here(left, catalogs, take)
    return answers, len(left)


def _stored(store: RunStore, asked: Iterable[str]) -> dict[str, Answer]:
    answers = {}
    for key in asked:
        outcome = store.outcome(key)
        if outcome is not None:
            answers[key] = Answer(Outcome.from_data(outcome), store.plan_json(key))
    return answers
