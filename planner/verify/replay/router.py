"""A router and the replicas behind it.

``fewest_requests`` sends a request to the replica with the fewest outstanding ones,
``fewest_prompts`` to the one with the fewest prompt tokens to compute (then requests); equal ones
take turns.
``round_robin`` deals them out in turn, ``random`` by chance.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Literal

from planner.perf.kept import kept_by_content
from planner.verify.replay.groups import Groups, replica_of
from planner.verify.replay.outcome import Outcome, outcome_of
from planner.verify.replay.replica import Replica
from planner.verify.replay.requests import Log, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from planner.verify.replay.replica import Engine
    from planner.verify.replay.requests import Requests

Routing = Literal["fewest_requests", "fewest_prompts", "round_robin", "random"]
ROUTINGS: tuple[Routing, ...] = ("fewest_requests", "fewest_prompts", "round_robin", "random")
EVERYTHING = Window()
_KEPT_REQUESTS = 1_000_000
"""Requests of all simulations that are kept; each takes 33 bytes."""


def simulate(
    engine: Engine,
    replicas: int,
    requests: Requests,
    *,
    routing: Routing = "fewest_requests",
    window: Window = EVERYTHING,
    rng: np.random.Generator | None = None,
) -> Outcome:
    """Return what requests see at replicas that share a router; all of them are served.

    The same question has the same answer, which is shared and must not be changed: rounds of a
    search ask it again for every block that they leave as it was.

    Parameters
    ----------
    engine
        How each replica serves.
    replicas
        Replicas, >= 1.
    requests
        The requests, none longer than the cache.
    routing
        How the router chooses.
    window
        When gaps and busy time are counted, and which requests by their arrival.
    rng
        Numbers of routing by chance; needed for it alone.

    Raises
    ------
    ValueError
        When the routing is unknown, or by chance without `rng`, or a request is longer than the
        cache.
    """
    _check(engine, replicas, requests)
    by_chance = rng if routing == "random" else None
    return _simulated(engine, replicas, requests, routing, window, by_chance)


@kept_by_content(_KEPT_REQUESTS, size=lambda outcome: 1 + len(outcome.kind))
def _simulated(  # noqa: PLR0917
    engine: Engine,
    replicas: int,
    requests: Requests,
    routing: Routing,
    window: Window,
    rng: np.random.Generator | None,
) -> Outcome:
    log = Log(requests, window)
    fleet = [replica_of(engine, log) for _ in range(replicas)]
    loads = [0] * replicas
    choose = chooser(routing, fleet, loads, len(requests), rng)
    due: list[tuple[float, int]] = []
    for request, now_s in enumerate(requests.arrival_s.tolist()):
        advance_until(fleet, loads, due, now_s)
        number = choose(request)
        replica = fleet[number]
        before_s = replica.due_s
        replica.arrive(request, now_s)
        loads[number] += 1
        if replica.due_s != before_s:
            heappush(due, (replica.due_s, number))
    advance_until(fleet, loads, due, math.inf)
    return outcome_of(requests, log, engine, replicas)


def advance_until(
    fleet: Sequence[Replica | Groups],
    loads: list[int],
    due: list[tuple[float, int]],
    now_s: float,
) -> None:
    """Finish every step that ends until then, those excepted that a later arrival has changed.

    Parameters
    ----------
    fleet, loads
        Replicas and how many requests each holds.
    due
        A heap of when steps end, and of which replica.
    now_s
        Until when, seconds.
    """
    while due and due[0][0] <= now_s:
        due_s, number = due[0]
        replica = fleet[number]
        if replica.due_s == due_s:
            loads[number] = replica.advance()
            if replica.due_s < math.inf:
                heapreplace(due, (replica.due_s, number))
                continue
        heappop(due)


def chooser(
    routing: Routing,
    fleet: Sequence[Replica | Groups],
    loads: list[int],
    requests: int,
    rng: np.random.Generator | None,
) -> Callable[[int], int]:
    """Return what gives the replica of each request, by its number.

    Parameters
    ----------
    routing
        How the router chooses.
    fleet, loads
        Replicas and how many requests each holds, as they are when it chooses.
    requests
        How many requests there are.
    rng
        Numbers of routing by chance; needed for it alone.

    Raises
    ------
    ValueError
        When the routing is unknown, or by chance without `rng`.
    """
    count = len(fleet)
    if count == 1:
        return lambda _: 0
    if routing == "round_robin":
        return lambda request: request % count
    if routing == "random":
        if rng is None:
            msg = "routing by chance needs a generator of random numbers"
            raise ValueError(msg)
        drawn = rng.integers(count, size=requests).tolist()
        return lambda request: int(drawn[request])
    if routing == "fewest_requests":
        return lambda request: _first_least(loads, request % count)
    if routing == "fewest_prompts":
        return lambda request: min(
            range(count),
            key=lambda n: (fleet[n].prompt_tokens, loads[n], (n - request) % count),
        )
    msg = f"routing is {routing!r}; accepted: {', '.join(ROUTINGS)}"
    raise ValueError(msg)


def _first_least(loads: list[int], start: int) -> int:
    """Return the position of the smallest number, the first from `start` on around the ring."""
    least = min(loads)
    try:
        return loads.index(least, start)
    except ValueError:
        return loads.index(least)


def _check(engine: Engine, replicas: int, requests: Requests) -> None:
    if replicas < 1 or engine.budget_tokens < 1 or engine.max_requests < 1:
        msg = "replicas, budget_tokens and max_requests must be 1 or more"
        raise ValueError(msg)
    if not len(requests):
        return
    longest = int((requests.isl_tokens + requests.osl_tokens).max()) + engine.state_tokens
    if longest + 1 > engine.cache_tokens:
        msg = f"a request of {longest:.0f} tokens is longer than the cache"
        raise ValueError(msg)
