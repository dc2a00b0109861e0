"""What a reader must know about the nodes of a plan: whence they come, how fast and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.offers import CAPACITY_BLOCK
from planner.errors import counted
from planner.options.builds import one_tier_each
from planner.options.nodes import DEFAULT_ELASTIC_MAX_NODES, DEFAULT_STARTUP_MINUTES

if TYPE_CHECKING:
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Plan
    from planner.problem.schema import Problem


def fleet_notes(plan: Plan, problem: Problem, options: OptionSet) -> list[str]:
    """Return what the nodes that a plan uses rest on.

    Parameters
    ----------
    plan
        The plan, for its fleet.
    problem
        Its problem, for how the fleet may change within a day.
    options
        Its options, with the offers of the nodes.
    """
    offers = {o.offer_id: o for o in options.offers}
    used = [offers[i] for i in sorted({row.offer_id for row in plan.fleet})]
    notes = [f"{o.offer_id}: {o.note}" for o in used if o.note]
    if problem.policy.scaling == "hourly" and problem.time_blocks > 1:
        notes += _assumed([o for o in used if not o.is_committed])
    to_find = {o.offer_id: [0] for o in used if o.tenure != CAPACITY_BLOCK}
    for row in plan.fleet:
        if row.offer_id in to_find:  # of a block the problem states how many can be had
            to_find[row.offer_id].append(row.nodes - _had(offers[row.offer_id], row.period))
    notes += [
        f"{counted(count, 'node')} of {offer_id} at once: nobody has promised that many; cap what "
        "you cannot get with supply.quotas"
        for offer_id, counts in to_find.items()
        if (count := max(counts)) > DEFAULT_ELASTIC_MAX_NODES
    ]
    return notes


def _assumed(offers: list[NodeOffer]) -> list[str]:
    """Return what is assumed of offers that do not say how their nodes come and go."""
    parts = []
    if any(o.assumes_startup for o in offers):
        parts.append(f"{DEFAULT_STARTUP_MINUTES:g} minutes to start a node")
    if any(o.assumes_elastic for o in offers):
        parts.append(
            f"at most {DEFAULT_ELASTIC_MAX_NODES} nodes per offer that come and go within a day"
        )
    return [f"assumed where an offer states nothing: {', and '.join(parts)}"] if parts else []


def _had(offer: NodeOffer, period: int) -> int:
    """Return the nodes of an offer that nobody needs to promise any more in a period.

    They are there, on order, or an earlier plan has taken them on.
    """
    return offer.nodes_there + sum(
        build.least_nodes for build in one_tier_each(offer.builds) if build.serves(period)
    )
