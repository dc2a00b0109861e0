"""People in what the servers of an earlier plan cost, which the problem of a new one may state.

A plan whose problem does not state people of owned nodes has those of the site in the payments of
its servers. Carried over to a problem that states them, they would be paid twice, so what is still
paid for a node is taken less its people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.finance.earlier_problem import earlier_problem
from planner.options.owned import OWNED
from planner.plan.staff import STAFF
from planner.problem.patch import value_at
from planner.problem.supply import months_between
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from planner.plan.reading import CommitmentRow, PlanFile

_FIELD = "supply.staff.owned"


def people_in_price_usd_per_hour(plan: PlanFile, row: CommitmentRow) -> float:
    """Return what people add to an hour of a node of an earlier plan, USD; 0 where they do not.

    Parameters
    ----------
    plan
        The earlier plan.
    row
        Nodes that it has taken on.
    """
    if row.tenure != OWNED or _states_people(plan):
        return 0.0
    usd = sum(
        line.usd
        for line in plan.cost_lines
        if (line.category, line.tenure, line.hardware) == (STAFF, OWNED, row.hardware)
    )
    alike = [r for r in plan.commitments if r.tenure == OWNED and r.hardware == row.hardware]
    months = sum(
        r.nodes * r.accelerators_per_node * _served_months(plan, r)
        for r in alike
        if not r.is_existing
    )
    each = usd / months if months else 0.0
    return each * row.accelerators_per_node / HOURS_PER_MONTH


def _served_months(plan: PlanFile, row: CommitmentRow) -> int:
    """Return the months of whole periods within its horizon in which nodes serve."""
    horizon = plan.horizon
    length = horizon.months_per_period
    first = months_between(horizon.start, row.start_month)
    whole = months_between(row.start_month, row.end_month) // length * length
    return min(whole, horizon.periods * length - first)


def _states_people(plan: PlanFile) -> bool:
    """Return whether the problem of a plan states people of owned nodes itself."""
    data = earlier_problem(plan)
    try:
        return data is not None and value_at(data, _FIELD) is not None
    except ValueError:
        return False
