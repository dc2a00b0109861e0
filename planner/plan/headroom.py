"""Where a plan has headroom, in words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.headroom import headroom_at, headroom_ids, option_headroom

if TYPE_CHECKING:
    from planner.plan.document import Plan
    from planner.problem.schema import Problem, Workload


def headroom_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return for each workload with headroom how much there is, and in how many blocks.

    Of headroom of an option only where it serves: the others are not in the plan.

    Parameters
    ----------
    plan, problem
        The plan, for its blocks, and the problem it answers.
    """
    notes = []
    every = counted(problem.horizon.periods * len(plan.time_blocks), "block")
    for workload in problem.workloads:
        factors = [
            factor
            for period in range(problem.horizon.periods)
            for row in plan.time_blocks
            if (factor := headroom_at(workload, period, row.block)) > 1
        ]
        if factors:
            notes.append(
                f"{workload.name}: capacity is planned for {_range(factors)} times the planned "
                f"rate in {len(factors)} of {every} (workloads[].headroom); planned_rate_rps "
                "contains it"
            )
        for option, mine in _by_option(plan, workload).items():
            notes.append(
                f"{workload.name}: a replica of {option} is planned to carry {_range(mine)} times "
                f"less in {len(mine)} of {every} (workloads[].headroom); capacity_rps contains it"
            )
    return notes


def _by_option(plan: Plan, workload: Workload) -> dict[str, list[float]]:
    """Return the factors of options that have headroom of their own where they serve."""
    named, found = set(headroom_ids(workload)), defaultdict(list)
    places = {
        (row.option_id, row.period, row.block)
        for row in plan.allocations
        if row.workload == workload.name and row.option_id in named and not row.is_deferred
    }
    for option, period, block in sorted(places):
        if (factor := option_headroom(workload, option, period, block)) > 1:
            found[option].append(factor)
    return found


def _range(factors: list[float]) -> str:
    low, high = f"{min(factors):.4g}", f"{max(factors):.4g}"
    return low if low == high else f"{low} to {high}"
