"""Who holds accelerators in a block, on which nodes they may run, and who would have to rent.

Replicas that may run on the same nodes are one group: residency, the distance to the users, spot
nodes and the size of a replica decide. Without some nodes of a commitment, the groups share what
else is there as well as they can (a maximum flow), those that would rent at the highest price
first; what then has no place is rented. At least so much is rented as before beyond what is taken
on: room on nodes that are rented already is not counted on, as spares may need it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from planner.options.spot import SPOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.options.records import NodeOffer, OptionSet
    from planner.plan.document import Allocation, Plan

    Place = tuple[str, int, int]

Home = frozenset[str]
"""Offers on whose nodes some replicas may run."""


class Rented(NamedTuple):
    """Accelerators that a group would have to rent."""

    home: Home
    accelerators: int


@dataclass(frozen=True, slots=True)
class Tenants:
    """What replicas hold and what there is for them, by hardware, period and block.

    Parameters
    ----------
    held
        Accelerators by the nodes on which they may stand.
    taken_on, rented
        Accelerators of nodes that are taken on, and of those rented by the hour, by offer.
    """

    held: Mapping[Place, Mapping[Home, int]]
    taken_on: Mapping[Place, Mapping[str, int]]
    rented: Mapping[Place, Mapping[str, int]]

    def without(
        self, place: Place, offer_id: str, accelerators: int, usd: Mapping[str, float]
    ) -> list[Rented]:
        """Return what would have to be rented without some accelerators of a commitment.

        Parameters
        ----------
        place
            Hardware, period and block.
        offer_id, accelerators
            Nodes that are not there.
        usd
            Price of an accelerator-hour by offer of what can be rented.
        """
        left = dict(self.taken_on.get(place, {}))
        left[offer_id] = left.get(offer_id, 0) - accelerators
        room = left | dict(self.rented.get(place, {}))
        held: dict[Home, int] = defaultdict(int)
        for home, count in self.held.get(place, {}).items():
            held[home & (room.keys() | usd.keys())] += count
        least = sum(n for home, n in held.items() if home & left.keys()) - sum(left.values())
        least = max(min(least, accelerators), 0)

        def dearest_first(home: Home) -> tuple[float, list[str]]:
            least_usd = min((usd[name] for name in home & usd.keys()), default=math.inf)
            return -round(least_usd, 9), sorted(home)

        groups = sorted(held, key=dearest_first)
        placing = _Placing(groups, room)
        needed = [held[home] - placing.place(g, held[home]) for g, home in enumerate(groups)]
        beyond = least - sum(needed)
        for g in reversed(range(len(groups))):
            more = min(max(beyond, 0), held[groups[g]] - needed[g])
            if offer_id in groups[g]:
                needed[g] += more
                beyond -= more
        return [Rented(home, n) for home, n in zip(groups, needed, strict=True) if n]


class _Placing:
    """Puts accelerators of groups into rooms, and moves others to make room (augmenting paths)."""

    def __init__(self, groups: Sequence[Home], room: dict[str, int]) -> None:
        self.groups, self.room = groups, room
        self.used: list[dict[str, int]] = [defaultdict(int) for _ in groups]

    def place(self, group: int, accelerators: int) -> int:
        """Return how many of a group's accelerators find a place beside those placed before."""
        placed = 0
        while placed < accelerators:
            more = self._push(group, accelerators - placed, set())
            if not more:
                break
            placed += more
        return placed

    def _push(self, group: int, accelerators: int, seen: set[str]) -> int:
        homes = sorted(self.groups[group] & self.room.keys() - seen)
        for offer_id in homes:
            if self.room[offer_id] > 0:
                moved = min(self.room[offer_id], accelerators)
                self.room[offer_id] -= moved
                self.used[group][offer_id] += moved
                return moved
        for offer_id in homes:
            seen.add(offer_id)
            for other, used in enumerate(self.used):
                if other != group and used[offer_id] > 0:
                    moved = self._push(other, min(used[offer_id], accelerators), seen)
                    if moved:
                        used[offer_id] -= moved
                        self.used[group][offer_id] += moved
                        return moved
        return 0


def tenants_of(plan: Plan, options: OptionSet) -> Tenants:
    """Return who holds accelerators in every block of a plan.

    Parameters
    ----------
    plan
        The plan, with its tables.
    options
        What is on offer, and which pools may not use it.
    """
    held: dict[Place, dict[Home, int]] = defaultdict(lambda: defaultdict(int))
    homes: dict[tuple[str, str, str, bool, float, int], Home] = {}
    seen = set()
    for row in plan.allocations:
        replica = (row.pool, row.option_id, row.period, row.block)
        if replica in seen or not row.replicas:  # replicas repeat on the row of each workload
            continue
        seen.add(replica)
        key = (row.pool, row.hardware, row.option_id, row.is_interruptible, row.round_trip_ms,
               row.accelerators // row.replicas)  # fmt: skip
        if key not in homes:
            homes[key] = frozenset(o.offer_id for o in options.offers if _holds(o, row, options))
        held[row.hardware, row.period, row.block][homes[key]] += row.accelerators
    taken_on: dict[Place, dict[str, int]] = defaultdict(dict)
    rented: dict[Place, dict[str, int]] = defaultdict(dict)
    committed = {c.offer_id for c in plan.commitments}
    for node in plan.fleet:
        there = taken_on if node.offer_id in committed else rented
        there[node.hardware, node.period, node.block][node.offer_id] = node.accelerators
    return Tenants(held, taken_on, rented)


def _holds(offer: NodeOffer, row: Allocation, options: OptionSet) -> bool:
    return (
        offer.hardware == row.hardware
        and (offer.tenure == SPOT) == row.is_interruptible
        and offer.round_trip_ms <= row.round_trip_ms
        and offer.accelerators_per_node % (row.accelerators // row.replicas) == 0
        and (row.pool, offer.offer_id) not in options.barred
    )
