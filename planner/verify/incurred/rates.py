"""How many requests of a row of a plan come in the replay, and what they are like.

Use is paid at the mean rates, as in the plan; a trace of whole days brings the shape of its own
days with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.verify.replay.sources import recorded_rate_rps, served_share, stated_source
from planner.verify.replay.trace import Traced, TracedHours, in_block

if TYPE_CHECKING:
    from planner.plan.document import Allocation, ApiRow
    from planner.problem.schema import Workload
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.cases import World


def source_of_use(
    row: Allocation | ApiRow, world: World, *, is_share: bool = False
) -> Source | None:
    """Return where the requests of a row come from; ``None`` where they have no lengths.

    Parameters
    ----------
    row
        Row of a plan.
    world
        The plan and what it rests on.
    is_share
        Whether they are taken out of all requests of the workload by chance, which matters where
        it is counted when they come.
    """
    recorded = _recorded(row, world)
    if recorded is not None:
        return recorded
    workload, demand = world.problem.workload(row.workload), world.demand_of(row.workload)
    if demand.lengths is None:
        return None
    place = (row.workload, row.rate_rps, world, row.period, row.block)
    share = min(served_share(*place), 1.0) if is_share else 1.0
    return stated_source(workload, demand, _hits(workload), share)


def rate_of_use_rps(row: Allocation | ApiRow, world: World) -> float:
    """Return the mean rate of a row in the replay, requests/s.

    Parameters
    ----------
    row
        Row of a plan.
    world
        The plan and what it rests on.
    """
    recorded = _recorded(row, world)
    rate = drawn_rate_rps(row, world)
    return rate * recorded.rate_factor if isinstance(recorded, TracedHours) else rate


def drawn_rate_rps(row: Allocation | ApiRow, world: World) -> float:
    """Return the rate to draw the requests of a row at: of whole days where a trace has them.

    Parameters
    ----------
    row
        Row of a plan.
    world
        The plan and what it rests on.
    """
    recorded = _recorded(row, world)
    if recorded is None:
        return row.rate_rps
    return recorded_rate_rps(
        row.workload, recorded, row.rate_rps, world, period=row.period, block=row.block
    )


def _recorded(row: Allocation | ApiRow, world: World) -> Traced | TracedHours | None:
    """Return the trace of a row in its block, ``None`` where its requests are not recorded."""
    trace = world.traces.get(row.workload)
    if trace is None or row.is_deferred:
        return None
    hits = _hits(world.problem.workload(row.workload))
    return in_block(Traced(trace, hits), row.block, world.problem.time_blocks)


def _hits(workload: Workload) -> float:
    """Return the hits of a provider: what the problem states, whatever own caches would find."""
    cache = workload.prefix_cache
    return (cache.hit_rate or 0.0) if cache else 0.0
