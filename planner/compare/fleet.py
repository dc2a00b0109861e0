"""What runs when, in both plans: hours of months that neither plan divides further.

Plans may have other months, periods or blocks, so each is asked what it runs between two
neighbouring ends of blocks of either, in months between two ends of periods of either.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from planner.compare.records import FleetChange, Nodes, Replicas, Running, Tokens, what_runs
from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.plan.document import Plan

_YEAR = int(MONTHS_PER_YEAR)
_N = TypeVar("_N", int, float)
_Place = tuple[int, int]
"""Period and block."""


def fleet_changes(a: Plan, b: Plan) -> tuple[FleetChange, ...]:
    """Return what runs in both plans by month, type of day and hour, neighbours alike joined."""
    one, other = _Calendar(a), _Calendar(b)
    rows: list[FleetChange] = []
    previous: list[FleetChange] = []
    for first, last in _between((*one.month_ends, *other.month_ends)):
        mine = _months(one, other, first, last)
        if previous and _follow(previous, mine):
            joined = [replace(row, to_month=mine[0].to_month) for row in previous]
            rows[-len(previous) :] = previous = joined
        else:
            rows += mine
            previous = mine
    return tuple(rows)


def _months(one: _Calendar, other: _Calendar, first: int, last: int) -> list[FleetChange]:
    rows: list[FleetChange] = []
    for day in dict.fromkeys((*one.days, *other.days)):
        of_day: list[FleetChange] = []
        for start, end in _between((*one.hour_ends(day), *other.hour_ends(day))):
            row = FleetChange(
                from_month=_month_name(first),
                to_month=_month_name(last),
                day_type=day,
                start_h=start,
                end_h=end,
                a=one.running(first, day, start),
                b=other.running(first, day, start),
            )
            if of_day and _alike(of_day[-1], row):
                of_day[-1] = _joined(of_day[-1], row)
            elif row.a is not None or row.b is not None:
                of_day.append(row)
        rows += of_day
    return rows


def _between(ends: Iterable[_N]) -> list[tuple[_N, _N]]:
    return list(pairwise(sorted(set(ends))))


def _alike(one: FleetChange, other: FleetChange) -> bool:
    """Return whether each plan runs the same in both rows."""
    return what_runs(one.a) == what_runs(other.a) and what_runs(one.b) == what_runs(other.b)


def _joined(one: FleetChange, more: FleetChange) -> FleetChange:
    hours, added = one.end_h - one.start_h, more.end_h - more.start_h

    def mean(first: Running | None, second: Running | None) -> Running | None:
        if first is None or second is None:
            return None
        usd = first.usd_per_hour * hours + second.usd_per_hour * added
        return replace(first, usd_per_hour=usd / (hours + added))

    return replace(one, end_h=more.end_h, a=mean(one.a, more.a), b=mean(one.b, more.b))


def _follow(previous: Sequence[FleetChange], rows: Sequence[FleetChange]) -> bool:
    """Return whether months are in every respect like those before them."""
    moved = [replace(r, from_month="", to_month="") for r in rows]
    return moved == [replace(r, from_month="", to_month="") for r in previous]


def _month_name(month: int) -> str:
    return f"{month // _YEAR:04d}-{month % _YEAR + 1:02d}"


class _Calendar:
    """A plan by month, type of day and hour."""

    def __init__(self, plan: Plan) -> None:
        horizon = plan.problem["horizon"]
        year, month = horizon["start"].split("-")
        self._first = int(year) * _YEAR + int(month) - 1
        self._length: int = horizon["months_per_period"]
        self._periods: int = horizon["periods"]
        self._times = plan.time_blocks
        self._running = _running_by_place(plan)

    @property
    def month_ends(self) -> list[int]:
        """Months between two periods, and at the ends of the horizon."""
        return [self._first + self._length * k for k in range(self._periods + 1)]

    @property
    def days(self) -> list[str]:
        """Types of day."""
        return list(dict.fromkeys(time.day_type for time in self._times))

    def hour_ends(self, day: str) -> list[float]:
        """Hours at which a block of a type of day begins or ends."""
        mine = [time for time in self._times if time.day_type == day]
        return [end for time in mine for end in (time.start_h, time.end_h)]

    def running(self, month: int, day: str, hour: float) -> Running | None:
        """Return what runs, ``None`` outside the horizon or on another type of day."""
        period = (month - self._first) // self._length
        if not 0 <= period < self._periods:
            return None
        for time in self._times:
            if time.day_type == day and time.start_h <= hour < time.end_h:
                return self._running.get((period, time.block), Running((), (), (), 0.0))
        return None


def _running_by_place(plan: Plan) -> dict[_Place, Running]:
    hours = {time.block: time.hours_per_period for time in plan.time_blocks}
    nodes: dict[_Place, list[Nodes]] = defaultdict(list)
    replicas: dict[_Place, set[Replicas]] = defaultdict(set)
    tokens: dict[_Place, set[Tokens]] = defaultdict(set)
    usd: dict[_Place, float] = defaultdict(float)
    for row in plan.fleet:
        place = (row.period, row.block)
        usd[place] += row.usd
        if row.nodes:
            rented = f"{row.provider} {row.instance} ({row.region}, {row.tenure})"
            nodes[place].append(Nodes(row.offer_id, rented, row.nodes))
    for served in plan.allocations:
        # Replicas belong to their pool, and repeat on the row of each of its workloads.
        mine = Replicas(served.pool, served.option_id, served.replicas)
        replicas[served.period, served.block].add(mine)
    for dear in plan.power_prices:
        usd[dear.period, dear.block] += dear.usd
    for item in plan.api:
        place = (item.period, item.block)
        usd[place] += item.usd
        tokens[place].add(Tokens(item.workload, item.provider, item.model, item.mode))
    return {
        place: Running(
            nodes=tuple(sorted(nodes[place])),
            replicas=tuple(sorted(replicas[place])),
            tokens=tuple(sorted(tokens[place])),
            usd_per_hour=usd[place] / hours[place[1]],
        )
        for place in {*nodes, *replicas, *tokens, *usd}
    }
