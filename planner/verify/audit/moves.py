"""Moves of workloads between models, found again in the tables of what is served."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.clock import block_seconds
from planner.verify.audit.expected import TOLERANCE, differs, rates_due

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.problem.schema import Problem

_LEAST_SHARE = 0.01
"""Share of a workload's requests of a period that a model has to serve to count."""

_Move = tuple[int, str, str]
"""Period, workload and model."""


def moves_due(plan: Plan, problem: Problem) -> list[_Move]:
    """Return the models that serve a workload in a period, and in the one before did not.

    What served before the first period is what the plan says of the plan it began from. Where that
    is nothing, one model of the workload is free there: the one that the plan does not list, or
    the first by name.

    Parameters
    ----------
    plan
        The plan; replicas without requests do not count.
    problem
        The problem it answers.
    """
    if problem.policy.switching_cost_usd_per_move <= 0:
        return []
    serving = {key for key, requests in _served(plan, problem).items() if requests > 0}
    due = [(t, w, m) for t, w, m in serving if t > 0 and (t - 1, w, m) not in serving]
    stated = {(row.period, row.workload, row.model) for row in plan.moves}
    rows = (plan.options.get("incumbent") or {}).get("served", ())
    before = {(row["workload"], row["model"]) for row in rows}
    known = {name for name, _ in before}
    due += [(t, w, m) for t, w, m in serving if t == 0 and w in known and (w, m) not in before]
    for name in {w for t, w, _ in serving if t == 0} - known:
        first = sorted(key for key in serving if key[:2] == (0, name))
        free = next((key for key in first if key not in stated), first[0])
        due += [key for key in first if key != free]
    return sorted(due)


def move_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every move that is missing, made up, or priced wrongly."""
    usd = problem.policy.switching_cost_usd_per_move
    due = moves_due(plan, problem)
    stated = [(row.period, row.workload, row.model) for row in plan.moves]
    for period, workload, model in sorted(set(due) - set(stated)):
        yield f"period {period} {workload}: the move to {model} is not listed"
    for period, workload, model in sorted(set(stated) - set(due)):
        yield f"period {period} {workload}: no move to {model}, which serves before or not at all"
    if len(stated) != len(set(stated)):
        yield "a move is listed twice"
    for row in plan.moves:
        if differs(row.usd, usd):
            yield f"period {row.period} {row.workload}: a move for {row.usd} USD, not {usd}"
    if usd > 0:
        yield from _too_little(plan, problem, catalog)


def _served(plan: Plan, problem: Problem) -> dict[_Move, float]:
    """Return the requests that each model serves of each workload, by period."""
    served: dict[_Move, float] = defaultdict(float)
    every: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    for row in every:
        requests = row.rate_rps * block_seconds(problem, row.block)
        served[row.period, row.workload, row.model] += requests
    return served


def _too_little(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    asked: dict[tuple[int, str], float] = defaultdict(float)
    for workload in problem.workloads:
        for (period, block), (mean, _) in rates_due(workload, problem, catalog).items():
            asked[period, workload.name] += mean * block_seconds(problem, block)
    for (period, name, model), requests in sorted(_served(plan, problem).items()):
        share = requests / asked[period, name]
        if 0 < share < _LEAST_SHARE * (1 - TOLERANCE):
            yield (
                f"period {period} {name}: {model} serves {share:.3%} of the requests, at "
                f"least {_LEAST_SHARE:.0%} or none where switching costs"
            )
