"""Golden costs of shipped problems that solve within seconds.

A golden cost moves only with a reason that CHANGELOG names; the tolerance covers the solver's gap.
"""

from __future__ import annotations

import pytest

from planner.pipeline import SolveSettings, solve_problem

GOLDEN_USD = {
    ("accelerator_choice", None): 301_749.0,
    ("accelerator_choice", "tpot_20"): 1_111_464.0,
    ("finance_onprem", None): 13_008_601.0,
    ("long_context_agents", None): 251_559.0,
    ("long_context_agents", "host_tier"): 240_687.0,
    ("support_13b_vs_70b", None): 80_294.0,
    ("two_year_budget", None): 540_631.0,
}
TOLERANCE = 0.015
SETTINGS = SolveSettings(gap=0.01, time_limit_s=300.0, compare=False)
"""Costs are tested here, not the speed of the machine."""


@pytest.mark.parametrize(("problem", "scenario"), GOLDEN_USD, ids=str)
def test_cost_stays_golden(problem, scenario):
    golden = GOLDEN_USD[problem, scenario]

    plan = solve_problem(problem, scenario, settings=SETTINGS)

    assert plan.status == "optimal"
    assert abs(plan.cost_usd / golden - 1) <= TOLERANCE
