"""Time on the way between users and nodes: taken off the limits, and part of what is promised.

A request needs a round trip to the node that serves it, which is part of its time to the first
token and of its time to the end, and of nothing else::

    limit of the replica = limit of the workload - round trip          ttft_ms, e2e_ms

Replicas at another distance have other limits, so they are options of their own
(``.../rtt80``), with a capacity of their own, and run on nodes that are as near or nearer. Without
``supply.round_trip_ms`` there is one distance, of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.options.records import MEASURED, Rejection
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.options.records import Capacity, CapacityPoint, NodeOffer
    from planner.options.ways import Ways
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem, Workload

_CONTAIN_IT = ("ttft_ms", "e2e_ms")
_DEFAULT = "default"
_NO_TIME_MS = 1e-3
"""Limit of a replica that is farther away than the limit allows: nothing meets it."""


@dataclass(frozen=True, slots=True)
class Distance:
    """Nodes at one distance, and the problem as they see it.

    Parameters
    ----------
    round_trip_ms
        Time that is taken off.
    loaded
        The problem with the limits that are left, and with hardware of such nodes only.
    nodes
        The nodes.
    """

    round_trip_ms: float
    loaded: LoadedProblem
    nodes: tuple[NodeOffer, ...]


def round_trip_ms(problem: Problem, provider: str, region: str = "") -> float:
    """Return the time to and from somewhere: of its region, its provider, or the default.

    Parameters
    ----------
    problem
        Its supply section.
    provider, region
        Where requests are served.
    """
    stated = problem.supply.round_trip_ms
    known = (stated[name] for name in (region, provider, _DEFAULT) if name in stated)
    return next(known, 0.0)


def with_round_trips(nodes: Sequence[NodeOffer], problem: Problem) -> list[NodeOffer]:
    """Return nodes with the round trip to the users.

    Parameters
    ----------
    nodes
        Nodes.
    problem
        Its supply section.
    """
    return [replace(n, round_trip_ms=round_trip_ms(problem, n.provider, n.region)) for n in nodes]


def distances(
    loaded: LoadedProblem, catalog: Catalog, nodes: Sequence[NodeOffer]
) -> Iterator[Distance]:
    """Yield the nodes by their distance, nearest first.

    Hardware without nodes is looked at with the nearest, so that it is rejected once.

    Parameters
    ----------
    loaded
        The problem.
    catalog
        Hardware that may be chosen from.
    nodes
        Nodes with their round trips.
    """
    every = sorted({n.round_trip_ms for n in nodes}) or [0.0]
    if every == [0.0]:
        yield Distance(0.0, loaded, tuple(nodes))
        return
    offered = {n.hardware for n in nodes}
    for position, ms in enumerate(every):
        own = tuple(n for n in nodes if n.round_trip_ms == ms)
        hardware = {n.hardware for n in own}
        chosen = [
            name
            for name in _candidates(loaded, catalog)
            if name in hardware or (position == 0 and name not in offered)
        ]
        if chosen:
            yield Distance(ms, _as_seen(loaded, ms, chosen), own)


def _candidates(loaded: LoadedProblem, catalog: Catalog) -> list[str]:
    named = loaded.problem.candidates.hardware
    known = [
        *(row.id for row in catalog.accelerators),
        *(row.id for row in catalog.systems),
        *(row.hardware for row in loaded.measured),
    ]
    return list(dict.fromkeys(named or known))


def _as_seen(loaded: LoadedProblem, ms: float, hardware: list[str]) -> LoadedProblem:
    problem = loaded.problem
    candidates = problem.candidates.model_copy(update={"hardware": hardware})
    workloads = [limits_left(workload, ms) for workload in problem.workloads]
    return replace(
        loaded,
        problem=problem.model_copy(update={"candidates": candidates, "workloads": workloads}),
        measured=tuple(m for m in loaded.measured if m.hardware in hardware),
    )


def limits_left(workload: Workload, ms: float) -> Workload:
    """Return a workload with the limits that a round trip leaves.

    Parameters
    ----------
    workload
        A workload.
    ms
        Time on the way, milliseconds.
    """
    slo = [
        s.model_copy(update={"limit": max(s.limit - ms, _NO_TIME_MS)})
        if s.metric in _CONTAIN_IT
        else s
        for s in workload.slo
    ]
    return workload.model_copy(update={"slo": slo}) if ms else workload


def at_distance(ways: Ways, ms: float, problem: Problem) -> Ways:
    """Return ways to serve as options of their own, with latencies that users see.

    Measured capacities stay as they are, but not where their stated time to the first token and
    the round trip exceed a limit.

    Parameters
    ----------
    ways
        What can be done on nodes at a distance.
    ms
        Their round trip.
    problem
        The limits of its workloads.
    """
    if not ms:
        return ways
    suffix = f"/rtt{ms:g}"
    capacities, late = [], []
    for capacity in ways.capacities:
        seen = _seen(capacity, ms, suffix)
        detail = _too_late(seen, problem)
        if detail:
            late.append(Rejection("option", seen.option_id, seen.workload, "ttft_ms", detail))
        else:
            capacities.append(seen)
    used = {c.option_id for c in capacities}
    named = (replace(o, id=o.id + suffix, round_trip_ms=ms) for o in ways.options)
    rejections = (
        replace(
            r,
            subject=r.subject + suffix if r.kind == "option" and "/" in r.subject else r.subject,
            detail=f"{r.detail}; {ms:g} ms of round trip are taken off",
        )
        if r.reason in _CONTAIN_IT
        else r
        for r in (_missed_by_users(r, ms, problem) for r in ways.rejections)
    )
    return replace(
        ways,
        options=tuple(o for o in named if o.id in used),
        capacities=tuple(capacities),
        rejections=(*rejections, *late),
    )


def _missed_by_users(rejection: Rejection, ms: float, problem: Problem) -> Rejection:
    """Return a rejection whose ratios are of what users wait for and of the limits they state."""
    if not rejection.latency_ratios:
        return rejection
    workload = next(w for w in problem.workloads if w.name == rejection.workload)
    ratios = tuple(
        (ratio * left.limit + ms) / slo.limit if slo.metric in _CONTAIN_IT else ratio
        for ratio, slo, left in zip(
            rejection.latency_ratios, workload.slo, limits_left(workload, ms).slo, strict=True
        )
    )
    return replace(rejection, shortfall=max(ratios), latency_ratios=ratios, round_trip_ms=ms)


def needed_ms(rejection: Rejection, workload: Workload, position: int, room: float = 1.0) -> float:
    """Return the latency limit that an option needs which misses one, milliseconds.

    Parameters
    ----------
    rejection
        The option, with its latencies without load.
    workload
        The workload, for its limits.
    position
        Which of its limits.
    room
        Factor on the time in the replica, for traffic: the way to it takes no longer under load.
    """
    slo = workload.slo[position]
    on_the_way_ms = rejection.round_trip_ms if slo.metric in _CONTAIN_IT else 0.0
    unloaded_ms = slo.limit * rejection.latency_ratios[position] - on_the_way_ms
    return on_the_way_ms + room * unloaded_ms


def _seen(capacity: Capacity, ms: float, suffix: str) -> Capacity:
    def later(points: tuple[CapacityPoint, ...]) -> tuple[CapacityPoint, ...]:
        return tuple(
            p if p.ttft_p99_s is None else replace(p, ttft_p99_s=p.ttft_p99_s + ms / MS_PER_S)
            for p in points
        )

    return replace(
        capacity,
        option_id=capacity.option_id + suffix,
        points=later(capacity.points),
        by_period=tuple(later(points) for points in capacity.by_period),
    )


def _too_late(capacity: Capacity, problem: Problem) -> str:
    stated_s = capacity.points[0].ttft_p99_s
    if capacity.origin != MEASURED or stated_s is None:
        return ""
    known = {w.name: w for w in problem.workloads}
    for slo in known[capacity.workload].slo:
        if slo.metric == "ttft_ms" and stated_s * MS_PER_S > slo.limit:
            return (
                f"measured time to first token and round trip are {stated_s * MS_PER_S:.0f} ms, "
                f"limit {slo.limit:g} ms"
            )
    return ""
