"""Whether planned rates outlive the loss of nodes, wherever the replicas stand.

The worst loss is bounded from the tables alone: k nodes of any hardware of a pool, the largest
that are there and that its residency allows, filled with the replicas that carry most per
accelerator.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.verify.audit.expected import TOLERANCE
from planner.verify.audit.packing import allowed
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem

_Slot = tuple[int, int, str]
"""Period, block and pool."""


def node_loss_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every pool that does not survive the loss of any spare nodes.

    Checked where that needs no program: a pool of one workload, or a pool that runs on one option
    in a block.
    """
    k = problem.policy.spare_nodes
    if k == 0:
        return
    groups: dict[_Slot, list[Allocation]] = defaultdict(list)
    for row in plan.allocations:
        groups[row.period, row.block, row.pool].append(row)
    for slot, rows in groups.items():
        period, block, pool = slot
        if all(row.is_deferred for row in rows):
            continue  # work that waits needs no spares
        if len({(row.workload, row.is_deferred) for row in rows}) == 1:
            worth = {row.option_id: row.capacity_rps for row in rows}
            planned, unit = sum(row.planned_rate_rps for row in rows), "/s"
        elif len({row.option_id for row in rows}) == 1:
            worth = {rows[0].option_id: 1.0}
            planned, unit = sum(r.planned_rate_rps / r.capacity_rps for r in rows), " replicas"
        else:
            continue
        shared = {row.option_id: row for row in rows}
        left = sum(worth[o] * row.replicas for o, row in shared.items())
        left -= _worst_loss(shared, worth, _largest_nodes(slot, plan, problem), k)
        if planned > left * (1 + TOLERANCE) + TOLERANCE * planned:
            yield (
                f"period {period} block {block} {pool}: {left:.6g}{unit} left after losing "
                f"{counted(k, 'node')}, {planned:.6g}{unit} planned"
            )


def _largest_nodes(slot: _Slot, plan: Plan, problem: Problem) -> dict[str, list[int]]:
    """Return the accelerators of the nodes a pool may use, by hardware, largest first."""
    period, block, pool = slot
    sizes: dict[str, list[int]] = defaultdict(list)
    for item in plan.fleet:
        here = (item.period, item.block) == (period, block)
        if here and allowed((pool, False, math.inf), item, problem):
            kept = min(item.nodes, problem.policy.spare_nodes)
            sizes[item.hardware] += [item.accelerators_per_node] * kept
    return {hardware: sorted(found, reverse=True) for hardware, found in sizes.items()}


def _worst_loss(
    rows: dict[str, Allocation], worth: dict[str, float], nodes: dict[str, list[int]], k: int
) -> float:
    """Return the most that k nodes can take, over all ways to choose their hardware."""
    used = sorted({row.hardware for row in rows.values()})
    worst = 0.0
    for choice in combinations_with_replacement(used, k):
        lost = 0.0
        for hardware in set(choice):
            space = float(sum(nodes.get(hardware, [])[: choice.count(hardware)]))
            kinds = [row for row in rows.values() if row.hardware == hardware]
            kinds.sort(key=lambda r: -worth[r.option_id] / replica_accelerators(r))
            for row in kinds:
                size = replica_accelerators(row)
                taken = min(float(row.replicas), space / size)
                lost += taken * worth[row.option_id]
                space -= taken * size
        worst = max(worst, lost)
    return worst
