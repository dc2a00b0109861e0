"""Requests that stay unserved: who may lose them, and their price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.verify.audit.clock import block_seconds
from planner.verify.audit.expected import TOLERANCE, differs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Plan, UnservedRow
    from planner.problem.schema import Problem


def unserved_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every unserved rate that the problem does not allow or price so."""
    seen: set[tuple[int, int, str]] = set()
    for row in plan.unserved:
        place = f"period {row.period} block {row.block} {row.workload}"
        key = (row.period, row.block, row.workload)
        if key in seen:
            yield f"{place}: unserved rate is listed twice"
        seen.add(key)
        for text in _row(row, problem):
            yield f"{place}: {text}"


def _row(row: UnservedRow, problem: Problem) -> Iterator[str]:
    price = problem.workload(row.workload).unserved_penalty_usd_per_request
    if price is None:
        yield f"{row.planned_rate_rps:.6g}/s stay unserved, the problem asks for all of them"
        return
    if row.rate_rps < 0 or row.planned_rate_rps < -TOLERANCE:
        yield f"{row.planned_rate_rps:.6g}/s stay unserved"
    if differs(row.penalty_usd_per_request, price):
        yield f"{row.penalty_usd_per_request} USD per unserved request, the problem says {price}"
    usd = row.rate_rps * block_seconds(problem, row.block) * price
    if differs(row.usd, usd):
        yield f"{row.usd:.6f} USD for unserved requests, requests x price is {usd:.6f}"
