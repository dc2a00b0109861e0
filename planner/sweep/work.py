"""One run, wherever it is solved: in this process, in one beside it, or on a cluster.

The performance model keeps its rates by content within a process, so a worker that goes on to the
next run does not compute them again: processes are kept for a whole sweep.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

from planner.digest import software_sha256
from planner.errors import PlannerError
from planner.pipeline import decide
from planner.plan.json_io import plan_json
from planner.preparation import Checked, prepare_checked
from planner.sweep.outcome import FAILED, Outcome, outcome_of
from planner.sweep.tasks import with_factors

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.sweep.tasks import Task

_ONE_AT_A_TIME = Lock()
"""Held by a run: what is kept between runs is not made for threads, and a solver has one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came out of one run, and its plan file, ``None`` of a run that failed."""

    outcome: Outcome
    plan_json: str | None = None


def solve_task(task: Task, catalog: Catalog) -> Answer:
    """Return the answer of a task; nothing is raised, because other runs go on.

    Parameters
    ----------
    task
        What to solve.
    catalog
        The catalogue that it is for, before its factors.
    """
    if task.software != software_sha256():
        text = "the worker runs another planner, solver or Python than the one that asks"
        return failed(text)
    try:
        with _ONE_AT_A_TIME:
            start = time.process_time()
            facts = with_factors(catalog, task.factors)
            prepared = prepare_checked(Checked(task.loaded, facts, task.demand))
            plan = decide(prepared, task.settings).plan
            text = plan_json(plan)
            spent = time.process_time() - start
        return Answer(replace(outcome_of(plan), processor_seconds=spent), text)
    except PlannerError as error:
        return failed(str(error))
    except Exception as error:
        return failed(f"{type(error).__name__}: {error}")


def failed(reason: str) -> Answer:
    """Return the answer of a run that has none."""
    return Answer(Outcome(FAILED, reason))
