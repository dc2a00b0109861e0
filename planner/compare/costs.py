"""Cost of both plans by kind, and what tokens cost."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.compare.records import CostChange, CostDifference, Figure
from planner.units import HOURS_PER_DAY, HOURS_PER_MONTH

if TYPE_CHECKING:
    from planner.compare.records import PlanHead
    from planner.plan.document import Plan

_Kind = tuple[str, str, str, str]


def cost_rates(a: PlanHead, b: PlanHead) -> tuple[Figure, ...]:
    """Return what both plans cost by month and by day of their own horizon, undiscounted."""
    days = HOURS_PER_MONTH / HOURS_PER_DAY
    by_month = (a.usd_per_month, b.usd_per_month)
    by_day = tuple(None if usd is None else usd / days for usd in by_month)
    return (
        Figure("all", "cost", "USD per month", *by_month),
        Figure("all", "cost", "USD per day", *by_day),
    )


def cost_difference(a: Plan, b: Plan) -> CostDifference | None:
    """Return the difference of the costs, ``None`` when a plan has none."""
    if a.cost_usd is None or b.cost_usd is None:
        return None
    usd = b.cost_usd - a.cost_usd
    return CostDifference(
        usd=usd,
        fraction=usd / a.cost_usd if a.cost_usd else None,
        optima_at_least_usd=None if b.bound_usd is None else b.bound_usd - a.cost_usd,
        optima_at_most_usd=None if a.bound_usd is None else b.cost_usd - a.bound_usd,
    )


def cost_changes(a: Plan, b: Plan) -> tuple[CostChange, ...]:
    """Return every kind of cost of either plan, the largest difference first."""
    ours, theirs = _by_kind(a), _by_kind(b)
    rows = []
    for kind in dict.fromkeys((*ours, *theirs)):
        a_usd, a_discounted = ours.get(kind, (0.0, 0.0))
        b_usd, b_discounted = theirs.get(kind, (0.0, 0.0))
        rows.append(
            CostChange(
                *kind,
                a_usd=a_usd,
                b_usd=b_usd,
                difference_usd=b_usd - a_usd,
                a_discounted_usd=a_discounted,
                b_discounted_usd=b_discounted,
                difference_discounted_usd=b_discounted - a_discounted,
            )
        )
    return tuple(sorted(rows, key=lambda row: -abs(row.difference_discounted_usd)))


def _by_kind(plan: Plan) -> dict[_Kind, tuple[float, float]]:
    totals: dict[_Kind, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for line in plan.cost_lines:
        kind = (line.category, line.workload, line.hardware, line.tenure)
        usd, discounted = totals[kind]
        totals[kind] = (usd + line.usd, discounted + line.discounted_usd)
    return dict(totals)


def unit_cost_changes(a: Plan, b: Plan) -> tuple[Figure, ...]:
    """Return the unit costs of every workload of either plan."""
    ours, theirs = ({row.workload: row for row in plan.unit_costs} for plan in (a, b))
    rows = []
    for workload in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(workload), theirs.get(workload)
        for what, unit, name in (
            ("tokens", "USD per million", "usd_per_million_tokens"),
            ("output tokens", "USD per million", "usd_per_million_output_tokens"),
            ("requests", "USD each", "usd_per_request"),
            ("utilization", "fraction", "utilization"),
        ):
            a_value, b_value = getattr(one, name, None), getattr(other, name, None)
            if a_value is not None or b_value is not None:
                rows.append(Figure(workload, what, unit, a_value, b_value))
    return tuple(rows)
