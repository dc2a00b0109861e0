"""What a reader must know about the dates of terms: orders, and what lies after the horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.problem.supply import month_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def term_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return notes on orders before the horizon or inside a period, and on what is left out later.

    Parameters
    ----------
    plan
        The plan.
    problem
        Its problem.
    """
    return [
        *_ordered_before(plan, problem),
        *_ordered_inside(plan, problem),
        *_cut_off(plan, problem),
        *_of_before(plan, problem),
    ]


def _ordered_before(plan: Plan, problem: Problem) -> Iterator[str]:
    start = problem.horizon.start
    early = {
        row.offer_id: row.order_month
        for row in plan.commitments
        if not row.is_existing and row.nodes_kept < row.nodes and row.order_month < start
    }
    if early:
        orders = ", ".join(f"{offer} in {month}" for offer, month in sorted(early.items()))
        yield (
            f"ordered before the horizon begins ({start}): {orders}; where that is over, begin "
            "later (horizon.start)"
        )


def _ordered_inside(plan: Plan, problem: Problem) -> Iterator[str]:
    """Servers are paid at the start of the period that holds the month of their order."""
    horizon = problem.horizon
    firsts = [
        month_after(horizon.start, period * horizon.months_per_period)
        for period in range(horizon.periods)
    ]
    inside = sorted(
        f"{row.offer_id} in {row.order_month}, counted in "
        f"{max(first for first in firsts if first <= row.order_month)}"
        for row in plan.commitments
        if row.tenure == "owned" and not row.is_existing and row.nodes_kept < row.nodes
        if row.order_month > horizon.start and row.order_month not in firsts
    )
    if inside:
        yield (
            "servers ordered inside a period are priced and paid at its start: "
            f"{'; '.join(inside)}"
        )


def _cut_off(plan: Plan, problem: Problem) -> Iterator[str]:
    names = _outlive(plan, problem, is_existing=False)
    if names and problem.finance.commitment_tail == "pro_rata":
        yield (
            f"terms that outlive the horizon ({names}) count with their share inside it, payments "
            "upfront included (finance.commitment_tail: pro_rata): more is owed than costs, cash "
            "and budgets show"
        )


def _of_before(plan: Plan, problem: Problem) -> Iterator[str]:
    names = _outlive(plan, problem, is_existing=True)
    if names:
        yield (
            f"what is there already and outlives the horizon ({names}) counts until the horizon "
            "ends: what is due later is the same whatever is decided, and in no figure"
        )


def _outlive(plan: Plan, problem: Problem, *, is_existing: bool) -> str:
    """Return the terms that end after the horizon, in words; empty when there are none."""
    horizon = problem.horizon
    end = month_after(horizon.start, horizon.periods * horizon.months_per_period)
    terms = [
        *((r.offer_id, r.is_existing, r.end_month, r.tenure) for r in plan.commitments),
        *((r.units_id, r.is_existing, r.end_month, "") for r in plan.provisioned),
        *((r.commitment_id, r.is_existing, r.end_month, "") for r in plan.spend_commitments),
    ]
    names = {
        name
        for name, is_there, until, tenure in terms
        if is_there == is_existing and until > end and (is_existing or tenure != "owned")
    }
    return ", ".join(sorted(names))
