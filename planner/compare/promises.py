"""What both plans promise of every workload: limits, and the worst that is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.compare.records import Figure
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem, QualityFloor, Workload

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
        found.update(_planned(plan, workload))
    return found


def _limits(workload: Workload) -> Iterator[tuple[_Key, float | None]]:
    name = workload.name
    for slo in workload.slo:
        at = slo.percentile if isinstance(slo.percentile, str) else f"p{slo.percentile:g}"
        yield (name, f"limit {slo.metric.removesuffix('_ms')} {at}", "ms"), slo.limit
    for floor in workload.quality:
        what = f"floor {floor.benchmark}, {_holds_for(floor, workload)}"
        if floor.min_score is not None:
            yield (name, what, "score"), floor.min_score
        if floor.min_relative is not None:
            yield (name, what, f"of {floor.reference or 'itself'}"), floor.min_relative


def _holds_for(floor: QualityFloor, workload: Workload) -> str:
    """Return what has to reach a floor, in words."""
    if floor.over == "average":
        return "average of the requests of a block"
    if workload.escalation is not None:
        return "average of the chain, and every model outside of it"
    return "every model that serves"


def _planned(plan: Plan, workload: Workload) -> Iterator[tuple[_Key, float | None]]:
    name = workload.name
    mine = [row for row in plan.allocations if row.workload == name]
    at_once = [row for row in mine if not row.is_deferred]
    ttft = [row.ttft_p99_ms for row in at_once if row.ttft_p99_ms is not None]
    tpot = [row.tpot_mean_ms for row in at_once if row.tpot_mean_ms is not None]
    if ttft:
        yield (name, "planned ttft p99, worst block", "ms"), max(ttft)
    if tpot:
        yield (name, "planned tpot mean, worst block", "ms"), max(tpot)
    yield from _averages(plan, name)
    yield from _scores(mine, workload)
    waits = [row.longest_wait_h for row in plan.deferred if row.workload == name]
    if waits:
        yield (name, "longest wait", "h"), max(waits)
    unserved = _unserved(plan, name)
    if unserved:
        yield (name, "requests left unserved", "requests"), unserved


def _averages(plan: Plan, workload: str) -> Iterator[tuple[_Key, float]]:
    """Yield the lowest average that floors on an average are held against."""
    lowest: dict[_Key, float] = {}
    for row in plan.average_quality:
        if row.workload == workload:
            what = "of the chain" if row.of_chain else "of the requests"
            unit = f"of {row.reference}" if row.reference else "score"
            key = workload, f"average {row.benchmark} {what}, worst block", unit
            lowest[key] = min(row.average, lowest.get(key, row.average))
    yield from lowest.items()


def _scores(rows: Iterable[Allocation], workload: Workload) -> Iterator[tuple[_Key, float]]:
    """Yield the lowest score of a model, and of an answer of the chain, which has no floor."""
    single = {floor.benchmark for floor in workload.quality if floor.over == "each"}
    lowest: dict[_Key, float] = {}
    for row in rows:
        for benchmark, score in row.quality.items():
            what = "of what serves" if benchmark in single else "of one model, without a floor"
            if row.answer:
                what = "of one answer of the chain, without a floor"
            key = workload.name, f"lowest {benchmark} {what}", "score"
            lowest[key] = min(score, lowest.get(key, score))
    yield from lowest.items()


def _unserved(plan: Plan, workload: str) -> float:
    hours = {time.block: time.hours_per_period for time in plan.time_blocks}
    return sum(
        row.rate_rps * hours[row.block] * SECONDS_PER_HOUR
        for row in plan.unserved
        if row.workload == workload
    )
