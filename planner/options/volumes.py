"""Volume discounts: what a contract takes off as more is bought.

Where terms of nodes count, a tier is a price: every build of an offer then exists once at the list
price and once at the price of each tier, and the program takes those of the tier that is reached.
Elsewhere what is taken off a month's spending is an amount of its own (`rebate`).
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from planner.options.supply_records import VolumeDiscount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import ApiOption
    from planner.problem.contracts import VolumeTier
    from planner.problem.schema import Problem

REBATE = "rebate"
"""Category of cost lines of volume discounts; their amounts are negative."""
_MOST_CHOICES = 256
"""Ways to choose a tier of every discount up to which all are tried."""


def volume_discounts(problem: Problem) -> tuple[VolumeDiscount, ...]:
    """Return the volume discounts of a problem.

    Parameters
    ----------
    problem
        Its supply section.
    """
    return tuple(
        VolumeDiscount(
            name=stated.name,
            provider=stated.provider,
            tenures=tuple(stated.tenures),
            tiers=tuple((_threshold(tier), tier.discount) for tier in stated.tiers),
            unit=_unit(stated.tiers[0]),
            on_all=stated.applies_to == "all",
            hardware=stated.hardware,
            instance=stated.instance,
            region=stated.region,
            model=stated.model,
        )
        for stated in problem.supply.volume_discounts
    )


def _threshold(tier: VolumeTier) -> float:
    stated = (tier.from_usd_per_month, tier.from_mtok_per_month, tier.from_nodes)
    return float(next(start for start in stated if start is not None))


def _unit(tier: VolumeTier) -> Literal["usd", "mtok", "nodes"]:
    if tier.from_nodes is not None:
        return "nodes"
    return "usd" if tier.from_mtok_per_month is None else "mtok"


def with_tiers(
    nodes: Sequence[NodeOffer], volumes: Sequence[VolumeDiscount]
) -> tuple[NodeOffer, ...]:
    """Return nodes with a build for every tier of the volume discount that counts their terms.

    Parameters
    ----------
    nodes
        Offers.
    volumes
        Volume discounts; no two count the same offer.
    """
    return tuple(
        node
        if (volume := _of_terms(node, volumes)) is None
        else replace(node, builds=tuple(_with_tiers(node.builds, volume)))
        for node in nodes
    )


def _of_terms(node: NodeOffer, volumes: Sequence[VolumeDiscount]) -> VolumeDiscount | None:
    if node.is_existing or not node.is_committed:
        return None
    return next((v for v in volumes if v.is_of_terms and v.counts(node)), None)


def _with_tiers(builds: Sequence[Build], volume: VolumeDiscount) -> Iterator[Build]:
    """Yield every build at its price and at that of every tier, in the order of the starts."""
    for build in builds:
        for tier in range(len(volume.tiers) + 1):
            share = 1.0 - volume.discount_at(tier)
            yield replace(
                build,
                tier=tier,
                usd_per_node_hour=build.usd_per_node_hour * share,
                payments=tuple(replace(p, usd=p.usd * share) for p in build.payments),
            )


def tier_choices(volumes: Sequence[VolumeDiscount]) -> Iterator[tuple[int, ...]]:
    """Yield which tier of every volume discount is tried: all together, or what stands for them.

    Where there are more than a few hundred ways, these are all discounts at the same tier, counted
    from the first, and each of them alone.

    Parameters
    ----------
    volumes
        Volume discounts.
    """
    counts = [len(volume.tiers) for volume in volumes]
    if math.prod(n + 1 for n in counts) <= _MOST_CHOICES:
        yield from itertools.product(*(range(n + 1) for n in counts))
        return
    for tier in range(max(counts) + 1):
        yield tuple(min(tier, n) for n in counts)
    for k, n in enumerate(counts):
        for tier in range(1, n + 1):
            yield tuple(tier * (k == other) for other in range(len(counts)))


def fractions_off(
    volumes: Sequence[VolumeDiscount], counted: Sequence[Collection[str]]
) -> Iterator[dict[str, float]]:
    """Yield the fraction off by offer with every choice of tiers (:func:`tier_choices`).

    Parameters
    ----------
    volumes
        Volume discounts.
    counted
        Ids of the offers that count in each of them; others are left out of what is yielded.
    """
    for tiers in tier_choices(volumes):
        off: dict[str, float] = defaultdict(float)
        for volume, tier, names in zip(volumes, tiers, counted, strict=True):
            for name in names:
                off[name] += volume.discount_at(tier)
        yield off


def volume_of(options: OptionSet, offer: NodeOffer) -> VolumeDiscount | None:
    """Return the volume discount that counts the terms of an offer, ``None`` without one."""
    return _of_terms(offer, options.volumes)


def at_reached_tiers(options: OptionSet, nodes: Mapping[tuple[str, int], int]) -> OptionSet:
    """Return the options with the builds of the tiers that terms reach, and of no others.

    Parameters
    ----------
    options
        The options.
    nodes
        Nodes by offer and start period of everything that is taken on.
    """
    reached: dict[tuple[str, int], int] = {}
    for volume in options.volumes:
        counted = {
            offer.offer_id
            for offer in options.offers
            if volume.is_of_terms and _of_terms(offer, (volume,)) is not None
        }
        for start in {build.start for o in options.offers for build in o.builds}:
            together = sum(nodes.get((offer_id, start), 0) for offer_id in counted)
            reached |= {(offer_id, start): volume.tier_of(together) for offer_id in counted}
    return replace(
        options,
        offers=tuple(
            replace(
                offer,
                builds=tuple(
                    build
                    for build in offer.builds
                    if build.tier == reached.get((offer.offer_id, build.start), build.tier)
                ),
            )
            for offer in options.offers
        ),
    )


def kept_nodes(options: OptionSet) -> dict[tuple[str, int], int]:
    """Return the nodes that were decided before, by offer and start period.

    Parameters
    ----------
    options
        The options.
    """
    return {
        (offer.offer_id, build.start): build.least_nodes
        for offer in options.offers
        for build in offer.builds
    }


def without_effect(
    volumes: Sequence[VolumeDiscount], nodes: Sequence[NodeOffer], tokens: Sequence[ApiOption]
) -> Iterator[str]:
    """Yield a sentence for every volume discount that nothing on offer counts in.

    Parameters
    ----------
    volumes
        Volume discounts.
    nodes, tokens
        What is on offer.
    """
    for volume in volumes:
        if not any(map(volume.counts, nodes)) and not any(map(volume.counts_tokens, tokens)):
            yield (
                f"volume discount {volume.name} has no effect: nothing on offer counts in it; see "
                "its `tenures`, `hardware`, `instance`, `region` and `model`, and supply.tenures"
            )
