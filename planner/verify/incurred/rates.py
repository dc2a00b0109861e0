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
    from planner.problem.schema import Workload
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
    recorded = _recorded(row, world)
    if recorded is not None:
        return recorded
    workload, demand = world.problem.workload(row.workload), world.demand_of(row.workload)
    return None if demand.lengths is None else stated_source(workload, demand, _hits(workload))


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
    if recorded is None:
        return row.rate_rps
    rate = recorded_rate_rps(
        row.workload, recorded, row.rate_rps, world, period=row.period, block=row.block
    )
    return rate * recorded.rate_factor if isinstance(recorded, TracedHours) else rate


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
