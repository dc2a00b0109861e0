"""Runs in parallel processes of this machine, one solver thread in each.

Each worker is fed through a pipe of its own, which shows at once when either side is gone: a
worker that the system has ended (for memory, say) fails its own run and is replaced, and workers
whose parent was ended end too. The pools of the standard library give up all runs in the first
case, and leave processes behind in the second.

A script that calls this needs the usual ``if __name__ == "__main__":`` (:mod:`planner.workers`).
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from planner.sweep.work import failed, solve_task
from planner.workers import begin_worker, worker_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from planner.catalog.load import Catalog
    from planner.sweep.tasks import Task
    from planner.sweep.work import Answer

_END_S = 5.0


@dataclass(slots=True)
class _Worker:
    """A process, its pipe, and the number of the task that it has, ``None`` when it is idle."""

    process: BaseProcess
    pipe: Connection
    task: int | None = None


def solve_here(
    tasks: Sequence[Task],
    catalogs: Mapping[str, Catalog],
    on_answer: Callable[[int, Answer], None],
) -> None:
    """Solve tasks one after another in this process; parameters as `solve_in_processes`."""
    for number, task in enumerate(tasks):
        on_answer(number, solve_task(task, catalogs[task.catalog_sha256]))


def solve_in_processes(
    tasks: Sequence[Task],
    catalogs: Mapping[str, Catalog],
    jobs: int,
    on_answer: Callable[[int, Answer], None],
) -> None:
    """Solve tasks in several processes.

    Parameters
    ----------
    tasks
        What to solve.
    catalogs
        Catalogues by checksum.
    jobs
        Processes, >= 1.
    on_answer
        Called with the number of the task and its answer, in the order in which they are done.
    """
    waiting = deque(range(len(tasks)))
    workers: list[_Worker] = []
    try:
        workers += [_Worker(*_process()) for _ in range(min(jobs, len(tasks)))]
        for worker in workers:
            _send(worker, catalogs)
            _give(worker, waiting, tasks)
        while busy := {w.pipe: w for w in workers if w.task is not None}:
            for pipe in wait(list(busy)):
                worker = next(w for p, w in busy.items() if p is pipe)
                number, answer = worker.task, _received(worker)
                if answer is None:
                    _end(worker)
                    worker.process, worker.pipe = _process()
                    _send(worker, catalogs)
                _give(worker, waiting, tasks)
                if number is not None:
                    on_answer(number, answer or failed("the process that solved it was ended"))
    finally:
        for worker in workers:
            _end(worker)


def _process() -> tuple[BaseProcess, Connection]:
    context = worker_context(__name__)
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join(_END_S)


def _give(worker: _Worker, waiting: deque[int], tasks: Sequence[Task]) -> None:
    worker.task = waiting.popleft() if waiting else None
    if worker.task is not None:
        _send(worker, tasks[worker.task])


def _send(worker: _Worker, value: object) -> None:
    with contextlib.suppress(OSError):  # of a worker that is gone, which its answer will show
        worker.pipe.send(value)


def _received(worker: _Worker) -> Answer | None:
    """Return what a worker has sent, ``None`` when it is gone."""
    try:
        answer: Answer = worker.pipe.recv()
    except (EOFError, OSError):
        return None
    return answer


def _work(pipe: Connection) -> None:
    """Solve what comes through a pipe, until it or the parent is gone."""
    begin_worker()
    with contextlib.suppress(EOFError, OSError):
        catalogs: dict[str, Catalog] = pipe.recv()
        while True:
            task: Task = pipe.recv()
            pipe.send(solve_task(task, catalogs[task.catalog_sha256]))
