"""Where the joint program is stopped, the orders of each scenario's own plan are tried too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.hedge import policy
from planner.hedge.run import HedgeSettings, run_hedge
from planner.milp.highs import Outcome
from planner.pipeline import SolveSettings
from tests.hedge.world import (
    PERIOD_H,
    RENT_USD_PER_HOUR,
    RESERVED_USD_PER_HOUR,
    scenario,
    write_halves,
)

EXACT = HedgeSettings(SolveSettings(gap=0.0, time_limit_s=60.0, compare=False), compare=False)
# One node for good, likely; three from the second half-year on, known then.
LIKELY = scenario("flat", 0.8, 1.0)
RARE = scenario("jump", 0.2, [1.0, 3.0, 1.0, 1.0], known_from=1)


@pytest.fixture
def path(tmp_path):
    return write_halves(tmp_path, [LIKELY, RARE], tenures="reserved_1y")


def test_a_joint_program_that_orders_nothing_is_mended_by_the_own_orders(path, monkeypatch):
    best = run_hedge(path, settings=EXACT)
    solve = policy.solve_joint

    def stopped(joint, settings):
        # A plan that orders nothing of what is shared, and a bound that proves nothing.
        values = solve(joint.held(np.zeros(joint.tied.size)), settings).values
        return Outcome("solved", values, 0.0)

    monkeypatch.setattr(policy, "solve_joint", stopped)
    found = run_hedge(path, settings=EXACT)
    monkeypatch.setattr("planner.hedge.run.with_own_orders", lambda _solver, found, _tree: found)
    before = run_hedge(path, settings=EXACT)

    # A node of the first year costs 2 USD an hour by rent and 1.2 reserved.
    saved = 2 * PERIOD_H * (RENT_USD_PER_HOUR - RESERVED_USD_PER_HOUR)
    assert found.measure_usd == pytest.approx(best.measure_usd)
    assert before.measure_usd >= best.measure_usd + 0.99 * saved
    assert found.bound_usd <= best.measure_usd + 0.01


def test_within_the_gap_nothing_more_is_solved(path):
    solved = []

    found = run_hedge(path, settings=EXACT, on_solve=lambda done, _whole: solved.append(done))

    # Of both scenarios the program, the plan alone, and the plan with shared orders.
    assert found.status == "optimal"
    assert len(solved) == 2 * 3


def test_no_time_is_spent_where_there_is_none(path):
    hurried = replace(EXACT, solve=replace(EXACT.solve, time_limit_s=1e-3))

    assert run_hedge(path, settings=hurried).status in {"no_solution", "feasible", "optimal"}
