"""What a reader must know about the nodes of a plan: whence they come, how fast and how many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.catalog.offers import CAPACITY_BLOCK
from planner.errors import counted
from planner.options.builds import one_tier_each
from planner.options.nodes import DEFAULT_ELASTIC_MAX_NODES, DEFAULT_STARTUP_MINUTES
from planner.units import MINUTES_PER_HOUR

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
    is_hourly = problem.policy.scaling == "hourly" and problem.time_blocks > 1
    if is_hourly and any(_may_be_assumed(o) for o in used):
        notes.append(
            f"assumed where an offer states nothing: {DEFAULT_STARTUP_MINUTES:g} minutes to "
            f"start a node, and at most {DEFAULT_ELASTIC_MAX_NODES} nodes per offer that come and "
            "go within a day"
        )
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


def _may_be_assumed(offer: NodeOffer) -> bool:
    """Say whether nodes of an offer come and go as is assumed of offers that state nothing."""
    startup_min = offer.startup_h * MINUTES_PER_HOUR
    is_startup = math.isclose(startup_min, DEFAULT_STARTUP_MINUTES)
    is_elastic = offer.elastic_max_nodes == DEFAULT_ELASTIC_MAX_NODES
    return not offer.is_committed and (is_startup or is_elastic)


def _had(offer: NodeOffer, period: int) -> int:
    """Return the nodes of an offer that nobody needs to promise any more in a period.

    They are there, on order, or an earlier plan has taken them on.
    """
    return offer.nodes_there + sum(
        build.least_nodes for build in one_tier_each(offer.builds) if build.serves(period)
    )
