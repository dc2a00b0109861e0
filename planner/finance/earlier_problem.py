"""The problem of an earlier plan, as its file states it, and what a new one took over by mistake.

Rates and lengths grow from the start of a horizon. A problem of the next quarter that states the
same rate and growth as the last one plans for demand that has not grown since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from planner.errors import InputError
from planner.problem.growth import changes
from planner.problem.patch import apply_assignments, apply_scenario
from planner.problem.schema import Workload
from planner.yaml_io import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.reading import PlanFile
    from planner.problem.schema import Problem
    from planner.yaml_io import YamlData


_DEMAND = ("arrival", "growth_per_period", "lengths", "length_growth_per_period")
"""Fields of a workload that say how much it asks for, and how that grows."""


def earlier_problem(plan: PlanFile) -> YamlData:
    """Return the plain data of the problem of a plan with its changes; ``None`` if unreadable.

    Parameters
    ----------
    plan
        The plan.
    """
    stated = plan.problem
    try:
        document = parse_yaml(stated.text, "problem of the plan")
        if stated.scenario is not None:
            document = apply_scenario(document, stated.scenario)
        return apply_assignments(document, stated.set).data
    except (InputError, ValueError):
        return None


def growth_notes(problem: Problem, plan: PlanFile, file: str) -> tuple[str, ...]:
    """Return a note on workloads that grow from a later start as they did from an earlier one.

    Parameters
    ----------
    problem
        The new problem.
    plan, file
        The earlier plan, and the name of its file.
    """
    start, before = problem.horizon.start, plan.horizon.start
    names = list(_restarted(problem, plan)) if start > before else []
    if not names:
        return ()
    return (
        f"{', '.join(names)}: rates and growth are as in {file}, whose horizon begins {before}; "
        f"they count from the start of each horizon, so what has grown until {start} is left out. "
        f"State the rates of {start}",
    )


def _restarted(problem: Problem, plan: PlanFile) -> Iterator[str]:
    growing = [
        workload
        for workload in problem.workloads
        if changes(workload.growth_per_period) or not workload.length_growth_per_period.is_none
    ]
    data = earlier_problem(plan) if growing else None
    listed = data.get("workloads") if isinstance(data, dict) else None
    stated = {
        item.get("name"): item for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, dict)
    }  # fmt: skip
    for workload in growing:
        try:
            old = Workload.model_validate(stated.get(workload.name))
        except ValidationError:
            continue
        if all(getattr(old, name) == getattr(workload, name) for name in _DEMAND):
            yield workload.name
