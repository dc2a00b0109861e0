"""Work that can wait: a day's work in a day, windows, and what batch replicas lose.

Requests are followed in order of arrival through a day that repeats. Where that is not enough for
all of them to be finished in time on the slowest of what serves, every option is held to its own
window (:mod:`planner.verify.audit.due`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR, MS_PER_S, SECONDS_PER_HOUR
from planner.verify.audit.clock import day_types
from planner.verify.audit.due import Curve, Kind, window_needed_h
from planner.verify.audit.escalation import chain_pools
from planner.verify.audit.expected import by_option, differs, rates_due
from planner.verify.audit.lengths import planned_level
from planner.verify.audit.spot_terms import due_early_h

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    spot = {getattr(row, "hardware", "") for row in served if _is_spot(row)}
    early_h = {hardware: due_early_h(hardware, problem, catalog) for hardware in spot}
    for place, due in arriving.items():
        workload = problem.workload(place[0])
        needs_h = [_need_h(workload, row, early_h) for row in rows[place]]
        for text in _day(workload, due, rows[place], stated.get(place), problem, needs_h):
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
    needs_h: Sequence[float],
) -> Iterator[str]:
    """Compare a day's rows, and the hours that each needs for a request, with what arrives."""
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
        yield from _wait(workload, arrivals, (rows, needs_h), stated, planned_h)
        yield from _described(stated, rows, mean_h * SECONDS_PER_HOUR, workload)


def _wait(
    workload: Workload,
    arrivals: Sequence[float],
    served_by: tuple[_Rows, Sequence[float]],
    stated: DeferredWork,
    planned_h: float,
) -> Iterator[str]:
    asked, per_day = workload.deferrable, len(arrivals)
    if asked is None:
        return
    served = [0.0] * per_day
    kinds: dict[float, list[float]] = defaultdict(lambda: [0.0] * per_day)
    for row, need_h in zip(*served_by, strict=True):
        share = row.planned_rate_rps / planned_h
        served[row.block % per_day] += share
        kinds[need_h][row.block % per_day] += share
    wait_h = _longest_wait_h(arrivals, served, asked.release_hour, HOURS_PER_DAY / per_day)
    need_h, window_h = wait_h + max(kinds), asked.window_h
    if window_h >= HOURS_PER_DAY:
        need_h = wait_h
    elif need_h > window_h + _WAIT_TOLERANCE_H and len(kinds) > 1:
        found = [Kind(*kind) for kind in kinds.items()]
        need_h = window_needed_h(arrivals, found, asked.release_hour, window_h)
    if need_h > window_h + _WAIT_TOLERANCE_H:
        yield f"a request takes {need_h:.3f} h, its window is {window_h:g} h"
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


def _need_h(workload: Workload, row: Allocation | ApiRow, early_h: Mapping[str, float]) -> float:
    """Return the time that the longest output takes there, and what spot nodes may lose of it."""
    osl = None if workload.lengths is None else workload.lengths.osl_tokens
    longest = (osl.max or osl.mean) if osl is not None else 0.0
    factors = workload.token_factors.get(row.model)
    longest *= planned_level(workload, row.period)[1] * (1.0 if factors is None else factors.osl)
    job_h = longest * (row.tpot_mean_ms or 0.0) / MS_PER_S / SECONDS_PER_HOUR
    return job_h + (early_h[getattr(row, "hardware", "")] if _is_spot(row) else 0.0)


def _longest_wait_h(
    arrivals: Sequence[float], served: Sequence[float], release: float | None, length_h: float
) -> float:
    """Follow requests in order of arrival through days that repeat; a day's work is 1.

    Between the requests that come or are done at the bound of a block the wait changes evenly, so
    that it is enough to follow those right before and right behind them.
    """
    done, come = Curve(served, length_h), Curve(arrivals, length_h)
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
        for part in (-_TINY, _TINY, 2 * _TINY)
    )
