"""Checks decisions about work that can wait: a day's work in a day, windows, change-overs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.backlogs import build_backlogs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.demand.records import Demand, TimeGrid
    from planner.milp.backlogs import Backlog
    from planner.milp.records import Limits
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions, ReplicaDecision

    FloatArray = NDArray[np.float64]
    Place = tuple[str, str, int, int]
    """Pool, option, period and block."""

_TOLERANCE = 1e-6


def batch_pools(demand: Demand, pool_of: Mapping[str, str]) -> frozenset[str]:
    """Return the pools in which everything waits.

    Parameters
    ----------
    demand
        Streams.
    pool_of
        Pool of every stream.
    """
    busy = {pool_of[w.workload] for w in demand.workloads if w.deferral is None}
    return frozenset({pool_of[w.workload] for w in demand.workloads} - busy)


def lost_replicas(
    demand: Demand,
    limits: Limits,
    rows: Sequence[ReplicaDecision],
    batch: Collection[str],
) -> dict[Place, float]:
    """Return what batch replicas that come and go cost of their block, in replicas.

    Parameters
    ----------
    demand
        Time grid.
    limits
        Time of a change-over.
    rows
        Replicas.
    batch
        Pools in which everything waits.
    """
    grid = demand.grid
    if limits.scaling == "static" or grid.blocks_per_day == 1:
        return {}
    count: dict[Place, int] = {
        (r.pool, r.option_id, r.period, r.block): r.replicas for r in rows if r.pool in batch
    }
    lost = {}
    for (pool, option, t, b), now in count.items():
        begun = max(now - count.get((pool, option, t, grid.before(b)), 0), 0)
        ended = max(now - count.get((pool, option, t, grid.after(b)), 0), 0)
        lost[pool, option, t, b] = (begun + ended) * limits.changeover_h / grid.block_h
    return lost


def backlog_faults(demand: Demand, options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield days whose work is not served within the day, or not within its window.

    Parameters
    ----------
    demand, options
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    grid = demand.grid
    for backlog in build_backlogs(demand, options):
        names = [demand.workloads[w].workload for w in backlog.streams]
        rates = np.zeros((len(backlog.leads_h), grid.periods, grid.blocks))
        for flow in (*decisions.flows, *decisions.api_flows):
            if flow.workload in names:
                number = backlog.class_of.get((flow.workload, flow.supply_id), 0)
                rates[number, flow.period, flow.block] += flow.planned_rps
        for t in range(grid.periods):
            for day in range(len(grid.day_types)):
                of_day = rates[:, t, grid.blocks_of(day)]
                place = f"{backlog.name} in period {t}, {grid.day_types[day].name}"
                for text in _day_faults(grid, backlog, of_day, t, day):
                    yield f"{place}: {text}"


def _day_faults(
    grid: TimeGrid, backlog: Backlog, of_day: FloatArray, t: int, day: int
) -> Iterator[str]:
    """Yield what is wrong with rates by class and block of a day, shape (K, B)."""
    total = backlog.day_total(t, day, grid)
    done = float(of_day.sum()) * grid.block_h
    if abs(done - total) > _TOLERANCE * max(total, _TOLERANCE):
        yield f"{done:g} of a day's {total:g} requests/s x h are served"
        return
    points = list(backlog.checkpoints(t, day, grid))
    ahead = [point.arrived - float((point.served_h * of_day).sum()) for point in points]
    waiting = -min((a for a, p in zip(ahead, points, strict=True) if p.most is None), default=0.0)
    late = {
        point.hour: waiting + value - point.most
        for value, point in zip(ahead, points, strict=True)
        if point.most is not None
    }
    for rush in backlog.rushes(t, day, grid):
        beyond = float((rush.served_h * of_day).sum()) - rush.most
        late[rush.hour] = max(late.get(rush.hour, 0.0), beyond)
    for hour, amount in late.items():
        if amount > _TOLERANCE * total:
            yield f"{amount:g} requests/s x h are late at hour {hour:g}"


def spot_faults(
    options: OptionSet, limits: Limits, decisions: Decisions, batch: Collection[str]
) -> Iterator[str]:
    """Yield blocks with too large a share of spot, and spot replicas of work that cannot wait.

    Parameters
    ----------
    options, limits, decisions
        Records and whole decisions.
    batch
        Pools in which everything waits.
    """
    by_id = {option.id: option for option in options.options}
    held: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for row in decisions.replicas:
        option = by_id[row.option_id]
        size = row.replicas * option.accelerators
        if row.pool in batch:
            held[row.period, row.block][0] += size
            held[row.period, row.block][1] += size if option.is_interruptible else 0
        elif option.is_interruptible:
            yield f"{row.option_id} serves pool {row.pool}, which cannot wait"
    for (t, b), (total, spot) in held.items():
        if spot > limits.max_spot_share * total * (1 + _TOLERANCE):
            yield f"{spot} of {total} batch accelerators are spot in period {t}, block {b}"
