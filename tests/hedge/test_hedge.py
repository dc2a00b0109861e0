"""What holds for every hedge: identical scenarios, weights, plans that audit and agree."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.hedge.as_data import hedge_data
from planner.hedge.run import HedgeSettings, run_hedge
from planner.milp.joint import Risk
from planner.pipeline import SolveSettings, solve_problem
from planner.plan.json_io import plan_json
from planner.problem.load import load_problem
from planner.verify.audit.alike import unlike_orders
from tests.hedge.world import scenario, write_halves

EXACT = SolveSettings(gap=0.0, time_limit_s=60.0, compare=False)
UP = [1.0, 2.0, 1.5, 1.0]
TWO = [scenario("low", 0.5, 1.0), scenario("high", 0.5, UP)]


def hedged(path, *assignments, **settings):
    return run_hedge(path, assignments, settings=HedgeSettings(EXACT, **settings))


def orders(plan):
    return [(c.offer_id, c.nodes, c.order_month, c.start_month) for c in plan.commitments]


def test_identical_scenarios_give_the_deterministic_plan(tmp_path):
    path = write_halves(tmp_path, [scenario(name, 0.25, UP) for name in "abcd"])
    alone = solve_problem(path, "a", settings=EXACT)

    found = hedged(path)

    assert found.expected_usd == pytest.approx(alone.cost_usd, abs=0.01)
    assert found.cvar_usd == pytest.approx(alone.cost_usd, abs=0.01)
    for outcome in found.scenarios:
        assert outcome.cost_usd == pytest.approx(alone.cost_usd, abs=0.01)
        assert orders(outcome.plan) == orders(alone)
    for value in (found.perfect_information, found.stochastic_solution, found.waiting):
        assert value.found_usd == pytest.approx(0, abs=0.01)
        assert not value.is_proven


def test_a_single_scenario_is_the_problem_with_its_patch(tmp_path):
    path = write_halves(tmp_path, [scenario("only", 1, UP)])

    found = hedged(path)

    assert found.expected_usd == pytest.approx(
        solve_problem(path, "only", settings=EXACT).cost_usd, abs=0.01
    )
    assert found.orders == ()


def test_weight_0_is_the_expected_cost_and_more_weight_lowers_the_worst(tmp_path):
    path = write_halves(tmp_path, TWO)

    found = {w: hedged(path, risk=Risk(w, 0.9), compare=False) for w in (0.0, 0.5, 1.0)}

    assert found[0.0].measure_usd == pytest.approx(found[0.0].expected_usd)
    for more, less in ((0.5, 0.0), (1.0, 0.5)):
        assert found[more].cvar_usd <= found[less].cvar_usd + 0.01
        assert found[more].expected_usd >= found[less].expected_usd - 0.01
    assert found[1.0].cvar_usd < found[0.0].cvar_usd - 1


def test_every_plan_is_a_plan_file_of_its_scenario(tmp_path):
    """Plans pass the audit when they are made; the file names the scenario it is a plan of."""
    found = hedged(write_halves(tmp_path, TWO))

    for outcome in found.scenarios:
        data = json.loads(plan_json(outcome.plan))
        assert data["problem"]["scenario"] == outcome.name
        assert data["cost_usd"] == pytest.approx(outcome.cost_usd)
        assert data["bound_usd"] <= data["cost_usd"]


def test_unlike_orders_are_found_in_the_plans_alone(tmp_path):
    path = write_halves(tmp_path, TWO)
    problem = load_problem(path).problem
    plans = {s.name: s.plan for s in hedged(path).scenarios}
    low = plans["low"]

    one_more = tuple(replace(c, nodes=c.nodes + 1) for c in low.commitments)
    changed = plans | {"low": replace(low, commitments=one_more)}

    assert not list(unlike_orders(problem, plans))
    assert any("2 in low, 1 in high" in text for text in unlike_orders(problem, changed))


def test_orders_differ_only_once_scenarios_are_known(tmp_path):
    problem = load_problem(path := write_halves(tmp_path, TWO)).problem
    plans = {s.name: s.plan for s in hedged(path).scenarios}
    late = problem.model_copy(
        update={"scenarios": {n: s | {"known_from": 4} for n, s in problem.scenarios.items()}}
    )

    assert not list(unlike_orders(problem, plans))
    assert list(unlike_orders(late, plans))


DEARER = (
    "price_change_per_year: {owned: 1}",
    "price_paths: [{name: box, server: box-1x, change_per_year: 1}]",
)
"""A server for twice as much every year, by its kind and by itself."""


@pytest.mark.parametrize("price", DEARER)
def test_a_price_that_differs_before_the_scenarios_part_is_refused(tmp_path, price):
    dear = f"  dear: {{probability: 0.5, known_from: 2, supply: {{{price}}}}}"
    path = write_halves(tmp_path, [scenario("flat", 0.5, 1.0, 2), dear])

    with pytest.raises(
        InputError, match=r"dear\n.*owned:box-1x.*order in period 1, .*known_from: 1"
    ):
        hedged(path)


def test_the_same_price_path_is_a_scenario_once_it_is_known_in_time(tmp_path):
    found = []
    for price in DEARER:
        dear = f"  dear: {{probability: 0.5, known_from: 1, supply: {{{price}}}}}"
        found.append(hedged(write_halves(tmp_path, [scenario("flat", 0.5, 1.0, 1), dear])))

    assert [f.status for f in found] == ["optimal", "optimal"]
    assert found[0].expected_usd == pytest.approx(found[1].expected_usd)


def test_a_file_without_probabilities_says_what_to_give(tmp_path):
    path = write_halves(tmp_path, ["  busy: {workloads: [{name: chat, growth_per_period: 2.0}]}"])

    with pytest.raises(InputError, match="no scenario has a probability"):
        hedged(path)


def test_a_scenario_without_any_plan_is_named(tmp_path):
    path = write_halves(tmp_path, TWO)

    found = hedged(path, "limits.budget_usd=10000")

    assert found.status == "infeasible"
    assert any("high" in note for note in found.notes)
    assert hedge_data(found)["objective_usd"] is None


def test_budgets_hold_in_every_scenario_of_the_hedge(tmp_path):
    """A budget that the mean-value plan does not keep in the scenario of growth."""
    path = write_halves(tmp_path, TWO)

    found = hedged(path, "limits.budget_usd=36000")

    assert found.status == "optimal"
    assert all(s.cost_usd <= 36_000 + 0.01 for s in found.scenarios)
