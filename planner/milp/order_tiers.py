"""Volume tiers of reservations: terms that start together have the price of what they reach."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.milp.model import GE, LE, Terms
from planner.milp.sets import most_nodes
from planner.options.builds import shares_least_nodes
from planner.options.volumes import volume_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.milp.model import Model
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.options.supply_records import VolumeDiscount
    from planner.plan.records import Decisions

    Orders = dict[tuple[int, int], list[tuple[int, int]]]


def add_order_tiers(model: Model) -> None:
    """Price the terms that start together by their number.

    Every build of an offer that volume discount v counts exists at the list price, tier 0, and at
    the price of each tier k. With X_k the nodes at the price of tier k that start in s, over all
    these offers, and the thresholds T_k::

        sum over k of at[v,s,k] <= 1
        X_k >= T_k at[v,s,k]                        k >= 1
        X_k <= (T_(k+1) - 1) at[v,s,k]              the last: as many as may be worth having

    Without the binaries the best price would hold from the first node on. That is the convex hull
    for one price on all nodes, as the line from nothing to the most nodes lies below every other
    point: no rows would make the relaxation tighter. What was decided before is kept at any tier::

        sum over k of B[o,k] >= least nodes of the start

    Parameters
    ----------
    model
        Receives the variables and rows; none are added where no terms count.
    """
    for v, volume in enumerate(model.sets.options.volumes):
        for (s, k), members in sorted(_orders(model, volume).items()):
            most = sum(_most(model, o, volume) for o, _ in members)
            least, limit = _bounds(volume, k, most)
            at = model.variable(f"at_{v}_{s}_{k}", 1, whole=True)
            model.tier_at[v, s, k] = at
            nodes: Terms = {model.builds[member]: 1.0 for member in members}
            if k > 0:
                model.row(f"atleast_{v}_{s}_{k}", nodes | {at: -least}, GE)
            model.row(f"atmost_{v}_{s}_{k}", nodes | {at: -limit}, LE)
        for s in sorted({s for v2, s, _ in model.tier_at if v2 == v}):
            one: Terms = {at: 1.0 for key, at in model.tier_at.items() if key[:2] == (v, s)}
            model.row(f"atone_{v}_{s}", one, LE, 1.0)
    for (o, s), (least, positions) in _kept(model).items():
        kept: Terms = {model.builds[o, k]: 1.0 for k in positions}
        model.row(f"atkept_{o}_{s}", kept, GE, float(least))


def _orders(model: Model, volume: VolumeDiscount) -> Orders:
    """Return offer and position of the builds that count, by start and tier."""
    found: Orders = defaultdict(list)
    for o, k in model.builds if volume.is_of_terms else ():
        offer = model.sets.options.offers[o]
        if volume_of(model.sets.options, offer) is volume:
            build = offer.builds[k]
            found[build.start, build.tier].append((o, k))
    return found


def _most(model: Model, o: int, volume: VolumeDiscount) -> float:
    """Return the most nodes of an offer worth having: idle ones too where that reaches a tier."""
    return max(float(most_nodes(model.sets, o)), volume.tiers[-1][0])


def _bounds(volume: VolumeDiscount, tier: int, most: float) -> tuple[float, float]:
    """Return the least and the most nodes at the price of a tier."""
    starts = [0.0, *(start for start, _ in volume.tiers)]
    return starts[tier], starts[tier + 1] - 1.0 if tier + 1 < len(starts) else most


def _kept(model: Model) -> dict[tuple[int, int], tuple[int, list[int]]]:
    """Return the nodes that were decided before, and their builds, by offer and start."""
    found: dict[tuple[int, int], tuple[int, list[int]]] = {}
    for o, k in model.builds:
        offer = model.sets.options.offers[o]
        build = offer.builds[k]
        if shares_least_nodes(offer.builds, k):
            least, positions = found.get((o, build.start), (0, []))
            found[o, build.start] = max(least, build.least_nodes), [*positions, k]
    return {key: kept for key, kept in found.items() if kept[0]}


def order_tier_faults(options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence for terms that have the price of a tier they do not reach.

    Parameters
    ----------
    options
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    offers = {offer.offer_id: offer for offer in options.offers}
    for volume in options.volumes:
        taken: dict[int, list[tuple[Build, int]]] = defaultdict(list)
        for row in decisions.builds:
            offer = offers[row.offer_id]
            if volume.is_of_terms and volume_of(options, offer) is volume and row.nodes:
                build = offer.builds[row.build]
                taken[build.start].append((build, row.nodes))
        for start, together in taken.items():
            nodes = sum(count for _, count in together)
            tiers = {build.tier for build, _ in together}
            if tiers != {volume.tier_of(nodes)}:
                named = ", ".join(map(str, sorted(tiers)))
                yield f"{nodes} nodes of {volume.name} from period {start} in tiers {named}"
