"""Discounts of a contract that some price takes, but none that the problem may pay.

A discount that no price at the start of any period takes is told with the catalogue
(:mod:`planner.catalog.idle`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.discounts import API, covers, discount_of_offer, discount_of_tokens
from planner.catalog.idle import idle_overlay_rows
from planner.catalog.offers import CAPACITY_BLOCK, listed_offers_at, listed_price_lists_at
from planner.catalog.schema import ANY, Offer
from planner.options.left_out import why_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, Discount
    from planner.demand.records import TimeGrid
    from planner.options.records import OptionSet
    from planner.problem.schema import Problem


def idle_discounts(
    problem: Problem, catalog: Catalog, grid: TimeGrid, found: OptionSet
) -> Iterator[str]:
    """Yield a sentence for every discount that nothing on offer in the problem takes.

    Parameters
    ----------
    problem
        The problem, for its tenures.
    catalog
        Prices and discounts.
    grid
        First day of every period.
    found
        What is on offer, and why other offers are not.
    """
    if not catalog.discounts:
        return
    listed = list(_on_offer(catalog, grid, found))
    taken = {discount for _, discount in listed}
    told = {row for _, row, _ in idle_overlay_rows(catalog, *grid.period_start)}
    for row in catalog.discounts:
        if row in taken or row in told:
            continue
        matching = next((i for i, _ in listed if _is_for(row, i)), None)
        if matching is None:
            why = _why_none(row, problem, catalog, found)
        else:
            why = f"a more specific one goes before for {matching.offer_id}"
        origin = catalog.origin("discounts", row)
        place = f"{origin.file}:{origin.line}" if origin else "discounts"
        yield f"{place} {row.label}: it changes no plan: {why}"


def _on_offer(
    catalog: Catalog, grid: TimeGrid, found: OptionSet
) -> Iterator[tuple[Offer | ApiOffer, Discount | None]]:
    """Yield the list prices that the problem may pay, each with the discount that it takes."""
    nodes = found.offers
    rented, bought = {node.offer_id for node in nodes}, {option.id for option in found.api}
    blocks = {
        (n.provider, n.hardware, n.accelerators_per_node)
        for n in nodes
        if n.tenure == CAPACITY_BLOCK
    }
    for day in dict.fromkeys(grid.period_start):
        for row in listed_offers_at(catalog, day):
            is_block = row.tenure == CAPACITY_BLOCK
            block = (row.provider, row.accelerator, row.accelerators)
            if row.offer_id in rented or (is_block and block in blocks):
                yield row, discount_of_offer(row, catalog.discounts, day)
        for prices in listed_price_lists_at(catalog, day):
            if prices.base.offer_id in bought:
                yield prices.base, discount_of_tokens(prices.base, catalog.discounts, day)


def _why_none(row: Discount, problem: Problem, catalog: Catalog, found: OptionSet) -> str:
    """Return why nothing on offer is what a discount is for."""
    if row.tenure == API and API not in problem.supply.tenures:
        return "api is not among supply.tenures"
    offers: tuple[Offer | ApiOffer, ...] = (*catalog.offers, *catalog.api_offers)
    matching = {offer.offer_id for offer in offers if _is_for(row, offer)}
    return why_left_out(matching, found.rejections, "what it is for serves no candidate")


def _is_for(row: Discount, offer: Offer | ApiOffer) -> bool:
    """Return whether a discount is for an offer, on some day."""
    if isinstance(offer, Offer):
        place = (offer.instance, offer.region, str(offer.tenure))
    else:
        place = (offer.model_ref, ANY, API)
    return row.provider == offer.provider and covers(row, place)
