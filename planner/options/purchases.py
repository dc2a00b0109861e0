"""Purchases: what is taken on for a term, by the moment at which it has to be decided.

A purchase is a build of an offer, of provisioned units or of a spend commitment, or the sale of
nodes that are there. It is decided in the period of its order, lead time before it serves; an
order that has to go out before the horizon is decided in period 0. Everything else, such as what
is rented by the hour, replicas and tokens, is no purchase.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from planner.demand.records import TimeGrid
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import ProvisionedUnits, SpendCommitment

    Supply = NodeOffer | ProvisionedUnits | SpendCommitment

Kind = Literal["nodes", "sale", "units", "spend"]
UNIT_OF: dict[Kind, str] = {
    "nodes": "nodes",
    "sale": "nodes sold",
    "units": "units",
    "spend": "USD per hour",
}


@dataclass(frozen=True, slots=True, order=True)
class Purchase:
    """What may be taken on, the same thing in every problem that offers it.

    Parameters
    ----------
    kind
        Nodes of an offer, sale of nodes that are there, provisioned units or promised spending.
    supply_id
        Identity of the offer, the units or the commitment.
    period
        Period from which on it serves; that of the sale for sold nodes.
    month
        Month of a sale from the start of the horizon, 0 for everything else.
    tier
        Tier of a volume discount that sets its price, 0 for none.
    """

    kind: Kind
    supply_id: str
    period: int
    month: int = 0
    tier: int = 0


def purchases(options: OptionSet, grid: TimeGrid) -> dict[Purchase, tuple[int, int]]:
    """Return position of supply and build of every purchase that can be decided.

    Parameters
    ----------
    options, grid
        The options, and their periods.
    """
    found: dict[Purchase, tuple[int, int]] = {}
    for kind, position, supply in _supplies(options):
        for k, build in enumerate(supply.builds):
            purchase = _purchase(kind, supply, build, grid)
            if purchase is not None:
                found[purchase] = position, k
    return found


def decided_in(build: Build, grid: TimeGrid) -> int:
    """Return the period in which a build has to be ordered, or its nodes sold.

    Parameters
    ----------
    build
        The build.
    grid
        Periods.
    """
    month = build.order_month if build.sold_month is None else build.sold_month
    return max(int(month // grid.months_per_period), 0)


def build_of(options: OptionSet, purchase: Purchase, place: tuple[int, int]) -> Build:
    """Return the build of a purchase.

    Parameters
    ----------
    options
        The options.
    purchase, place
        As in :func:`purchases`.
    """
    position, k = place
    if purchase.kind == "units":
        return options.provisioned[position].builds[k]
    if purchase.kind == "spend":
        return options.spend[position].builds[k]
    return options.offers[position].builds[k]


def ordered_before(options: OptionSet, purchase: Purchase, place: tuple[int, int]) -> float:
    """Return how much of a purchase was ordered before, so that no plan takes on less.

    Parameters
    ----------
    options
        The options.
    purchase, place
        As in :func:`purchases`.
    """
    if purchase.kind == "spend":
        return options.spend[place[0]].least_of(place[1])
    return build_of(options, purchase, place).least_nodes


def hold_purchases(
    options: OptionSet, grid: TimeGrid, held: Mapping[Purchase, float]
) -> OptionSet:
    """Return the options with some purchases as they were decided; the others stay open.

    Builds keep their positions, so that decisions mean the same with either.

    Parameters
    ----------
    options, grid
        The options, and their periods.
    held
        How much of each: whole nodes or units, or USD per hour.
    """

    def fixed(kind: Kind, supply: Supply) -> tuple[Build, ...]:
        return tuple(
            build
            if (purchase := _purchase(kind, supply, build, grid)) not in held or purchase is None
            else replace(
                build,
                least_nodes=round(held[purchase]),
                most_nodes=round(held[purchase]),
            )
            for build in supply.builds
        )

    return replace(
        options,
        offers=tuple(replace(o, builds=fixed("nodes", o)) for o in options.offers),
        provisioned=tuple(replace(u, builds=fixed("units", u)) for u in options.provisioned),
        spend=tuple(_held_spend(spend, grid, held) for spend in options.spend),
    )


def _held_spend(
    spend: SpendCommitment, grid: TimeGrid, held: Mapping[Purchase, float]
) -> SpendCommitment:
    if spend.is_existing:
        return spend
    usd = tuple(
        None if purchase is None else held.get(purchase)
        for purchase in (_purchase("spend", spend, build, grid) for build in spend.builds)
    )
    return spend if all(u is None for u in usd) else replace(spend, held_usd_per_hour=usd)


def _supplies(options: OptionSet) -> Iterator[tuple[Kind, int, Supply]]:
    for position, offer in enumerate(options.offers):
        yield "nodes", position, offer
    for position, units in enumerate(options.provisioned):
        yield "units", position, units
    for position, spend in enumerate(options.spend):
        yield "spend", position, spend


def _purchase(kind: Kind, supply: Supply, build: Build, grid: TimeGrid) -> Purchase | None:
    """Return the purchase of a build, ``None`` where there is nothing to decide."""
    identity: str = getattr(supply, "offer_id", "") or getattr(supply, "id", "")
    if build.sold_month is not None:
        return Purchase("sale", identity, decided_in(build, grid), build.sold_month)
    if build.fixed_nodes is not None or getattr(supply, "is_existing", False):
        return None
    return Purchase(kind, identity, build.start, tier=build.tier)
