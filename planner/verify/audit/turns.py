"""Turns of blocks: models load before the block in which they serve, so both need accelerators.

What ends with a block and what begins with the next stand side by side while the latter loads.
Nodes that start in the block before count, those that take the place of old ones included; work
that waits loads and gives its accelerators back in time that it loses.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.expected import by_option
from planner.verify.audit.packing import allowed
from planner.verify.audit.units import replica_accelerators
from planner.verify.audit.waiting import is_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Allocation, FleetRow, Plan
    from planner.problem.schema import Problem
    from planner.problem.supply import Quota

_Slot = tuple[int, int, str]
"""Period, block and hardware."""
_Kind = tuple[str, str, int | None, frozenset[str]]
"""Pool of replicas that wait, else nothing; what they have loaded; offers that may hold them."""


def turn_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every turn of a block at which models have no room to load."""
    yield from _quota_violations(plan, problem)
    policy = problem.policy
    if policy.scaling == "static" or problem.time_blocks == 1 or not policy.changeover_minutes:
        return
    rows, nodes = _by_slot(plan)
    for slot in sorted(rows):
        period, block, hardware = slot
        earlier = (period, _before(block, problem), hardware)
        fleets = (nodes[earlier], nodes[slot])
        held = [_held(some, fleets, problem) for some in (rows.get(earlier, []), rows[slot])]
        for home in sorted({kind[3] for part in held for kind in part}, key=sorted):
            needed, room = _needed(held[0], held[1], home), _room(fleets, home)
            if needed > room:
                yield (
                    f"period {period} block {block} {hardware}: {needed} accelerators needed by "
                    f"replicas that end and begin with it, {room} on nodes that they may use"
                )


def _by_slot(
    plan: Plan,
) -> tuple[dict[_Slot, list[Allocation]], dict[_Slot, list[FleetRow]]]:
    """Return replicas and nodes by period, block and hardware, those of spot nodes apart."""
    nodes: dict[_Slot, list[FleetRow]] = defaultdict(list)
    for node in plan.fleet:
        if node.tenure != "spot":
            nodes[node.period, node.block, node.hardware].append(node)
    rows: dict[_Slot, list[Allocation]] = defaultdict(list)
    for (period, block, _, _), alike in by_option(plan.allocations).items():
        if not alike[0].is_interruptible:
            rows[period, block, alike[0].hardware].append(alike[0])
    return rows, nodes


def _before(block: int, problem: Problem) -> int:
    """Return the block before in days of its type, which wrap."""
    return block - 1 if block % problem.time_blocks else block + problem.time_blocks - 1


def _held(
    rows: list[Allocation], fleets: tuple[list[FleetRow], list[FleetRow]], problem: Problem
) -> dict[_Kind, int]:
    """Return the accelerators of every kind in a block."""
    held: dict[_Kind, int] = defaultdict(int)
    for row in rows:
        size = replica_accelerators(row)
        home = frozenset(
            node.offer_id
            for fleet in fleets
            for node in fleet
            if node.accelerators_per_node % size == 0
            and allowed((row.pool, row.is_interruptible, row.round_trip_ms), node, problem)
        )
        batch = row.pool if is_batch(row.pool) else ""
        held[batch, row.option_id, row.chunk_tokens, home] += row.accelerators
    return held


def _needed(then: dict[_Kind, int], now: dict[_Kind, int], home: frozenset[str]) -> int:
    """Return the accelerators of what can only run on some offers while models load."""
    total = 0
    for kind in {*then, *now}:
        if kind[3] <= home:
            least_or_most = min if kind[0] else max
            total += least_or_most(then.get(kind, 0), now.get(kind, 0))
    return total


def _room(fleets: tuple[list[FleetRow], list[FleetRow]], home: frozenset[str]) -> int:
    """Return the accelerators that are there, or start, before a block begins."""
    then = {node.offer_id: node for node in fleets[0] if node.offer_id in home}
    room = sum(
        (node.nodes + node.starting_nodes) * node.accelerators_per_node for node in then.values()
    )
    # Nodes of some hours of the day begin with the block.
    return room + sum(
        node.accelerators
        for node in fleets[1]
        if node.offer_id in home and node.offer_id not in then
    )


def _quota_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Nodes that take the place of others count beside them until these end."""
    counts = {(n.period, n.block, n.offer_id): n.nodes for n in plan.fleet}
    for quota in problem.supply.quotas:
        used: dict[tuple[int, int], int] = defaultdict(int)
        replaces: set[tuple[int, int]] = set()
        for node in plan.fleet:
            if not _is_under(node, quota):
                continue
            place = (node.period, _after(node.block, problem))
            more = max(counts.get((*place, node.offer_id), 0) - node.nodes, 0)
            replaced = node.starting_nodes > more
            replaces |= {place} if replaced else set()
            count = node.nodes + (node.starting_nodes if replaced else 0)
            used[place] += count * node.accelerators_per_node
        for period, block in sorted(replaces):
            if used[period, block] > quota.max_accelerators:
                yield (
                    f"period {period} block {block}: {used[period, block]} x {quota.hardware} "
                    f"while nodes start, quota {quota.max_accelerators}"
                )


def _after(block: int, problem: Problem) -> int:
    return block + 1 if (block + 1) % problem.time_blocks else block + 1 - problem.time_blocks


def _is_under(node: FleetRow, quota: Quota) -> bool:
    inside = quota.provider in {None, node.provider} and quota.region in {None, node.region}
    return node.hardware == quota.hardware and inside
