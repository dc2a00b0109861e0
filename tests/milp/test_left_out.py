"""Which limit is named where a program has no plan: one alone, or several only together."""

from __future__ import annotations

import pytest

from planner.diagnosis import diagnose_program
from planner.milp import Limits, SolverSettings
from planner.milp.left_out import left_out
from planner.milp.records import BudgetLimit
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
NODE_USD = 2.0 * 730.0
"""One node at 2 USD an hour for a period of a month."""


def why(*budgets):
    """Return why one node in each of two periods cannot be paid."""
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    capacities = [worlds.capacity("chat", "o", 1.0)]
    offers = [worlds.offer("node", [2.0, 2.0])]
    options = worlds.option_set([worlds.option("o")], capacities, offers)
    return diagnose_program(demand, options, Limits(budgets=budgets), EXACT)[1:]


@pytest.mark.parametrize("period", [0, 1])
def test_a_budget_that_is_short_in_one_period_is_named_alone(period):
    budgets = [BudgetLimit("cash", t, NODE_USD - (t == period)) for t in (0, 1)]

    assert why(*budgets) == (
        f"without the budget of 1,459 USD (cash) in period {period} there is a plan",
    )


def test_budgets_that_are_all_short_are_named_together():
    budgets = [BudgetLimit("cash", t, NODE_USD - 1) for t in (0, 1)]

    assert why(*budgets) == ("without the budgets of cash taken together there is a plan",)


def test_the_budget_of_the_horizon_is_one_of_its_kind():
    budgets = [BudgetLimit("cash", 0, NODE_USD - 1), BudgetLimit("cash", None, 2 * NODE_USD - 1)]

    assert why(*budgets) == ("without the budgets of cash taken together there is a plan",)
    assert why(budgets[1]) == (
        "without the budget of 2,919 USD (cash) over the horizon there is a plan",
    )


def test_every_limit_is_left_out_alone_once():
    limits = Limits(
        budgets=(BudgetLimit("cash", 0, 1.0), BudgetLimit("capex", 0, 2.0)),
        power_kw=3.0,
        owned_nodes=4,
        carbon_kg_by_period=(5.0,),
        max_models=6,
        spare_replicas=1,
    )

    kinds = list(left_out(limits))
    names = [x.name for kind in kinds for x in kind.alone]

    assert len(names) == len(set(names)) == 7 + (limits.scaling == "hourly")
    assert all(kind.together is None for kind in kinds)
    assert all(x.limits != limits for kind in kinds for x in kind.alone)
