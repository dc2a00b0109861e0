"""Work that waits, request by request through a day: when each ends, and on spot nodes too.

Requests are served in order of arrival at the rate of the replicas that are there: those of the
replay for replicas of their own, which go on at full load while there is work; what the plan says
for replicas that serve a pool anyway and for tokens. Where that leaves some too late for replicas
that take longer than others, each takes the oldest request that it can still finish. Time goes by
minutes. A day begins with what the day before leaves when nothing is interrupted.

Spot nodes are taken away at random (:mod:`planner.verify.replay.spot`). The plan counts on the
mean of what that leaves; days differ.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.plan.document import ApiRow
from planner.units import MINUTES_PER_HOUR, SECONDS_PER_MINUTE
from planner.verify.audit.clock import day_types
from planner.verify.audit.expected import rates_due
from planner.verify.audit.waiting import is_batch, share_that_waits
from planner.verify.replay.records import DeadlineFound, NotReplayed
from planner.verify.replay.spot import DAY_MIN, Spot, interrupted, interruptions, replicas_per_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, DeferredWork, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.batch import BatchReplay
    from planner.verify.replay.cases import World
    from planner.verify.replay.requests import Floats

_CALM_DAYS = 4
_DAYS_PER_SEED = 40
_LEVELS = 2_000
"""Requests of a day that are followed, evenly spread over all of them."""
_ROUNDING_MIN = 2.0
_TINY = 1e-9
_HALF = 0.5
_LEAST_SHOWN = 1e-4


@dataclass(frozen=True, slots=True)
class _Day:
    """Requests that wait on the days of a type, and what serves them, by minute: shape (1440,).

    `steady` and `spots` are by the time of a request there, `jobs_min`, ascending. `queue` is what
    waits at midnight, `most_min` the window, `count` the days that are followed until the requests
    of the first one have to be done.
    """

    arrive: Floats
    jobs_min: tuple[float, ...]
    steady: tuple[Floats, ...]
    spots: tuple[tuple[Spot, ...], ...]
    queue: float
    most_min: float
    count: int

    def late(self, served: Floats) -> tuple[float, float]:
        """Return the share of a day's requests that end too late, and the longest time of one.

        `served` is what is served by the time of a request and minute, shape (K, n).
        """
        arrive = np.tile(self.arrive, self.count)
        slowest = np.max((served > 0) * np.array(self.jobs_min)[:, None], axis=0)
        _, takes_min, weights = followed(
            arrive, served.sum(axis=0), self.queue, self.arrive, slowest
        )
        late = takes_min > self.most_min + _ROUNDING_MIN
        if not late.any() or len(self.jobs_min) == 1:
            return float(weights[late].sum() / weights.sum()), float(takes_min.max())
        kinds = list(zip(self.jobs_min, served, strict=True))
        return taken_in_time(arrive, kinds, self.queue, self.arrive, self.most_min)

    def calm(self) -> Floats:
        """Return what is served when nothing is interrupted, as `late` takes it."""
        whole = [
            steady + sum((spot.served for spot in spots), np.zeros(DAY_MIN))
            for steady, spots in zip(self.steady, self.spots, strict=True)
        ]
        return np.tile(np.array(whole), self.count)

    def disturbed(self, seed: tuple[int, int]) -> Floats:
        """Return what is served when spot nodes are interrupted, as `late` takes it."""
        served = np.tile(np.array(self.steady), self.count)
        number = 0
        for k, spots in enumerate(self.spots):
            for spot in spots:
                rng = np.random.default_rng([*seed, number])
                served[k] += interrupted(spot, self.count, rng)
                number += 1
        return served


def deadlines_found(
    world: World, batches: BatchReplay, seed: int, seeds: int
) -> list[DeadlineFound]:
    """Return how many requests that wait miss their window, by workload and type of day.

    Parameters
    ----------
    world
        The plan and what it rests on.
    batches
        What the replicas of such requests serve.
    seed, seeds
        First seed, and how many times 40 days with interruptions are simulated.
    """
    found = []
    for item in world.plan.deferred:
        asked = world.problem.workload(item.workload).deferrable
        if asked is None:
            continue
        day = _day(item, asked.window_h * MINUTES_PER_HOUR, world, batches)
        late_share, longest_min = day.late(day.calm())
        spots = [spot for kind in day.spots for spot in kind]
        count = _DAYS_PER_SEED * seeds if spots else 0
        shares = np.array([day.late(day.disturbed((seed, n)))[0] for n in range(count)])
        found.append(
            DeadlineFound(
                workload=item.workload,
                period=item.period,
                day_type=item.day_type,
                window_h=asked.window_h,
                longest_h=longest_min / MINUTES_PER_HOUR,
                late_share=late_share,
                interrupted_late_share=float(shares.mean()) if count else None,
                interrupted_whole_days=float((shares == 0).mean()) if count else None,
                interruptions_per_h=max((s.interruptions_per_h for s in spots), default=None),
            )
        )
    return found


def _day(item: DeferredWork, window_min: float, world: World, batches: BatchReplay) -> _Day:
    """Return the days of a type."""
    kinds = _served(_rows(item, world.plan, world.problem), world, batches)
    jobs_min = tuple(sorted(kinds))
    steady = tuple(kinds[job][0] for job in jobs_min)
    spots = tuple(tuple(kinds[job][1]) for job in jobs_min)
    arrive = _arrivals(item, world.problem, world.catalog)
    before = _Day(arrive, jobs_min, steady, spots, 0.0, window_min, _CALM_DAYS)
    able = before.calm().sum(axis=0)
    queue, _, _ = followed(np.tile(arrive, _CALM_DAYS), able, 0.0, arrive)
    days = int(np.ceil(window_min / DAY_MIN)) + 2
    return replace(before, queue=queue, count=days)


def left_to_chance(deadlines: Sequence[DeadlineFound]) -> list[NotReplayed]:
    """Return the windows that are missed on days with interruptions, which no plan excludes.

    Parameters
    ----------
    deadlines
        What was found.
    """
    return [
        NotReplayed(
            item.workload,
            f"windows on spot nodes, {item.day_type} of period {item.period}",
            f"{_share_text(item.interrupted_late_share)} of the requests end too late when nodes "
            f"are interrupted {item.interruptions_per_h or 0.0:g} times an hour each, and on "
            f"{item.interrupted_whole_days or 0.0:.1%} of days none; the plan counts on the mean",
        )
        for item in deadlines
        if item.interrupted_late_share
    ]


def _share_text(share: float) -> str:
    """Return a share in percent, of which something is always left."""
    return f"{share:.2%}" if share >= _LEAST_SHOWN else f"less than {_LEAST_SHOWN:.2%}"


def followed(
    arrive: Floats, served: Floats, queue: float, day: Floats, job_min: Floats | None = None
) -> tuple[float, Floats, Floats]:
    """Follow requests in order of arrival.

    Parameters
    ----------
    arrive, served
        Requests that come, and that can be served, in every minute; shape (n,).
    queue
        Requests that wait at the beginning.
    day
        Requests of the minutes, from the first on, that are followed; shape (m,), m <= n.
    job_min
        What a request that is served in a minute takes beside its wait; ``None`` for nothing.

    Returns
    -------
    tuple
        What waits at the end; minutes from arrival to the end of service of requests spread over
        those that are followed, infinite where it lies beyond the end; and how many each stands
        for.
    """
    come = queue + np.cumsum(arrive)
    able = np.cumsum(served)
    level = come - able
    done = come - (level - np.minimum(0.0, np.minimum.accumulate(level)))
    done = np.maximum.accumulate(done)
    total = float(day.sum())
    minutes = np.nonzero(day > 0)[0]
    counts = np.maximum(1, np.rint(_LEVELS * day[minutes] / total)).astype(int)
    start = np.repeat(minutes, counts)
    part = np.concatenate([(np.arange(count) + 1.0) / count for count in counts])
    number = come[start] - day[start] * (1.0 - part)
    # A request that is served within a minute ends at its part of it.
    last = np.searchsorted(done, number * (1 - _TINY))
    is_done = last < len(done)
    place = np.minimum(last, len(done) - 1)
    before = np.where(place > 0, done[place - 1], 0.0)
    step = done[place] - before
    inside = np.divide(number - before, step, out=np.ones_like(step), where=step > 0)
    ends = np.where(is_done, place + np.clip(inside, 0.0, 1.0), np.inf)
    waits = np.maximum(ends - start, 0.0) + (0.0 if job_min is None else job_min[place])
    weights = day[start] / np.repeat(counts, counts)
    return float(come[-1] - done[-1]), waits, weights


def taken_in_time(
    arrive: Floats,
    kinds: Sequence[tuple[float, Floats]],
    queue: float,
    day: Floats,
    most_min: float,
) -> tuple[float, float]:
    """Follow requests of which each kind of replica takes the oldest that it can still finish.

    The quickest kind takes the oldest one even when that is too late.

    Parameters
    ----------
    arrive, queue, day
        As in :func:`followed`.
    kinds
        Minutes that a request takes, ascending, and requests that can be served by minute.
    most_min
        Minutes from arrival to the end.

    Returns
    -------
    tuple
        Share of those followed that end too late, and the longest time of one, infinite where it
        lies beyond the end.
    """
    most_min += _ROUNDING_MIN
    left = [float(queue), *arrive.tolist()]  # what waits at the beginning came before all others
    next_of = [0] * len(kinds)
    late, longest_min = 0.0, 0.0
    served_by = [(job, served.tolist()) for job, served in kinds]
    for minute in range(len(arrive)):
        for k, (job, served) in enumerate(served_by):
            room = served[minute]
            oldest = minute + 1 - math.floor(most_min - job) if k else 0
            place = max(next_of[k], oldest)
            while room > _TINY and place <= minute + 1:
                taken = min(room, left[place])
                left[place] -= taken
                room -= taken
                if 0 < place <= len(day) and taken > _TINY:
                    takes_min = minute + 1 - place + job
                    longest_min = max(longest_min, takes_min)
                    late += taken if takes_min > most_min else 0.0
                if left[place] <= _TINY:
                    place += 1
            next_of[k] = place
    never = sum(left[1 : len(day) + 1])
    if never > _TINY * len(day):
        late, longest_min = late + never, math.inf
    return late / float(day.sum()), longest_min


def _rows(item: DeferredWork, plan: Plan, problem: Problem) -> list[Allocation | ApiRow]:
    names = list(day_types(problem))
    served: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    return [
        row
        for row in served
        if row.is_deferred
        and (row.workload, row.period) == (item.workload, item.period)
        and names[row.block // problem.time_blocks] == item.day_type
    ]


def _arrivals(item: DeferredWork, problem: Problem, catalog: Catalog) -> Floats:
    """Return the requests of every minute of a day at the planned rate, shape (1440,)."""
    workload, per_day = problem.workload(item.workload), problem.time_blocks
    due = rates_due(workload, problem, catalog, waits=True)
    first = list(day_types(problem)).index(item.day_type) * per_day
    rates = [due[item.period, first + block][1] for block in range(per_day)]
    each = np.repeat(rates, DAY_MIN // per_day) * SECONDS_PER_MINUTE * share_that_waits(workload)
    release = None if workload.deferrable is None else workload.deferrable.release_hour
    if release is None:
        return np.asarray(each, dtype=float)
    at_once = np.zeros(DAY_MIN)
    at_once[int(release * MINUTES_PER_HOUR) % DAY_MIN] = each.sum()
    return at_once


def _served(
    rows: Sequence[Allocation | ApiRow], world: World, batches: BatchReplay
) -> dict[float, tuple[Floats, list[Spot]]]:
    """Return what is served in every minute, on spot nodes apart, by the time of one request."""
    plan, problem, catalog = world.plan, world.problem, world.catalog
    size = DAY_MIN // problem.time_blocks
    kinds: dict[float, tuple[Floats, list[Spot]]] = defaultdict(lambda: (np.zeros(DAY_MIN), []))
    spot_rows: dict[tuple[float, str], list[Allocation]] = defaultdict(list)
    for row in rows:
        if isinstance(row, ApiRow) or not is_batch(row.pool):
            kinds[0.0][0][_minutes(row, size)] += row.planned_rate_rps * SECONDS_PER_MINUTE
            continue
        job_min = round(batches.job_s(row) / SECONDS_PER_MINUTE, 1)
        if row.is_interruptible:
            spot_rows[job_min, row.option_id].append(row)
        else:
            kinds[job_min][0][_minutes(row, size)] += _each(row, batches)
    for (job_min, _), own in spot_rows.items():
        served, nodes = np.zeros(DAY_MIN), np.zeros(DAY_MIN)
        for row in own:
            served[_minutes(row, size)] += _each(row, batches)
            nodes[_minutes(row, size)] = np.ceil(row.replicas / replicas_per_node(row, plan))
        rate_per_h, down_min = interruptions(own[-1], plan, problem, catalog)
        lost = _HALF * batches.in_flight(own[-1]) * replicas_per_node(own[-1], plan)
        kinds[job_min][1].append(Spot(served, nodes, lost, rate_per_h, down_min))
    return dict(kinds) or {0.0: (np.zeros(DAY_MIN), [])}


def _minutes(row: Allocation | ApiRow, size: int) -> slice:
    first = row.block % (DAY_MIN // size) * size
    return slice(first, first + size)


def _each(row: Allocation, batches: BatchReplay) -> float:
    """Return the requests of a minute that batch replicas serve at full load."""
    load = batches.loads.get((row.period, row.block, row.pool, row.option_id))
    each = row.planned_rate_rps * SECONDS_PER_MINUTE
    return each / load if load else each
