"""Work that can wait: its section of a workload, and the streams it is planned as.

A workload with a deferrable share becomes up to three streams::

    chat            what cannot wait, 1 - share of the requests
    chat/deferred   what waits, in replicas of its own that run as a batch
    chat/joined     what waits, on replicas that serve the pool of the workload anyway

The last two take their requests from one backlog. A pool in which everything can wait has no
joined streams, and its deferred ones share replicas. A name without ``/`` is that of the workload.
Streams of a chain of answers are in :mod:`planner.problem.escalation`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from planner.problem.escalation import answer_of, chain_streams
from planner.problem.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem, Workload
    from planner.yaml_io import Path_

DEFERRED, JOINED = "/deferred", "/joined"
HOURS_PER_DAY = 24.0


class Deferrable(Section):
    """Requests that may be served later than they arrive; they have no latency limit."""

    window_h: Annotated[float, Field(ge=1, le=168)]
    """Hours from arrival in which a request is finished; 24 or more: any time of the day."""
    release_hour: Annotated[float, Field(ge=0, lt=24)] | None = None
    """Hour at which all of a day's requests arrive; absent: they follow the profile."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the workload's requests that can wait."""


def owner(stream: str) -> str:
    """Return the workload that a stream belongs to."""
    return stream.split("/", 1)[0]


def is_deferred(stream: str) -> bool:
    """Return whether a stream is work that waits."""
    return stream.endswith((DEFERRED, JOINED))


def stream_name(workload: str, pool: str, *, deferred: bool) -> str:
    """Return the stream of a workload that runs in a pool.

    Parameters
    ----------
    workload, pool
        The workload, and the pool its requests run in.
    deferred
        Whether they are those that wait.
    """
    answer = answer_of(pool)
    if answer:
        return f"{workload}/{answer}"
    if not deferred:
        return workload
    return workload + (DEFERRED if pool.endswith(DEFERRED) else JOINED)


def streams_of(problem: Problem, workload: Workload) -> Iterator[Workload]:
    """Yield the streams of a workload, each as a workload of its own.

    Parameters
    ----------
    problem
        The problem, for the pool of the workload.
    workload
        The workload.
    """
    deferrable = workload.deferrable
    if deferrable is None:
        yield workload
        yield from chain_streams(workload)
        return
    if deferrable.share < 1:
        yield _scaled(workload, 1 - deferrable.share, {"deferrable": None})
    shared = any(not _waits(w) for w in _pool(problem, workload.pool_name))
    waiting = {"slo": [], "deferrable": deferrable.model_copy(update={"share": 1.0})}
    pool = workload.pool_name + DEFERRED
    update = {"name": workload.name + DEFERRED, "pool": pool}
    yield _scaled(workload, deferrable.share, waiting | update)
    if shared:
        update = {"name": workload.name + JOINED, "pool": workload.pool_name}
        yield _scaled(workload, deferrable.share, waiting | update)


def with_streams(loaded: LoadedProblem) -> LoadedProblem:
    """Return a problem whose workloads are the streams of the problem's.

    Parameters
    ----------
    loaded
        The problem; measured capacities of a workload hold for each of its streams.
    """
    problem = loaded.problem
    if all(w.deferrable is None and w.escalation is None for w in problem.workloads):
        return loaded
    streams = [s for w in problem.workloads for s in streams_of(problem, w)]
    names: dict[str, list[str]] = defaultdict(list)
    for stream in streams:
        # What was measured under the limits of the workload says nothing about those of a chain.
        if not answer_of(stream.name) or not stream.slo:
            names[owner(stream.name)].append(stream.name)
    measured = tuple(
        row.model_copy(update={"workload": name})
        for row in loaded.measured
        for name in names[row.workload]
    )
    split = problem.model_copy(update={"workloads": streams})
    return replace(loaded, problem=split, measured=measured)


def deferral_findings(workload: Workload, path: Path_) -> Iterator[tuple[Path_, str]]:
    """Yield contradictions of a workload that can wait.

    Parameters
    ----------
    workload
        The workload.
    path
        Its path in the problem.
    """
    deferrable = workload.deferrable
    if deferrable is None:
        return
    if deferrable.share == 1 and workload.slo:
        message = (
            "every request can wait, so no limit of `slo` applies to any; take `slo` out, or give "
            "the `share` that can wait"
        )
        yield (*path, "deferrable"), message


def _scaled(workload: Workload, share: float, update: dict[str, object]) -> Workload:
    arrival = workload.arrival
    rates = {
        name: value * share
        for name in ("requests_per_day", "mean_rate_rps")
        if (value := getattr(arrival, name)) is not None
    }
    return workload.model_copy(update=update | {"arrival": arrival.model_copy(update=rates)})


def _pool(problem: Problem, pool: str) -> list[Workload]:
    return [w for w in problem.workloads if w.pool_name == pool]


def _waits(workload: Workload) -> bool:
    return workload.deferrable is not None and workload.deferrable.share == 1
