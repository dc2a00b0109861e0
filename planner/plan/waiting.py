"""How long work that can wait does wait, and where it is served.

Requests flow: with A(t) those that arrived and S(t) those that were served, in order of arrival, a
request that is the v-th waits from the time at which A reaches v to the one at which S does. Both
curves are straight between the bounds of blocks and the hour of a release, so the longest wait is
at one of the values that a curve has there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.plan.document import DeferredWork
from planner.problem.deferral import DEFERRED
from planner.units import HOURS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.demand.deferral import Deferral
    from planner.demand.records import Demand, WorkloadDemand
    from planner.plan.records import Decisions

    FloatArray = NDArray[np.float64]

_DAYS = 4
"""Days until every request of the second has been served."""
_Side = Literal["left", "right"]
_FIRST: _Side = "left"
_LAST: _Side = "right"
_DIGITS = 7
"""Digits of shares of a day's work that solvers keep."""


def deferred_work(demand: Demand, decisions: Decisions) -> tuple[DeferredWork, ...]:
    """Return a row for the work that waits of every workload, period and type of day.

    Parameters
    ----------
    demand
        Streams.
    decisions
        Whole decisions.
    """
    grid = demand.grid
    served: dict[str, FloatArray] = defaultdict(lambda: np.zeros((grid.periods, grid.blocks)))
    tokens: dict[str, FloatArray] = defaultdict(lambda: np.zeros((grid.periods, grid.blocks)))
    for flow in decisions.flows:
        served[flow.workload][flow.period, flow.block] += flow.planned_rps
    for flow in decisions.api_flows:
        tokens[flow.workload][flow.period, flow.block] += flow.planned_rps
    rows = []
    for rates in demand.workloads:
        if rates.deferral is None or not rates.workload.endswith(DEFERRED):
            continue
        others = [
            w.workload
            for w in demand.workloads
            if w is not rates and w.deferral and w.deferral.backlog == rates.deferral.backlog
        ]
        parts = (
            served[rates.workload],
            sum((served[name] for name in others), np.zeros((grid.periods, grid.blocks))),
            tokens[rates.workload],
        )
        for t in range(grid.periods):
            rows += _days(demand, rates, rates.deferral, parts, t)
    return tuple(sorted(rows, key=lambda row: row.period))


def _days(
    demand: Demand,
    rates: WorkloadDemand,
    deferral: Deferral,
    parts: tuple[FloatArray, ...],
    t: int,
) -> list[DeferredWork]:
    grid, rows = demand.grid, []
    for k, day in enumerate(grid.day_types):
        blocks = grid.blocks_of(k)
        arrivals = rates.planned_rps[t, blocks]
        own, joined, tokens = (float(part[t, blocks].sum()) for part in parts)
        total = own + joined + tokens
        if total <= 0:
            continue
        by_block = np.asarray(sum(part[t, blocks] for part in parts))
        wait_h = longest_wait_h(arrivals, by_block, deferral.release_hour)
        per_day = float(rates.mean_rps[t, blocks].sum()) * grid.block_h * SECONDS_PER_HOUR
        shares = (own / total, joined / total, tokens / total)
        rows.append(
            DeferredWork(
                t, day.name, deferral.backlog, per_day, deferral.window_h, wait_h, *shares
            )
        )
    return rows


def longest_wait_h(
    arrivals_rps: FloatArray, served_rps: FloatArray, release_hour: float | None
) -> float:
    """Return the longest wait of a request on a day that repeats, hours.

    Parameters
    ----------
    arrivals_rps, served_rps
        Rates by block of the day, shape (B,), of equal sums.
    release_hour
        Hour at which all of the day's requests arrive; ``None`` when they arrive at
        `arrivals_rps`.
    """
    blocks = len(arrivals_rps)
    ends = np.arange(blocks + 1) * HOURS_PER_DAY / blocks
    done = np.concatenate([[0.0], np.cumsum(served_rps)]) / served_rps.sum()
    # What waits at midnight is the least with which nothing is served before it came.
    if release_hour is None:
        hours = ends
        arrived = np.concatenate([[0.0], np.cumsum(arrivals_rps)]) / arrivals_rps.sum()
        waiting = float(np.max(done - arrived))
    else:
        hours = np.array([0.0, release_hour, release_hour, HOURS_PER_DAY])
        arrived = np.array([0.0, 0.0, 1.0, 1.0])
        waiting = float(np.interp(release_hour, ends, done))
    came_h, came = _unrolled(hours, arrived + waiting)
    left_h, left = _unrolled(ends, done)
    values = np.unique(np.concatenate([came, left]))
    # The second day's requests: each is waited for up to its own, and right behind the one before.
    first, last = round(waiting + 1.0, _DIGITS), round(waiting + 2.0, _DIGITS)
    own = values[(values > first) & (values <= last)]
    behind = values[(values >= first) & (values < last)]
    waits = [
        _time_at(left_h, left, of, side) - _time_at(came_h, came, of, side)
        for of, side in ((own, _FIRST), (behind, _LAST))
    ]
    return max(float(np.max(np.concatenate(waits))), 0.0)


def _unrolled(hours: FloatArray, amounts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the curve of some days one after the other."""
    days = range(_DAYS)
    return (
        np.concatenate([hours + day * HOURS_PER_DAY for day in days]),
        np.round(np.concatenate([amounts + day for day in days]), _DIGITS),
    )


def _time_at(
    hours: FloatArray, amounts: FloatArray, values: FloatArray, side: _Side
) -> FloatArray:
    """Return when a rising curve first reaches values (left), or last is at them (right)."""
    position = np.searchsorted(amounts, values, side)
    low = np.clip(position - 1, 0, len(amounts) - 1)
    high = np.clip(position, 0, len(amounts) - 1)
    step = amounts[high] - amounts[low]
    part = np.divide(values - amounts[low], step, out=np.zeros_like(step), where=step > 0)
    return np.asarray(hours[low] + part * (hours[high] - hours[low]))
