"""The same options after commitments were decided: some held as they are, others not to be had."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet

    Nodes = tuple[int, int | None]
    """Least and most nodes of a build; no most leaves that of the build."""


def bound_builds(
    options: OptionSet, bounds: Callable[[NodeOffer, Build], Nodes | None]
) -> OptionSet:
    """Return the options with the builds that may still be decided, and within which limits.

    Nodes that are there already stay as they are.

    Parameters
    ----------
    options
        The options.
    bounds
        Least and most nodes of a build of an offer, ``None`` when it is not to be had.
    """
    return replace(options, offers=tuple(_bounded(options.offers, bounds)))


def hold(options: OptionSet, held: Mapping[tuple[str, int], int], free_from: int) -> OptionSet:
    """Return the options with commitments held; of the others, only later ones may be chosen.

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

    def bounds(offer: NodeOffer, build: Build) -> Nodes | None:
        nodes = held.get((offer.offer_id, build.start), 0)
        if build.start >= free_from:
            return nodes, None
        return (nodes, nodes) if nodes else None

    return bound_builds(options, bounds)


def hold_sales(
    options: OptionSet, sold: Mapping[tuple[str, int], int], pause: tuple[int, int]
) -> OptionSet:
    """Return the options with earlier sales of nodes held, and none in a span of months.

    Parameters
    ----------
    options
        The options.
    sold
        Nodes sold by offer and month.
    pause
        First month without sales, and first month from which on the program decides again.
    """
    begin, end = pause

    def held(offer: NodeOffer, build: Build) -> Build:
        month = math.inf if build.sold_month is None else build.sold_month
        if month >= end:
            return build
        nodes = sold.get((offer.offer_id, int(month)), 0) if month < begin else 0
        return replace(build, least_nodes=nodes, most_nodes=nodes)

    return replace(
        options,
        offers=tuple(
            replace(offer, builds=tuple(held(offer, b) for b in offer.builds))
            if offer.may_be_sold
            else offer
            for offer in options.offers
        ),
    )


def sunk(offer: NodeOffer) -> NodeOffer | None:
    """Return an offer with what is there or was decided before, ``None`` when that is nothing.

    Parameters
    ----------
    offer
        The offer.
    """
    if offer.is_existing:
        return offer
    builds = tuple(replace(b, most_nodes=b.least_nodes) for b in offer.builds if b.least_nodes)
    return replace(offer, builds=builds) if builds else None


def _bounded(
    offers: tuple[NodeOffer, ...], bounds: Callable[[NodeOffer, Build], Nodes | None]
) -> Iterator[NodeOffer]:
    for offer in offers:
        if offer.is_existing or not offer.is_committed:
            yield offer
            continue
        open_builds = tuple(
            replace(
                build,
                least_nodes=nodes[0],
                most_nodes=build.most_nodes if nodes[1] is None else nodes[1],
            )
            for build in offer.builds
            if (nodes := bounds(offer, build)) is not None
        )
        if open_builds:
            yield replace(offer, builds=open_builds)
