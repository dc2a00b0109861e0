"""Whether the replicas of every block fit nodes of their size that their residency allows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from planner.verify.audit.expected import by_option
from planner.verify.audit.units import replica_accelerators
from planner.verify.audit.waiting import members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import FleetRow, Plan
    from planner.problem.schema import Problem

_Slot = tuple[int, int, str]
"""Period, block and hardware."""
_Tenant = tuple[str, bool, float]
"""Pool, whether its replicas run on spot nodes, and their longest round trip to the users."""


class Node(Protocol):
    """Where a node stands, and how it is paid."""

    @property
    def provider(self) -> str:
        """Who owns it."""

    @property
    def region(self) -> str:
        """Where it stands."""

    @property
    def tenure(self) -> str:
        """How it is paid."""


def packing_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every block whose nodes are too few for its replicas.

    Replicas of g accelerators fit nodes that g divides, so sizes are compared from each one up;
    and replicas of a pool fit nodes that every workload of it allows, so pools are compared by
    the nodes they may use.
    """
    held: dict[_Slot, list[tuple[int, int, _Tenant]]] = defaultdict(list)
    for (period, block, pool, _), rows in by_option(plan.allocations).items():
        row = rows[0]
        size = replica_accelerators(row)
        tenant = (pool, row.is_interruptible, row.round_trip_ms)
        held[period, block, row.hardware].append((size, row.accelerators, tenant))
    nodes: dict[_Slot, list[FleetRow]] = defaultdict(list)
    for item in plan.fleet:
        nodes[item.period, item.block, item.hardware].append(item)
    for slot, replicas in held.items():
        yield from _slot(slot, replicas, nodes[slot], problem)


def _slot(
    slot: _Slot, replicas: list[tuple[int, int, _Tenant]], nodes: list[FleetRow], problem: Problem
) -> Iterator[str]:
    period, block, hardware = slot
    usable = {
        tenant: frozenset(n.offer_id for n in nodes if allowed(tenant, n, problem))
        for _, _, tenant in replicas
    }
    for home in sorted(set(usable.values()), key=sorted):
        for least in sorted({size for size, _, _ in replicas}):
            needed = sum(
                count
                for size, count, tenant in replicas
                if size % least == 0 and usable[tenant] <= home
            )
            room = sum(
                n.accelerators
                for n in nodes
                if n.accelerators_per_node % least == 0 and n.offer_id in home
            )
            if needed > room:
                yield (
                    f"period {period} block {block} {hardware}: {needed} accelerators needed by "
                    f"replicas of {least}+, {room} on nodes that they may use"
                )


def round_trip_due_ms(problem: Problem, provider: str, region: str) -> float:
    """Return the round trip that the problem states for a place."""
    stated = problem.supply.round_trip_ms
    return stated.get(region, stated.get(provider, stated.get("default", 0.0)))


def allowed(tenant: _Tenant, node: Node, problem: Problem) -> bool:
    """Return whether work may run on a node: residency, distance, and spot only for batches."""
    pool, is_interruptible, farthest_ms = tenant
    if (node.tenure == "spot") != is_interruptible:
        return False
    if round_trip_due_ms(problem, node.provider, node.region) > farthest_ms:
        return False
    for name in members(problem, pool):
        workload = problem.workload(name)
        if workload.residency == "any":
            continue
        if workload.residency == "on_prem_only":
            if node.tenure != "owned":
                return False
        elif node.region not in workload.residency:
            return False
    return True
