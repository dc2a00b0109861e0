from __future__ import annotations

import pytest

from planner.pipeline import SolveSettings, solve_problem
from planner.plan.json_io import plan_json
from tests.sweep.world import write_day


@pytest.fixture
def day(tmp_path):
    """The path of a problem whose costs are known by hand."""
    return write_day(tmp_path)


@pytest.fixture(scope="session")
def known():
    """Plans by what they were asked: many comparisons begin with the same one."""
    return {}


@pytest.fixture
def solved(day, tmp_path, known):
    """Return a function that solves the problem with assignments, and writes the plan."""

    def solve(name, *assignments, scenario=None):
        tables = tuple(sorted(path.read_text() for path in day.parent.rglob("*.csv")))
        asked = (assignments, scenario, tables)
        if asked not in known:
            settings = SolveSettings(gap=0.0, compare=False)
            known[asked] = plan_json(solve_problem(day, scenario, assignments, settings=settings))
        path = tmp_path / f"{name}.json"
        path.write_text(known[asked], encoding="utf-8")
        return path

    return solve
