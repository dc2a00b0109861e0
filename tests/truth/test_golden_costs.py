"""Golden costs of shipped problems that solve within seconds, and whether their plans serve.

A golden cost moves only with a reason that CHANGELOG names; the tolerance covers the solver's gap.
A solve that ends has audited its plan; here the busiest block of every pool is replayed too.
"""

from __future__ import annotations

import pytest

from planner.milp import SolverSettings
from planner.milp.bridge import to_arrays
from planner.milp.highs import relaxed, solve_arrays
from planner.pipeline import SolveSettings, decide, program_of
from planner.preparation import prepare
from tests.truth.busiest import busiest_blocks

GOLDEN_USD = {
    ("accelerator_choice", None): 329_704.0,
    ("accelerator_choice", "tpot_20"): 1_111_464.0,
    ("finance_onprem", None): 13_101_359.0,
    ("long_context_agents", None): 246_848.0,
    ("long_context_agents", "host_tier"): 240_687.0,
    ("support_13b_vs_70b", None): 80_294.0,
    ("two_year_budget", None): 540_631.0,
}
TOLERANCE = 0.015
SETTINGS = SolveSettings(gap=0.01, time_limit_s=300.0, compare=False)
"""Costs are tested here, not the speed of the machine."""

TOKENS_ONLY = {("two_year_budget", None)}
"""Tokens that no seller states latencies of: there is nothing to replay."""


@pytest.mark.parametrize(("problem", "scenario"), GOLDEN_USD, ids=str)
def test_cost_stays_golden_and_the_busiest_blocks_keep_their_limits(problem, scenario):
    golden = GOLDEN_USD[problem, scenario]
    prepared = prepare(problem, scenario)

    plan = decide(prepared, SETTINGS).plan

    assert plan.status == "optimal"
    assert abs(plan.cost_usd / golden - 1) <= TOLERANCE
    kept = busiest_blocks(prepared, plan)
    assert all(kept.values())
    assert bool(kept) is ((problem, scenario) not in TOKENS_ONLY)


ENTERPRISE = (
    "candidates.models=[qwen2.5-7b-instruct, llama-3.3-70b-instruct]",
    "candidates.quantizations=[fp8]",
    "candidates.hardware=[h200-sxm-141gb]",
    "candidates.tensor_parallel=[1]",
    "horizon.periods=2",
)
"""enterprise_hybrid with few candidates and two of its four quarters: all its workloads, growth,
deferral over midnight, spot nodes and reservations on offer."""


def test_cost_of_a_small_enterprise_stays_golden_and_its_busiest_blocks_keep_their_limits():
    """All of `enterprise_hybrid` takes a minute to a gap of 3 %, which hides as large a change.

    The relaxation has one value, to rounding and the search of capacities: it shows a change of
    any price or capacity by a ten-thousandth. The plan shows what only whole nodes bring about.
    """
    prepared = prepare("enterprise_hybrid", None, ENTERPRISE)
    program = program_of(prepared)
    relaxation = solve_arrays(relaxed(to_arrays(program.problem)), SolverSettings(gap=0.0))
    plan = decide(prepared, SETTINGS).plan

    assert relaxation.bound * program.money_unit_usd == pytest.approx(199_580.16, rel=1e-4)
    assert plan.status == "optimal"
    assert plan.cost_usd == pytest.approx(225_338.0, rel=TOLERANCE)
    assert busiest_blocks(prepared, plan) == dict.fromkeys(
        ("assistant", "code-complete", "rag"), True
    )
