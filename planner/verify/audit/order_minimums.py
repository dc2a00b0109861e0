"""Orders of fewer nodes than the problem says that an order has at least."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.verify.audit.terms import block_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Commitment, Plan
    from planner.problem.schema import Problem

_BLOCK = "capacity_block"


def order_minimum_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every order below its minimum that no earlier plan has placed."""
    orders: dict[tuple[str, int], list[Commitment]] = defaultdict(list)
    for row in plan.commitments:
        if not row.is_existing:
            orders[row.offer_id, row.start_period].append(row)
    for (offer_id, period), rows in orders.items():
        nodes, kept = sum(r.nodes for r in rows), max(r.nodes_kept for r in rows)
        least = max(_least(row, problem) for row in rows)
        if kept < nodes < least:
            yield (
                f"order of {offer_id} from period {period}: {counted(nodes, 'node')}, an order "
                f"has at least {least}"
            )


def _least(row: Commitment, problem: Problem) -> int:
    """Return the least nodes of an order like a row."""
    if row.tenure == _BLOCK:
        block = block_of(row, problem)
        return 1 if block is None else block.min_nodes
    have = (row.provider, row.hardware, row.instance, row.region)
    counting = (
        item.min_nodes
        for item in problem.supply.order_minimums
        if row.tenure in item.tenures
        and _fits((item.provider, item.hardware, item.instance, item.region), have)
    )
    return max(counting, default=1)


def _fits(stated: tuple[str | None, ...], have: tuple[str, ...]) -> bool:
    return all(want is None or want == got for want, got in zip(stated, have, strict=True))
