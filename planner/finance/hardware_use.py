"""Hardware of a plan block by block: what is taken on, what replicas hold, and what it carries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.demand.records import TimeGrid
    from planner.plan.document import Plan


@dataclass(slots=True)
class HardwareBlock:
    """Hardware of one type in one block: accelerators held, at work and taken on, requests/s."""

    held: float = 0.0
    at_work: float = 0.0
    taken_on: float = 0.0
    rate_rps: float = 0.0


@dataclass(frozen=True, slots=True)
class HardwareUse:
    """What stands in every block.

    Parameters
    ----------
    blocks
        By hardware, period and block.
    rate_rps
        Rate of all requests, of tokens by use too, in every period and block: 0 where none comes.
    """

    blocks: dict[tuple[str, int, int], HardwareBlock]
    rate_rps: dict[tuple[int, int], float]


def hardware_use(plan: Plan, grid: TimeGrid) -> HardwareUse:
    """Return what stands in every block of a plan.

    Parameters
    ----------
    plan
        The plan, with its tables.
    grid
        Its periods and blocks.
    """
    blocks: dict[tuple[str, int, int], HardwareBlock] = defaultdict(HardwareBlock)
    rates = dict.fromkeys(grid.slots, 0.0)
    seen = set()
    for row in plan.allocations:
        block = blocks[row.hardware, row.period, row.block]
        block.at_work += row.utilization * row.accelerators
        block.rate_rps += row.rate_rps
        rates[row.period, row.block] += row.rate_rps
        replica = (row.pool, row.option_id, row.period, row.block)
        if replica not in seen:  # replicas repeat on the row of each workload
            seen.add(replica)
            block.held += row.accelerators
    for item in plan.api:
        rates[item.period, item.block] += item.rate_rps
    committed = {c.offer_id for c in plan.commitments}
    for node in plan.fleet:
        if node.offer_id in committed:
            blocks[node.hardware, node.period, node.block].taken_on += node.accelerators
    return HardwareUse(dict(blocks), rates)
