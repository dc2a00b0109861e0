"""The busiest block of every pool of a plan, sent through its replicas request by request."""

from __future__ import annotations

from planner.verify.replay.cases import situations_of
from planner.verify.replay.judge import block_found, keeps_limits
from planner.verify.replay.run import ReplaySettings, limits_of, streams_by_name, world_of
from planner.verify.replay.sampling import Asked, sample


def busiest_blocks(prepared, plan):
    """Return the workloads of the busiest block of every pool, and whether each keeps its limits.

    One simulation of two thousand requests or more, which a fleet that is too small for its rate
    fails by far, decides where it keeps them; where it does not, five as in `planner verify`.
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
        found = _kept(case, streams, limits, seeds=1)
        kept |= found if all(found.values()) else _kept(case, streams, limits, seeds=5)
    return kept


def _kept(case, streams, limits, seeds):
    sampled = sample(case, limits, Asked(seeds=seeds))
    return {
        stream.name: keeps_limits(
            block_found(case, stream, runs, limits[stream.name]), streams[stream.name].slo
        )
        for stream, runs in zip(case.streams, sampled.by_stream, strict=True)
        if not stream.is_deferred
    }


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
