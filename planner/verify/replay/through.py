"""A pool through its blocks, one after another: nobody's state is lost at a turn.

Replicas, the requests that they hold and those that wait go on from one block to the next. At a
turn replicas come up empty, and those that go hand over what they hold, as in
:mod:`planner.verify.replay.changing`. What an option still holds whose last replica goes is
handed to the options that serve its stream from then on, in their shares, and computed there
from the first token; where there is none it waits for one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.verify.replay.changing import Change, Fleet
from planner.verify.replay.requests import Gaps, Log, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.verify.replay.replica import Engine
    from planner.verify.replay.requests import Floats, Ints, Requests
    from planner.verify.replay.router import Routing

REFUSED = -1
"""Station of requests that no replica can hold."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time without a turn.

    Parameters
    ----------
    start_s, end_s
        When, seconds.
    replicas
        Replicas of each station.
    shares
        Share of the requests of each class that goes to each station, shape (classes, stations).
    """

    start_s: float
    end_s: float
    replicas: tuple[int, ...]
    shares: Floats


@dataclass(frozen=True, slots=True)
class Page:
    """What the replicas of a station write down in a phase.

    Parameters
    ----------
    gaps
        Gaps between tokens, by class.
    busy_s, prompts_s
        Time in which they compute, and that of steps with prompts. A step that a turn cuts counts
        from the turn on.
    preempted
        Preemptions.
    """

    gaps: tuple[Gaps, ...]
    busy_s: float
    prompts_s: float
    preempted: int


@dataclass(frozen=True, slots=True)
class Served:
    """What becomes of requests; arrays of shape (n,), infinite for those that are never served.

    Parameters
    ----------
    first_s, done_s
        When the first and the last token is there, the round trip not counted.
    station
        Who serves it in the end, :data:`REFUSED` for nobody.
    times
        How often it is served to the end.
    pages
        For each station, a page of every phase.
    """

    first_s: Floats
    done_s: Floats
    station: Ints
    times: Ints
    pages: tuple[tuple[Page, ...], ...]


def simulate_through(
    engines: Sequence[Engine],
    phases: Sequence[Phase],
    requests: Sequence[Requests],
    station: Ints,
    *,
    routing: Routing = "fewest_requests",
    rng: np.random.Generator,
) -> Served:
    """Return what requests see at replicas of several options over consecutive phases.

    Parameters
    ----------
    engines
        How replicas of each station serve.
    phases
        Phases, each from the end of the one before. What is left at the end is served by the
        replicas of the last.
    requests
        All requests in the tokens of each station, in the same order of arrival.
    station
        Who gets each; of those that a station cannot hold, none may be among them.
    routing
        How routers choose.
    rng
        Random numbers.
    """
    pool = _Pool(engines, phases, requests, station, routing, rng)
    turns = list(reversed(phases[1:]))
    for request, now_s in enumerate(requests[0].arrival_s.tolist()):
        while turns and turns[-1].start_s <= now_s:
            pool.turn(turns.pop())
        pool.send(request, now_s)
    while turns:
        pool.turn(turns.pop())
    return pool.ended()


class _Pool:
    """Stations of a pool, and requests that wait for one."""

    def __init__(  # noqa: PLR0917
        self,
        engines: Sequence[Engine],
        phases: Sequence[Phase],
        requests: Sequence[Requests],
        station: Ints,
        routing: Routing,
        rng: np.random.Generator,
    ) -> None:
        self._engines, self._requests, self._rng = engines, requests, rng
        self._station = station.copy()
        self._waiting: list[int] = []
        self._counts, self._phase = list(phases[0].replicas), phases[0]
        window = Window(phases[0].start_s, phases[0].end_s)
        self._logs = [Log(mine, window) for mine in requests]
        self._pages: list[list[Page]] = [[] for _ in engines]
        self._fleets = []
        for number, (engine, log) in enumerate(zip(engines, self._logs, strict=True)):
            most = max(phase.replicas[number] for phase in phases)
            there = [n < phases[0].replicas[number] for n in range(most)]
            fleet = Fleet(engine, there, requests[number], log)
            if most:
                fleet.route(routing, rng)
            self._fleets.append(fleet)

    def send(self, request: int, now_s: float) -> None:
        """Send a request to its station."""
        number = int(self._station[request])
        if number == REFUSED:
            return
        self._fleets[number].run_until(now_s)
        self._fleets[number].send(request, now_s)

    def turn(self, phase: Phase) -> None:
        """Let replicas come and go, and hand over what has nobody left to serve it."""
        now_s, moved = phase.start_s, self._waiting
        for number, fleet in enumerate(self._fleets):
            was, count = self._counts[number], phase.replicas[number]
            fleet.run_until(now_s)
            self._turn_page(number, phase)
            for n in range(was, count):
                fleet.change(Change(now_s, n, is_there=True))
            for n in range(count, was):
                fleet.change(Change(now_s, n, is_there=False))
            if not count:
                moved += fleet.give_up()
            self._counts[number] = count
        self._phase, self._waiting = phase, []
        for request in sorted(moved):
            self._hand_over(request, now_s)

    def _hand_over(self, request: int, now_s: float) -> None:
        """Give a request to one of the stations that serve its stream and can hold it."""
        shares = self._phase.shares[int(self._requests[0].kind[request])].copy()
        for number, engine in enumerate(self._engines):
            mine = self._requests[number]
            tokens = int(mine.isl_tokens[request] + mine.osl_tokens[request])
            if tokens + engine.state_tokens + 1 > engine.cache_tokens:
                shares[number] = 0.0
        if not shares.sum():
            self._waiting.append(request)
            return
        number = int(self._rng.choice(len(shares), p=shares / shares.sum()))
        self._station[request] = number
        self._fleets[number].send(request, now_s)

    def _turn_page(self, number: int, phase: Phase) -> None:
        log = self._logs[number]
        gaps = tuple(log.gaps)
        self._pages[number].append(Page(gaps, log.busy_s, log.prompts_s, log.preempted_counted))
        log.window = Window(phase.start_s, phase.end_s)
        log.gaps = [Gaps() for _ in gaps]
        log.busy_s = log.prompts_s = 0.0
        log.preempted_counted = 0

    def ended(self) -> Served:
        """Serve what is left, and return what became of all requests."""
        for fleet in self._fleets:
            fleet.run_until(math.inf)
        for number in range(len(self._fleets)):
            self._turn_page(number, self._phase)
        first, done = (
            np.array([getattr(log, name) for log in self._logs]) for name in ("first_s", "done_s")
        )
        # A first token that was seen stays seen, whoever serves the rest.
        return Served(
            first_s=np.fmin.reduce(np.where(np.isnan(first), np.inf, first), axis=0),
            done_s=np.fmin.reduce(np.where(np.isnan(done), np.inf, done), axis=0),
            station=self._station,
            times=np.isfinite(done).sum(axis=0),
            pages=tuple(tuple(pages) for pages in self._pages),
        )
