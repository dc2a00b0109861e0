"""The shipped problems that are wrong on purpose: the cause is named, and the fix mends it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from planner.infeasibility import explain_infeasible
from planner.pipeline import SolveSettings, solve_problem

FOLDER = Path(__file__).parents[2] / "problems" / "infeasible"
CAUSES = {
    "budget": ["budget"],
    "power": ["power"],
    "window": ["window"],
    "lead_time": ["lead_time"],
    "quota_and_budget": ["quota", "budget"],
    "power_and_space": ["power", "space"],
    "budget_of_period_3": ["budget"],
    "budget_and_power": ["budget", "power"],
    "quota_and_power": ["quota", "power"],
    "quota_and_lead_time": ["lead_time", "quota"],
    "budget_and_lead_time": ["lead_time", "budget"],
}


@cache
def explained(name):
    return explain_infeasible(FOLDER / f"{name}.yaml")


@pytest.mark.parametrize("name", CAUSES)
def test_cause_is_named_first_and_its_fix_leaves_a_plan(name):
    problem = FOLDER / f"{name}.yaml"

    found = explained(name)

    best = found.fixes[0]
    assert [cause.family for cause in best.causes] == CAUSES[name]
    assert [cause.family for cause in found.causes][: len(best.causes)] == CAUSES[name]
    plan = solve_problem(problem, None, best.assignments, (), SolveSettings(compare=False))
    assert plan.cost_usd is not None
    assert best.cost.bound_usd <= plan.cost_usd + 0.01
    assert plan.bound_usd <= best.cost.cost_usd + 0.01


def test_no_two_fixes_are_the_same_changes_in_another_order():
    found = explained("quota_and_lead_time")

    changes = [frozenset(fix.assignments) for fix in found.fixes]
    assert len(changes) > 1
    assert len(set(changes)) == len(changes)
