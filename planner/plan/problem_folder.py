"""The way from a plan file to the files that its problem names.

A plan holds the text of its problem, not the overlays and tables that the text names. Their paths
start from the folder of the problem file, so a plan that is written elsewhere records the way
there from its own folder, and both may move together.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.problem.load import shipped_problem_folder

if TYPE_CHECKING:
    from pathlib import Path

    from planner.plan.document import Plan
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem

FOLDER = "folder"
"""Field of the problem of a plan."""


def with_problem_folder(plan: Plan, loaded: LoadedProblem, output: Path) -> Plan:
    """Return a plan that knows where the files of its problem are, when it is written to a file.

    Parameters
    ----------
    plan
        The plan.
    loaded
        The problem it answers.
    output
        The file it is written to.
    """
    here, there = output.resolve().parent, loaded.folder.resolve()
    if here == there or not _names_files(loaded.problem):
        return plan
    if shipped_problem_folder(loaded.document.text) is not None:
        return plan
    try:
        way = os.path.relpath(there, here)
    except ValueError:  # another drive
        return plan
    return replace(plan, problem=plan.problem | {FOLDER: way.replace(os.sep, "/")})


def recorded_folder(plan: Plan, path: Path) -> Path | None:
    """Return the folder that a plan records, ``None`` when there is none, or none any more.

    Parameters
    ----------
    plan, path
        The plan and its file.
    """
    way = plan.problem.get(FOLDER)
    if not isinstance(way, str):
        return None
    folder = path.resolve().parent / way
    return folder if folder.is_dir() else None


def _names_files(problem: Problem) -> bool:
    named = [problem.performance, *problem.catalog]
    for workload in problem.workloads:
        recorded = workload.arrival.interarrivals
        named += [None if workload.lengths is None else workload.lengths.ref]
        named += [None if recorded is None else recorded.ref]
    return any(name is not None for name in named)
