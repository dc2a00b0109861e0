"""The shipped problems that are wrong on purpose: the cause is named, and the fix mends it."""

from __future__ import annotations

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
}


@pytest.mark.parametrize("name", CAUSES)
def test_cause_is_named_first_and_its_fix_leaves_a_plan(name):
    problem = FOLDER / f"{name}.yaml"

    found = explain_infeasible(problem)

    best = found.fixes[0]
    assert [cause.family for cause in best.causes] == CAUSES[name]
    assert [cause.family for cause in found.causes][: len(best.causes)] == CAUSES[name]
    plan = solve_problem(problem, None, best.assignments, (), SolveSettings(compare=False))
    assert plan.cost_usd is not None
