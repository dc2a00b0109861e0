"""What the plan of a fix costs: the smallest change is not always the cheapest.

A change is confirmed by the first plan that is found, which may be far from the best one, so the
changed problem is solved once more from there to a stated gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.infeasibility.records import FixCost
from planner.milp import solve_within_caps
from planner.pipeline import plan_of, solver_settings

if TYPE_CHECKING:
    from planner.infeasibility.records import Fix
    from planner.milp import MilpResult
    from planner.pipeline import SolveSettings
    from planner.plan.document import Plan
    from planner.preparation import Prepared


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A changed problem that has a plan, and the answer that shows it."""

    prepared: Prepared
    first: MilpResult


def priced(fix: Fix, confirmed: Confirmed | None, settings: SolveSettings) -> Fix:
    """Return a fix with the cost of its plan.

    Parameters
    ----------
    fix
        The fix.
    confirmed
        The problem with it; ``None`` leaves the fix without a cost.
    settings
        Gap, seed and time; without time it is the cost of the first plan.

    Raises
    ------
    InternalError
        When the plan fails its own audit.
    """
    if confirmed is None:
        return fix
    prepared, best = confirmed.prepared, confirmed.first
    if settings.time_limit_s > 0:
        solver = replace(solver_settings(settings), incumbent=best.decisions)
        again = solve_within_caps(prepared.demand, prepared.options, prepared.limits, solver)
        best = _better(best, again, settings.gap)
    plan = plan_of(prepared, best.proven_by(None, settings.gap), settings)
    return replace(fix, cost=_cost(plan))


def _better(first: MilpResult, again: MilpResult, gap: float) -> MilpResult:
    """Return the cheaper of two answers of one program, with the higher of their bounds."""
    cheaper, other = first, again
    if again.objective_usd is not None and again.objective_usd <= (first.objective_usd or 0.0):
        cheaper, other = again, first
    return cheaper.proven_by(other.proof.bound_usd, gap)


def _cost(plan: Plan) -> FixCost | None:
    if plan.cost_usd is None or plan.tco_usd is None:
        return None
    horizon = plan.problem["horizon"]
    months = horizon["periods"] * horizon["months_per_period"]
    return FixCost(
        cost_usd=plan.cost_usd,
        usd_per_month=plan.tco_usd / months,
        bound_usd=plan.bound_usd,
        gap=plan.gap,
        is_within_gap=plan.status == "optimal",
    )
