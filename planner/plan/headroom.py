"""Where a plan has headroom, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.headroom import headroom_at

if TYPE_CHECKING:
    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def headroom_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return for each workload with headroom how much there is, and in which blocks.

    Parameters
    ----------
    plan, problem
        The plan, for its blocks, and the problem it answers.
    """
    notes = []
    for workload in problem.workloads:
        factors = [
            factor
            for period in range(problem.horizon.periods)
            for row in plan.time_blocks
            if (factor := headroom_at(workload, period, row.block)) > 1
        ]
        if factors:
            low, high = f"{min(factors):.4g}", f"{max(factors):.4g}"
            notes.append(
                f"{workload.name}: capacity is planned for "
                f"{low if low == high else f'{low} to {high}'} times the planned rate in "
                f"{len(factors)} of "
                f"{counted(problem.horizon.periods * len(plan.time_blocks), 'block')} "
                "(workloads[].headroom); planned_rate_rps contains it"
            )
    return notes
