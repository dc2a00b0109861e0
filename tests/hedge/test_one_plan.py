"""What scenarios mean to a plan that was made for one future, counted by hand."""

from __future__ import annotations

import pytest

from planner.hedge.futures import load_futures
from planner.hedge.one_plan import with_worth
from planner.hedge.run import HedgeSettings
from planner.options.purchases import Purchase
from planner.pipeline import SolveSettings, solve_problem
from tests.hedge.world import scenario, write_halves

EXACT = SolveSettings(gap=0.0, time_limit_s=60.0, compare=False)
SERVER = "owned:box-1x:bare:owned"


@pytest.fixture
def told(tmp_path):
    """Return the remarks on a plan with some servers by the period in which they begin."""
    up = [1.0, 2.0, 1.5, 1.0]
    path = write_halves(tmp_path, [scenario("low", 0.5, 1.0), scenario("high", 0.5, up)])

    def remarks(*starts):
        plan = solve_problem(path, settings=EXACT)
        held = {Purchase("nodes", SERVER, t): float(starts.count(t)) for t in starts}
        after = with_worth(plan, held, load_futures(path), HedgeSettings(EXACT))
        assert after.warnings[: len(plan.warnings)] == plan.warnings
        return after.warnings[len(plan.warnings) :]

    return remarks


def test_two_servers_ordered_at_once_are_one_too_many_half_of_the_time(told):
    mean, solution, waiting, information = told(0, 1)

    # 18,000 in both; the third node of the other future is bought when that is known: 27,000.
    assert mean.startswith("in 2 scenarios the orders of this plan cost 22,500 USD on average")
    assert "those that suit all of them best 22,380 USD" in mean
    assert solution.endswith("120.00, proven to be between 120.00 and 120.00")
    assert "4,380, proven" in waiting
    assert "4,380, proven" in information


def test_three_servers_ordered_at_once_are_paid_in_every_future(told):
    mean, solution, *_ = told(0, 1, 1)

    assert mean.startswith("in 2 scenarios the orders of this plan cost 27,000 USD on average")
    assert solution.endswith("4,620, proven to be between 4,620 and 4,620")


def test_the_best_orders_are_worth_nothing_more(told):
    mean, solution, *_ = told(0)

    assert "cost 22,380 USD on average, those that suit all of them best 22,380 USD" in mean
    assert solution.endswith("nothing, proven")
