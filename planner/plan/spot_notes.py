"""What is assumed about spot nodes, what takes over when they go, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.options.spot import ON_DEMAND, SPOT, due_early_h
from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR

if TYPE_CHECKING:
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import FleetRow, Plan
    from planner.problem.schema import Problem


def spot_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return what is assumed about spot nodes, and what hangs on them.

    Parameters
    ----------
    plan
        The plan, with its fleet.
    problem
        What it assumes, and whose work may wait.
    options
        Nodes on offer, for what takes over.
    """
    if SPOT not in problem.supply.tenures:
        return []
    if all(w.deferrable is None for w in problem.workloads):
        return ["spot nodes are not used: only work that may wait (`deferrable`) runs on them"]
    used: dict[str, list[FleetRow]] = {}
    for row in plan.fleet:
        if row.tenure == SPOT and row.nodes:
            used.setdefault(row.offer_id, []).append(row)
    offers = {offer.offer_id: offer for offer in options.offers}
    return [
        _note(offers[offer_id], rows, plan, problem, options)
        for offer_id, rows in sorted(used.items())
    ]


def _note(
    offer: NodeOffer, rows: list[FleetRow], plan: Plan, problem: Problem, options: OptionSet
) -> str:
    most = max(row.nodes for row in rows)
    gone = f"{offer.offer_id}: up to {counted(most, 'node')} may be taken away at the same time"
    assumed = (
        "Where an offer states nothing, "
        f"{problem.supply.spot.interruptions_per_h:g} interruptions an hour are assumed"
    )
    fallback = _fallback(offer, rows, plan, options)
    if fallback is None:
        return (
            f"{gone}, and no on-demand nodes of {offer.hardware} that could take over are on "
            f"offer: work that waits for them would miss its window. {assumed}"
        )
    early_min = due_early_h(offer.hardware, options.offers, problem.supply.spot) * MINUTES_PER_HOUR
    more_usd = max(_usd(fallback, row) - row.price_usd_per_hour for row in rows)
    restart_h = offer.interruptions_per_h * offer.startup_h
    bridged_usd = sum(row.nodes * row.hours * restart_h * _usd(fallback, row) for row in rows)
    return (
        f"{gone}. In windows below {HOURS_PER_DAY:g} h, work on them is due {early_min:.0f} "
        f"minutes early, so that as many accelerators of {fallback.offer_id} can take over when "
        "it happens. Those are neither reserved nor in the cost: up to "
        f"{more_usd:,.2f} USD an hour more for each node that is replaced, and "
        f"{bridged_usd:,.0f} USD over the horizon if each interruption "
        f"({offer.interruptions_per_h:g} an hour for a node) is bridged until a successor "
        f"serves. {assumed}"
    )


def _usd(fallback: NodeOffer, row: FleetRow) -> float:
    """Return the price of as many accelerators as a spot node has, USD/h."""
    price = fallback.price_usd_per_hour[row.period] or 0.0
    return price * row.accelerators_per_node / fallback.accelerators_per_node


def _fallback(
    offer: NodeOffer, rows: list[FleetRow], plan: Plan, options: OptionSet
) -> NodeOffer | None:
    """Return the cheapest on-demand nodes of the hardware that may hold what runs on spot."""
    pools = {
        a.pool for a in plan.allocations if a.is_interruptible and a.hardware == offer.hardware
    }
    found = [
        (sum(_usd(other, row) * row.hours * row.nodes for row in rows), other.offer_id, other)
        for other in options.offers
        if (other.tenure, other.hardware) == (ON_DEMAND, offer.hardware)
        and all(other.price_usd_per_hour[row.period] is not None for row in rows)
        and not any((pool, other.offer_id) in options.barred for pool in pools)
    ]
    return min(found, key=lambda one: one[:2])[2] if found else None
