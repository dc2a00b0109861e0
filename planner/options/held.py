"""The same options after commitments were decided: some held as they are, others not to be had."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet


def hold(options: OptionSet, held: Mapping[tuple[str, int], int], free_from: int) -> OptionSet:
    """Return the options with commitments held; of the others, only later ones may be chosen.

    Nodes that are there already stay as they are.

    Parameters
    ----------
    options
        The options.
    held
        Nodes by offer and start period that must be taken on: exactly so many before `free_from`,
        at least so many from then on.
    free_from
        First start period of builds that the program may still decide about; the number of
        periods for none.
    """
    offers = [
        offer
        if offer.is_existing or not offer.is_committed
        else replace(offer, builds=tuple(_open(offer, held, free_from)))
        for offer in options.offers
    ]
    gone = {o.offer_id for o in options.offers if o.is_committed}
    return replace(
        options, offers=tuple(o for o in offers if o.is_committed or o.offer_id not in gone)
    )


def _open(offer: NodeOffer, held: Mapping[tuple[str, int], int], free_from: int) -> list[Build]:
    builds = []
    for build in offer.builds:
        nodes = held.get((offer.offer_id, build.start), 0)
        if nodes and build.start < free_from:
            builds.append(replace(build, least_nodes=nodes, most_nodes=nodes))
        elif build.start >= free_from:
            builds.append(replace(build, least_nodes=nodes))
    return builds
