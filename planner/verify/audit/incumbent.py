"""Whether a plan keeps what the plan it began from had signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def incumbent_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for everything that was signed before and is missing."""
    before = plan.options.get("incumbent") or {"kept": [], "carried": []}
    kept = {(r["offer_id"], r["start_period"]): r["nodes"] for r in before["kept"]}
    for row in plan.commitments:
        due = kept.pop((row.offer_id, row.start_period), 0)
        if row.nodes_kept != due or row.nodes < due:
            yield (
                f"commitment {row.offer_id} from period {row.start_period}: "
                f"{counted(row.nodes, 'node')}, {row.nodes_kept} of them kept, an earlier plan "
                f"has {due}"
            )
    for (offer_id, period), nodes in kept.items():
        yield f"{nodes} x {offer_id} from period {period} of an earlier plan are not kept"
    entries = [entry.model_dump() for entry in problem.supply.existing]
    for carried in before["carried"]:
        # Older plan files say nothing of a resale.
        if {"resale": None} | carried not in entries:
            yield f"{carried['nodes']} x {carried['hardware']} of an earlier plan are not there"
    horizon = plan.problem.get("horizon")
    stated = {
        "start": problem.horizon.start,
        "periods": problem.horizon.periods,
        "months_per_period": problem.horizon.months_per_period,
        "time_blocks": problem.time_blocks,
    }
    if horizon != stated:
        yield f"horizon {horizon}, the problem has {stated}"
