"""Work that waits, request by request through a day: when each ends, and on spot nodes too.

Requests are served in order of arrival at the rate of the replicas that are there: those of the
replay for replicas of their own, which go on at full load while there is work; what the plan says
for replicas that serve a pool anyway and for tokens. Time goes by minutes. A day begins with what
the day before leaves when nothing is interrupted.

Spot nodes are taken away at random (:mod:`planner.verify.replay.spot`). The plan counts on the
mean of what that leaves; days differ.
"""

from __future__ import annotations

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

    `queue` is what waits at midnight, `most_min` the longest wait, `count` the days that are
    followed until the requests of the first one have to be done.
    """

    arrive: Floats
    steady: Floats
    spots: tuple[Spot, ...]
    queue: float
    most_min: float
    count: int

    def late(self, served: Floats) -> tuple[float, float]:
        """Return the share of the requests of a day that end too late, and the longest wait."""
        arrive = np.tile(self.arrive, self.count)
        _, waits_min, weights = followed(arrive, served, self.queue, self.arrive)
        late = waits_min > self.most_min + _ROUNDING_MIN
        return float(weights[late].sum() / weights.sum()), float(waits_min.max())

    def calm(self) -> Floats:
        """Return what is served in every minute when nothing is interrupted."""
        whole = self.steady + sum((spot.served for spot in self.spots), np.zeros(DAY_MIN))
        return np.tile(whole, self.count)

    def disturbed(self, seed: tuple[int, int]) -> Floats:
        """Return what is served in every minute when spot nodes are interrupted."""
        served = np.tile(self.steady, self.count)
        for number, spot in enumerate(self.spots):
            rng = np.random.default_rng([*seed, number])
            served = served + interrupted(spot, self.count, rng)
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
        day, job_min = _day(item, asked.window_h * MINUTES_PER_HOUR, world, batches)
        late_share, longest_min = day.late(day.calm())
        count = _DAYS_PER_SEED * seeds if day.spots else 0
        shares = np.array([day.late(day.disturbed((seed, n)))[0] for n in range(count)])
        found.append(
            DeadlineFound(
                workload=item.workload,
                period=item.period,
                day_type=item.day_type,
                window_h=asked.window_h,
                longest_h=(longest_min + job_min) / MINUTES_PER_HOUR,
                late_share=late_share,
                interrupted_late_share=float(shares.mean()) if count else None,
                interrupted_whole_days=float((shares == 0).mean()) if count else None,
                interruptions_per_h=max(
                    (spot.interruptions_per_h for spot in day.spots), default=None
                ),
            )
        )
    return found


def _day(
    item: DeferredWork, window_min: float, world: World, batches: BatchReplay
) -> tuple[_Day, float]:
    """Return the days of a type, and the time that a request takes, minutes."""
    rows = _rows(item, world.plan, world.problem)
    steady, spots, job_min = _served(rows, world, batches)
    arrive = _arrivals(item, world.problem, world.catalog)
    before = _Day(arrive, steady, tuple(spots), 0.0, window_min - job_min, _CALM_DAYS)
    queue, _, _ = followed(np.tile(arrive, _CALM_DAYS), before.calm(), 0.0, arrive)
    days = int(np.ceil(window_min / DAY_MIN)) + 2
    return replace(before, queue=queue, count=days), job_min


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
    arrive: Floats, served: Floats, queue: float, day: Floats
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
    waits = np.maximum(ends - start, 0.0)
    weights = day[start] / np.repeat(counts, counts)
    return float(come[-1] - done[-1]), waits, weights


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
) -> tuple[Floats, list[Spot], float]:
    """Return what is served in every minute, on spot nodes apart, and the time of one request."""
    plan, problem, catalog = world.plan, world.problem, world.catalog
    size = DAY_MIN // problem.time_blocks
    steady, job_min = np.zeros(DAY_MIN), 0.0
    spot_served: dict[str, Floats] = {}
    spot_nodes: dict[str, Floats] = {}
    spot_rows: dict[str, Allocation] = {}
    for row in rows:
        first = row.block % problem.time_blocks * size
        minutes = slice(first, first + size)
        each = row.planned_rate_rps * SECONDS_PER_MINUTE
        if isinstance(row, ApiRow) or not is_batch(row.pool):
            steady[minutes] += each
            continue
        load = batches.loads.get((row.period, row.block, row.pool, row.option_id))
        each = each / load if load else each
        job_min = max(job_min, batches.job_s(row) / SECONDS_PER_MINUTE)
        if not row.is_interruptible:
            steady[minutes] += each
            continue
        key = row.option_id
        spot_rows[key] = row
        spot_served.setdefault(key, np.zeros(DAY_MIN))[minutes] += each
        per_node = replicas_per_node(row, plan)
        spot_nodes.setdefault(key, np.zeros(DAY_MIN))[minutes] = np.ceil(row.replicas / per_node)
    spots = []
    for key, row in spot_rows.items():
        rate_per_h, down_min = interruptions(row, plan, problem, catalog)
        lost = _HALF * batches.in_flight(row) * replicas_per_node(row, plan)
        spots.append(Spot(spot_served[key], spot_nodes[key], lost, rate_per_h, down_min))
    return steady, spots, job_min
