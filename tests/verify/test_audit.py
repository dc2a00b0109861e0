"""A correct plan has no violation, and a plan without figures holds no rows."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import planner.verify.audit
from planner.errors import InternalError
from planner.plan.assemble import plan_without_allocations
from planner.verify.audit import audit, require_sound
from tests.plan.small import SETTINGS, loaded, proof
from tests.worlds import option_set

ALLOWED = ("plan", "problem", "catalog", "perf", "units", "errors", "verify")


@pytest.mark.parametrize("world", ["day", "modelled"])
def test_correct_plan_has_no_violation(world, request):
    found = request.getfixturevalue(world)

    assert audit(found.plan, found.problem, found.catalog) == []
    require_sound(found.plan, found.problem, found.catalog)


def test_the_world_uses_what_the_audit_looks_at(day):
    plan = day.plan

    assert {r.workload for r in plan.allocations} == {"chat", "code"}
    assert {r.workload for r in plan.api} == {"bulk"}
    assert any(r.startup_node_hours > 0 for r in plan.fleet)
    assert {r.price_date for r in plan.fleet} == {"2026-06-01", "2026-12"}
    assert {line.period for line in plan.cost_lines} == {0, 1}


def test_unsound_plan_is_refused_with_every_violation(day):
    broken = replace(day.plan, cost_usd=1.0, tco_usd=1.0)

    with pytest.raises(InternalError, match=r"fails its own audit.*\n.*tco_usd.*\n.*cost_usd"):
        require_sound(broken, day.problem, day.catalog)


@pytest.fixture
def empty(day):
    return plan_without_allocations(
        loaded(),
        day.catalog,
        options=option_set([], [], []),
        proof=proof(None, "infeasible"),
        settings=SETTINGS,
        diagnosis=(),
        warnings=(),
    )


def test_plan_without_cost_is_sound_when_it_holds_nothing(empty, day):
    assert audit(empty, day.problem, day.catalog) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"status": "optimal"}, "status optimal without a cost"),
        ({"gap": 0.0}, "gap 0.0 and tco_usd None without a cost"),
        ({"tco_usd": 5.0}, "gap None and tco_usd 5.0 without a cost"),
    ],
)
def test_plan_without_cost_claims_nothing(empty, day, changes, text):
    assert audit(replace(empty, **changes), day.problem, day.catalog) == [text]


def test_plan_without_cost_holds_no_rows(empty, day):
    broken = replace(empty, fleet=day.plan.fleet)

    assert audit(broken, day.problem, day.catalog) == ["rows of a plan without a cost"]


def test_audit_imports_nothing_that_made_the_plan():
    folder = Path(planner.verify.audit.__file__).parent
    imported = {
        node.module
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("planner.")
    }

    assert {name.split(".")[1] for name in imported} <= set(ALLOWED)
