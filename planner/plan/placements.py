"""Where replicas stand, in plans that have to survive the loss of a provider or a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.owned import OWNED
from planner.plan.document import Placement

if TYPE_CHECKING:
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions
    from planner.problem.schema import Problem


def placement_rows(
    options: OptionSet, decisions: Decisions, problem: Problem
) -> tuple[Placement, ...]:
    """Return a row for the replicas of every option at every place that is lost as a whole.

    A place is a provider (owned nodes are one of their own), or a region of a provider.
    """
    offers = {offer.offer_id: offer for offer in options.offers}
    by_region = problem.policy.survive_loss_of == "region"
    rows = []
    for row in decisions.placements:
        offer = offers[row.offer_ids[0]]
        mine = offer.tenure == OWNED and not by_region
        rows.append(
            Placement(
                period=row.period,
                block=row.block,
                pool=row.pool,
                option_id=row.option_id,
                provider=OWNED if mine else offer.provider,
                region=offer.region if by_region else "",
                replicas=row.replicas,
            )
        )
    order = ("period", "block", "pool", "option_id", "provider", "region")
    return tuple(sorted(rows, key=lambda r: tuple(getattr(r, name) for name in order)))


def placement_notes(problem: Problem) -> list[str]:
    """Return what has to be done for a loss to be survived."""
    policy = problem.policy
    if policy.survive_loss_of is None:
        return []
    share = "" if policy.survive_share == 1 else f"{policy.survive_share:.0%} of "
    rate = "every planned rate"
    if any(w.unserved_penalty_usd_per_request is not None for w in problem.workloads):
        rate = f"what is served of {rate} (all but what stays unserved at its price)"
    return [
        f"after the loss of any {policy.survive_loss_of}, {share}{rate} is carried by what is "
        "left, if replicas stand as `placements` says; tokens count with their planned rate and "
        "no more"
    ]
