"""Servers that are there draw power on the site as well as those that are bought."""

from __future__ import annotations

import json

import pytest

from planner.catalog.carbon import highest_power_w
from planner.catalog.load import load_catalog
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.verify.audit import audit
from tests.finance.budget import solve

NODES = 3
BUSY = "workloads.chat.arrival.mean_rate_rps=60"
CHEAP = "supply.tenures=[on_demand, owned]"


def existing(**changes):
    entry = {
        "hardware": "h100-sxm-80gb", "tenure": "owned", "nodes": NODES,
        "accelerators_per_node": 1, "usd_per_node_hour": 0.1,
    }  # fmt: skip
    return f"supply.existing={json.dumps([entry | changes])}"


@pytest.fixture(scope="module")
def each_kw(folder):
    kw = highest_power_w(load_catalog([folder / "facts"]), "h100-sxm-80gb") / 1000
    assert kw >= 1.0  # the box of this problem draws 1 kW
    return kw


def bought(plan):
    new = [c for c in plan.commitments if c.tenure == "owned" and not c.is_existing]
    return max((sum(c.nodes for c in new if c.start_period <= t) for t in range(4)), default=0)


@pytest.mark.parametrize("room", [0, 1, 3])
def test_what_is_there_leaves_the_rest_of_the_power_for_what_is_bought(folder, each_kw, room):
    limit = f"limits.power_kw={NODES * each_kw + room + 0.5}"

    plan, _ = solve(folder, [BUSY, CHEAP, existing(), limit])
    free, _ = solve(folder, [BUSY, CHEAP, existing()])

    assert bought(plan) == room < bought(free)


@pytest.mark.parametrize("hours", [None, [[6, 18]]])
def test_what_is_there_may_draw_too_much_by_itself(folder, each_kw, planner, hours):
    limit = f"limits.power_kw={NODES * each_kw - 0.1}"

    done = planner("solve", folder / "budget.yaml", "--set", existing(hours=hours), "--set", limit)

    assert done.code == 3
    assert "power_kw" in done.out


def test_rented_nodes_that_are_there_stand_elsewhere(folder):
    asked = [existing(tenure="reserved_1y", provider="me"), "limits.power_kw=0.5"]

    plan, _ = solve(folder, asked)

    assert bought(plan) == 0


def test_the_audit_counts_them_by_itself(folder, each_kw):
    ready = prepare(folder / "budget.yaml", None, [BUSY, CHEAP, existing()])
    plan = solve_prepared(ready, SolveSettings(gap=0.0, compare=False))
    problem = ready.loaded.problem
    limits = problem.limits.model_copy(update={"power_kw": NODES * each_kw - 0.1})

    found = audit(plan, problem.model_copy(update={"limits": limits}), ready.catalog)

    assert any("kW of owned nodes" in line for line in found)


def test_a_power_that_is_not_known_is_asked_for(folder, planner):
    row = "chat,m,q,own-chip,1,e,5\n"
    text = (folder / "capacities.csv").read_text(encoding="utf-8")
    (folder / "own.csv").write_text(text + row, encoding="utf-8")
    changes = [existing(hardware="own-chip"), "performance=own.csv", "limits.power_kw=10"]

    done = planner("solve", folder / "budget.yaml", *(x for c in changes for x in ("--set", c)))

    assert done.code == 2
    assert "counts in `limits.power_kw`, and that is not known: power of a node of own-chip" in (
        done.err
    )
