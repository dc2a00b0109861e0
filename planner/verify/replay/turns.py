"""The turn of a block: replicas come and go while requests are in flight.

Nodes that serve from a block on are paid while they start in the block before, which the audit
recomputes, so their replicas are there when the block begins, empty. Replicas that end with a
block hand their requests to the others. What is paid by nobody is that accelerators which serve
one model to the end of a block serve another one from then on: such replicas are late by
``policy.changeover_minutes``. The plan does not say which replicas those are, so every pool that
grows is taken to get them; what is missed only then is left open. Meanwhile the others take their
requests, or they wait where there are none.

The last minutes of the block before and the first five of the block (and the time that replicas
are late) are replayed, and weighed with the rest of the block, which is steady; twice where a
limit is nearer than a tenth.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from planner.verify.replay.arrivals import Span
from planner.verify.replay.changing import Change, simulate_changing
from planner.verify.replay.failures import Gone
from planner.verify.replay.judge import limit_found
from planner.verify.replay.late import late_replicas
from planner.verify.replay.losses import rest_of
from planner.verify.replay.records import LimitFound, TurnFound
from planner.verify.replay.requests import Requests, Window, merged
from planner.verify.replay.sampling import holds, residence_s, split
from planner.verify.replay.seen import Seen, pooled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.perf.traffic import LatencyLimit
    from planner.plan.document import Plan
    from planner.problem.schema import Problem, Workload
    from planner.verify.replay.cases import Case, Station

_FIRST_S = 300.0
_SEEDS = 2
_CLEAR = 0.9
"""Share of a limit up to which the first simulation of a turn is enough."""
_WARM_RESIDENCES = 3.0
_TAIL_SHARE = 0.1
_Place = tuple[int, int]
"""Period and block."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A pool before and after the turn of a block.

    Parameters
    ----------
    before
        The pool in the block before; ``None`` when it had no requests.
    after
        The pool in the block, at the places that begin like this.
    late
        Replicas of each station that are late.
    late_s
        How late they are, seconds.
    """

    before: Case | None
    after: Case
    late: tuple[int, ...]
    late_s: float

    @property
    def replicas_before(self) -> Mapping[str, int]:
        """Replicas in the block before, by option."""
        stations = self.before.stations if self.before else ()
        return {station.option_id: station.replicas for station in stations}


def turns_of(cases: Sequence[Case], plan: Plan, problem: Problem) -> dict[int, list[Turn]]:
    """Return the turns at which replicas come or go, by the number of the case after them.

    Blocks whose requests are those of a traced day are left out: their beginnings differ from day
    to day, and `--full` with a trace shows them.

    Parameters
    ----------
    cases
        What is simulated.
    plan, problem
        The plan, and the problem it answers.
    """
    numbers = {(case.pool, *place): n for n, case in enumerate(cases) for place in case.places}
    late_s = problem.policy.changeover_minutes * SECONDS_PER_MINUTE
    places: dict[tuple[int, int | None, tuple[int, ...]], list[_Place]] = defaultdict(list)
    for n, case in enumerate(cases):
        if any(stream.source.block_s is not None for stream in case.streams):
            continue
        for place in case.places:
            earlier = _before(place, problem)
            if earlier != place:
                late = late_replicas(case, place, earlier, plan)
                places[n, numbers.get((case.pool, *earlier)), late].append(place)
    found: dict[int, list[Turn]] = defaultdict(list)
    for (n, m, late), mine in places.items():
        case = cases[n]
        part = replace(case, places=tuple(mine))
        turn = Turn(None if m is None else cases[m], part, late, late_s)
        was = turn.replicas_before
        if any(late) or any(was.get(s.option_id, 0) != s.replicas for s in case.stations):
            found[n].append(turn)
    return found


def _before(place: _Place, problem: Problem) -> _Place:
    """Return the block before on the same type of day, which repeats."""
    period, block = place
    midnight = block - block % problem.time_blocks
    return period, midnight + (block - 1) % problem.time_blocks


def turn_found(
    turn: Turn,
    workloads: Mapping[str, Workload],
    limits: Mapping[str, Sequence[LatencyLimit]],
    steady: Sequence[Sequence[Seen]],
    *,
    problem: Problem,
    seed: int,
) -> tuple[TurnFound, ...]:
    """Return what the requests of each stream of the block see at its beginning.

    Parameters
    ----------
    turn
        The turn.
    workloads, limits
        Every stream, and its limits, by name.
    steady
        What requests see in the rest of the block: for each stream, with every seed.
    problem
        The problem, for the length of its blocks.
    seed
        First seed.
    """
    block_s = HOURS_PER_DAY / problem.time_blocks * SECONDS_PER_HOUR
    first_s = min(_FIRST_S + (turn.late_s if any(turn.late) else 0.0), block_s)
    times_s = (first_s, block_s - first_s)
    runs = [_run(turn, first_s, (seed, 0))]
    if not _is_clear(turn, limits, runs, steady, times_s):
        runs += [_run(turn, first_s, (seed, k)) for k in range(1, _SEEDS)]
    found = []
    for k, stream in enumerate(turn.after.streams):
        own, seen = limits.get(stream.name, ()), [run[k] for run in runs]
        judged = _judged(own, seen, steady[k], times_s)
        good = np.concatenate([part.within(own) for part in seen])
        slos = () if stream.is_deferred else workloads[stream.name].slo
        missed = [
            limit
            for limit, slo in zip(judged, slos, strict=False)
            if slo.window == "block" and not limit.kept
        ]
        found.append(
            TurnFound(
                places=turn.after.places,
                seconds=first_s,
                replicas_before=sum(turn.replicas_before.values()),
                replicas=sum(station.replicas for station in turn.after.stations),
                late=sum(turn.late),
                slo_attainment=float(good.mean())
                if len(good) and any(limit.percentile is not None for limit in own)
                else None,
                limits=judged,
                kept=True if not missed else (None if any(turn.late) else False),
            )
        )
    return tuple(found)


def _judged(
    limits: Sequence[LatencyLimit],
    seen: Sequence[Seen],
    steady: Sequence[Seen],
    times_s: tuple[float, float],
) -> tuple[LimitFound, ...]:
    """Return how limits fare over a block, its beginning and the rest of it by their times."""
    first_s, rest_s = times_s
    here = [(first_s / len(seen) / part.requests, part) for part in seen if part.requests]
    rest = [[(rest_s / part.requests, part)] if part.requests else [] for part in steady]
    # The beginning is the same for every seed of the rest, so there is no interval.
    return tuple(
        replace(limit_found(limit, [[*here, *part] for part in rest]), low_ms=None, high_ms=None)
        for limit in limits
    )


def _is_clear(
    turn: Turn,
    limits: Mapping[str, Sequence[LatencyLimit]],
    runs: Sequence[Sequence[Seen]],
    steady: Sequence[Sequence[Seen]],
    times_s: tuple[float, float],
) -> bool:
    """Return whether all limits are kept by so much that more simulations would say the same."""
    found = [
        limit
        for k, stream in enumerate(turn.after.streams)
        for limit in _judged(
            limits.get(stream.name, ()), [run[k] for run in runs], steady[k], times_s
        )
    ]
    return all(x.value_ms is not None and x.value_ms <= _CLEAR * x.limit_ms for x in found)


def _run(turn: Turn, first_s: float, seed: tuple[int, int]) -> list[Seen]:
    """Return what each stream of the block sees in the time from the turn on."""
    after = turn.after
    warm_s = _WARM_RESIDENCES * residence_s(turn.before) if turn.before else 0.0
    window = Window(warm_s, warm_s + first_s)
    found: list[list[Seen]] = [[] for _ in after.streams]
    by_option = _requests(turn, warm_s, first_s, seed)
    for number, station in enumerate(after.stations):
        requests = merged(by_option[station.option_id])
        held = holds(station, requests)
        served, refused = requests.take(held), requests.take(~held)
        if not len(served):
            continue
        there, changes = _changes(turn, number, station, warm_s)
        outcome = simulate_changing(
            station.engine, there, changes, served, routing=after.routing, window=window,
            rng=np.random.default_rng([*seed, number]),
        )  # fmt: skip
        counted = (refused.arrival_s >= window.start_s) & (refused.arrival_s <= window.end_s)
        for kind, seen in enumerate(found):
            lost = refused.take(counted & (refused.kind == kind))
            seen.append(Seen.of(outcome, served, kind, window, lost))
    return [pooled(seen, first_s) for seen in found]


def _requests(
    turn: Turn, warm_s: float, first_s: float, seed: tuple[int, int]
) -> dict[str, list[Requests]]:
    """Return the requests at each option of the block: before the turn, and from it on.

    While replicas are late, the others take their requests, as after a loss.
    """
    phases: list[tuple[Case, Span, float]] = []
    if turn.before is not None:
        phases.append((turn.before, Span(0.0, warm_s, 0.0), 0.0))
    late_s = min(turn.late_s, first_s) if any(turn.late) else 0.0
    if late_s:
        phases.append((_on_time(turn), Span(0.0, late_s, 0.0), warm_s))
    rest = Span(0.0, first_s - late_s, _TAIL_SHARE * first_s)
    phases.append((turn.after, rest, warm_s + late_s))
    kinds = {(s.name, s.is_deferred): kind for kind, s in enumerate(turn.after.streams)}
    by_option: dict[str, list[Requests]] = {s.option_id: [] for s in turn.after.stations}
    for phase, (case, span, start_s) in enumerate(phases):
        for stream in case.streams:
            kind = kinds.setdefault((stream.name, stream.is_deferred), len(kinds))
            parts = split(stream, kind, span, np.random.default_rng([*seed, kind, phase]))
            for station, part in zip(case.stations, parts, strict=True):
                if station.option_id in by_option:  # options that end serve out what they hold
                    by_option[station.option_id].append(_later(part, start_s))
    return by_option


def _on_time(turn: Turn) -> Case:
    """Return the block with the requests of late replicas at the others, where there are any."""
    case = turn.after
    rest = rest_of(case, Gone(turn.late, (1.0,) * len(case.streams)))
    if rest.case is None:
        return case
    streams = []
    for stream, place in zip(case.streams, rest.position, strict=True):
        if place is None:  # its requests wait
            streams.append(stream)
            continue
        left = rest.case.streams[place].shares
        here = dict(zip((s.option_id for s in rest.case.stations), left, strict=True))
        shares = tuple(here.get(station.option_id, 0.0) for station in case.stations)
        streams.append(replace(stream, shares=shares))
    return replace(case, streams=tuple(streams))


def _later(requests: Requests, start_s: float) -> Requests:
    return Requests(
        requests.arrival_s + start_s, requests.isl_tokens, requests.osl_tokens,
        requests.hit_tokens, requests.kind,
    )  # fmt: skip


def _changes(
    turn: Turn, number: int, station: Station, turn_s: float
) -> tuple[list[bool], list[Change]]:
    """Return which replicas of a station are there before the turn, and who comes and goes."""
    was, late = turn.replicas_before.get(station.option_id, 0), turn.late[number]
    there = [n < was for n in range(max(was, station.replicas))]
    ends = [Change(turn_s, n, is_there=False) for n in range(station.replicas, was)]
    on_time = range(was, station.replicas - late)
    starts = [Change(turn_s, n, is_there=True) for n in on_time]
    later = range(max(station.replicas - late, was), station.replicas)
    starts += [Change(turn_s + turn.late_s, n, is_there=True) for n in later]
    return there, [*starts[: len(on_time)], *ends, *starts[len(on_time) :]]
