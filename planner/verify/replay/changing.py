"""A router whose replicas come and go.

A replica that goes hands what it holds back to the router: its requests are computed again from
their first token by others, at once, in order of arrival. First tokens that were seen stay seen,
so such a request has a long pause between tokens, which counts in its TPOT and E2E. Requests that
arrive while no replica is there wait for the first one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappush
from typing import TYPE_CHECKING

from planner.verify.replay.groups import replica_of
from planner.verify.replay.outcome import Outcome, outcome_of
from planner.verify.replay.requests import Log, Window
from planner.verify.replay.router import advance_until, chooser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from planner.verify.replay.replica import Engine
    from planner.verify.replay.requests import Requests
    from planner.verify.replay.router import Routing

_GONE = 1 << 40
"""Load of a replica that is not there: no router picks it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A replica that is there from a time on, or no more.

    Parameters
    ----------
    time_s
        When, seconds.
    replica
        Which, from 0.
    is_there
        Whether it comes.
    """

    time_s: float
    replica: int
    is_there: bool


def simulate_changing(
    engine: Engine,
    there: Sequence[bool],
    changes: Sequence[Change],
    requests: Requests,
    *,
    routing: Routing = "fewest_requests",
    window: Window,
    rng: np.random.Generator | None = None,
) -> Outcome:
    """Return what requests see at replicas that come and go.

    Parameters
    ----------
    engine
        How each replica serves.
    there
        Which replicas are there at first.
    changes
        Who comes and goes, in order of time. Replicas that are there at the end, one at least,
        serve what is left.
    requests
        The requests, none longer than the cache.
    routing, window, rng
        As :func:`planner.verify.replay.router.simulate` takes them.
    """
    log = Log(requests, window)
    state = Fleet(engine, there, requests, log)
    state.route(routing, rng)
    pending = list(reversed(changes))
    for request, now_s in enumerate(requests.arrival_s.tolist()):
        while pending and pending[-1].time_s <= now_s:
            state.change(pending.pop())
        state.run_until(now_s)
        state.send(request, now_s)
    while pending:
        state.change(pending.pop())
    state.run_until(math.inf)
    return outcome_of(requests, log, engine, len(there))


class Fleet:
    """Replicas, those that are not there included, and the requests that wait for one.

    Parameters
    ----------
    engine
        How each replica serves.
    there
        Which replicas are there at first.
    requests, log
        The requests, none longer than the cache, and what becomes of them.
    """

    def __init__(
        self,
        engine: Engine,
        there: Sequence[bool],
        requests: Requests,
        log: Log,
    ) -> None:
        self._engine, self._requests, self._log = engine, requests, log
        self._fleet = [replica_of(engine, log) for _ in there]
        self._there = list(there)
        self._loads = [0] * len(there)
        for number, is_there in enumerate(there):
            if not is_there:
                self._hide(number)
        self._choose: Callable[[int], int] = lambda _: 0
        self._due: list[tuple[float, int]] = []
        self._held: list[int] = []

    def route(self, routing: Routing, rng: np.random.Generator | None) -> None:
        """Choose replicas by a routing."""
        self._choose = chooser(routing, self._fleet, self._loads, len(self._requests), rng)

    def run_until(self, now_s: float) -> None:
        """Finish every step that ends until then."""
        advance_until(self._fleet, self._loads, self._due, now_s)

    def send(self, request: int, now_s: float) -> None:
        """Send a request to a replica, or let it wait until there is one."""
        if not any(self._there):
            self._held.append(request)
            return
        number = self._choose(request)
        while not self._there[number]:
            number = (number + 1) % len(self._there)
        replica = self._fleet[number]
        before_s = replica.due_s
        replica.arrive(request, now_s)
        self._loads[number] += 1
        if replica.due_s != before_s:
            heappush(self._due, (replica.due_s, number))

    def change(self, change: Change) -> None:
        """Let a replica come or go, at the time of the change."""
        self.run_until(change.time_s)
        number = change.replica
        if change.is_there == self._there[number]:
            return
        self._there[number] = change.is_there
        if change.is_there:
            self._fleet[number].prompt_tokens = self._loads[number] = 0
            again, self._held = self._held, []
        else:
            again = sorted(self._fleet[number].requests)
            self._fleet[number] = replica_of(self._engine, self._log)
            self._hide(number)
            for request in again:
                self._log.cached[request] = int(self._requests.isl_tokens[request])
                self._log.left[request] = int(self._requests.osl_tokens[request])
        for request in again:
            self.send(request, change.time_s)

    def give_up(self) -> list[int]:
        """Return the requests that wait for a replica, which others are to serve."""
        held, self._held = self._held, []
        return held

    def _hide(self, number: int) -> None:
        self._loads[number] = self._fleet[number].prompt_tokens = _GONE
