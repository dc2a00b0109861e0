"""Where the requests of a workload in a block come from, and at what rate."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from planner.problem.headroom import headroom_at
from planner.verify.audit.waiting import share_that_waits
from planner.verify.replay.arrivals import Stated
from planner.verify.replay.trace import Traced, TracedHours, in_block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.demand.records import WorkloadDemand
    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Workload
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.cases import World

_LEAST_SHARE = 0.01
"""Share of the requests of a workload that are thinned from all of them."""


def source_of(
    rows: Sequence[Allocation], world: World, *, period: int, block: int
) -> tuple[Source, float]:
    """Return the source of a stream's requests, and the rate to draw them at, requests/s.

    Parameters
    ----------
    rows
        Rows of the stream in a pool and block.
    world
        The plan and what it rests on.
    period, block
        The block.
    """
    name, hit_rate = rows[0].workload, rows[0].prefix_hit_rate
    planned = sum(row.planned_rate_rps for row in rows) / headroom_of(rows[0], world)
    trace = world.traces.get(name)
    if trace is not None and not rows[0].is_deferred:
        recorded = in_block(Traced(trace, hit_rate), block, world.problem.time_blocks)
        mean = sum(row.rate_rps for row in rows)
        return recorded, recorded_rate_rps(name, recorded, mean, world, period=period, block=block)
    share, workload = 1.0, world.problem.workload(name)
    if planned and not rows[0].is_deferred:
        own = sum(row.planned_rate_rps for row in rows)
        share = own / (own + tokens_rps(world.plan, (period, block, name, rows[0].answer)))
    return stated_source(workload, world.demand_of(name), hit_rate, share), planned


def tokens_rps(plan: Plan, stream: tuple[int, int, str, str]) -> float:
    """Return the planned rate of a stream that is served by tokens, requests/s.

    Parameters
    ----------
    plan
        The plan.
    stream
        Period, block, workload, and which answer of a chain.
    """
    return sum(
        row.planned_rate_rps
        for row in plan.api
        if (row.period, row.block, row.workload, row.answer) == stream and not row.is_deferred
    )


def headroom_of(row: Allocation, world: World) -> float:
    """Return the factor by which a plan has more capacity than its promises need, from 1.

    Parameters
    ----------
    row
        Row of the plan.
    world
        The plan and what it rests on.
    """
    workload = world.problem.workload(row.workload)
    return 1.0 if row.is_deferred else headroom_at(workload, row.period, row.block)


def stated_source(
    workload: Workload, demand: WorkloadDemand, hit_rate: float, share: float = 1.0
) -> Stated:
    """Return the requests of a workload as its problem states them.

    Parameters
    ----------
    workload, demand
        The workload, with lengths.
    hit_rate
        Share of prompt tokens found in the prefix cache.
    share
        Share of its requests that come here, above 0.

    Raises
    ------
    TypeError
        When the workload has no lengths.
    """
    if demand.lengths is None:
        text = f"{workload.name} states no lengths"
        raise TypeError(text)
    arrival = workload.arrival
    # One request here and there of many comes by pure chance, whatever the whole does.
    is_part = share >= _LEAST_SHARE
    return Stated(
        lengths=demand.lengths,
        interarrival_cv=arrival.interarrival_cv if is_part else 1.0,
        intervals=demand.intervals if is_part else None,
        rate_factors=tuple(arrival.rate_factors or (1.0,)),
        hit_rate=hit_rate,
        share=share if is_part else 1.0,
    )


def recorded_rate_rps(
    name: str,
    recorded: Traced | TracedHours,
    mean: float,
    world: World,
    *,
    period: int,
    block: int,
) -> float:
    """Return the rate to draw recorded requests at: that of whole days where a trace has them.

    Parameters
    ----------
    name
        The workload.
    recorded
        Its trace in the block.
    mean
        Mean rate that is served here, requests/s.
    world
        The plan and what it rests on.
    period, block
        The block.
    """
    trace = world.traces[name]
    if trace.keeps_rate:
        at_once_rps = trace.rate_rps * (1.0 - share_that_waits(world.problem.workload(name)))
        return at_once_rps * served_share(name, mean, world, period, block)
    if not isinstance(recorded, TracedHours):
        return mean
    rates = world.demand_of(name).mean_rps[period]
    day = world.demand.grid.blocks_of(block // world.demand.grid.blocks_per_day)
    whole_day = fmean(float(rates[b]) for b in day)
    return whole_day * served_share(name, mean, world, period, block)


def served_share(name: str, mean: float, world: World, period: int, block: int) -> float:
    """Return the share of the requests of a workload in a block that a mean rate is.

    Parameters
    ----------
    name
        The workload.
    mean
        Mean rate, requests/s.
    world
        The plan and what it rests on.
    period, block
        The block.
    """
    here = float(world.demand_of(name).mean_rps[period][block])
    return mean / here if here else 0.0
