"""How many requests of a row of a plan come in the replay, and what they are like.

Use is paid at the mean rates, as in the plan; a trace of whole days brings the shape of its own
days with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.verify.replay.sources import recorded_rate_rps, stated_source
from planner.verify.replay.trace import Traced, TracedHours, in_block

if TYPE_CHECKING:
    from planner.plan.document import Allocation, ApiRow
    from planner.verify.replay.arrivals import Source
    from planner.verify.replay.cases import World


def source_of_use(row: Allocation | ApiRow, world: World) -> Source | None:
    """Return where the requests of a row come from; ``None`` where they have no lengths.

    Parameters
    ----------
    row
        Row of a plan.
    world
        The plan and what it rests on.
    """
    workload = world.problem.workload(row.workload)
    cache, trace = workload.prefix_cache, world.traces.get(row.workload)
    # A provider finds what the problem states, whatever caches of one's own would.
    hits = (cache.hit_rate or 0.0) if cache else 0.0
    if trace is not None and not row.is_deferred:
        return in_block(Traced(trace, hits), row.block, world.problem.time_blocks)
    demand = world.demand_of(row.workload)
    return None if demand.lengths is None else stated_source(workload, demand, hits)


def rate_of_use_rps(row: Allocation | ApiRow, world: World) -> float:
    """Return the mean rate of a row in the replay, requests/s.

    Parameters
    ----------
    row
        Row of a plan.
    world
        The plan and what it rests on.
    """
    if row.is_deferred or row.workload not in world.traces:
        return row.rate_rps
    name, source = row.workload, source_of_use(row, world)
    if not isinstance(source, Traced | TracedHours):
        return row.rate_rps
    rate = recorded_rate_rps(name, source, row.rate_rps, world, period=row.period, block=row.block)
    return rate * source.rate_factor if isinstance(source, TracedHours) else rate
