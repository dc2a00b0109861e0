"""Runs of claims: each different one once, kept, and gone on with after an interruption."""

from __future__ import annotations

import pytest

from planner.catalog.scale import Selection
from planner.claims.records import Case
from planner.claims.runs import ClaimsSettings, solve_cases
from planner.errors import InputError
from planner.plan.json_io import plan_json
from planner.plan.plan_file import plan_of_text
from planner.sweep.answers import Machines
from tests.sweep.world import RATE, REPLICA_USD, write_day

PRICE = Selection("offers", ("provider=me",), "price_usd_per_hour")


@pytest.fixture
def cases(tmp_path):
    """The day as it stands, busy, and at half the rent."""
    name = str(write_day(tmp_path))
    return (Case(name), Case(name, "busy"), Case(name, factors=((PRICE, 0.5),)))


def settings(tmp_path):
    return ClaimsSettings(machines=Machines(store=tmp_path / "runs.sqlite"))


def quiet(_done, _all):
    pass


def test_every_case_has_the_plan_of_its_own_problem(cases, tmp_path):
    base, busy, cheap = cases

    found = solve_cases(cases, (), settings(tmp_path), quiet)

    assert found.plans[base].cost_usd == pytest.approx(10 * REPLICA_USD)
    # Rates of 16, 16, 32 and 16: 4 + 4 + 7 + 4 replicas.
    assert found.plans[busy].cost_usd == pytest.approx(19 * REPLICA_USD)
    assert found.plans[cheap].cost_usd == pytest.approx(5 * REPLICA_USD)
    assert (found.runs, found.solved, found.failed) == (3, 3, 0)


def test_cases_that_ask_the_same_are_solved_once(cases, tmp_path):
    base, busy, _ = cases
    same = Case(base.problem, None, (f"{RATE}=20",))

    found = solve_cases((busy, same), (), settings(tmp_path), quiet)

    assert found.plans[busy].cost_usd == found.plans[same].cost_usd
    assert found.runs == 1


def test_an_interrupted_run_goes_on_without_solving_again(cases, tmp_path):
    def stop_after_two(done, _all):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_cases(cases, (), settings(tmp_path), stop_after_two)
    rest = solve_cases(cases, (), settings(tmp_path), quiet)
    again = solve_cases(cases, (), settings(tmp_path), quiet)

    assert (rest.runs, rest.solved) == (3, 1)
    assert again.solved == 0
    assert set(rest.plans) == set(cases)


def test_a_case_without_a_plan_says_why(cases, tmp_path):
    tight = Case(cases[0].problem, None, ("limits.budget_usd=1",))

    found = solve_cases((tight,), (), settings(tmp_path), quiet)

    assert found.plans == {}
    assert "budget" in found.reasons[tight]


def test_a_problem_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        solve_cases((Case("claims/absent"),), (), settings(tmp_path), quiet)


def test_a_plan_comes_back_from_its_text_as_it_was(cases, tmp_path):
    plan = solve_cases(cases[:1], (), settings(tmp_path), quiet).plans[cases[0]]

    assert plan_of_text(plan_json(plan)) == plan
