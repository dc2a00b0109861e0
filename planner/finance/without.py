"""What a plan counts for a commitment and would not without it, and what renting would cost.

Both sides are discounted, as the plan counts them. Without nodes that are taken on it saves

* all that is paid for them: their whole term, also after the horizon unless
  ``commitment_tail: pro_rata`` cuts it, less the value left of bought ones;
* the people that each of them needs, and their part of what electricity costs in dear hours.

Of nodes that were there it saves what ends when they are sold at the first moment at which they
may be, and has what that brings: the value that is lost by keeping them counts as a cost. Money
that has been paid, and dues that go on whatever is decided, do not count: of nodes that cannot be
sold that is everything.

In return it rents, block by block, the accelerators that have no place on all other commitments of
the same hardware (:meth:`planner.finance.tenants.Tenants.without`), on the cheapest whole nodes of
any offers by the hour that may hold them, with the people of its nodes
(:mod:`planner.finance.rent_instead`). Nothing else changes. Rents after the horizon are on neither
side. The best plan without the commitment can only be cheaper than this one, but for start-up
times, which rented nodes pay too, and limits on what can be rented other than quotas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.finance.rent_instead import usd_per_accelerator_hour
from planner.plan.power_prices import is_bought
from planner.plan.rent_notes import JOINER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.demand.records import TimeGrid
    from planner.finance.rent_instead import Market, Rent
    from planner.finance.tenants import Rented, Tenants
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Plan


@dataclass(frozen=True, slots=True)
class Lot:
    """Nodes of one offer that are taken on together, or stay, or are sold together."""

    offer: NodeOffer
    build: Build
    nodes: int

    @property
    def accelerators(self) -> int:
        """Accelerators of all its nodes."""
        return self.nodes * self.offer.accelerators_per_node

    @property
    def first_sale(self) -> Build | None:
        """Nodes that are there, sold at the first moment at which they may be."""
        sales = [b for b in self.offer.builds if b.sold_month is not None]
        return min(sales, key=lambda b: b.sold_month or 0, default=None)

    @property
    def periods(self) -> range:
        """Periods in which its nodes serve and would not if the plan did without them."""
        sale = self.first_sale
        return range(self.build.start if sale is None else sale.end, self.build.end)


@dataclass(frozen=True, slots=True)
class Instead:
    """A commitment against the rent of what it is needed for.

    Parameters
    ----------
    needed_share
        Share of its hours in which its accelerators would have to be rented without it.
    counted_usd
        What the plan would not pay without it, discounted.
    offer_id, offer_usd_per_hour
        Cheapest offers by the hour, joined by `` + ``, and the mean cost of an accelerator-hour
        there, with people; ``None`` without one.
    rent_usd, people_usd
        What the hours needed cost there, discounted; ``None`` without an offer.
    """

    needed_share: float
    counted_usd: float
    offer_id: str | None = None
    offer_usd_per_hour: float | None = None
    rent_usd: float | None = None
    people_usd: float | None = None

    @property
    def usd(self) -> float | None:
        """Discounted cost of renting, with people; ``None`` without an offer."""
        if self.rent_usd is None or self.people_usd is None:
            return None
        return self.rent_usd + self.people_usd

    @property
    def break_even_share(self) -> float | None:
        """Share of hours needed at which renting costs as much; ``None`` where none are."""
        return self.needed_share * self.counted_usd / self.usd if self.usd else None

    @property
    def price_fall(self) -> float | None:
        """Fall of the rent, of every period, at which it costs as much; ``None`` without rent.

        1 where renting would cost more even for nothing.
        """
        if not self.rent_usd or self.people_usd is None:
            return None
        return min(1.0 - (self.counted_usd - self.people_usd) / self.rent_usd, 1.0)


@dataclass(frozen=True, slots=True)
class Without:
    """Does without commitments of a plan, one at a time.

    Parameters
    ----------
    plan, options, grid
        The plan and what it was made from.
    tenants, market
        Who holds accelerators in every block of it, and what more of them cost.
    """

    plan: Plan
    options: OptionSet
    grid: TimeGrid
    tenants: Tenants
    market: Market

    def lot(self, lot: Lot) -> Instead:
        """Return all nodes of a lot against their rent."""
        return self._instead(lot, lot.accelerators)

    def last_node(self, lot: Lot) -> Instead:
        """Return one node of a lot, the one that is needed least, against its rent."""
        return self._instead(lot, lot.offer.accelerators_per_node)

    def _instead(self, lot: Lot, accelerators: int) -> Instead:
        offers = self.market.offers(lot.offer.hardware, slice(lot.build.start, lot.build.end))
        needed = self._needed(lot, accelerators, offers)
        hours = sum(self.grid.hours_in_period(b) for _, b in needed)
        used = sum(
            self.grid.hours_in_period(b) * sum(group.accelerators for group in groups)
            for (_, b), groups in needed.items()
        )
        share = used / (hours * accelerators) if hours else 0.0
        counted_usd = self._counted_usd(lot) * accelerators / lot.offer.accelerators_per_node
        if not any(needed.values()):
            offers = self._nearest(lot, offers)
        rent = self.market.rent(offers, needed, lot.offer, accelerators) if offers else None
        if rent is None:
            return Instead(share, counted_usd)
        offer_id, usd_per_hour = _named(lot, offers, rent)
        return Instead(share, counted_usd, offer_id, usd_per_hour, rent.rent_usd, rent.people_usd)

    def _needed(
        self, lot: Lot, accelerators: int, offers: Sequence[NodeOffer]
    ) -> dict[tuple[int, int], list[Rented]]:
        blocks = range(self.grid.blocks)
        there = [b for b in blocks if lot.offer.is_there(b, self.grid.blocks_per_day)]
        return {
            (t, b): self.tenants.without(
                (lot.offer.hardware, t, b),
                lot.offer.offer_id,
                accelerators,
                usd_per_accelerator_hour(offers, t),
            )
            for t in lot.periods
            for b in there
        }

    def _counted_usd(self, lot: Lot) -> float:
        """Return what one node costs the plan, discounted, beyond what it costs in any case."""
        sale = lot.first_sale
        if lot.build.fixed_nodes is not None and sale is None:
            return 0.0
        usd = lot.build.discounted_usd - (0.0 if sale is None else sale.discounted_usd)
        blocks = range(self.grid.blocks)
        there = [b for b in blocks if lot.offer.is_there(b, self.grid.blocks_per_day)]
        people = lot.offer.staff_usd_per_hour * sum(self.grid.hours_in_period(b) for b in there)
        usd += people * sum(self.grid.discount_factor[t] for t in lot.periods)
        if is_bought(lot.offer):
            usd += lot.offer.accelerators_per_node * sum(
                row.usd / row.accelerators * self.grid.discount_factor[row.period]
                for row in self.plan.power_prices
                if row.hardware == lot.offer.hardware and row.period in lot.periods
            )
        return usd

    def _nearest(self, lot: Lot, offers: Sequence[NodeOffer]) -> list[NodeOffer]:
        """Return the offers that may hold some workload that runs on the hardware of a lot."""
        hardware = lot.offer.hardware
        pools = {a.pool for a in self.plan.allocations if a.hardware == hardware}
        barred = self.options.barred
        return [
            o
            for o in offers
            if not pools or any((pool, o.offer_id) not in barred for pool in pools)
        ]


def _named(lot: Lot, offers: Sequence[NodeOffer], rent: Rent) -> tuple[str, float]:
    """Return the offers that are rented, and the mean of their list prices, with people.

    Where nothing is needed they are the cheapest offer.
    """
    served = slice(lot.build.start, lot.build.end)

    def usd_per_hour(offer: NodeOffer) -> float:
        prices = [p or 0.0 for p in offer.price_usd_per_hour[served]]
        mean = sum(prices) / len(prices) + offer.staff_usd_per_hour
        return mean / offer.accelerators_per_node

    weights = {
        o: rent.accelerator_h[o.offer_id] for o in offers if o.offer_id in rent.accelerator_h
    }
    weights = weights or {min(offers, key=usd_per_hour): 1.0}
    usd = sum(usd_per_hour(offer) * weight for offer, weight in weights.items())
    return JOINER.join(o.offer_id for o in weights), usd / sum(weights.values())
