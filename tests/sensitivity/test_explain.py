"""What a plan hangs on: the same program with a little more of each limit."""

from __future__ import annotations

import pytest

from planner.infeasibility import explain_prepared
from planner.pipeline import SolveSettings, prepare, solve_prepared
from planner.sensitivity import explain_plan
from planner.sensitivity.explain import ExplainSettings
from tests.infeasibility.test_planted import QUOTA, THERE, problem  # noqa: F401 - a fixture

EXACT = ExplainSettings(gap=0.0, time_limit_s=60.0)
PROVIDERS = (
    "supply.quotas=[{hardware: h100-sxm-80gb, provider: me, max_accelerators: 10}, "
    "{hardware: h100-sxm-80gb, provider: you, max_accelerators: 15}]"
)


def of(problem, *assignments):  # noqa: F811
    def prepared(changes):
        return prepare(problem, None, (*assignments, *changes))

    return prepared


@pytest.fixture(scope="module")
def found(problem):  # noqa: F811
    return explain_plan(of(problem, PROVIDERS), EXACT)


def test_another_node_of_the_cheap_provider_saves_what_the_dear_one_costs_more(found):
    # 14 nodes by day in the second half-year, 20 by day and 11 by night in the third: beyond ten
    # they cost 3 USD an hour instead of 2. One more at 2 saves 1 USD in three half-days.
    (me, you) = [c for c in found.changed if c.family == "quota"]

    assert me.saves_usd == pytest.approx(3 * 12 * 365 / 2, rel=1e-6)
    assert me.saves_least_usd == pytest.approx(me.saves_usd)
    assert me.saves_most_usd == pytest.approx(me.saves_usd)
    assert you.saves_usd == pytest.approx(0.0, abs=1e-6)


def test_changes_are_what_solving_the_changed_problem_gives(problem, found):  # noqa: F811
    for changed in found.changed:
        ready = prepare(problem, None, [PROVIDERS, changed.assignment])
        plan = solve_prepared(ready, SolveSettings(gap=0.0, compare=False))

        assert changed.cost_usd == pytest.approx(plan.cost_usd)
        assert changed.saves_usd == pytest.approx(found.plan.cost_usd - plan.cost_usd)


def test_more_demand_never_saves(found):
    demand = [c for c in found.changed if c.family == "demand"]

    assert {c.where.split()[-1] for c in demand} == {"chat", "documents"}
    assert all(c.saves_usd <= 1e-6 and c.saves_most_usd <= 1e-6 for c in demand)


def test_range_holds_the_plan(found):
    (h100,) = found.ranges
    used = [(row.nodes * row.accelerators_per_node, row.hours) for row in found.plan.fleet]
    hours = 36 * 365 / 12 * 24 / 2
    mean = sum(n * h for n, h in used) / hours

    assert h100.least <= mean + 1e-6
    assert mean <= h100.most + 1e-6
    assert h100.least_proven <= h100.least <= h100.most <= h100.most_proven + 1e-6


def test_a_problem_without_a_plan_is_not_explained_as_one(problem):  # noqa: F811
    prepared = of(problem, QUOTA % 2)

    assert explain_plan(prepared, EXACT).changed == ()
    assert explain_prepared(prepared).infeasible is True
