"""Least nodes of an order: what starts together of an offer is none, or at least so many."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.milp.model import GE, LE, Terms
from planner.milp.sets import most_nodes
from planner.options.volumes import volume_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.milp.model import Model
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions


def add_order_minimums(model: Model) -> None:
    """Order none, or at least the minimum, beside what was decided before.

    With X the nodes of an offer that start in s, at any price, `kept` those that were decided
    before, and `most` those that may be worth having::

        X >= kept + (min - kept) ordered[o,s]
        X <= kept + (most - kept) ordered[o,s]

    Parameters
    ----------
    model
        Receives the variables and rows; none are added where one node may be ordered, or where
        as many as the minimum were decided before.
    """
    offers = model.sets.options.offers
    for (o, s), positions in _orders(model).items():
        builds = [offers[o].builds[k] for k in positions]
        least = max(build.min_nodes for build in builds)
        kept = max(build.least_nodes for build in builds)
        if least <= max(kept, 1):
            continue
        most = _most(model, o)
        ordered = model.variable(f"ordered_{o}_{s}", 1, whole=True)
        nodes: Terms = {model.builds[o, k]: 1.0 for k in positions}
        model.row(f"orderleast_{o}_{s}", nodes | {ordered: float(kept - least)}, GE, float(kept))
        model.row(f"ordermost_{o}_{s}", nodes | {ordered: kept - most}, LE, float(kept))


def _orders(model: Model) -> dict[tuple[int, int], list[int]]:
    """Return the positions of the builds that may be ordered, by offer and start."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for o, k in model.builds:
        build = model.sets.options.offers[o].builds[k]
        if build.fixed_nodes is None:
            found[o, build.start].append(k)
    return found


def _most(model: Model, o: int) -> float:
    """Return the most nodes of an offer worth having: idle ones too where that reaches a tier."""
    volume = volume_of(model.sets.options, model.sets.options.offers[o])
    most = float(most_nodes(model.sets, o))
    return most if volume is None else max(most, volume.tiers[-1][0])


def order_minimum_faults(options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence for every order of fewer nodes than its minimum.

    Parameters
    ----------
    options
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    offers = {offer.offer_id: offer for offer in options.offers}
    orders: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
    for row in decisions.builds:
        build = offers[row.offer_id].builds[row.build]
        if build.fixed_nodes is None and row.nodes:
            known = (row.nodes, build.least_nodes, build.min_nodes)
            orders[row.offer_id, build.start].append(known)
    for (offer_id, start), rows in orders.items():
        nodes = sum(count for count, _, _ in rows)
        kept, least = (max(row[place] for row in rows) for place in (1, 2))
        if kept < nodes < least:
            yield f"{nodes} nodes of {offer_id} from period {start}, an order has {least} or more"
