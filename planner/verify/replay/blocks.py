"""What is simulated of each block: a sample of it by itself, or its pool through the whole day.

By default a block is a sample of its steady state, from empty replicas: what the block before
leaves is not part of it, which is nothing where queues do not grow. Where more come than end, by
more than 3 % and more than chance, what waits at the end of the block is there when the next one
begins: with ``carry`` every day of the pool with such a block is simulated whole
(:mod:`planner.verify.replay.whole_days`) unless that takes too long, and so is every day where a
replay in full is asked for, however long it takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from planner.verify.replay.intervals import half_width
from planner.verify.replay.sampling import GROWS, Asked, sample
from planner.verify.replay.whole_days import day_found, pool_days

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.perf.traffic import LatencyLimit
    from planner.problem.schema import Problem
    from planner.verify.replay.cases import Case
    from planner.verify.replay.sampling import Sampled
    from planner.verify.replay.whole_days import PoolDay

_CHANCE_OF_ONE = 0.25
"""The same with one seed, which says nothing of chance: short samples end with many in flight."""
_MOST_REQUESTS = 1_000_000.0
"""Most requests of a day, over all seeds, where nobody asked for it whole: minutes at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A case with what its requests see, and whether the block before is part of that."""

    case: Case
    sampled: Sampled
    is_carried: bool = False


@dataclass(frozen=True, slots=True)
class How:
    """How blocks are simulated.

    Parameters
    ----------
    seed, seeds
        First seed, and number of simulations.
    full
        Whether whole blocks are simulated.
    carry
        Whether a queue that grows is carried into the next block; ``full`` always carries.
    alone
        Whether every block is simulated by itself whatever happens.
    """

    seed: int
    seeds: int
    full: bool
    carry: bool
    alone: bool


def parts_of(
    cases: Sequence[Case],
    problem: Problem,
    limits: Mapping[str, Sequence[LatencyLimit]],
    how: How,
    on_done: Callable[[int, int], None],
) -> list[Part]:
    """Return what the requests of all cases see, in order of the first block.

    Parameters
    ----------
    cases
        What is simulated.
    problem
        The problem, for its blocks.
    limits
        Limits of every stream, by name.
    how
        How.
    on_done
        Called with the number of simulations done, and of all, after each.
    """
    days = [] if how.alone else pool_days(cases, problem)
    if how.full and not how.alone:
        return _through(days, how, on_done, (0, len(days)))
    block_s = HOURS_PER_DAY / problem.time_blocks * SECONDS_PER_HOUR
    asked = Asked(how.seed, how.seeds, block_s if how.full else None)
    alone = []
    for number, case in enumerate(cases):
        alone.append(Part(case, sample(case, limits, asked)))
        on_done(number + 1, len(cases))
    growing = {p for part in alone if _grows(part) for p in _keys(part.case)}
    if not how.carry or not growing or problem.time_blocks == 1:
        return alone
    piled = [d for d in days if growing & _day_keys(d) and _requests(d) <= _MOST_REQUESTS]
    carried = _through(piled, how, on_done, (len(cases), len(cases) + len(piled)))
    taken = {key for part in carried for key in _keys(part.case)}
    left = [_without(part, taken) for part in alone]
    found = [*carried, *(part for part in left if part.case.places)]
    return sorted(found, key=lambda part: (part.case.places[0], part.case.pool))


def _through(
    days: Sequence[PoolDay],
    how: How,
    on_done: Callable[[int, int], None],
    done: tuple[int, int],
) -> list[Part]:
    parts = []
    for number, day in enumerate(days):
        seeds = how.seeds if how.full else _affordable(day, how.seeds)
        parts += [
            Part(case, sampled, is_carried=True)
            for case, sampled in day_found(day, how.seed, seeds)
        ]
        on_done(done[0] + number + 1, done[1])
    return sorted(parts, key=lambda part: (part.case.places[0], part.case.pool))


def _affordable(day: PoolDay, seeds: int) -> int:
    """Return how many seeds a day is simulated with that nobody asked for."""
    return max(1, min(seeds, int(_MOST_REQUESTS / _requests(day))))


def _requests(day: PoolDay) -> float:
    block_s = HOURS_PER_DAY / len(day.blocks) * SECONDS_PER_HOUR
    cases = [case for case in day.blocks if case is not None]
    return sum(s.rate_rps for case in cases for s in case.streams) * block_s


def _grows(part: Part) -> bool:
    """Return whether fewer requests of a stream end than come, and not by chance."""
    for runs in part.sampled.by_stream:
        left = np.array([1.0 - run.completed / run.requests for run in runs if run.requests])
        if not len(left):
            continue
        chance = half_width(left) if len(left) > 1 else _CHANCE_OF_ONE
        if left.mean() > max(GROWS, chance):
            return True
    return False


def _keys(case: Case) -> set[tuple[str, int, int]]:
    return {(case.pool, *place) for place in case.places}


def _day_keys(day: PoolDay) -> set[tuple[str, int, int]]:
    pool = next(case.pool for case in day.blocks if case is not None)
    return {(pool, *place) for place in day.places}


def _without(part: Part, taken: set[tuple[str, int, int]]) -> Part:
    """Return a part without the blocks that others stand for."""
    case = part.case
    places = tuple(place for place in case.places if (case.pool, *place) not in taken)
    return replace(part, case=replace(case, places=places))
