"""Faults that no single field shows: contradictions inside a problem, before any catalogue.

Each check yields the path of the value and a sentence with the value and the way out.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import (
        Arrival,
        Lengths,
        Marginal,
        Problem,
        Section,
        Slo,
        Workload,
    )
    from planner.yaml_io import Path_

    Finding = tuple[Path_, str]

_PROFILE_HOURS = (24, 168)
_NOT_PLANNED = "is not planned by this version; leave it out"
_LATER_FIELDS = {
    "deferrable": "deferral of work to other hours",
    "length_growth_per_period": "growth of lengths",
    "priority": "priority classes",
    "goodput_min": "a goodput floor (state percentiles in `slo` instead)",
    "unserved_penalty_usd_per_request": "unserved demand at a penalty",
}
_LATER_LIMITS = {
    "budget_usd_per_period": "a budget",
    "power_kw": "a power limit",
    "carbon_kg_per_period": "a carbon limit",
}


def semantic_faults(problem: Problem) -> list[Finding]:
    """Return every contradiction of a problem, in file order."""
    faults = list(_duplicate_workloads(problem))
    for index, workload in enumerate(problem.workloads):
        path: Path_ = ("workloads", index)
        faults += _arrival(workload.arrival, (*path, "arrival"))
        faults += _growth(workload, problem.horizon.periods, path)
        faults += _lengths(workload, problem.performance is not None, path)
        faults += _slos(workload.slo, (*path, "slo"))
        faults += _quality(workload, problem, path)
        faults += _later(workload, _LATER_FIELDS, path)
        if workload.prefix_cache and workload.prefix_cache.curve is not None:
            message = f"a hit-rate curve {_NOT_PLANNED} and state `hit_rate`"
            faults.append(((*path, "prefix_cache", "curve"), message))
    faults += _later(problem.limits, _LATER_LIMITS, ("limits",))
    faults += _problem_wide(problem)
    return faults


def _duplicate_workloads(problem: Problem) -> Iterator[Finding]:
    counts = Counter(w.name for w in problem.workloads)
    for index, workload in enumerate(problem.workloads):
        if counts[workload.name] > 1:
            message = (
                f"`{workload.name}` names {counts[workload.name]} workloads; rename all but one"
            )
            yield ("workloads", index, "name"), message


def _arrival(arrival: Arrival, path: Path_) -> Iterator[Finding]:
    rates = (arrival.requests_per_day, arrival.mean_rate_rps)
    if rates == (None, None):
        yield path, "no rate; give `requests_per_day` or `mean_rate_rps`"
    elif None not in rates:
        yield (*path, "mean_rate_rps"), "both rate fields are given; keep one"
    if isinstance(arrival.profile, list):
        hours = len(arrival.profile)
        if hours not in _PROFILE_HOURS:
            yield (*path, "profile"), f"has {hours} multipliers; needs 24 (or 168) of them"
        elif sum(arrival.profile) <= 0:
            yield (*path, "profile"), "is 0 in every hour; at least one must be above 0"
    for field in ("day_types", "rate_factors"):
        if getattr(arrival, field) is not None:
            yield (*path, field), f"`{field}` {_NOT_PLANNED}"


def _growth(workload: Workload, periods: int, path: Path_) -> Iterator[Finding]:
    growth = workload.growth_per_period
    if isinstance(growth, list) and len(growth) != periods:
        message = f"has {len(growth)} factors for {periods} periods; give one number or {periods}"
        yield (*path, "growth_per_period"), message


def _lengths(workload: Workload, measured: bool, path: Path_) -> Iterator[Finding]:
    lengths = workload.lengths
    if lengths is None:
        if not measured:
            yield path, "`lengths` is required unless `performance` measures the capacities"
        return
    path = (*path, "lengths")
    yield from _length_source(lengths, path)
    for field in ("isl_tokens", "osl_tokens"):
        marginal = getattr(lengths, field)
        if marginal is not None:
            yield from _marginal(marginal, (*path, field))


def _length_source(lengths: Lengths, path: Path_) -> Iterator[Finding]:
    histogram = lengths.joint is not None or lengths.ref is not None
    if lengths.joint is not None and lengths.ref is not None:
        yield (*path, "ref"), "`joint` and `ref` are both given; keep one histogram"
    if lengths.name is not None and lengths.ref is None:
        yield (*path, "name"), "`name` picks a histogram of `ref`, which is missing"
    for field in ("isl_tokens", "osl_tokens"):
        if getattr(lengths, field) is None and not histogram:
            yield path, f"`{field}` is missing; give it, or a histogram by `joint` or `ref`"


def _marginal(marginal: Marginal, path: Path_) -> Iterator[Finding]:
    known = [(n, getattr(marginal, n)) for n in ("p50", "p95", "p99", "max")]
    stated = [(n, v) for n, v in known if v is not None]
    for (low_name, low), (high_name, high) in pairwise(stated):
        if low > high:
            message = f"{low_name} {low:g} is above {high_name} {high:g}; percentiles must rise"
            yield (*path, high_name), message
    if stated and marginal.max is None:
        yield path, "percentiles need `max` as the upper end of the distribution"
    if marginal.max is not None and marginal.mean > marginal.max:
        yield (*path, "mean"), f"mean {marginal.mean:g} is above max {marginal.max:g}"


def _slos(slos: list[Slo], path: Path_) -> Iterator[Finding]:
    seen: dict[tuple[str, Any], int] = {}
    for index, slo in enumerate(slos):
        key = (slo.metric, slo.percentile)
        if key in seen:
            message = (
                f"repeats item {seen[key]} ({slo.metric} at {slo.percentile}); keep the tighter"
            )
            yield (*path, index), message
        seen[key] = index
        if slo.window == "day":
            yield (*path, index, "window"), f"`window: day` {_NOT_PLANNED}"


def _quality(workload: Workload, problem: Problem, path: Path_) -> Iterator[Finding]:
    many = len(problem.candidates.models) != 1
    for index, floor in enumerate(workload.quality):
        here: Path_ = (*path, "quality", index)
        if (floor.min_score is None) == (floor.min_relative is None):
            yield here, "give exactly one of `min_score` and `min_relative`"
        if floor.min_relative is not None and floor.reference is None and many:
            message = (
                "`min_relative` needs `reference` when more than one model is a candidate; "
                "else every model passes against itself"
            )
            yield here, message


def _later(section: Section, fields: dict[str, str], path: Path_) -> Iterator[Finding]:
    for field, meaning in fields.items():
        if getattr(section, field) is not None:
            yield (*path, field), f"{meaning} {_NOT_PLANNED}"


def _problem_wide(problem: Problem) -> Iterator[Finding]:
    if problem.policy.spare_nodes:
        message = f"spare nodes {_NOT_PLANNED}, or use `spare_replicas`"
        yield ("policy", "spare_nodes"), message
    if problem.supply.existing:
        yield ("supply", "existing"), f"an existing fleet {_NOT_PLANNED}"
    if problem.one_off_costs:
        yield ("one_off_costs",), f"one-off costs {_NOT_PLANNED}"
    if not problem.supply.tenures:
        yield ("supply", "tenures"), "is empty; give at least one, for example [on_demand]"
