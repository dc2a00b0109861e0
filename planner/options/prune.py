"""Options that another option makes pointless, left out of the program with the reason.

Option A replaces m copies' worth of option B on the same hardware when B is m times as large
(in accelerators) and m replicas of A carry at least what one replica of B carries, for every
workload B can serve and however many replicas share the queue::

    m mu_A[w](m R) >= mu_B[w](R)     for every R at which B has a capacity, in every period

n replicas of B then always trade for m n replicas of A on the same accelerators, and k spare
replicas of A are never larger than k of B. A fits every node B fits because its size divides
B's. With a cap on models, only options of the same model are compared. Where a workload asks for
an average quality, A must also count for as much in it as B. A may serve wherever B may, and work
that waits may begin on it as late as on B.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.records import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.options.records import Capacity, Option

_TOLERANCE = 1e-12

CapacityByWorkload = dict[str, "Capacity"]


def prune(
    options: Sequence[Option], capacities: Sequence[Capacity], *, same_model_only: bool
) -> tuple[list[Option], list[Rejection]]:
    """Return the options worth offering to the program, and the dominated ones with reasons."""
    by_option: dict[str, CapacityByWorkload] = {o.id: {} for o in options}
    for capacity in capacities:
        by_option[capacity.option_id][capacity.workload] = capacity
    kept: list[Option] = []
    dropped: list[Rejection] = []
    order = sorted(
        options,
        key=lambda o: (o.accelerators, -_total_rps(by_option[o.id]), -o.round_trip_ms, o.id),
    )
    for option in order:
        winner = next((k for k in kept if _dominates(k, option, by_option, same_model_only)), None)
        if winner is None:
            kept.append(option)
            continue
        copies = option.accelerators // winner.accelerators
        detail = f"{copies} x {winner.id} carries at least as much on the same accelerators"
        dropped.append(Rejection("option", option.id, "", "dominated", detail))
    position = {o.id: i for i, o in enumerate(options)}
    return sorted(kept, key=lambda o: position[o.id]), dropped


def best_layouts(
    options: Sequence[Option], capacities: Sequence[Capacity]
) -> tuple[list[Option], list[Rejection]]:
    """Return the options without layouts that another one of the same size surpasses.

    Units of one model, format, engine and hardware with as many accelerators differ in nothing
    but in how they share the work, so one that is never above another is not worth showing.
    """
    groups: dict[tuple[str, ...], list[Option]] = defaultdict(list)
    for option in options:
        if option.layout is not None:
            name, _, _ = option.id.rpartition("/")
            groups[name, str(option.accelerators)].append(option)
    dropped: list[Rejection] = []
    for group in groups.values():
        ids = {o.id for o in group}
        own = [c for c in capacities if c.option_id in ids]
        _, surpassed = prune(group, own, same_model_only=True)
        dropped += (replace(r, reason="layout") for r in surpassed)
    names = {r.subject for r in dropped}
    return [o for o in options if o.id not in names], dropped


def _total_rps(capacities: CapacityByWorkload) -> float:
    return sum(c.points[-1].planned_rps for c in capacities.values())


def _dominates(
    first: Option,
    second: Option,
    by_option: Mapping[str, CapacityByWorkload],
    same_model_only: bool,
) -> bool:
    if first.hardware != second.hardware or second.accelerators % first.accelerators:
        return False
    if first.is_interruptible != second.is_interruptible:
        return False
    if first.round_trip_ms < second.round_trip_ms:
        return False  # the second runs on nodes that the first does not
    if same_model_only and first.model != second.model:
        return False
    copies = second.accelerators // first.accelerators
    if copies * first.software_usd_per_hour > second.software_usd_per_hour:
        return False
    own, other = by_option[first.id], by_option[second.id]
    return all(
        workload in own and _carries(own[workload], capacity, copies)
        for workload, capacity in other.items()
    )


def _carries(own: Capacity, other: Capacity, copies: int) -> bool:
    if not own.barred <= other.barred or own.lead_h > other.lead_h:
        return False
    if any(a < b for a, b in zip(own.averaged, other.averaged, strict=True)):
        return False
    for t in range(max(len(own.by_period), len(other.by_period), 1)):
        for point in other.points_at(t):
            reached = rate_at(own, copies * point.min_replicas, t) / _handicap(own, other, t)
            if copies * reached < point.planned_rps * (1 - _TOLERANCE):
                return False
    return True


def _handicap(own: Capacity, other: Capacity, period: int) -> float:
    """Return by how much more headroom takes from the first than from the second, from 1."""
    grows = bool(own.by_period or other.by_period)
    more = (
        factor / other.headroom.get(slot, 1.0)
        for slot, factor in own.headroom.items()
        if slot[0] == period or not grows
    )
    return max([1.0, *more])


def rate_at(capacity: Capacity, replicas: int, period: int) -> float:
    """Return the planned rate of one replica when `replicas` share the queue (0 if too few)."""
    rates = [p.planned_rps for p in capacity.points_at(period) if p.min_replicas <= replicas]
    return rates[-1] if rates else 0.0
