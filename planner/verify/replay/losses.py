"""Pools after a loss: what is promised then is capacity.

A plan with k spare replicas keeps the planned rate of every pool without the k replicas that carry
most; with k spare nodes, without any k nodes; with `survive_loss_of`, without any provider or
region. The requests of each workload go to what is left in proportion to what that carries of it.
A replay without those replicas shows whether as many requests end as come, and what happens to
the limits, which are promised with everything up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.verify.replay.failures import gone_at, promised_failures
from planner.verify.replay.records import LossFound
from planner.verify.replay.sampling import Asked, counted_s, residence_s, sample
from planner.verify.replay.seen import share_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.perf.traffic import LatencyLimit
    from planner.plan.document import Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Case, Stream
    from planner.verify.replay.failures import Failure, Gone
    from planner.verify.replay.seen import Seen

_SEEDS = 2
_RESIDENCES = 20.0
"""Time that counts over the time that requests stay: what is in flight at its ends is little."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a pool.

    Parameters
    ----------
    case
        The pool without what is gone; ``None`` when it serves nothing.
    position
        Where each stream is in it, ``None`` for those that no replica is left for, or that have
        no requests.
    """

    case: Case | None
    position: tuple[int | None, ...]


def rest_of(case: Case, gone: Gone) -> Rest:
    """Return what is left of a pool after a loss.

    Parameters
    ----------
    case
        The pool.
    gone
        What it loses.
    """
    left = [s.replicas - lost for s, lost in zip(case.stations, gone.replicas, strict=True)]
    kept = [k for k, count in enumerate(left) if count]
    streams: list[Stream] = []
    position: list[int | None] = []
    for stream, factor in zip(case.streams, gone.rate_factors, strict=True):
        carried = [left[k] * stream.capacity_rps[k] for k in kept]
        total = sum(carried)
        if not total or not factor:
            position.append(None)
            continue
        position.append(len(streams))
        streams.append(
            replace(
                stream,
                rate_rps=stream.rate_rps * factor,
                shares=tuple(c / total for c in carried),
                factors=tuple(stream.factors[k] for k in kept),
                capacity_rps=tuple(stream.capacity_rps[k] for k in kept),
            )
        )
    if not streams:
        return Rest(None, tuple(position))
    stations = tuple(replace(case.stations[k], replicas=left[k]) for k in kept)
    return Rest(replace(case, streams=tuple(streams), stations=stations), tuple(position))


def by_loss(
    failure: Failure, case: Case, plan: Plan, problem: Problem
) -> Iterator[tuple[Case, Gone]]:
    """Yield a case once for every different loss, with the blocks that have it.

    Parameters
    ----------
    failure
        What goes.
    case
        Blocks that are alike, though their nodes need not be.
    plan, problem
        The plan, and the problem it answers.
    """
    places: dict[Gone, list[tuple[int, int]]] = defaultdict(list)
    for place in case.places:
        places[gone_at(failure, case, place, plan, problem)].append(place)
    for gone, mine in places.items():
        yield replace(case, places=tuple(mine)), gone


def losses_found(
    case: Case,
    plan: Plan,
    problem: Problem,
    limits: Mapping[str, Sequence[LatencyLimit]],
    asked: Asked,
) -> tuple[tuple[LossFound, ...], ...]:
    """Return what becomes of each stream of a pool after every loss that a plan survives.

    Parameters
    ----------
    case
        The pool.
    plan, problem
        The plan, and the problem it answers.
    limits
        Limits of every stream, by name.
    asked
        First seed, and time that counts at least.
    """
    found: list[list[LossFound]] = [[] for _ in case.streams]
    for failure in promised_failures(plan, problem):
        for part, gone in by_loss(failure, case, plan, problem):
            if not gone.is_nothing:
                for mine, loss in zip(
                    found, after(failure, part, gone, limits, asked), strict=True
                ):
                    mine.append(loss)
    return tuple(tuple(mine) for mine in found)


def after(
    failure: Failure,
    case: Case,
    gone: Gone,
    limits: Mapping[str, Sequence[LatencyLimit]],
    asked: Asked,
) -> tuple[LossFound, ...]:
    """Return what becomes of each stream of a pool after one loss.

    Parameters
    ----------
    failure, gone
        What goes, and what of this pool.
    case
        The pool.
    limits
        Limits of every stream, by name.
    asked
        First seed, and time that counts at least.
    """
    rest = rest_of(case, gone)
    by_stream: tuple[tuple[Seen, ...], ...] = ()
    if rest.case is not None:
        least_s = max(asked.span_s or 0.0, _RESIDENCES * residence_s(rest.case))
        span_s = counted_s(rest.case, least_s)
        by_stream = sample(rest.case, {}, Asked(asked.seed, _SEEDS, span_s)).by_stream
    found = []
    for stream, factor, place in zip(case.streams, gone.rate_factors, rest.position, strict=True):
        share = 0.0 if factor else 1.0
        attained: float | None = share
        if place is not None:
            runs = by_stream[place]
            share = sum(run.completed for run in runs) / max(sum(r.requests for r in runs), 1)
            attained = share_within(runs, limits.get(stream.name, ()))
        if not any(limit.percentile is not None for limit in limits.get(stream.name, ())):
            attained = None
        found.append(LossFound(failure.text, case.places, share, attained))
    return tuple(found)
