"""Spot nodes: only work that waits, no more than its share, and what interruptions leave."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.expected import TOLERANCE, by_option, differs
from planner.verify.audit.spot_terms import share_left
from planner.verify.audit.waiting import is_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Plan
    from planner.problem.schema import Problem

_SPOT, _MEASURED = "spot", "measured"


def spot_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every use of spot nodes that the problem does not allow."""
    held: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for (period, block, pool, option_id), rows in by_option(plan.allocations).items():
        row = rows[0]
        if is_batch(pool):
            held[period, block][0] += row.accelerators
            held[period, block][1] += row.accelerators if row.is_interruptible else 0
        elif row.is_interruptible:
            yield f"period {period} block {block} {option_id}: spot nodes serve pool {pool}"
    most = problem.supply.spot.max_share
    for (period, block), (total, spot) in held.items():
        if spot > most * total * (1 + TOLERANCE):
            yield f"period {period} block {block}: {spot} of {total} batch accelerators are spot"
    yield from _measured(plan, problem, catalog)


def _measured(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Compare capacities on spot nodes with the measured ones."""
    for row in plan.allocations:
        if not row.is_interruptible or row.coefficient_origin != _MEASURED:
            continue
        twin = next(
            (
                other
                for other in plan.allocations
                if (other.workload, other.pool) == (row.workload, row.pool)
                and f"{other.option_id}/{_SPOT}" == row.option_id
            ),
            None,
        )
        left = share_left(row.hardware, problem, catalog)
        if twin is not None and differs(row.capacity_rps, twin.capacity_rps * left):
            yield (
                f"period {row.period} block {row.block} {row.option_id}: interruptions leave "
                f"{left:.4g} of {twin.capacity_rps:.6g}/s, not {row.capacity_rps:.6g}/s"
            )
