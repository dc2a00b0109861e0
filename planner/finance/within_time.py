"""Programs that share one time budget, each begun from what is known of the others.

The time that is left is split evenly over the programs that are still to be solved, so that a hard
one leaves some to the others; what easy ones leave goes to those that are not proven, which are
then solved again from the best plan of theirs. Where a share is too short for any plan, programs
get twice as much, and the last ones none. Programs also tell about each other: where one allows
every plan of another, its bound is a bound of the other, and the other's plan is one of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.alternatives import NOT_IN_TIME, Answer, solve_again
from planner.plan.purchases import on_other_options
from planner.plan.records import is_within_gap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.demand.records import Demand
    from planner.milp import SolverSettings
    from planner.options.records import OptionSet

    Name = tuple[str | float, ...]

OWN: Name = ("plan",)
"""The plan itself among the programs."""
_MOST_OF_REST = 0.5
"""Share of the time that is left which one program may take from the others."""
_WORTH_AGAIN = 1.5
"""Times as long as before that a program that is solved again needs to come closer."""


@dataclass(frozen=True, slots=True)
class Question:
    """A program to solve.

    Parameters
    ----------
    options, demand
        What it may choose from, and what it has to serve.
    begins_with
        Program whose plan it begins with, as far as it is allowed: what is missing is rented.
    is_in
        Program that allows every plan of this one, ``None`` where none does.
    """

    options: OptionSet
    demand: Demand
    begins_with: Name = OWN
    is_in: Name | None = None


def answers_within(
    questions: Mapping[Name, Question], own: Answer, settings: SolverSettings, why_late: str
) -> dict[Name, Answer]:
    """Return the answers of programs, and the plan itself, by name.

    Parameters
    ----------
    questions
        By name; those that others begin with come before them.
    own
        The plan, named :data:`OWN`.
    settings
        Gap of every solve; ``time_limit_s`` is the budget of all of them together.
    why_late
        What to say of programs without a plan in time.
    """
    late = Answer(None, None, why_late)
    known = {OWN: own} | dict.fromkeys(questions, late)
    clock = _Clock(time.monotonic() + settings.time_limit_s, dict.fromkeys(questions, 0.0))
    while due := [name for name in questions if not _is_done(known[name], settings.gap, why_late)]:
        before = clock.had_s.copy()
        for position, name in enumerate(due):
            others = len(due) - position - 1
            share_s = clock.share_s(name, others)
            while share_s > 0:
                asked = replace(settings, time_limit_s=share_s, log=False)
                known[name] = _better(known[name], _solved(questions, name, known, asked))
                is_late = known[name].cost_usd is None and known[name].why_not == why_late
                share_s = clock.longer_s(name, others) if is_late else 0.0
        _tell_each_other(questions, known, why_late)
        if clock.had_s == before:
            break
    return known


@dataclass(slots=True)
class _Clock:
    """How long each program may take.

    Parameters
    ----------
    deadline_s
        When the last one has to end, on the monotonic clock.
    had_s
        What each has had at most.
    least_s
        Less than this was too short for some program to have a plan at all.
    """

    deadline_s: float
    had_s: dict[Name, float]
    least_s: float = 0.0

    def share_s(self, name: Name, others: int) -> float:
        """Return an even share for a program, 0 where it is too little to try again."""
        left_s = self.deadline_s - time.monotonic()
        share_s = min(max(left_s / (others + 1), self.least_s), left_s)
        if share_s <= _WORTH_AGAIN * self.had_s[name]:
            return 0.0
        self.had_s[name] = share_s
        return share_s

    def longer_s(self, name: Name, others: int) -> float:
        """Return twice what was too short for a plan, 0 where that leaves others too little.

        Every program then has as much: with less none of them may have a plan.
        """
        left_s = self.deadline_s - time.monotonic()
        longer_s = 2 * self.had_s[name]
        if longer_s > (_MOST_OF_REST * left_s if others else left_s):
            return 0.0
        self.had_s[name] = self.least_s = longer_s
        return longer_s


def _is_done(answer: Answer, gap: float, why_late: str) -> bool:
    if answer.cost_usd is None:
        return answer.why_not != why_late
    return answer.bound_usd is not None and is_within_gap(answer.cost_usd, answer.bound_usd, gap)


def _solved(
    questions: Mapping[Name, Question],
    name: Name,
    known: Mapping[Name, Answer],
    settings: SolverSettings,
) -> Answer:
    question, own = questions[name], known[OWN]
    near = (known[name], known.get(question.begins_with, own), own)
    begun = next((a for a in near if a.decisions is not None), own)
    incumbent = begun.decisions
    if begun.options is not None and incumbent is not None:
        grid = question.demand.grid
        incumbent = on_other_options(begun.options, question.options, grid, incumbent)
    asked = replace(own, options=question.options, cost_usd=None, bound_usd=None, decisions=None)
    return solve_again(
        asked,
        question.demand,
        replace(settings, incumbent=incumbent, incumbent_terms=True),
    )


def _better(before: Answer, after: Answer) -> Answer:
    """Return the cheaper of two plans of a program with the higher of its bounds."""
    if after.cost_usd is None and after.why_not != NOT_IN_TIME:
        return after
    costs = [a for a in (before, after) if a.cost_usd is not None]
    best = min(costs, key=lambda a: a.cost_usd or 0.0, default=before)
    return _bounded(replace(best, bound_usd=None), before.bound_usd, after.bound_usd)


def _tell_each_other(
    questions: Mapping[Name, Question], known: dict[Name, Answer], why_late: str
) -> None:
    """Let wider programs have cheaper plans of narrower ones, and these the bounds of those."""
    for name, question in questions.items():
        wider, answer = question.is_in, known[name]
        if wider is None or wider == OWN or answer.cost_usd is None:
            continue
        best = known[wider]
        # Without a bound its cost would say nothing of what the best plan costs.
        is_begun = best.bound_usd is not None
        if is_begun and (best.cost_usd is None or answer.cost_usd < best.cost_usd):
            known[wider] = _bounded(answer, best.bound_usd)
    for name, question in questions.items():
        answer = known[name]
        is_possible = answer.cost_usd is not None or answer.why_not == why_late
        if question.is_in is not None and is_possible:
            known[name] = _bounded(answer, answer.bound_usd, known[question.is_in].bound_usd)


def _bounded(answer: Answer, *bounds_usd: float | None) -> Answer:
    """Return an answer with the highest of some bounds, but none above its cost."""
    bounds = [bound for bound in bounds_usd if bound is not None]
    bound = max(bounds, default=None)
    if bound is not None and answer.cost_usd is not None:
        bound = min(bound, answer.cost_usd)
    return replace(answer, bound_usd=bound)
