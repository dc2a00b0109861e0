"""What was ordered, in the options of a program and among the decisions of a course.

An order is a purchase (:mod:`planner.options.purchases`) of nodes, of provisioned units or of
promised spending. Once it is signed it stays as it is to the end of its term.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.held import bound_builds
from planner.options.purchases import Purchase
from planner.plan.records import BuildDecision, SpendDecision, UnitDecision

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.options.builds import Build
    from planner.options.held import Nodes
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import ProvisionedUnits, SpendCommitment
    from planner.plan.records import Decisions
    from planner.roll.records import Orders

    IsOpen = Callable[[Build], bool]


def with_orders(options: OptionSet, signed: Orders, is_open: IsOpen) -> OptionSet:
    """Return options in which orders are held.

    Parameters
    ----------
    options
        The options.
    signed
        What was ordered.
    is_open
        Says of a build whether more of it may still be ordered.
    """
    # Of terms that start together every tier holds all nodes: they decide which one it is.
    ordered: dict[tuple[str, int], float] = defaultdict(float)
    for purchase, amount in signed.items():
        if purchase.kind == "nodes":
            ordered[purchase.supply_id, purchase.period] += amount

    def nodes(offer: NodeOffer, build: Build) -> Nodes | None:
        count = round(ordered.get((offer.offer_id, build.start), 0))
        if is_open(build):
            return count, build.most_nodes
        return (count, count) if count else None

    return replace(
        bound_builds(options, nodes),
        provisioned=tuple(_units(u, signed, is_open) for u in options.provisioned),
        spend=tuple(_spend(s, signed, is_open) for s in options.spend),
    )


def _units(units: ProvisionedUnits, signed: Orders, is_open: IsOpen) -> ProvisionedUnits:
    def held(build: Build) -> Build:
        count = round(signed.get(Purchase("units", units.id, build.start), 0))
        most = build.most_nodes if is_open(build) else count
        return replace(build, least_nodes=count, most_nodes=most)

    builds = (b if b.fixed_nodes is not None else held(b) for b in units.builds)
    return replace(units, builds=tuple(builds))


def _spend(spend: SpendCommitment, signed: Orders, is_open: IsOpen) -> SpendCommitment:
    if spend.is_existing:
        return spend
    held = tuple(
        None if is_open(b) else float(signed.get(Purchase("spend", spend.id, b.start), 0.0))
        for b in spend.builds
    )
    return replace(spend, held_usd_per_hour=held)


def with_held(course: Decisions, options: OptionSet) -> Decisions:
    """Return a course of decisions with everything that was there or is held.

    Parameters
    ----------
    course
        How demand is served.
    options
        Options in which nothing is open any more.
    """
    return replace(
        course,
        builds=tuple(
            BuildDecision(offer.offer_id, number, nodes)
            for offer in options.offers
            for number, build in enumerate(offer.builds)
            if (nodes := _held(build))
        ),
        units=tuple(
            UnitDecision(units.id, number, count)
            for units in options.provisioned
            for number, build in enumerate(units.builds)
            if (count := _held(build))
        ),
        spend=tuple(
            SpendDecision(spend.id, number, usd)
            for spend in options.spend
            for number, usd in enumerate(spend.held_usd_per_hour or ())
            if usd
        ),
    )


def _held(build: Build) -> int:
    return build.least_nodes if build.fixed_nodes is None else build.fixed_nodes
