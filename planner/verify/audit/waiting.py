"""Work that can wait: a day's work in a day, windows, and what batch replicas lose.

Requests are followed in order of arrival through a day that repeats.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR, MS_PER_S, SECONDS_PER_HOUR
from planner.verify.audit.clock import day_types
from planner.verify.audit.escalation import chain_pools
from planner.verify.audit.expected import by_option, differs, rates_due
from planner.verify.audit.lengths import planned_level
from planner.verify.audit.spot_terms import due_early_h

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, DeferredWork, Plan
    from planner.problem.schema import Problem, Workload

_BATCH = "/deferred"
_TINY = 1e-7
"""Share of a day's work that lies behind a request."""
_WAIT_TOLERANCE_H = 2e-3

_Rows = list["Allocation | ApiRow"]
_Day = tuple[str, int, str]
"""Workload, period and type of day."""


def is_batch(pool: str) -> bool:
    """Return whether everything in a pool waits."""
    return pool.endswith(_BATCH)


def pools_allowed(workload: Workload) -> frozenset[str]:
    """Return the pools that requests of a workload may run in."""
    own = workload.pool_name
    waiting = {own + _BATCH} if workload.deferrable else set()
    return frozenset({own, *waiting, *chain_pools(workload)})


def members(problem: Problem, pool: str) -> list[str]:
    """Return the workloads whose requests may run in a pool."""
    # Not by `pools_allowed`: every pair of replicas and nodes asks.
    stem = pool.removesuffix(_BATCH)
    return [
        w.name
        for w in problem.workloads
        if w.pool_name == pool
        or (w.deferrable and w.pool_name == stem)
        or (w.escalation and pool in chain_pools(w))
    ]


def share_that_waits(workload: Workload) -> float:
    """Return the share of the requests of a workload that can wait."""
    return workload.deferrable.share if workload.deferrable else 0.0


def lost_to_changeovers(plan: Plan, problem: Problem) -> dict[tuple[int, int, str, str], float]:
    """Return the replicas' worth of a block that batch replicas lose, by place and option."""
    per_day = problem.time_blocks
    if problem.policy.scaling == "static" or per_day == 1:
        return {}
    count = {
        place: rows[0].replicas
        for place, rows in by_option(plan.allocations).items()
        if is_batch(place[2])
    }
    share = problem.policy.changeover_minutes / MINUTES_PER_HOUR / (HOURS_PER_DAY / per_day)
    lost = {}
    for (period, block, pool, option), now in count.items():
        midnight = block - block % per_day
        near = (midnight + (block + step) % per_day for step in (-1, 1))
        gone = sum(max(now - count.get((period, b, pool, option), 0), 0) for b in near)
        lost[period, block, pool, option] = gone * share
    return lost


def waiting_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for work that waits too long, or is not served on its day."""
    names = list(day_types(problem))
    rows: dict[_Day, _Rows] = defaultdict(list)
    served: _Rows = [*plan.allocations, *plan.api]
    for row in served:
        if row.is_deferred:
            day = names[row.block // problem.time_blocks]
            rows[row.workload, row.period, day].append(row)
    stated = {(d.workload, d.period, d.day_type): d for d in plan.deferred}
    if len(stated) != len(plan.deferred):
        yield "deferred work of one day is listed twice"
    arriving = _arriving(problem, catalog)
    for place, due in arriving.items():
        workload = problem.workload(place[0])
        spot = {getattr(r, "hardware", "") for r in rows[place] if _is_spot(r)}
        early_h = max((due_early_h(h, problem, catalog) for h in spot), default=0.0)
        for text in _day(workload, due, rows[place], stated.get(place), problem, early_h):
            yield f"{_named(place)}: {text}"
    for place in sorted({*rows, *stated} - set(arriving)):
        yield f"{_named(place)}: requests wait that may not"


def _is_spot(row: Allocation | ApiRow) -> bool:
    return bool(getattr(row, "is_interruptible", False))


def _named(place: _Day) -> str:
    workload, period, day = place
    return f"{workload} period {period} {day}"


def _arriving(problem: Problem, catalog: Catalog) -> dict[_Day, list[tuple[float, float]]]:
    """Return mean and planned rates by block of every day on which work that can wait arrives."""
    per_day, found = problem.time_blocks, {}
    for workload in problem.workloads:
        if workload.deferrable is None:
            continue
        due = rates_due(workload, problem, catalog, waits=True)
        for period in range(problem.horizon.periods):
            for k, name in enumerate(day_types(problem)):
                rates = [due[period, k * per_day + b] for b in range(per_day)]
                if any(planned for _, planned in rates):
                    found[workload.name, period, name] = rates
    return found


def _day(  # noqa: PLR0917
    workload: Workload,
    due: Sequence[tuple[float, float]],
    rows: _Rows,
    stated: DeferredWork | None,
    problem: Problem,
    early_h: float,
) -> Iterator[str]:
    """Compare a day's rows with what arrives on it; spot nodes leave some hours less time."""
    share, length_h = share_that_waits(workload), HOURS_PER_DAY / problem.time_blocks
    mean_h, planned_h = (sum(rates) * length_h * share for rates in zip(*due, strict=True))
    got_h = sum(row.planned_rate_rps for row in rows) * length_h
    if stated is None:
        yield "its deferred work is not listed"
    elif differs(got_h, planned_h):
        yield f"{got_h:.9g} requests/s x h are served, {planned_h:.9g} arrive"
    else:
        for row in rows:
            if differs(row.rate_rps * planned_h, row.planned_rate_rps * mean_h):
                yield f"block {row.block}: {row.rate_rps:.9g}/s is not its mean over planned rate"
        arrivals = [planned * share / planned_h for _, planned in due]
        yield from _wait(workload, arrivals, rows, stated, planned_h, early_h)
        yield from _described(stated, rows, mean_h * SECONDS_PER_HOUR, workload)


def _wait(  # noqa: PLR0917
    workload: Workload,
    arrivals: Sequence[float],
    rows: _Rows,
    stated: DeferredWork,
    planned_h: float,
    early_h: float,
) -> Iterator[str]:
    asked, per_day = workload.deferrable, len(arrivals)
    if asked is None:
        return
    served = [0.0] * per_day
    for row in rows:
        served[row.block % per_day] += row.planned_rate_rps / planned_h
    wait_h = _longest_wait_h(arrivals, served, asked.release_hour, HOURS_PER_DAY / per_day)
    job_h = 0.0 if asked.window_h >= HOURS_PER_DAY else _job_h(workload, rows) + early_h
    if wait_h + job_h > asked.window_h + _WAIT_TOLERANCE_H:
        yield f"a request takes {wait_h + job_h:.3f} h, its window is {asked.window_h:g} h"
    if abs(stated.longest_wait_h - wait_h) > _WAIT_TOLERANCE_H:
        yield f"longest wait {stated.longest_wait_h:.3f} h, recomputed {wait_h:.3f} h"


def _described(
    stated: DeferredWork, rows: _Rows, requests: float, workload: Workload
) -> Iterator[str]:
    window_h = 0.0 if workload.deferrable is None else workload.deferrable.window_h
    total = sum(row.planned_rate_rps for row in rows)
    parts = {"own_share": 0.0, "joined_share": 0.0, "token_share": 0.0}
    for row in rows:
        pool = getattr(row, "pool", None)
        kind = "token" if pool is None else "own" if is_batch(pool) else "joined"
        parts[f"{kind}_share"] += row.planned_rate_rps / total
    parts |= {"requests_per_day": requests, "window_h": window_h}
    for name, want in parts.items():
        got = getattr(stated, name)
        if differs(got, want):
            yield f"{name} {got:.9g}, recomputed {want:.9g}"


def _job_h(workload: Workload, rows: _Rows) -> float:
    """Return the time that the longest output takes on the slowest replica in use."""
    osl = None if workload.lengths is None else workload.lengths.osl_tokens
    longest = (osl.max or osl.mean) if osl is not None else 0.0
    slowest = max(
        (planned_level(workload, r.period)[1] * (r.tpot_mean_ms or 0.0) for r in rows), default=0.0
    )
    return longest * slowest / MS_PER_S / SECONDS_PER_HOUR


def _longest_wait_h(
    arrivals: Sequence[float], served: Sequence[float], release: float | None, length_h: float
) -> float:
    """Follow requests in order of arrival through days that repeat; a day's work is 1.

    Between the requests that come or are done at the bound of a block the wait changes evenly, so
    that it is enough to follow those, and the ones right behind them.
    """
    done, come = _Curve(served, length_h), _Curve(arrivals, length_h)
    bounds = [b * length_h for b in range(len(served) + 1)]
    if release is not None:
        behind = done.at(release)
        return max(done.time_of(behind + part) for part in (_TINY, 1.0 - _TINY)) - release
    behind = max(done.at(hour) - come.at(hour) for hour in bounds)
    requests = [behind + come.at(hour) for hour in bounds]
    requests += [done.at(hour) + day for hour in bounds for day in (0, 1)]
    return max(
        done.time_of(request + part) - come.time_of(request + part - behind)
        for request in requests
        if 0.0 <= request - behind < 1.0
        for part in (_TINY, 2 * _TINY)
    )


class _Curve:
    """What came or was done since midnight, at even rates within each block of every day."""

    def __init__(self, rates: Sequence[float], length_h: float) -> None:
        self.length_h = length_h
        self.sums = [0.0, *accumulate(rate * length_h for rate in rates)]

    def at(self, hour: float) -> float:
        """Return the amount at an hour of the first day."""
        block = min(int(hour / self.length_h), len(self.sums) - 2)
        part = hour / self.length_h - block
        return self.sums[block] + part * (self.sums[block + 1] - self.sums[block])

    def time_of(self, amount: float) -> float:
        """Return the first hour, of any day, at which the amount is reached."""
        day = math.ceil(amount) - 1  # the end of a day's work belongs to its day
        left = amount - day
        block = max(min(bisect_left(self.sums, left), len(self.sums) - 1), 1)
        step = self.sums[block] - self.sums[block - 1]
        part = (left - self.sums[block - 1]) / step if step else 1.0
        return day * HOURS_PER_DAY + (block - 1 + part) * self.length_h
