"""Software licences: what they cost, which engine they make worth choosing, and the audit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.milp import BudgetLimit, Limits, SolverSettings, build_program, solve_program
from tests import worlds
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, report
from tests.verify.conftest import DAY, MEASURED, solved

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0


def world(fast_usd):
    """Return 4 requests/s on nodes of 1 USD/h: a plain engine carries 1 each, a licensed one 2."""
    demand = worlds.demand({"chat": [4.0]})
    fast = replace(worlds.option("fast"), software_usd_per_hour=fast_usd)
    return demand, worlds.option_set(
        [worlds.option("plain"), fast],
        [worlds.capacity("chat", "plain", 1.0), worlds.capacity("chat", "fast", 2.0)],
        [worlds.offer("node")],
    )


@pytest.mark.parametrize(("usd", "cost", "used"), [(0.9, 3.8, "fast"), (1.1, 4.0, "plain")])
def test_a_licence_is_worth_the_nodes_that_it_saves(usd, cost, used):
    found = solve_program(build_program(*world(usd), Limits()), EXACT)

    assert found.objective_usd == pytest.approx(cost * MONTH_H)
    assert {r.option_id for r in found.decisions.replicas} == {used}


def test_a_budget_counts_licences():
    def status(usd):
        limits = Limits(budgets=(BudgetLimit("opex", 0, usd),))
        return solve_program(build_program(*world(0.9), limits), EXACT).proof.status

    assert status(3.8 * MONTH_H + 1) == "optimal"
    assert status(3.8 * MONTH_H - 1) == "infeasible"


def asked(software):
    arrival = {"mean_rate_rps": 20.0, "profile": DAY}
    return problem(
        workload("chat", pool="talk", arrival=arrival),
        workload("code", pool="talk", arrival=arrival | {"mean_rate_rps": 4.0}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 2},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        supply={"tenures": ["on_demand"], "software_usd_per_accelerator_hour": software},
    )


def solve(software):
    table = [MEASURED | {"workload": "chat"}, MEASURED | {"workload": "code", "capacity_rps": 3.0}]
    facts = catalog(offers=[row("offers", elastic_max_nodes=50)])
    return solved(asked(software), facts, table)


@pytest.mark.parametrize(
    ("stated", "usd"),
    [({"vllm": 0.5}, 0.5), ({"vllm": 0.5, "gpu-a": 0.25}, 0.75), ({"default": 0.1}, 0.1),
     ({"vllm": 0.5, "default": 9.0}, 0.5)],
)  # fmt: skip
def test_licences_are_paid_for_the_accelerators_of_replicas(stated, usd):
    world = solve(stated)

    hours = {b.block: b.hours_per_period for b in world.plan.time_blocks}
    replicas = {
        (a.period, a.block, a.option_id): a.accelerators * hours[a.block]
        for a in world.plan.allocations
    }
    paid = sum(line.usd for line in world.plan.cost_lines if line.category == "software")
    assert paid == pytest.approx(usd * sum(replicas.values()))
    assert report(world, world.plan) == []


def test_without_licences_the_plan_has_no_such_lines():
    assert all(line.category != "software" for line in solve({}).plan.cost_lines)


@pytest.fixture(scope="module")
def software():
    return solve({"vllm": 0.5})


def test_every_single_change_of_such_a_plan_is_reported(software):
    missed = {
        (table, field)
        for table, field, plan in every_change(software.plan)
        if not report(software, plan)
    }

    assert missed <= {("fleet", "note"), ("energy", "note")}  # words, no figures


def test_licences_that_are_left_out_are_reported(software):
    place = next(
        i for i, line in enumerate(software.plan.cost_lines) if line.category == "software"
    )

    plan = changed(software.plan, "cost_lines", place, usd=0.0, discounted_usd=0.0)

    assert any("'software'" in line for line in report(software, plan))
