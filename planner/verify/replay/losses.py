"""Pools after losing their largest replicas (N+k): what is promised then is capacity.

A plan with k spare replicas keeps the planned rate of every pool without the k replicas that carry
most. The requests of each workload go to what is left in proportion to what that carries of it. A
replay without those replicas shows whether as many requests end as come, and what happens to the
limits, which are promised with spares up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.verify.replay.sampling import Asked, counted_s, residence_s, sample

if TYPE_CHECKING:
    from planner.verify.replay.cases import Case

_SEEDS = 2
_RESIDENCES = 20.0
"""Time that counts over the time that requests stay: what is in flight at its ends is little."""


def without_largest(case: Case, lost: int) -> Case | None:
    """Return a case without its largest replicas; ``None`` when nothing is left.

    Parameters
    ----------
    case
        The case.
    lost
        Replicas to lose, >= 0.
    """
    left = [station.replicas for station in case.stations]
    size = [max(s.capacity_rps[k] for s in case.streams) for k in range(len(left))]
    for _ in range(lost):
        standing = [k for k, count in enumerate(left) if count]
        if not standing:
            return None
        left[max(standing, key=lambda k: size[k])] -= 1
    kept = [k for k, count in enumerate(left) if count]
    streams = []
    for stream in case.streams:
        carried = [left[k] * stream.capacity_rps[k] for k in kept]
        total = sum(carried)
        if not total:
            return None
        streams.append(
            replace(
                stream,
                shares=tuple(c / total for c in carried),
                factors=tuple(stream.factors[k] for k in kept),
                capacity_rps=tuple(stream.capacity_rps[k] for k in kept),
            )
        )
    stations = tuple(replace(case.stations[k], replicas=left[k]) for k in kept)
    return replace(case, streams=tuple(streams), stations=stations)


def after_losses(case: Case, span_s: float, seed: int, lost: int) -> tuple[float, ...] | None:
    """Return for each stream requests that end over requests that come, after a loss.

    Parameters
    ----------
    case
        The case.
    span_s
        Time that counts at least, seconds.
    seed
        First seed.
    lost
        Replicas that are lost; without any, ``None`` is returned.
    """
    if not lost:
        return None
    left = without_largest(case, lost)
    if left is None:
        return (0.0,) * len(case.streams)
    span_s = counted_s(left, max(span_s, _RESIDENCES * residence_s(left)))
    sampled = sample(left, {}, Asked(seed, _SEEDS, span_s))
    return tuple(
        sum(run.completed for run in runs) / max(sum(run.requests for run in runs), 1)
        for runs in sampled.by_stream
    )
