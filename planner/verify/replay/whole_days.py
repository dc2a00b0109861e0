"""Pools through whole days: the queue that a block leaves is there when the next one begins.

A day is simulated from midnight to midnight with every seed. It begins with what the block before
midnight leaves, of which six hours at most go before and do not count, and half an hour of the
next day comes after it. Days that are alike are simulated once.

Replicas whose accelerators change their model count as there in time; the turns at which a plan
has no room for that are replayed by themselves (:mod:`planner.verify.replay.turns`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.verify.replay.day_layout import DayLayout, stream_key
from planner.verify.replay.requests import Gaps
from planner.verify.replay.sampling import Sampled, holds, whole_requests
from planner.verify.replay.seen import Seen
from planner.verify.replay.size import require_room
from planner.verify.replay.through import REFUSED, simulate_through

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Case
    from planner.verify.replay.requests import Floats, Requests
    from planner.verify.replay.through import Phase, Served

_SERVE = 2
"""Random numbers of replicas, apart from those of requests."""


@dataclass(frozen=True, slots=True)
class PoolDay:
    """A pool on days that are alike.

    Parameters
    ----------
    blocks
        Its case in every block of the day; ``None`` where it has no requests.
    days
        Period and type of day of each.
    """

    blocks: tuple[Case | None, ...]
    days: tuple[tuple[int, int], ...]

    @property
    def places(self) -> set[tuple[int, int]]:
        """Its blocks with requests, as ``(period, block)``."""
        count = len(self.blocks)
        asked = [b for b, case in enumerate(self.blocks) if case is not None]
        return {(period, kind * count + b) for period, kind in self.days for b in asked}


def pool_days(cases: Sequence[Case], problem: Problem) -> list[PoolDay]:
    """Return the days of every pool, those that are alike once.

    Parameters
    ----------
    cases
        What is simulated of a plan.
    problem
        The problem, for its blocks.
    """
    count = problem.time_blocks
    numbers: dict[tuple[str, int, int], dict[int, int]] = defaultdict(dict)
    for number, case in enumerate(cases):
        for period, block in case.places:
            numbers[case.pool, period, block // count][block % count] = number
    alike: dict[tuple[str, tuple[int | None, ...]], list[tuple[int, int]]] = defaultdict(list)
    for (pool, period, kind), mine in sorted(numbers.items()):
        alike[pool, tuple(mine.get(b) for b in range(count))].append((period, kind))
    return [
        PoolDay(tuple(None if n is None else cases[n] for n in by_block), tuple(days))
        for (_, by_block), days in alike.items()
    ]


def day_found(day: PoolDay, seed: int, seeds: int) -> list[tuple[Case, Sampled]]:
    """Return the blocks of a day that have requests, with what these see.

    Parameters
    ----------
    day
        The pool.
    seed, seeds
        First seed, and number of simulations.
    """
    layout = DayLayout.of(day.blocks)
    require_room([(case, layout.block_s) for case in day.blocks if case is not None])
    runs = [_run(layout, (seed, k)) for k in range(seeds)]
    found = []
    for number, case in enumerate(day.blocks):
        if case is None:
            continue
        count = len(day.blocks)
        places = tuple((period, kind * count + number) for period, kind in day.days)
        by_stream = tuple(zip(*(run.seen(number) for run in runs), strict=True))
        requests = sum(seen.requests for seens in by_stream for seen in seens)
        sampled = Sampled(by_stream, requests, layout.block_s, layout.warm_s)
        found.append((replace(case, places=places), sampled))
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    """Requests of a day in the tokens of every station, and what becomes of them."""

    layout: DayLayout
    by_station: tuple[Requests, ...]
    served: Served

    def seen(self, number: int) -> tuple[Seen, ...]:
        """Return what the streams of a block see, in the order of its case."""
        names = [stream_key(stream) for stream in self.layout.streams]
        case = self.layout.blocks[number]
        streams = case.streams if case is not None else ()
        # The first phase goes before the day.
        return tuple(self._of_stream(names.index(stream_key(s)), number + 1) for s in streams)

    def _of_stream(self, kind: int, number: int) -> Seen:
        phase, served, requests = self.layout.phases[number], self.served, self.by_station[0]
        mine, arrival_s = requests.kind == kind, requests.arrival_s
        here = mine & _within(arrival_s, phase)
        lost = int((here & (served.station == REFUSED)).sum())
        picked = np.nonzero(here & (served.station != REFUSED))[0]
        by_whom = served.station[picked]
        outside_s = np.array(
            [s.engine.request_s + s.engine.round_trip_s for s in self.layout.stations]
        )[by_whom]
        osl = np.array([r.osl_tokens for r in self.by_station])[by_whom, picked]
        first_s, done_s = served.first_s[picked], served.done_s[picked]
        ends, used = np.full(lost, np.inf), np.nonzero(phase.shares[kind])[0]
        pages = [served.pages[station][number] for station in used]
        gaps = Gaps()
        for every in served.pages:
            if kind < len(every[number].gaps):
                gaps.include(every[number].gaps[kind])
        return Seen(
            ttft_s=np.concatenate([first_s - arrival_s[picked] + outside_s, ends]),
            tpot_s=np.concatenate([_tpot_s(first_s, done_s, osl - 1), ends]),
            e2e_s=np.concatenate([done_s - arrival_s[picked] + outside_s, ends]),
            gaps=gaps,
            refused=lost,
            completed=int((mine & _within(served.done_s, phase)).sum()),
            span_s=self.layout.block_s,
            preempted=sum(page.preempted for page in pages) * _share(here, arrival_s, phase),
            busy_s=sum(page.busy_s for page in pages),
            prompts_s=sum(page.prompts_s for page in pages),
            replicas=sum(phase.replicas[station] for station in used),
        )


def _run(layout: DayLayout, seed: tuple[int, int]) -> _Run:
    drawn, kind, wanted = layout.requests(seed)
    by_station = tuple(
        whole_requests(drawn, layout.factors(number, kind), kind)
        for number in range(len(layout.stations))
    )
    station = wanted.copy()
    for number, (one, mine) in enumerate(zip(layout.stations, by_station, strict=True)):
        station[(wanted == number) & ~holds(one, mine)] = REFUSED
    served = simulate_through(
        [one.engine for one in layout.stations],
        layout.phases,
        by_station,
        station,
        routing=next(case for case in layout.blocks if case is not None).routing,
        rng=np.random.default_rng([*seed, _SERVE]),
    )
    return _Run(layout, by_station, served)


def _within(times_s: Floats, phase: Phase) -> NDArray[np.bool_]:
    return np.asarray((times_s >= phase.start_s) & (times_s < phase.end_s), dtype=bool)


def _share(here: NDArray[np.bool_], arrival_s: Floats, phase: Phase) -> float:
    """Return the share of the requests of a phase that are of a stream."""
    every = int(_within(arrival_s, phase).sum())
    return float(here.sum()) / every if every else 0.0


def _tpot_s(first_s: Floats, done_s: Floats, tokens: Floats) -> Floats:
    """Return the mean time per further token: NaN for outputs of one, infinite without an end."""
    ends = np.isfinite(done_s)
    spent_s = np.full(len(done_s), np.inf)
    spent_s[ends] = done_s[ends] - first_s[ends]
    nothing: Floats = np.full(len(tokens), np.nan)
    return np.asarray(np.divide(spent_s, tokens, out=nothing, where=tokens > 0), dtype=float)
