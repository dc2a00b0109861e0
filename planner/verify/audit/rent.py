"""What accelerators cost by the hour beside a plan, computed again in whole nodes.

The cheapest nodes of every block at the prices of every tier of volume discounts; of those the
ones that cost least once the tiers are what all spending of the period reaches.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.verify.audit.clock import block_hours
from planner.verify.audit.volumes import discounts_tried, is_for, more_off_usd, spent_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.plan.document import Commitment, FleetRow, Plan
    from planner.problem.schema import Problem
    from planner.verify.audit.listed import Listed

    Home = frozenset[str]
    Groups = Sequence[tuple[Home, int]]
    Rooms = list[tuple["Quota", int]]

    from planner.problem.supply import Quota

_LITTLE = 1e-9
"""What tells ways of the same cost apart: earlier offers and fewer people first."""


class Paid(NamedTuple):
    """Rent after volume discounts, people, and the names of the offers that are rented."""

    rent_usd: float
    people_usd: float
    names: frozenset[str]

    @property
    def usd(self) -> float:
        """Rent and people."""
        return self.rent_usd + self.people_usd


class Ledger:
    """What counts for quotas and volume discounts in a plan, and choices of nodes made before.

    Parameters
    ----------
    plan, problem
        The plan and what it is for.
    """

    def __init__(self, plan: Plan, problem: Problem) -> None:
        self.problem = problem
        self.chosen: dict[object, dict[Listed, int] | None] = {}
        self.spent: dict[tuple[str, int], float] = {}
        self.there: dict[tuple[int, int, int], int] = defaultdict(int)
        self.volumes = [
            volume
            for volume in problem.supply.volume_discounts
            if volume.tiers[0].from_usd_per_month is not None
        ]
        for volume in self.volumes:
            for period in range(problem.horizon.periods):
                self.spent[volume.name, period] = spent_usd(volume, plan, period)
        for row in plan.fleet:
            for k, quota in enumerate(problem.supply.quotas):
                if _counts(row, quota):
                    self.there[k, row.period, row.block] += row.accelerators


class Renting:
    """Rents in one period what has no place, beside everything in a plan.

    Parameters
    ----------
    ledger
        What is in the plan.
    offers
        What can be rented.
    gone, count
        The commitment of which accelerators are not there, and how many.
    """

    def __init__(
        self, ledger: Ledger, offers: Sequence[Listed], gone: Commitment, count: int
    ) -> None:
        self.ledger, self.problem, self.offers = ledger, ledger.problem, offers
        self.gone, self.count = gone, count
        self.volumes = [v for v in ledger.volumes if any(is_for(v, offer) for offer in offers)]

    def at(self, period: int, blocks: Mapping[int, Groups]) -> Paid | None:
        """Return what the groups of every block pay together, ``None`` where they cannot.

        Parameters
        ----------
        period
            The period.
        blocks
            Groups without a place, by block.
        """
        found = []
        for discounts in discounts_tried(self.volumes):
            nodes: dict[tuple[int, Listed], int] = {}
            off = dict(zip([v.name for v in self.volumes], discounts, strict=True))
            for block, groups in blocks.items():
                here = self._nodes(period, block, groups, off)
                if here is None:
                    break
                nodes |= {(block, offer): n for offer, n in here.items()}
            else:
                found.append(self._paid(period, nodes))
        return min(found, key=lambda paid: paid.usd, default=None)

    def _paid(self, period: int, nodes: Mapping[tuple[int, Listed], int]) -> Paid:
        rent = people = 0.0
        for (block, offer), count in nodes.items():
            hours = count * block_hours(self.problem, block)
            rent += hours * offer.prices[period]
            people += hours * offer.people
        months = self.problem.horizon.months_per_period
        for volume in self.volumes:
            counted = sum(
                n * block_hours(self.problem, block) * offer.prices[period]
                for (block, offer), n in nodes.items()
                if is_for(volume, offer)
            )
            spent = self.ledger.spent[volume.name, period]
            rent -= more_off_usd(volume, spent, counted, months)
        return Paid(rent, people, frozenset(offer.offer_id for _, offer in nodes))

    def _nodes(
        self, period: int, block: int, groups: Groups, off: Mapping[str, float]
    ) -> dict[Listed, int] | None:
        """Return the nodes that groups rent in a block; where a quota says no, within it."""
        rooms = self._rooms(period, block)
        free = self._cheapest(period, groups, off, None)
        if free is None or all(_used(free, quota) <= room for quota, room in rooms):
            return free
        return self._cheapest(period, groups, off, rooms)

    def _cheapest(
        self, period: int, groups: Groups, off: Mapping[str, float], rooms: Rooms | None
    ) -> dict[Listed, int] | None:
        chosen: dict[Listed, int] = defaultdict(int)
        for home, accelerators in groups:
            prices = {
                offer: self._price(offer, place, period, off)
                for place, offer in enumerate(self.offers, 1)
                if offer.offer_id in home
            }
            most: dict[Listed, int] = {}
            for quota, room in rooms or ():
                for offer in [o for o in prices if _counts(o, quota)]:
                    left = max(room - _used(chosen, quota), 0) // offer.accelerators
                    most[offer] = min(most.get(offer, left), left)
            key = (accelerators, tuple(prices.items()), tuple(most.items()))
            if key not in self.ledger.chosen:
                self.ledger.chosen[key] = whole_nodes(accelerators, prices, most)
            nodes = self.ledger.chosen[key]
            if nodes is None:
                return None
            for offer, count in nodes.items():
                chosen[offer] += count
        return dict(chosen)

    def _price(self, offer: Listed, place: int, period: int, off: Mapping[str, float]) -> float:
        """Return what a node-hour counts in the choice."""
        given = sum(off[v.name] for v in self.volumes if is_for(v, offer))
        rent = offer.prices[period] * (1 - given) * (1 + _LITTLE * math.sqrt(place))
        return rent + offer.people * (1 + _LITTLE)

    def _rooms(self, period: int, block: int) -> Rooms:
        rooms: Rooms = []
        for k, quota in enumerate(self.problem.supply.quotas):
            there = self.ledger.there[k, period, block]
            freed = self.count if _counts(self.gone, quota) else 0
            rooms.append((quota, quota.max_accelerators - there + freed))
        return rooms


def whole_nodes(
    accelerators: int, prices: Mapping[Listed, float], most: Mapping[Listed, int]
) -> dict[Listed, int] | None:
    """Return the cheapest whole nodes with so many accelerators, ``None`` without any.

    Offer by offer, from the fewest accelerators on: with one node more of an offer, what is left
    is the cheapest way to have so many less. Offers of which there are only some come node by
    node, from the most accelerators down, so that none is taken twice.

    Parameters
    ----------
    accelerators
        Accelerators needed, >= 0.
    prices
        Cost of a node by offer.
    most
        Most nodes of the offers of which there are only some.
    """
    if prices and not most:  # many nodes are of the offer that is cheapest by the accelerator
        cheap = min(prices, key=lambda offer: prices[offer] / offer.accelerators)
        few = cheap.accelerators * max(offer.accelerators for offer in prices)
        many = (accelerators - few) // cheap.accelerators
        if many > 0:
            rest = whole_nodes(accelerators - many * cheap.accelerators, prices, most) or {}
            return rest | {cheap: rest.get(cheap, 0) + many}
    best: list[tuple[float, dict[Listed, int]]] = [(0.0, {})]
    best += [(math.inf, {})] * accelerators
    for offer, price in prices.items():
        size = offer.accelerators
        useful = -(-accelerators // size)
        if most.get(offer, useful) >= useful:
            for n in range(1, accelerators + 1):
                _try(best, n, max(n - size, 0), offer, price, 1)
            continue
        left, count = most[offer], 1
        while left > 0:
            count = min(count, left)
            for n in range(accelerators, 0, -1):
                _try(best, n, max(n - count * size, 0), offer, count * price, count)
            left -= count
            count *= 2
    usd, nodes = best[accelerators]
    return None if math.isinf(usd) else nodes


def _try(  # noqa: PLR0917
    best: list[tuple[float, dict[Listed, int]]], n: int, fewer: int, offer: Listed, usd: float,
    count: int,
) -> None:  # fmt: skip
    before, nodes = best[fewer]
    if before + usd < best[n][0]:
        best[n] = (before + usd, nodes | {offer: nodes.get(offer, 0) + count})


def _counts(node: Listed | Commitment | FleetRow, quota: Quota) -> bool:
    place = (node.provider, node.region)
    asked = (quota.provider, quota.region)
    same = all(want in {None, got} for want, got in zip(asked, place, strict=True))
    return same and node.hardware == quota.hardware


def _used(nodes: Mapping[Listed, int], quota: Quota) -> int:
    return sum(n * o.accelerators for o, n in nodes.items() if _counts(o, quota))
