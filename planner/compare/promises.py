"""What both plans promise of every workload: limits, and the worst that is planned."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.compare.records import Figure
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Plan
    from planner.problem.schema import Problem, Workload

_Key = tuple[str, str, str]


def promise_changes(a: tuple[Plan, Problem], b: tuple[Plan, Problem]) -> tuple[Figure, ...]:
    """Return the promises of every workload of either plan, with what is the same in both."""
    ours, theirs = _promises(*a), _promises(*b)
    return tuple(
        Figure(*key, ours.get(key), theirs.get(key)) for key in dict.fromkeys((*ours, *theirs))
    )


def _promises(plan: Plan, problem: Problem) -> dict[_Key, float | None]:
    found: dict[_Key, float | None] = {}
    for workload in problem.workloads:
        found.update(_limits(workload))
        found.update(_planned(plan, workload.name))
    return found


def _limits(workload: Workload) -> Iterator[tuple[_Key, float | None]]:
    name = workload.name
    for slo in workload.slo:
        at = slo.percentile if isinstance(slo.percentile, str) else f"p{slo.percentile:g}"
        yield (name, f"limit {slo.metric.removesuffix('_ms')} {at}", "ms"), slo.limit
    for floor in workload.quality:
        if floor.min_score is not None:
            yield (name, f"floor {floor.benchmark}", "score"), floor.min_score
        if floor.min_relative is not None:
            what = f"floor {floor.benchmark}"
            yield (name, what, f"of {floor.reference}"), floor.min_relative


def _planned(plan: Plan, workload: str) -> Iterator[tuple[_Key, float | None]]:
    mine = [row for row in plan.allocations if row.workload == workload]
    at_once = [row for row in mine if not row.is_deferred]
    ttft = [row.ttft_p99_ms for row in at_once if row.ttft_p99_ms is not None]
    tpot = [row.tpot_mean_ms for row in at_once if row.tpot_mean_ms is not None]
    if ttft:
        yield (workload, "planned ttft p99, worst block", "ms"), max(ttft)
    if tpot:
        yield (workload, "planned tpot mean, worst block", "ms"), max(tpot)
    scores: dict[str, list[float]] = defaultdict(list)
    for row in mine:
        for benchmark, score in row.quality.items():
            scores[benchmark].append(score)
    for benchmark, values in scores.items():
        yield (workload, f"lowest {benchmark} of what serves", "score"), min(values)
    waits = [row.longest_wait_h for row in plan.deferred if row.workload == workload]
    if waits:
        yield (workload, "longest wait", "h"), max(waits)
    unserved = _unserved(plan, workload)
    if unserved:
        yield (workload, "requests left unserved", "requests"), unserved


def _unserved(plan: Plan, workload: str) -> float:
    hours = {time.block: time.hours_per_period for time in plan.time_blocks}
    return sum(
        row.rate_rps * hours[row.block] * SECONDS_PER_HOUR
        for row in plan.unserved
        if row.workload == workload
    )
