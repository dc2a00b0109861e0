"""Programs of one time budget: the time of each, and what they tell each other.

Ten nodes carry 50 requests/s for two years: rented for 240 rents, or bought for 52 (13 rents each,
less the 60 % that are left). With 80 % of the demand eight of them would do.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.alternatives import Answer, solve_again
from planner.demand.scale import scaled
from planner.finance import within_time
from planner.finance.within_time import OWN, Question, answers_within
from planner.milp import SolverSettings, solve_within_caps
from planner.options.held import hold
from planner.plan.commitments import taken_on
from tests.finance.world import RENT_USD, asked, facts, prepared

LATE = "no time"
HELD, FREE, RENTED = ("held",), ("free",), ("rented",)


@pytest.fixture(scope="module")
def world():
    ready = prepared(asked(50.0), facts(13 * RENT_USD))
    result = solve_within_caps(
        ready.demand, ready.options, ready.limits, SolverSettings(gap=0.0, time_limit_s=30.0)
    )
    own = Answer(
        result.objective_usd,
        result.proof.bound_usd,
        None,
        ready.options,
        ready.limits,
        result.decisions,
    )
    demand = scaled(ready.demand, 0.8)
    held = hold(own.options, taken_on(own.options, own.decisions), ready.demand.grid.periods)
    nothing = hold(own.options, {}, ready.demand.grid.periods)
    return own, {
        HELD: Question(held, demand, is_in=FREE),
        FREE: Question(own.options, demand, begins_with=HELD),
        RENTED: Question(nothing, demand, begins_with=HELD, is_in=FREE),
    }


class Clock:
    """A clock that solves move: all their time where they are hard, else a second."""

    def __init__(self, monkeypatch, hard=(), *, proves_after_s=1e9):
        self.now_s, self.hard, self.proves_after_s = 0.0, hard, proves_after_s
        self.given_s, self.begun = [], []
        monkeypatch.setattr(within_time, "time", self)
        monkeypatch.setattr(within_time, "solve_again", self.solve)

    def monotonic(self):
        return self.now_s

    def solve(self, program, demand, settings):
        """Solve a program; a hard one is stopped with a bound 10 % below its plan."""
        self.given_s.append(settings.time_limit_s)
        self.begun.append(settings.incumbent)
        answer = solve_again(program, demand, replace(settings, time_limit_s=30.0))
        if any(program.options is options for options in self.hard):
            self.now_s += settings.time_limit_s
            if settings.time_limit_s < self.proves_after_s:
                return replace(answer, bound_usd=0.9 * answer.cost_usd)
        else:
            self.now_s += 1.0
        return answer


def answered(world, time_limit_s):
    own, questions = world
    return answers_within(questions, own, SolverSettings(0.0, time_limit_s), LATE)


def test_programs_and_the_plan_that_each_is_held_against(world):
    known = answered(world, 30.0)

    assert known[OWN].cost_usd == pytest.approx(52 * RENT_USD)
    assert known[HELD].cost_usd == pytest.approx(52 * RENT_USD)
    assert known[FREE].cost_usd == pytest.approx(8 * 5.2 * RENT_USD)
    assert known[RENTED].cost_usd == pytest.approx(8 * 24 * RENT_USD)


def test_what_easy_programs_leave_goes_to_the_others(world, monkeypatch):
    clock = Clock(monkeypatch)

    answered(world, 30.0)

    assert clock.given_s == pytest.approx([30 / 3, 29 / 2, 28])


def test_a_hard_program_leaves_time_to_the_others_and_is_solved_again_with_what_is_left(
    world, monkeypatch
):
    _, questions = world
    clock = Clock(monkeypatch, [questions[HELD].options], proves_after_s=15.0)

    known = answered(world, 30.0)

    assert clock.given_s == pytest.approx([10, 10, 19, 18])
    assert known[HELD].bound_usd == pytest.approx(52 * RENT_USD)
    # each begins with the plan that is nearest to it, as far as its options have its builds
    own, found = known[OWN].decisions, known[HELD].decisions
    assert clock.begun[0] == own
    assert [begun.replicas for begun in clock.begun[1:]] == [found.replicas] * 3
    assert [bool(begun.builds) for begun in clock.begun] == [True, True, False, True]


def test_what_is_too_short_for_any_plan_is_doubled_for_this_program_and_the_others(
    world, monkeypatch
):
    own, questions = world
    clock, given_s = Clock(monkeypatch), []

    def slow(program, demand, settings):
        """Solve a program in 12 seconds; with less there is no plan."""
        given_s.append(settings.time_limit_s)
        clock.now_s += min(settings.time_limit_s, 12.0)
        if settings.time_limit_s < 12.0:
            return Answer(None, None, within_time.NOT_IN_TIME)
        return solve_again(program, demand, settings)

    monkeypatch.setattr(within_time, "solve_again", slow)
    six = {("rented", number): questions[RENTED] for number in range(6)}
    six = {name: replace(question, is_in=None) for name, question in six.items()}

    known = answers_within(six, own, SolverSettings(0.0, 60.0), LATE)

    # a sixth of the time is too little, and no other program gets less than what was enough
    assert given_s == pytest.approx([10, 20, 20, 20, 14, 2])
    assert [known[name].why_not for name in six] == [None] * 4 + [LATE] * 2


def test_programs_that_need_all_their_time_are_not_tried_again_with_as_little(world, monkeypatch):
    _, questions = world
    clock = Clock(monkeypatch, [q.options for q in questions.values()])

    known = answered(world, 30.0)

    assert clock.given_s == pytest.approx([10, 10, 10])
    assert known[RENTED].bound_usd == pytest.approx(0.9 * 8 * 24 * RENT_USD)


def test_a_bound_of_what_may_do_more_holds_for_what_may_do_less(world, monkeypatch):
    own, questions = world
    held = questions[HELD]
    Clock(monkeypatch, [held.options])
    same = Question(replace(held.options), held.demand)  # the same once more, and it is easy

    known = answers_within({HELD: held, FREE: same}, own, SolverSettings(0.0, 3.0), LATE)

    assert known[HELD].bound_usd == pytest.approx(52 * RENT_USD)


def test_a_program_that_was_stopped_has_the_best_plan_of_those_that_may_do_less(
    world, monkeypatch
):
    _, questions = world
    clock = Clock(monkeypatch)

    def stopped(program, demand, settings):
        answer = clock.solve(program, demand, settings)
        if program.options is questions[FREE].options:
            return Answer(None, 0.5 * answer.cost_usd, within_time.NOT_IN_TIME)
        return answer

    monkeypatch.setattr(within_time, "solve_again", stopped)

    known = answered(world, 3.0)

    assert known[FREE].cost_usd == pytest.approx(52 * RENT_USD)
    assert known[FREE].bound_usd == pytest.approx(0.5 * 8 * 5.2 * RENT_USD)
    assert known[FREE].why_not is None


def test_programs_without_time_say_so_and_those_without_a_plan_say_why(world):
    own, questions = world
    nowhere = replace(questions[RENTED].options, offers=())
    questions = {("none",): Question(nowhere, questions[RENTED].demand)}

    known = answers_within(questions, own, SolverSettings(0.0, 30.0), LATE)
    late = answers_within(questions, own, SolverSettings(0.0, 0.0), LATE)

    assert (known["none",].cost_usd, known["none",].why_not) == (None, "infeasible")
    assert (late["none",].cost_usd, late["none",].why_not) == (None, LATE)
