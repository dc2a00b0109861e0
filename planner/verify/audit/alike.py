"""Whether plans of several scenarios order the same while the scenarios look alike.

Read from the tables of the plans and from the scenarios of the problem alone. Scenario s looks
like its trunk before ``known_from``; the trunk is that of its ``parent``, or the one that all
share. Orders of a month fall in the period that it lies in, orders before the horizon in period 0.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from planner.problem.supply import months_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.plan.document import Plan
    from planner.problem.schema import Problem

_TOLERANCE_USD_PER_HOUR = 1e-6

Orders = dict[tuple[int, str], float]
"""Amount by period of the order and what is ordered."""


def unlike_orders(problem: Problem, plans: Mapping[str, Plan]) -> Iterator[str]:
    """Yield a sentence for every order that differs between scenarios which look alike then.

    Parameters
    ----------
    problem
        The problem with its scenarios.
    plans
        Plan by scenario.
    """
    orders = {name: _orders(problem, plan) for name, plan in plans.items()}
    for one, other in combinations(plans, 2):
        parted = _parted(problem, one, other)
        for key in sorted(set(orders[one]) | set(orders[other])):
            period, what = key
            here, there = orders[one].get(key, 0.0), orders[other].get(key, 0.0)
            if period < parted and abs(here - there) > _TOLERANCE_USD_PER_HOUR:
                yield (
                    f"{what}, ordered in period {period}: {here:g} in {one}, {there:g} in "
                    f"{other}, which look alike before period {parted}"
                )


def _parted(problem: Problem, one: str, other: str) -> int:
    """Return the first period in which two scenarios are known from each other."""
    for period in range(problem.horizon.periods):
        if _place(problem, one, period) != _place(problem, other, period):
            return period
    return problem.horizon.periods


def _place(problem: Problem, name: str, period: int) -> str | None:
    at: str | None = name
    while at is not None and period < problem.scenarios[at].get("known_from", 1):
        at = problem.scenarios[at].get("parent")
    return at


def _orders(problem: Problem, plan: Plan) -> Orders:
    found: Orders = {}

    def add(month: str, what: str, amount: float) -> None:
        months = max(months_between(problem.horizon.start, month), 0)
        key = months // problem.horizon.months_per_period, what
        found[key] = found.get(key, 0.0) + amount

    for row in plan.commitments:
        if row.sold_month is not None:
            add(row.sold_month, f"sale of {row.offer_id} in {row.sold_month}", row.nodes)
        elif not row.is_existing:
            add(row.order_month, f"{row.offer_id} from {row.start_month}", row.nodes)
    for units in plan.provisioned:
        add(units.start_month, f"{units.units_id} from {units.start_month}", units.units)
    for spend in plan.spend_commitments:
        if not spend.is_existing:
            name = f"{spend.commitment_id} from {spend.start_month}"
            add(spend.start_month, name, spend.usd_per_hour)
    return found
