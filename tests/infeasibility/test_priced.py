"""What the plan of each fix costs, so that the cheapest of them can be chosen."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from planner.infeasibility import Fix, explain_infeasible
from planner.infeasibility.priced import Confirmed, priced
from planner.infeasibility.records import CAP, DEMAND, POLICY, Explanation, FixCost
from planner.infeasibility.text import write_explanation
from planner.milp import SolverSettings, build_program, solve_program
from planner.pipeline import SolveSettings, solve_problem
from planner.preparation import prepare
from tests.infeasibility.test_planted import (  # noqa: F401 - one is a fixture
    QUOTA,
    SINGLE,
    problem,
)

# By day 10, 14 and 20 nodes, by night 6, 8 and 11, each at 2 USD for half of 4,380 hours.
RENT_USD = (10 + 14 + 20 + 6 + 8 + 11) * 2 * 2190.0


def test_cost_of_a_fix_is_the_rent_counted_by_hand(problem):  # noqa: F811
    found = explain_infeasible(problem, None, [QUOTA % 19])

    cost = found.fixes[0].cost
    assert found.fixes[0].assignments == ("supply.quotas.0.max_accelerators=20",)
    assert cost.cost_usd == pytest.approx(RENT_USD)
    assert cost.usd_per_month == pytest.approx(RENT_USD / 18)
    assert cost.is_within_gap
    assert cost.gap <= 0.01


@pytest.mark.parametrize(
    "case", ["quota of a provider", "power", "models", "lead time", "quality"]
)
def test_cost_of_every_fix_is_that_of_solving_with_it(problem, case):  # noqa: F811
    planted, _, _ = SINGLE[case]

    found = explain_infeasible(problem, None, planted, gap=0.0)

    for fix in found.fixes:
        plan = solve_problem(
            problem, None, [*planted, *fix.assignments], (), SolveSettings(0.0, compare=False)
        )
        assert fix.cost.cost_usd == pytest.approx(plan.cost_usd)
        assert fix.cost.usd_per_month == pytest.approx(plan.tco_usd / 18)


def test_without_time_it_is_the_cost_of_the_first_plan_with_its_bound(problem):  # noqa: F811
    ready = prepare(problem)
    program = build_program(ready.demand, ready.options, ready.limits)
    first = solve_program(program, SolverSettings(gap=1.0))
    fix = Fix(("policy.spare_replicas=0",), None, "", True, ())

    late = priced(fix, Confirmed(ready, first), SolveSettings(0.0, 0.0, compare=False)).cost

    assert late.cost_usd == pytest.approx(first.objective_usd)
    assert late.bound_usd <= RENT_USD + 1e-6 <= late.cost_usd + 1e-5
    assert late.gap == pytest.approx((late.cost_usd - late.bound_usd) / late.cost_usd)


def shown(*fixes):
    out = io.StringIO()
    write_explanation(out, Explanation("p", True, fixes), "p.yaml")
    return out.getvalue()


def test_the_cheapest_change_of_the_same_service_is_named():
    small = Fix(("a=1",), 1, "", True, (), CAP, FixCost(900.0, 300.0, 890.0, 0.011, False))
    cheap = Fix(("b=2",), 9, "", True, (), CAP, FixCost(600.0, 200.0, 600.0, 0.0, True))
    less = Fix(("rate=1",), 9, "", True, (), DEMAND, FixCost(3.0, 1.0, 3.0, 0.0, True))

    text = shown(small, cheap, less)

    assert "--set 'a=1'\tat most 900.00\tat most 300.00\t1.10%\n" in text
    assert "--set 'b=2'\t600.00\t200.00\t0.00%\n" in text
    assert "keep demand, service and spares: --set 'b=2', 600.00 USD" in text
    assert "Cheapest" not in shown(cheap, less)
    assert "Cheapest" not in shown(small, replace(cheap, kind=POLICY))
    assert "--set 'a=1'\t-\t-\t-\n" in shown(replace(small, cost=None))
