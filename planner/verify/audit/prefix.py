"""What a plan counts on finding in the prefix cache, from the problem alone.

A stated rate is found whatever is set aside. A curve is read at the workload's part of what one
replica sets aside: the workloads of a pool with curves share it by their prompt tokens per second.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from planner.verify.audit.expected import TOLERANCE, by_option, differs, rates_due
from planner.verify.audit.lengths import mean_tokens
from planner.verify.audit.waiting import share_that_waits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem, Workload


def prefix_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every hit rate that the problem does not give."""
    for (period, block, pool, option_id), rows in by_option(plan.allocations).items():
        place = f"period {period} block {block} {pool} {option_id}"
        aside = rows[0].prefix_tokens
        if any(row.prefix_tokens != aside for row in rows):
            yield f"{place}: rows of one pool set different tokens aside for prefixes"
        curved = [w for w in problem.workloads if w.pool_name == pool.split("/")[0] and _curve(w)]
        if aside < 0 or (aside and not curved):
            yield f"{place}: {aside:g} tokens set aside for prefixes without a curve"
        for row in rows:
            yield from _rate(place, row, curved, problem, catalog)


def _rate(
    place: str, row: Allocation, curved: Sequence[Workload], problem: Problem, catalog: Catalog
) -> Iterator[str]:
    workload = problem.workload(row.workload)
    cache, found = workload.prefix_cache, row.prefix_hit_rate
    if row.chunk_tokens is None or cache is None:
        due: float | None = 0.0
    elif not _curve(workload):
        due = cache.hit_rate or 0.0
    else:
        part = None if row.is_deferred else _part(workload, curved, problem, catalog)
        due = None if part is None else _at(workload, part * row.prefix_tokens)
    if due is None:
        # Parts that only a file knows: at most all of what is set aside is the workload's.
        most = _at(workload, row.prefix_tokens)
        if found < 0 or found > most * (1 + TOLERANCE):
            yield f"{place}: prefix hits of {row.workload} are {found:.6g}, at most {most:.6g}"
    elif differs(found, due):
        yield f"{place}: prefix hits of {row.workload} are {found:.6g}, recomputed {due:.6g}"


def _curve(workload: Workload) -> list[tuple[float, float]]:
    cache = workload.prefix_cache
    return [] if cache is None else [(float(t), float(r)) for t, r in cache.curve or []]


def _part(
    workload: Workload, curved: Sequence[Workload], problem: Problem, catalog: Catalog
) -> float | None:
    """Return the part of what is set aside that is a workload's, ``None`` when a file decides."""
    if len(curved) == 1:
        return 1.0
    traffic = {}
    for other in curved:
        tokens = mean_tokens(other, catalog)
        if tokens is None:
            return None
        rates = fmean(mean for mean, _ in rates_due(other, problem, catalog).values())
        traffic[other.name] = rates * (1.0 - share_that_waits(other)) * tokens[0]
    total = sum(traffic.values())
    return traffic[workload.name] / total if total else 1.0


def _at(workload: Workload, tokens: float) -> float:
    """Return the hit rate of a curve, straight between its points and from zero to the first."""
    points = [(0.0, 0.0), *_curve(workload)]
    for (x0, y0), (x1, y1) in pairwise(points):
        if tokens <= x1:
            return y0 + (y1 - y0) * (tokens - x0) / (x1 - x0) if x1 > x0 else y1
    return points[-1][1]
