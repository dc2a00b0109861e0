"""Which accelerators lose their place without a commitment, counted again.

What is left of the nodes takes in as much as it can, the groups in the order of their rent, the
dearest first: each needs what it adds to the accelerators without a place.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from planner.verify.audit.expected import by_option
from planner.verify.audit.packing import allowed
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.plan.document import Commitment, FleetRow, Plan
    from planner.problem.schema import Problem
    from planner.verify.audit.listed import Listed

Home = frozenset[str]
"""Offers whose nodes some accelerators may be on."""


class _Slot(NamedTuple):
    """What stands in a block: nodes, and replicas as pool and so on, size and accelerators."""

    nodes: list[FleetRow]
    replicas: list[tuple[tuple[str, bool, float], int, int]]


class Places:
    """Nodes and replicas of a plan by hardware, period and block."""

    def __init__(self, plan: Plan, problem: Problem) -> None:
        self.problem = problem
        self.known: dict[tuple[tuple[str, bool, float], str, str, str], bool] = {}
        self.taken_on = {row.offer_id for row in plan.commitments}
        self.slots: dict[tuple[str, int, int], _Slot] = defaultdict(lambda: _Slot([], []))
        for node in plan.fleet:
            self.slots[node.hardware, node.period, node.block].nodes.append(node)
        for (period, block, pool, _), rows in by_option(plan.allocations).items():
            row = rows[0]
            tenant = (pool, row.is_interruptible, row.round_trip_ms)
            replica = (tenant, replica_accelerators(row), row.accelerators)
            self.slots[row.hardware, period, block].replicas.append(replica)

    def out_of(
        self, gone: Commitment, count: int, place: tuple[int, int], rent: Sequence[Listed]
    ) -> list[tuple[Home, int]]:
        """Return the accelerators that have to be rented when some of a commitment are gone.

        Parameters
        ----------
        gone, count
            The commitment, and how many of its accelerators are not there.
        place
            Period and block.
        rent
            What can be rented instead.
        """
        slot = self.slots[(gone.hardware, *place)]
        room: dict[str, int] = defaultdict(int)
        for node in slot.nodes:
            room[node.offer_id] += node.accelerators
        room[gone.offer_id] -= count
        held: dict[Home, int] = defaultdict(int)
        alike: dict[tuple[tuple[str, bool, float], int], int] = defaultdict(int)
        for tenant, size, accelerators in slot.replicas:
            alike[tenant, size] += accelerators
        sized = [(n, n.accelerators_per_node) for n in slot.nodes]
        for (tenant, size), accelerators in alike.items():
            fits = [n.offer_id for n, each in sized if self._fits(tenant, size, n, each)]
            fits += [o.offer_id for o in rent if self._fits(tenant, size, o, o.accelerators)]
            held[frozenset(fits)] += accelerators
        prices = {o.offer_id: o.usd(place[0]) / o.accelerators for o in rent}
        ordered = sorted(
            held,
            key=lambda home: (
                -round(min((prices[o] for o in home if o in prices), default=math.inf), 9),
                sorted(home),
            ),
        )
        without_place = [0]
        for k in range(1, len(ordered) + 1):
            some = [(home, held[home]) for home in ordered[:k]]
            without_place.append(sum(n for _, n in some) - _placed(some, room))
        needed = [after - before for before, after in pairwise(without_place)]
        there = {name: n for name, n in room.items() if name in self.taken_on}
        least = sum(n for home, n in held.items() if not home.isdisjoint(there))
        least = min(least - sum(there.values()), count)
        for k in range(len(ordered) - 1, -1, -1):
            if gone.offer_id in ordered[k] and sum(needed) < least:
                needed[k] = min(held[ordered[k]], needed[k] + least - sum(needed))
        return [(home, n) for home, n in zip(ordered, needed, strict=True) if n > 0]

    def _fits(
        self, tenant: tuple[str, bool, float], size: int, node: FleetRow | Listed, each: int
    ) -> bool:
        key = (tenant, node.provider, node.region, node.tenure)
        if key not in self.known:
            self.known[key] = allowed(tenant, node, self.problem)
        return each % size == 0 and self.known[key]


def _placed(groups: Iterable[tuple[Home, int]], room: Mapping[str, int]) -> int:
    """Return how many accelerators of groups have a place: paths are filled, shortest first."""
    left: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    source, sink = ("", "source"), ("", "sink")
    for k, (home, accelerators) in enumerate(groups):
        left[source][str(k), "group"] = accelerators
        for name in sorted(home):
            if room.get(name, 0) > 0:
                left[str(k), "group"][name, "room"] = accelerators
                left[name, "room"][sink] = room[name]
    placed = 0
    while (path := _path(left, source, sink)) is not None:
        steps = list(pairwise(path))
        moved = min(left[a][b] for a, b in steps)
        for a, b in steps:
            left[a][b] -= moved
            left[b][a] = left[b].get(a, 0) + moved
        placed += moved
    return placed


def _path(
    left: Mapping[tuple[str, str], dict[tuple[str, str], int]],
    source: tuple[str, str],
    sink: tuple[str, str],
) -> list[tuple[str, str]] | None:
    came: dict[tuple[str, str], tuple[str, str]] = {source: source}
    waiting = [source]
    for here in waiting:
        for then, amount in left.get(here, {}).items():
            if amount > 0 and then not in came:
                came[then] = here
                waiting.append(then)
    if sink not in came:
        return None
    path = [sink]
    while path[-1] != source:
        path.append(came[path[-1]])
    return path[::-1]
