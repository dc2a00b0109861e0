"""Runs of claims: each different one once, kept, and gone on with after an interruption."""

from __future__ import annotations

import pytest

from planner.catalog.scale import Selection
from planner.claims import runs
from planner.claims.records import Case
from planner.claims.runs import ClaimsSettings, solve_cases
from planner.errors import InputError
from planner.plan.json_io import plan_json
from planner.plan.plan_file import plan_of_text
from planner.sweep.answers import Machines
from planner.sweep.outcome import Outcome
from planner.sweep.work import Answer
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
    assert (found.effort.runs, found.effort.solved, found.effort.failed) == (3, 3, 0)


def test_cases_that_ask_the_same_are_solved_once(cases, tmp_path):
    base, busy, _ = cases
    same = Case(base.problem, None, (f"{RATE}=20",))

    found = solve_cases((busy, same), (), settings(tmp_path), quiet)

    assert found.plans[busy].cost_usd == found.plans[same].cost_usd
    assert found.effort.runs == 1


def test_an_interrupted_run_goes_on_without_solving_again(cases, tmp_path):
    def stop_after_two(done, _all):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_cases(cases, (), settings(tmp_path), stop_after_two)
    rest = solve_cases(cases, (), settings(tmp_path), quiet)
    again = solve_cases(cases, (), settings(tmp_path), quiet)

    assert (rest.effort.runs, rest.effort.solved) == (3, 1)
    assert again.effort.solved == 0
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


@pytest.fixture
def slow(monkeypatch):
    """Runs that have no plan by the first limit, and the limits that were given."""
    solve, limits = runs.answers_of, []

    def answers_of(tasks, catalogs, machines, on_run):
        limits.append({task.settings.time_limit_s for task in tasks})
        found, solved = solve(tasks, catalogs, machines, on_run)
        if len(limits) == 1:
            stopped = Answer(Outcome("no_solution", "stopped", processor_seconds=5.0))
            found = dict.fromkeys(found, stopped)
        return found, solved

    monkeypatch.setattr(runs, "answers_of", answers_of)
    return limits


def test_a_run_that_time_leaves_without_a_plan_gets_more_of_it(cases, tmp_path, slow):
    found = solve_cases(cases[:2], (), settings(tmp_path), quiet)

    (first,), (again,) = slow
    assert again > first
    assert found.plans[cases[0]].cost_usd == pytest.approx(10 * REPLICA_USD)
    assert found.reasons == {}
    assert (found.effort.runs, found.effort.outside_gap) == (2, 0)


def test_time_of_runs_that_were_given_up_counts(cases, tmp_path, slow):
    found = solve_cases(cases[:1], (), settings(tmp_path), quiet)

    assert found.effort.processor_seconds > 5.0


def test_processor_time_of_stored_runs_is_that_of_their_solve(cases, tmp_path):
    first = solve_cases(cases, (), settings(tmp_path), quiet).effort
    again = solve_cases(cases, (), settings(tmp_path), quiet).effort

    assert 0.0 < first.processor_seconds == again.processor_seconds


def test_a_run_outside_its_gap_is_counted(cases, tmp_path, monkeypatch):
    def answers_of(tasks, *_):
        outcome = Outcome("feasible", "stopped outside the gap; give more time")
        return {task.key: Answer(outcome) for task in tasks}, len(tasks)

    monkeypatch.setattr(runs, "answers_of", answers_of)

    assert solve_cases(cases, (), settings(tmp_path), quiet).effort.outside_gap == 3
