"""The shipped problems: all valid; those that are wrong on purpose say what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planner.catalog.load import load_catalog
from planner.demand.build import build_demand
from planner.pipeline import SolveSettings, solve_problem
from planner.preparation import prepare
from planner.problem.load import load_problem, scenario_names
from planner.problem.references import reference_faults, resolve_hardware
from planner.problem.schema import Problem
from tests.truth.test_golden_costs import GOLDEN_USD

FOLDER = Path(__file__).parents[2] / "problems"
FILES = sorted(p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*.yaml"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
QUICK = SolveSettings(compare=False)
SOLVED = {"chatbot_1m.yaml", *(f"{name}.yaml" for name, scenario in GOLDEN_USD if not scenario)}


@pytest.mark.parametrize("name", [name for name in FILES if name not in SOLVED])
def test_every_shipped_problem_is_valid_and_has_ways_to_serve(name, monkeypatch):
    """The others are solved to their golden costs. How much each way carries is not asked here."""
    monkeypatch.setattr("planner.options.model_run.SAMPLES", 256)

    assert prepare(FOLDER / name).options.considered > 0


@pytest.mark.parametrize("name", FILES)
def test_every_scenario_of_a_shipped_problem_is_valid(name):
    for scenario in scenario_names(FOLDER / name):
        loaded = load_problem(FOLDER / name, scenario)
        catalog = load_catalog(loaded.overlays)

        assert not reference_faults(resolve_hardware(loaded, catalog), catalog)
        assert build_demand(loaded, catalog).workloads


@pytest.mark.parametrize("name", FILES)
def test_every_shipped_problem_is_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("quota", r"without the quota of 4 x h100-sxm-80gb there is a plan"),
        ("budget", r"without the budget of 5,000 USD \(cash\) in period 1 there is a plan"),
        ("latency", r"without the quota of 32 x h100-sxm-80gb there is a plan"),
        ("provider", r"without the survive_loss_of provider there is a plan"),
        ("quality", r"options miss its quality floor; nearest:.*floor 0\.99"),
    ],
)
def test_problem_that_is_wrong_on_purpose_is_infeasible_for_its_reason(name, says):
    plan = solve_problem(FOLDER / "infeasible" / f"{name}.yaml", settings=QUICK)

    assert plan.status == "infeasible"
    assert plan.cost_usd is None
    assert re.search(says, "\n".join(plan.diagnosis), re.DOTALL)


def test_the_latency_limits_and_not_the_quota_alone_are_the_trouble():
    changes = ["workloads.chat.slo.0.limit=2000", "workloads.chat.slo.1.limit=200"]

    plan = solve_problem(
        FOLDER / "infeasible" / "latency.yaml", assignments=changes, settings=QUICK
    )

    assert plan.status == "optimal"


def fields(schema):
    sections = [schema, *schema["$defs"].values()]
    return sorted({name for s in sections for name in s.get("properties", {})})


@pytest.mark.parametrize("field", fields(Problem.model_json_schema()))
def test_every_field_of_the_schema_is_in_the_readme(field):
    assert re.search(rf"\b{field}\b", README)
