"""Batch replicas that a plan holds without work, and why it does.

A batch replica that comes or goes loses its change-over in its first or last block. Where those
are full of work it comes a block earlier or goes a block later, and has nothing else to do there;
where a change-over takes long it stays. All others without work are taken out of a plan.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def changeover_notes(plan: Plan, problem: Problem) -> list[str]:
    """Return why batch replicas of a plan have no work in some blocks.

    Parameters
    ----------
    plan
        The plan, with its allocations.
    problem
        Its problem, for the change-over.
    """
    policy = problem.policy
    is_diverse = policy.max_share_per_provider is not None or policy.survive_loss_of is not None
    if policy.scaling == "static" or is_diverse or not policy.changeover_minutes:
        return []
    work_rps: dict[tuple[str, str, int, int], float] = defaultdict(float)
    for row in plan.allocations:
        if row.is_deferred:
            work_rps[row.pool, row.option_id, row.period, row.block] += row.rate_rps
    idle: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for (pool, option_id, period, block), rate_rps in sorted(work_rps.items()):
        if rate_rps == 0:
            idle[pool, option_id].append((period, block))
    times = {time.block: time for time in plan.time_blocks}
    notes = []
    for (pool, option_id), places in idle.items():
        period, block = places[0]
        hours = f"{times[block].start_h:g}-{times[block].end_h:g} h of period {period}"
        more = f" and {len(places) - 1} more" if places[1:] else ""
        notes.append(
            f"{pool} on {option_id}: without work at {hours}{more}, and held for the change-over "
            f"({policy.changeover_minutes:g} minutes, policy.changeover_minutes): what is done "
            "before or after leaves no time for it"
        )
    return notes
