"""The orders of each scenario's own plan, tried in all scenarios.

A joint program that is stopped by the time limit may leave worse orders than those that suit one
of the scenarios best. Where the hedge is outside its gap these are tried too, those of the
likeliest scenario first, for as long again as one program may take.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.hedge.futures import decisions_of
from planner.hedge.policy import NO_POLICY
from planner.plan.records import GAP_TOLERANCE, relative_gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.hedge.futures import Decision
    from planner.hedge.policy import PolicySolver
    from planner.hedge.records import Policy
    from planner.problem.scenario_tree import ScenarioTree

_STEP = 1e-6


def with_own_orders(solver: PolicySolver, found: Policy, tree: ScenarioTree) -> Policy:
    """Return a policy, or a better one with the orders of a scenario's own plan.

    Parameters
    ----------
    solver
        The scenarios, with their answers by themselves.
    found
        What was found so far, with or without a plan.
    tree
        When scenarios are known.
    """
    if found.why_not == NO_POLICY:
        return found
    deadline_s = time.monotonic() + solver.settings.time_limit_s
    decisions = decisions_of(solver.futures, tree)
    decisions = [d for d in decisions if solver.has_columns(d)]
    best = found
    for orders in _tried(solver, decisions):
        left_s = deadline_s - time.monotonic()
        if _is_within_gap(solver, best) or left_s <= 0:
            break
        hurried = replace(solver, settings=replace(solver.settings, time_limit_s=left_s))
        nothing = [{} for _ in solver.programs]  # type: ignore[var-annotated]
        other = hurried.recourse(decisions, orders, nothing, found.bound_usd)
        if other.answers and (not best.answers or _usd(solver, other) < _usd(solver, best)):
            best = other
    return best


def _tried(solver: PolicySolver, decisions: Sequence[Decision]) -> Iterator[NDArray[np.float64]]:
    """Yield orders by tie, each once: those of the likeliest scenario first."""
    taken, shares = solver.taken_alone(), solver.futures.probabilities
    known: set[tuple[int, ...]] = set()
    for s in sorted(range(len(taken)), key=lambda s: -shares[s]):
        orders = solver.orders_of(decisions, taken, s)
        key = tuple(np.rint(orders / _STEP).astype(int).tolist())
        if key not in known:
            known.add(key)
            yield orders


def _is_within_gap(solver: PolicySolver, policy: Policy) -> bool:
    if not policy.answers or policy.bound_usd is None:
        return False
    gap = relative_gap(_usd(solver, policy), policy.bound_usd)
    return gap <= solver.settings.gap + GAP_TOLERANCE


def _usd(solver: PolicySolver, policy: Policy) -> float:
    return solver.risk.measure_usd(policy.costs_usd, solver.futures.probabilities)
