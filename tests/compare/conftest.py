from __future__ import annotations

import pytest

from planner.pipeline import SolveSettings, solve_problem
from planner.plan.json_io import plan_json
from tests.sweep.world import write_day


@pytest.fixture
def day(tmp_path):
    """The path of a problem whose costs are known by hand."""
    return write_day(tmp_path)


@pytest.fixture
def solved(day, tmp_path):
    """Return a function that solves the problem with assignments, and writes the plan."""

    def solve(name, *assignments, **more):
        plan = solve_problem(
            day, assignments=assignments, settings=SolveSettings(gap=0.0, compare=False), **more
        )
        path = tmp_path / f"{name}.json"
        path.write_text(plan_json(plan), encoding="utf-8")
        return path

    return solve
