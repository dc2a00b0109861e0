"""What leaves no plan before there is a program: what no option meets, and by how much."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.options.round_trips import needed_ms
from planner.units import enough

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.demand.records import Demand
    from planner.errors import Fault
    from planner.options.records import OptionSet, Rejection
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem

_NEAREST = 3
_ASK = {
    "quality": "its quality floor",
    "quality_missing": "a known quality score",
    "memory": "memory for the weights and one request",
    "context": "its context length",
    "residency": "its residency",
    "spot_only": "nodes that nobody takes away",
    "ttft_ms": "its time to first token",
    "tpot_ms": "its time per output token",
    "itl_ms": "its gap between tokens",
    "e2e_ms": "its end-to-end latency",
    "rate": "its latency limits at any load",
    "job_time": "the window in which its work has to be done",
    "no_price": "a usable price",
    "no_node": "a node its parallelism divides",
    "no_rate": "a known compute rate",
    "parallelism": "a parallelism that divides the model",
    "no_interconnect": "a measured all-reduce",
    "batch": "an answer within a day",
    "latency_unproven": "proven API latency",
    "excluded": "leave to serve",
    "carbon": "known carbon, which `limits.carbon_kg_per_period` needs",
}


def impossible_limits(options: OptionSet, loaded: LoadedProblem) -> list[Fault]:
    """Return a fault for every latency limit that no option meets even without load.

    Only options that pass everything before latency count, and only workloads that nothing else
    (another option, tokens) can serve.
    """
    served = {c.workload for c in options.capacities} | {a.workload for a in options.api}
    faults = []
    for index, workload in enumerate(loaded.problem.workloads):
        mine = [r for r in options.rejections if r.workload == workload.name]
        missed = [r for r in mine if r.latency_ratios]
        if workload.name in served or not missed or any(r.reason == "rate" for r in mine):
            continue
        for position, nearest in _impossible(missed):
            slo, needed = workload.slo[position], needed_ms(nearest, workload, position)
            message = (
                f"{slo.limit:g} ms is tighter than any option can be, even without load; the "
                f"nearest, {nearest.subject}, needs {enough(needed):.10g} ms. Raise the limit, "
                "lower policy.confidence, or add faster hardware to candidates"
            )
            path = ("workloads", index, "slo", position, "limit")
            faults.append(loaded.fault(path, message))
    return faults


def _impossible(missed: list[Rejection]) -> list[tuple[int, Rejection]]:
    """Return the limits no option meets, each with its nearest option.

    When every limit is met by some option but no option meets all of them, that is the worst
    limit of the nearest option.
    """
    count = len(missed[0].latency_ratios)
    nearest = [min(missed, key=lambda r: r.latency_ratios[j]) for j in range(count)]
    alone = [(j, row) for j, row in enumerate(nearest) if row.latency_ratios[j] > 1]
    if alone:
        return alone
    best = min(missed, key=lambda r: max(r.latency_ratios))
    return [(max(range(count), key=best.latency_ratios.__getitem__), best)]


def unservable(options: OptionSet, demand: Demand, problem: Problem) -> tuple[str, ...]:
    """Return why some workload has no option somewhere; empty when each has one in all blocks.

    A workload that may stay unserved at a price needs none, and one that can wait none in a block.
    """
    always = {a.workload for a in options.api}
    always |= {w.name for w in problem.workloads if w.unserved_penalty_usd_per_request is not None}
    served = [
        always | {c.workload for c in options.capacities if c.points_at(t)}
        for t in range(demand.grid.periods)
    ]
    lines: list[str] = []
    for streams in demand.needs():
        without = [t for t, names in enumerate(served) if not names & set(streams)]
        if not without:
            if not always & set(streams):
                lines += _barred(options, demand, streams)
            continue
        lines.append(f"{streams[0]}: none of {counted(options.considered, 'option')} can serve it")
        if len(without) < len(served):
            lines[-1] += (
                f" with the lengths of {len(without)} of {counted(len(served), 'period')}, first "
                f"in period {without[0]}"
            )
        against = [r for r in options.rejections if r.workload in {"", *streams}]
        lines += _reasons(against)
    return tuple(lines)


def _barred(options: OptionSet, demand: Demand, streams: Sequence[str]) -> list[str]:
    """Return that exclusions leave a workload no option in some block, if they do."""
    rates = demand.of(streams[0])
    mine = [c for c in options.capacities if c.workload in streams]
    if rates.deferral is not None or not any(c.barred for c in mine):
        return []
    asked = [(t, b) for t, b in demand.grid.slots if rates.planned_rps[t, b] > 0]
    without = [(t, b) for t, b in asked if not any(c.serves_in(t, b) for c in mine)]
    if not without:
        return []
    period, block = without[0]
    return [
        f"{streams[0]}: excluded_options of the workload leaves no option in {len(without)} of "
        f"{counted(len(demand.grid.slots), 'block')}, first in block {block} of period {period}"
    ]


def _reasons(rejections: list[Rejection]) -> list[str]:
    groups: dict[tuple[str, str], list[Rejection]] = defaultdict(list)
    for item in rejections:
        if item.kind != "offer":
            groups[item.kind, item.reason].append(item)
    lines = []
    ordered = sorted(groups.items(), key=lambda g: -sum(r.count for r in g[1]))
    for (kind, reason), items in ordered:
        count = sum(item.count for item in items)
        what = "API offers" if kind == "api" else "options"
        lines.append(f"  {count} {what} miss {_ASK.get(reason, reason)}; nearest:")
        nearest = sorted(items, key=lambda r: (r.shortfall or float("inf"), r.subject))
        distinct = {item.detail: item for item in reversed(nearest)}
        shown = sorted(distinct.values(), key=nearest.index)[:_NEAREST]
        lines += [f"    {item.subject}: {item.detail}" for item in shown]
    return lines
