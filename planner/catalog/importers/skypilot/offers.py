"""Offers of a price file: the cheapest zone of every shape, region and tenure."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from planner.catalog.check import MAX_USD_PER_ACCELERATOR_HOUR, MIN_USD_PER_ACCELERATOR_HOUR
from planner.catalog.importers.files import shortened
from planner.catalog.importers.skypilot.nodes import TENURES, Tenure
from planner.catalog.schema import Offer
from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.importers.skypilot.lines import Rejections
    from planner.catalog.importers.skypilot.nodes import Node

_OfferKey = tuple[str, str, Tenure]
"""Instance, region and tenure."""
_DOUBTFUL = "doubtful price"
_PRICE_DIGITS = 6


class Offers(NamedTuple):
    """Rows of the table, and what a reader should know about them."""

    rows: tuple[Offer, ...]
    notes: tuple[str, ...]


def offers_of(nodes: list[Node], cloud: str, as_of: str, rejections: Rejections) -> Offers:
    """Return one offer for every shape, region and tenure of the nodes.

    Parameters
    ----------
    nodes
        Nodes in zones.
    cloud
        Provider.
    as_of
        Date at which the prices held.
    rejections
        Rejections of the file, for nodes that contradict another and prices that cannot be.
    """
    by_offer = _by_offer(nodes, rejections)
    doubts = _Doubts(nodes, by_offer)
    offers = []
    for key, zones in by_offer.items():
        instance, region, tenure = key
        cheapest = min(zones, key=lambda node: (node.prices[tenure], node.line))
        price_usd_per_hour = cheapest.prices[tenure]
        each = price_usd_per_hour / cheapest.accelerators
        if not MIN_USD_PER_ACCELERATOR_HOUR <= each <= MAX_USD_PER_ACCELERATOR_HOUR:
            detail = f"{each:g} USD per accelerator-hour is no plausible price"
            rejections.add(cheapest.line, ":".join(key), "implausible_price", detail)
            continue
        remarks = [*_remarks(cheapest, zones, tenure), *doubts.of(key, cheapest)]
        offers.append(
            Offer(
                provider=cloud,
                instance=instance,
                region=region,
                tenure=tenure,
                accelerator=cheapest.accelerator,
                accelerators=cheapest.accelerators,
                price_usd_per_hour=round(price_usd_per_hour, _PRICE_DIGITS),
                valid_from=as_of,
                source=f"SkyPilot catalogue, {cloud}/vms.csv",
                as_of=as_of,
                notes="; ".join(remarks),
            )
        )
    flagged = sum(_DOUBTFUL in offer.notes for offer in offers)
    spot_only = sum("on_demand" not in node.prices for node in nodes)
    by_memory = Counter((node.named, node.accelerator) for node in nodes if node.named)
    notes = (
        f"{counted(len(offers), 'offer')} of {counted(len(nodes), 'node')} in zones",
        f"{counted(flagged, 'offer')} with a {_DOUBTFUL}; "
        f"{counted(spot_only, 'node')} with spot only",
        *(
            f"named {shortened(name)} but taken as {part}, whose memory they state: "
            f"{counted(number, 'node')}"
            for (name, part), number in sorted(by_memory.items())
        ),
    )
    return Offers(tuple(sorted(offers, key=lambda offer: offer.key)), notes)


def _by_offer(nodes: list[Node], rejections: Rejections) -> dict[_OfferKey, list[Node]]:
    """Return the nodes of every offer; of two shapes under one name the first counts."""
    by_offer: dict[_OfferKey, list[Node]] = {}
    first: dict[str, Node] = {}
    for node in nodes:
        known = first.setdefault(node.instance, node)
        if known.shape != node.shape:
            detail = f"line {known.line} has {known.shape}, this line {node.shape}"
            rejections.add(node.line, node.instance, "contradiction", detail)
            continue
        for tenure in node.prices:
            by_offer.setdefault((node.instance, node.region, tenure), []).append(node)
    return by_offer


def _remarks(cheapest: Node, zones: list[Node], tenure: Tenure) -> Iterator[str]:
    if cheapest.quoted:
        yield "sum of accelerators and host"
    if cheapest.named:
        yield f"named {shortened(cheapest.named)}, with the memory of this accelerator"
    prices = {node.zone: node.prices[tenure] for node in zones}
    if len(prices) > 1:
        low, high = cheapest.prices[tenure], max(prices.values())
        yield f"lowest of {len(prices)} zones, {low:g} to {high:g} USD/h"


class _Doubts:
    """Prices of a file that are likely those of another tenure."""

    def __init__(self, nodes: list[Node], by_offer: dict[_OfferKey, list[Node]]) -> None:
        self._by_offer = by_offer
        self._leaked = {
            (node.shape, quoted["on_demand"])
            for node in nodes
            if (quoted := node.quoted or {}).get("on_demand", math.inf) < quoted.get("spot", 0)
        }

    def of(self, key: _OfferKey, cheapest: Node) -> Iterator[str]:
        """Yield why the price of an offer is doubtful, if it is."""
        instance, region, tenure = key
        regular, spot = (
            min((n.prices[t] for n in self._by_offer.get((instance, region, t), ())), default=0)
            for t, _ in TENURES
        )
        quoted = (cheapest.quoted or {}).get("on_demand", 0)
        if tenure == "on_demand" and (cheapest.shape, quoted) in self._leaked:
            yield f"{_DOUBTFUL}: below spot in some zone, so likely the price of another tenure"
        elif 0 < regular < spot:
            yield f"{_DOUBTFUL}: spot {spot:g} is above on-demand {regular:g} USD/h"
