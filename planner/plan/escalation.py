"""What a reader has to know about the chains of answers of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.problem.schema import Problem, Workload


def escalation_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return how much of each workload goes through its chain, and what that rests on.

    Parameters
    ----------
    plan
        The plan.
    problem
        The problem it answers.
    """
    return [note for w in problem.workloads if w.escalation for note in _notes(plan, w)]


def _notes(plan: Plan, workload: Workload) -> list[str]:
    chain, name = workload.escalation, workload.name
    hours = {time.block: time.hours_per_period for time in plan.time_blocks}
    served: dict[str, float] = {"": 0.0, "first": 0.0, "then": 0.0}
    every: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    for row in every:
        if row.workload == name:
            served[row.answer] += row.rate_rps * hours[row.block]
    if chain is None or served["first"] <= 0:
        return [
            f"{name}: nothing goes through its chain of answers: it would cost more, or nothing "
            "may give them (`planner options --rejected`)"
        ]
    share = served["first"] / (served["first"] + served[""])
    notes = [
        f"{name}: {share:.1%} of its requests go through the chain of answers; that "
        f"{chain.share:g} of them are escalated is what the problem says: measure it, because "
        "more second answers than planned have no capacity"
    ]
    stated = {score.benchmark for score in chain.quality_scores}
    assumed = sorted({floor.benchmark for floor in workload.quality} - stated)
    if assumed:
        notes.append(
            f"{name}: {', '.join(assumed)} of the chain is taken as if requests were escalated "
            "at random; state what you measured in `escalation.quality_scores`"
        )
    notes += [
        f"{name}: {score.benchmark} {score.score:g} of the chain is assumed, the problem states it"
        for score in chain.quality_scores
    ]
    return notes
