"""Whether a plan keeps what the plan it began from had signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.verify.audit.expected import TOLERANCE, differs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

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
    yield from _missing_beside(plan, before)
    entries = [entry.model_dump() for entry in problem.supply.existing]
    for carried in before["carried"]:
        # Older plan files say nothing of these two.
        if {"resale": None, "needs_people": False} | carried not in entries:
            yield f"{carried['nodes']} x {carried['hardware']} of an earlier plan are not there"
    paid = {row["model"] for row in before.get("paid", ())}
    yield from (
        f"one-off cost of {cost.model}: {cost.usd:,.2f} USD, and it was paid before"
        for cost in problem.one_off_costs
        if cost.model in paid and cost.usd > 0
    )
    horizon = plan.problem.get("horizon")
    stated = {
        "start": problem.horizon.start,
        "periods": problem.horizon.periods,
        "months_per_period": problem.horizon.months_per_period,
        "time_blocks": problem.time_blocks,
    }
    if horizon != stated:
        yield f"horizon {horizon}, the problem has {stated}"


def _missing_beside(plan: Plan, before: dict[str, Any]) -> Iterator[str]:
    """Yield units and promises that an earlier plan had ordered and that are not kept."""
    ordered = {
        (r["units_id"], r["start_period"]): r["units"] for r in before.get("kept_units", ())
    }
    for units in plan.provisioned:
        key = units.units_id, units.start_period
        due = 0 if units.is_existing else ordered.pop(key, 0)
        if units.units_kept != due or units.units < due:
            yield (
                f"{units.units} x {units.units_id} from period {units.start_period}, "
                f"{units.units_kept} of them kept, an earlier plan has {due}"
            )
    for (units_id, period), count in ordered.items():
        yield f"{count} x {units_id} from period {period} of an earlier plan are not kept"
    promised = {
        (r["commitment_id"], r["start_period"]): r["usd_per_hour"]
        for r in before.get("kept_spend", ())
    }
    for row in plan.spend_commitments:
        usd = promised.pop((row.commitment_id, row.start_period), 0.0)
        if differs(row.usd_per_hour_kept, usd) or row.usd_per_hour < usd * (1 - TOLERANCE):
            yield (
                f"{row.usd_per_hour:g} USD/h of {row.commitment_id} from period "
                f"{row.start_period}, {row.usd_per_hour_kept:g} of them kept, an earlier plan has "
                f"{usd:g}"
            )
    for (name, period), usd in promised.items():
        yield f"{usd:g} USD/h of {name} from period {period} of an earlier plan are not kept"
