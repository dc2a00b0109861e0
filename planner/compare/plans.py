"""Reads two plan files and compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.compare.catalog import catalog_change, version_changes
from planner.compare.costs import cost_changes, cost_difference, cost_rates, unit_cost_changes
from planner.compare.fleet import fleet_changes
from planner.compare.problem import problem_changes
from planner.compare.promises import promise_changes
from planner.compare.records import Comparison, PlanHead
from planner.errors import Fault, InputError, counted
from planner.plan.plan_file import read_plan
from planner.plan.reading import NEXT_STEP
from planner.problem.patch import apply_assignments, apply_scenario
from planner.problem.validate import validate
from planner.yaml_io import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.plan.document import Plan
    from planner.problem.schema import Problem

NOTHING_COMPARED = "nothing was compared"


def compare_plans(a: Path, b: Path) -> Comparison:
    """Return two plans side by side.

    Parameters
    ----------
    a, b
        Files that ``planner solve -o`` wrote; those of problems without a plan are compared too.

    Raises
    ------
    InputError
        With every fault of both files.
    """
    opened: list[tuple[Plan, Problem]] = []
    faults: list[Fault] = []
    for path in (a, b):
        try:
            plan = read_plan(path)
            opened.append((plan, _problem_of(plan, path)))
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults, NEXT_STEP, NOTHING_COMPARED)
    one, other = opened
    plans = (one[0], other[0])
    heads = (_head(plans[0], a), _head(plans[1], b))
    return Comparison(
        a=heads[0],
        b=heads[1],
        rates=cost_rates(*heads),
        cost=cost_difference(*plans) if heads[0].months == heads[1].months else None,
        cost_lines=cost_changes(*plans),
        fleet=fleet_changes(*plans),
        unit_costs=unit_cost_changes(*plans),
        promises=promise_changes(one, other),
        problem=problem_changes(one[1], other[1]),
        catalog=catalog_change(*plans),
        versions=version_changes(*plans),
        notes=tuple(_notes(*plans)),
    )


def _problem_of(plan: Plan, path: Path) -> Problem:
    """Return the problem that the plan holds, with its scenario and assignments."""
    stated = plan.problem
    document = parse_yaml(str(stated.get("text", "")), f"problem of {path}")
    if stated.get("scenario") is not None:
        document = apply_scenario(document, str(stated["scenario"]))
    document = apply_assignments(document, [str(text) for text in stated.get("set", [])])
    validation = validate(document)
    if validation.faults or validation.problem is None:
        raise InputError(validation.faults)
    return validation.problem


def _head(plan: Plan, path: Path) -> PlanHead:
    return PlanHead(
        file=str(path),
        name=plan.problem["name"],
        scenario=plan.problem["scenario"],
        status=plan.status,
        cost_usd=plan.cost_usd,
        bound_usd=plan.bound_usd,
        gap=plan.gap,
        tco_usd=plan.tco_usd,
        start=plan.problem["horizon"]["start"],
        months=_months(plan),
        diagnosis=plan.diagnosis,
    )


def _months(plan: Plan) -> int:
    horizon = plan.problem["horizon"]
    months: int = horizon["periods"] * horizon["months_per_period"]
    return months


def _notes(a: Plan, b: Plan) -> Iterator[str]:
    if _months(a) != _months(b):
        yield (
            f"A is over {counted(_months(a), 'month')} and B over {_months(b)}: totals do not "
            "compare, cost per month and unit costs do"
        )
    if a.problem["horizon"]["start"] != b.problem["horizon"]["start"]:
        yield "the horizons begin in different months: discounting and prices differ by that alone"
    verified = [any("verified" in w.lower() for w in plan.warnings) for plan in (a, b)]
    if verified[0] != verified[1]:
        which = "A" if verified[0] else "B"
        yield f"only {which} was solved with --verify, which may have cost it headroom"
