"""What a plan counts for a commitment and would not without it, and what renting would cost.

Both sides are discounted, as the plan counts them. Without nodes that are taken on it saves

* all that is paid for them: their whole term, also after the horizon unless
  ``commitment_tail: pro_rata`` cuts it, less the value left of bought ones;
* the people that each of them needs, and their part of what electricity costs in dear hours.

Of nodes that were there it saves what ends when they are sold at the first moment at which they
may be, and has what that brings: the value that is lost by keeping them counts as a cost. Money
that has been paid, and dues that go on whatever is decided, do not count: of nodes that cannot be
sold that is everything.

In return it rents, block by block, the accelerators that all other commitments of the same
hardware leave to be held (:meth:`planner.finance.hardware_use.HardwareBlock.needed`), in whole
nodes of one offer by the hour and at its list price of the period, with the people of its nodes.
Nothing else changes. Rents after the horizon are on neither side. The best plan without the
commitment can only be cheaper than this one, but for start-up times, which rented nodes pay too,
and limits on what can be rented.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from planner.options.spot import SPOT
from planner.plan.power_prices import is_bought

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.demand.records import TimeGrid
    from planner.finance.hardware_use import HardwareUse
    from planner.options.builds import Build
    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Plan

_ROUNDING = 1e-9
"""Share of a node that is arithmetic, not need."""


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


class _Needed(NamedTuple):
    """Accelerators that would have to be rented in a block, with its hours."""

    period: int
    block: int
    hours: float
    accelerators: float


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
        Cheapest offer by the hour, and the mean cost of an accelerator-hour there, with people;
        ``None`` without one.
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
    use
        What stands in every block of it.
    """

    plan: Plan
    options: OptionSet
    grid: TimeGrid
    use: HardwareUse

    def lot(self, lot: Lot) -> Instead:
        """Return all nodes of a lot against their rent."""
        return self._instead(lot, lot.accelerators)

    def last_node(self, lot: Lot) -> Instead:
        """Return one node of a lot, the one that is needed least, against its rent."""
        return self._instead(lot, lot.offer.accelerators_per_node)

    def _instead(self, lot: Lot, accelerators: int) -> Instead:
        needed = self._needed(lot, accelerators)
        hours = sum(n.hours for n in needed)
        node_hours = sum(n.hours * n.accelerators for n in needed)
        share = node_hours / (hours * accelerators) if hours else 0.0
        counted_usd = self._counted_usd(lot) * accelerators / lot.offer.accelerators_per_node
        cheapest = min((self._rent(o, lot, needed) for o in self._offers(lot)), default=None)
        if cheapest is None:
            return Instead(share, counted_usd)
        _, usd_per_hour, offer_id, rent_usd, people_usd = cheapest
        return Instead(share, counted_usd, offer_id, usd_per_hour, rent_usd, people_usd)

    def _needed(self, lot: Lot, accelerators: int) -> list[_Needed]:
        return [
            _Needed(t, b, self.grid.hours_in_period(b), here.needed(accelerators) if here else 0.0)
            for (t, b) in sorted(self.use.rate_rps)
            if t in lot.periods and lot.offer.is_there(b, self.grid.blocks_per_day)
            for here in [self.use.blocks.get((lot.offer.hardware, t, b))]
        ]

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

    def _offers(self, lot: Lot) -> list[NodeOffer]:
        """Return the offers by the hour of the same hardware.

        They must have a price in every period of the commitment, and may hold some workload that
        runs on this hardware. Spot nodes are none: they may be taken away.
        """
        hardware, served = lot.offer.hardware, slice(lot.build.start, lot.build.end)
        pools = {a.pool for a in self.plan.allocations if a.hardware == hardware}
        return [
            other
            for other in self.options.offers
            if other.hardware == hardware
            and not other.is_committed
            and other.tenure != SPOT
            and (not pools or any((p, other.offer_id) not in self.options.barred for p in pools))
            and _known(other.price_usd_per_hour[served])
        ]

    def _rent(
        self, offer: NodeOffer, lot: Lot, needed: Iterable[_Needed]
    ) -> tuple[float, float, str, float, float]:
        """Return cost, mean cost of an accelerator-hour, offer, rent and people, discounted."""
        size, each = offer.accelerators_per_node, offer.staff_usd_per_hour
        rent = people = 0.0
        for one in needed:
            nodes = math.ceil(one.accelerators / size - _ROUNDING)
            hours = nodes * one.hours * self.grid.discount_factor[one.period]
            rent += hours * (offer.price_usd_per_hour[one.period] or 0.0)
            people += hours * each
        prices = [p or 0.0 for p in offer.price_usd_per_hour[lot.build.start : lot.build.end]]
        mean = (sum(prices) / len(prices) + each) / size
        return rent + people, mean, offer.offer_id, rent, people


def _known(prices: Sequence[float | None]) -> bool:
    return bool(prices) and None not in prices
