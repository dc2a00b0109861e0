"""What accelerators cost by the hour beside a plan: whole nodes of any shapes, for each block.

Volume discounts of a period are those of all its spending, the plan's and what is rented more: the
nodes are chosen at the prices of every tier, and the choice counts that costs least with what the
tiers then take off. Quotas leave what the plan does not use, to each offer alone: a note tells
where one counts several offers together (:mod:`planner.plan.rent_notes`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from planner.finance.whole_nodes import Kind, cheapest_nodes
from planner.options.quotas import is_under_quota
from planner.options.spot import SPOT
from planner.options.supply_records import Spent
from planner.options.volumes import fractions_off

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.demand.records import TimeGrid
    from planner.finance.tenants import Rented
    from planner.options.quotas import Quota
    from planner.options.records import NodeOffer, OptionSet
    from planner.options.supply_records import VolumeDiscount
    from planner.plan.document import Plan

    Needed = Mapping[tuple[int, int], Sequence[Rented]]
    Counts = Mapping[tuple[int, str], int]

_TIE = 1e-9
"""Of ways that cost the same, earlier offers and fewer people are taken: by so little."""


class Rent(NamedTuple):
    """Discounted rent, less volume discounts, and people; accelerator-hours by offer."""

    rent_usd: float
    people_usd: float
    accelerator_h: Mapping[str, float]


class _OfPeriod(NamedTuple):
    usd: float
    rent_usd: float
    people_usd: float
    nodes: Counts


class _Lot(NamedTuple):
    """Nodes that are not there, whose share of a quota is free."""

    offer: NodeOffer
    accelerators: int


@dataclass(frozen=True)
class Market:
    """Rents nodes beside a plan.

    Parameters
    ----------
    plan, options, grid
        The plan and what it was made from.
    quotas
        Most accelerators at any time.
    """

    plan: Plan
    options: OptionSet
    grid: TimeGrid
    quotas: Sequence[Quota] = ()
    _choices: dict[object, tuple[int, ...] | None] = field(default_factory=dict)
    _used: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _spent: dict[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Add up what counts for quotas and volume discounts, once for all commitments."""
        for row in self.plan.fleet:
            for q, quota in enumerate(self.quotas):
                key = (q, row.period, row.block)
                mine = row.accelerators if is_under_quota(row, quota) else 0
                self._used[key] = self._used.get(key, 0) + mine
        for volume in self.options.volumes:
            for t in range(self.grid.periods if volume.unit == "usd" else 0):
                self._spent[volume.name, t] = spent_usd(volume, self.plan, t)

    def offers(self, hardware: str, periods: slice) -> list[NodeOffer]:
        """Return the offers by the hour of a hardware with a price in every period.

        Spot nodes are none: they may be taken away.

        Parameters
        ----------
        hardware
            Accelerator key.
        periods
            Periods.
        """
        return sorted(
            (
                offer
                for offer in self.options.offers
                if offer.hardware == hardware
                and not offer.is_committed
                and offer.tenure != SPOT
                and offer.price_usd_per_hour[periods]
                and None not in offer.price_usd_per_hour[periods]
            ),
            key=lambda offer: offer.offer_id,
        )

    def rent(
        self, offers: Sequence[NodeOffer], needed: Needed, lot: NodeOffer, accelerators: int
    ) -> Rent | None:
        """Return the cheapest rent of what is needed, ``None`` where it cannot be had.

        Parameters
        ----------
        offers
            Offers by the hour, with a price wherever something is needed.
        needed
            Accelerators by period and block.
        lot, accelerators
            Nodes that are not there then.
        """
        away = _Lot(lot, accelerators)
        rent = people = 0.0
        hours: dict[str, float] = defaultdict(float)
        sizes = {o.offer_id: o.accelerators_per_node for o in offers}
        for t in sorted({t for t, _ in needed}):
            blocks = {b: groups for (s, b), groups in needed.items() if s == t and groups}
            if not blocks:
                continue
            ways = [self._at(offers, t, blocks, away, tiers) for tiers in self._tiers(offers)]
            known = [way for way in ways if way is not None]
            if not known:
                return None
            best = min(known, key=lambda way: way.usd)
            rent += best.rent_usd * self.grid.discount_factor[t]
            people += best.people_usd * self.grid.discount_factor[t]
            for (b, name), count in best.nodes.items():
                hours[name] += count * sizes[name] * self.grid.hours_in_period(b)
        return Rent(rent, people, hours)

    def _tiers(self, offers: Sequence[NodeOffer]) -> Iterator[dict[str, float]]:
        """Return the fraction off by offer with every tier of every volume discount."""
        volumes = self._volumes(offers)
        counted = [[o.offer_id for o in offers if v.counts(o)] for v in volumes]
        return fractions_off(volumes, counted)

    def _volumes(self, offers: Sequence[NodeOffer]) -> list[VolumeDiscount]:
        return [v for v in self.options.volumes if v.unit == "usd" and any(map(v.counts, offers))]

    def _at(
        self,
        offers: Sequence[NodeOffer],
        t: int,
        blocks: Mapping[int, Sequence[Rented]],
        away: _Lot,
        off: Mapping[str, float],
    ) -> _OfPeriod | None:
        """Return the nodes of a period that are cheapest at some discounts, and what they cost."""
        nodes: dict[tuple[int, str], int] = {}
        for b, groups in blocks.items():
            here = self._of_block(offers, t, groups, off, None)
            if here is not None and self._is_beyond(t, b, _placed(b, here), offers, away):
                here = self._of_block(offers, t, groups, off, self._room(t, b, away))
            if here is None:
                return None
            nodes |= _placed(b, here)
        by_id = {o.offer_id: o for o in offers}
        listed: dict[str, float] = defaultdict(float)
        people = 0.0
        for (b, name), count in nodes.items():
            hours = count * self.grid.hours_in_period(b)
            listed[name] += hours * (by_id[name].price_usd_per_hour[t] or 0.0)
            people += hours * by_id[name].staff_usd_per_hour
        rent = sum(listed.values())
        for volume in self._volumes(offers):
            more = sum(usd for name, usd in listed.items() if volume.counts(by_id[name]))
            spent = self._spent[volume.name, t]
            rent -= volume.more_off_usd(Spent(spent), Spent(more), self.grid.months_per_period)
        return _OfPeriod(rent + people, rent, people, nodes)

    def _of_block(
        self,
        offers: Sequence[NodeOffer],
        t: int,
        groups: Sequence[Rented],
        off: Mapping[str, float],
        rooms: list[tuple[Quota, int]] | None,
    ) -> dict[str, int] | None:
        """Return the nodes that groups rent in a block, one group after the other."""
        total: dict[str, int] = defaultdict(int)
        for group in groups:
            mine = [(k, o) for k, o in enumerate(offers, 1) if o.offer_id in group.home]
            kinds = tuple(
                Kind(
                    o.accelerators_per_node,
                    (o.price_usd_per_hour[t] or 0.0)
                    * (1.0 - off.get(o.offer_id, 0.0))
                    * (1.0 + _TIE * math.sqrt(k))
                    + o.staff_usd_per_hour * (1.0 + _TIE),
                    None if rooms is None else _most(o, rooms),
                )
                for k, o in mine
            )
            key = (group.accelerators, kinds)
            if key not in self._choices:
                self._choices[key] = cheapest_nodes(group.accelerators, kinds)
            counts = self._choices[key]
            if counts is None:
                return None
            for (_, offer), count in zip(mine, counts, strict=True):
                total[offer.offer_id] += count
                used = count * offer.accelerators_per_node
                rooms = rooms and [
                    (q, room - used if is_under_quota(offer, q) else room) for q, room in rooms
                ]
        return {name: count for name, count in total.items() if count}

    def _room(self, t: int, b: int, away: _Lot) -> list[tuple[Quota, int]]:
        """Return what every quota leaves in a block when some nodes are not there."""
        rooms = []
        for q, quota in enumerate(self.quotas):
            used = self._used.get((q, t, b), 0)
            freed = away.accelerators if is_under_quota(away.offer, quota) else 0
            rooms.append((quota, max(quota.max_accelerators - used + freed, 0)))
        return rooms

    def _is_beyond(
        self, t: int, b: int, nodes: Counts, offers: Sequence[NodeOffer], away: _Lot
    ) -> bool:
        """Return whether nodes of a block are more than a quota leaves."""
        return any(
            room
            < sum(
                nodes.get((b, o.offer_id), 0) * o.accelerators_per_node
                for o in offers
                if is_under_quota(o, quota)
            )
            for quota, room in (self._room(t, b, away) if self.quotas else ())
        )


def spent_usd(volume: VolumeDiscount, plan: Plan, period: int) -> float:
    """Return what a plan spends that counts for a volume discount in a period, before it.

    Parameters
    ----------
    volume
        The discount, of what is paid month by month.
    plan
        The plan, with its tables.
    period
        The period.
    """
    committed = {c.offer_id for c in plan.commitments}
    nodes = [r for r in plan.fleet if r.offer_id not in committed and volume.counts(r)]
    tokens = sum(r.usd for r in plan.api if r.period == period and volume.counts_tokens(r))
    return sum(r.usd for r in nodes if r.period == period) + tokens


def _placed(block: int, nodes: Mapping[str, int]) -> dict[tuple[int, str], int]:
    return {(block, name): count for name, count in nodes.items()}


def usd_per_accelerator_hour(offers: Sequence[NodeOffer], period: int) -> dict[str, float]:
    """Return list prices with people by offer.

    Parameters
    ----------
    offers
        Offers by the hour.
    period
        Period of the prices.
    """
    return {
        o.offer_id: ((o.price_usd_per_hour[period] or 0.0) + o.staff_usd_per_hour)
        / o.accelerators_per_node
        for o in offers
    }


def _most(offer: NodeOffer, rooms: Sequence[tuple[Quota, int]]) -> int | None:
    """Return the most nodes of an offer under the quotas that count it."""
    mine = [room // offer.accelerators_per_node for q, room in rooms if is_under_quota(offer, q)]
    return max(min(mine), 0) if mine else None
