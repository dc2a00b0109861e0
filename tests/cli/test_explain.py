"""``planner explain`` from the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest


@pytest.fixture
def budget():
    return str(Path(__file__).parents[2] / "problems" / "infeasible" / "budget.yaml")


def test_causes_and_fixes_have_the_stable_form(planner, budget):
    done = planner("explain", budget, "--json")

    found = json.loads(done.out)
    assert done.code == 3
    assert found["infeasible"] is True
    assert found["causes"][0] == {
        "family": "budget", "workload": "", "where": "5,000 USD of cash in period 1",
        "amount": found["fixes"][0]["amount"], "unit": "USD",
    }  # fmt: skip
    assert found["fixes"][0]["confirmed"] is True


def test_the_printed_command_gives_a_plan(planner, budget):
    done = planner("explain", budget)

    assert done.code == 3
    (next_step,) = [line for line in done.out.splitlines() if line.startswith("Next: ")]
    command = next_step.removeprefix("Next: planner ").replace("'", "").split()
    assert planner(*command, "--no-compare").code == 0


def test_the_printed_command_keeps_what_was_asked(planner, budget):
    asked = ("--set", "workloads.chat.growth_per_period=[1.0, 2.0]")

    done = planner("explain", budget, *asked)

    (next_step,) = [line for line in done.out.splitlines() if line.startswith("Next: ")]
    command = shlex.split(next_step.removeprefix("Next: planner "))
    assert command[:4] == ["solve", budget, *asked]
    assert planner(*command, "--no-compare").code == 0


def test_every_fix_has_the_cost_of_its_plan(planner, budget):
    (fix,) = json.loads(planner("explain", budget, "--json").out)["fixes"][:1]

    solved = planner("solve", budget, "--no-compare", "--json", "--set", fix["set"][0]).json
    assert fix["keeps_promises"] is True
    assert fix["cost"]["cost_usd"] == pytest.approx(solved["cost_usd"], rel=0.01)
    assert fix["cost"]["bound_usd"] <= solved["cost_usd"]
    assert fix["cost"]["usd_per_month"] == pytest.approx(solved["tco_usd"] / 6, rel=0.01)


def test_a_problem_with_a_plan_says_so(planner, budget):
    done = planner("explain", budget, "--set", "limits.budget_usd_per_period=null", "--json")

    assert done.code == 0
    assert json.loads(done.out)["infeasible"] is False


def test_no_time_is_said(planner, budget):
    done = planner("explain", budget, "--time-limit", "0.001")

    assert done.code == 3
    assert "not tried within the time limit" in done.out


def test_a_problem_that_is_wrong_is_refused_without_a_traceback(planner, budget):
    done = planner("explain", budget, "--set", "horizon.periods=many")

    assert done.code == 2
    assert "horizon.periods" in done.err
    assert "Traceback" not in done.err


def test_solve_points_to_it_with_what_was_asked(planner, budget):
    done = planner("solve", budget)
    other = planner("solve", budget, "--set", "policy.spare_replicas=2")
    tight = planner("solve", budget, "--set", "workloads.chat.slo.0.limit=1")

    assert done.code == other.code == 3
    assert f"Next: planner explain {budget}\n" in done.out
    assert f"Next: planner explain {budget} --set 'policy.spare_replicas=2'\n" in other.out
    assert tight.code == 2
    assert f"Next: planner explain {budget} --set 'workloads.chat.slo.0.limit=1'" in tight.err
