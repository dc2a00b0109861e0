"""The busiest block of every pool of a plan, sent through its replicas request by request."""

from __future__ import annotations

from planner.verify.replay.cases import situations_of
from planner.verify.replay.judge import block_found, keeps_limits
from planner.verify.replay.run import ReplaySettings, limits_of, streams_by_name, world_of
from planner.verify.replay.sampling import Asked, sample


def busiest_blocks(prepared, plan):
    """Return the workloads of the busiest block of every pool, and whether each keeps its limits.

    One simulation of two thousand requests or more, which a fleet that is too small for its rate
    fails by far. `planner verify` looks at every block, with five.
    """
    world = world_of(plan, prepared.loaded, prepared.catalog, ReplaySettings(seeds=1))
    streams = streams_by_name(prepared.loaded.problem)
    limits = {name: limits_of(stream) for name, stream in streams.items()}
    busiest = {}
    for case in situations_of(world).cases:
        if case.pool not in busiest or _load(case) > _load(busiest[case.pool]):
            busiest[case.pool] = case
    kept = {}
    for case in busiest.values():
        sampled = sample(case, limits, Asked(seeds=1))
        for stream, runs in zip(case.streams, sampled.by_stream, strict=True):
            if not stream.is_deferred:
                block = block_found(case, stream, runs, limits[stream.name])
                kept[stream.name] = keeps_limits(block, streams[stream.name].slo)
    return kept


def _load(case):
    """Load of the fullest station, over what the plan says that its replicas carry."""
    loads = [0.0] * len(case.stations)
    for stream in case.streams:
        for number, (share, each) in enumerate(
            zip(stream.shares, stream.capacity_rps, strict=True)
        ):
            if each:
                loads[number] += stream.rate_rps * share / each / case.stations[number].replicas
    return max(loads)
