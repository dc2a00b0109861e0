"""Replicas that a plan lacks in the replay, by pool and block.

Where a promise is missed, replicas are added to the pool in that block, each to the option with
the highest load, until the replay keeps it: twice as many again and again, and then by bisection
(to 2 % of the replicas of large pools). Where four times the replicas are too few, each option
there is tried alone with as many, to see which of them miss it whatever their number.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.verify.places import (
    at_places,
    missed_places,
    missed_workloads,
    option_of,
    place_of,
)
from planner.verify.replay.run import ReplaySettings, replay_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, Plan
    from planner.problem.load import LoadedProblem
    from planner.verify.places import Place

MOST_TIMES = 4
"""Times its replicas that a pool is tried with at most."""
_PRECISION = 0.02


@dataclass(slots=True)
class _Search:
    """Replicas more that are too few, and that are enough, as far as known."""

    most: int
    step: int
    too_few: int = 0
    enough: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to try."""
        if self.enough is None:
            return self.too_few >= self.most
        return self.enough - self.too_few <= self.step

    @property
    def next(self) -> int:
        """How many more to try."""
        if self.enough is None:
            return min(max(2 * self.too_few, 1), self.most)
        return (self.too_few + self.enough) // 2


def lack_of(
    plan: Plan,
    loaded: LoadedProblem,
    catalog: Catalog,
    places: Collection[Place],
    settings: ReplaySettings | None = None,
    *,
    most: Mapping[Place, int] | None = None,
) -> dict[Place, int | None]:
    """Return how many replicas more each pool needs to keep its promises in a block.

    Parameters
    ----------
    plan
        A plan that misses promises in the replay.
    loaded
        The problem it answers.
    catalog
        The catalogue it was made from.
    places
        Pools and blocks that miss them.
    settings
        How it is replayed.
    most
        Replicas that each place is tried with at most; ``None`` for four times what it has.

    Returns
    -------
    dict
        By place; ``None`` where the most replicas are too few.
    """
    steady = _one_by_one(settings)
    searches: dict[Place, _Search] = {}
    for place in sorted(places):
        count = sum(replicas_at(plan, place).values())
        step = max(1, math.floor(_PRECISION * count))
        searches[place] = _Search(_most_more(plan, place, most), step)
    while going := {place: s.next for place, s in searches.items() if not s.is_over}:
        larger = at_places(with_more(plan, going), going)
        replay = replay_plan(larger, loaded, catalog, steady)
        broken = missed_places(replay, loaded.problem)
        for place, more in going.items():
            if place in broken:
                searches[place].too_few = more
            else:
                searches[place].enough = more
    return {place: search.enough for place, search in searches.items()}


def unfit_options(
    plan: Plan,
    loaded: LoadedProblem,
    catalog: Catalog,
    places: Collection[Place],
    settings: ReplaySettings | None = None,
    *,
    most: Mapping[Place, int] | None = None,
) -> list[tuple[str, str, Place]]:
    """Return workloads with the options that miss promises to them however many replicas serve.

    Each with the pool and block where it does.

    Parameters
    ----------
    plan, loaded, catalog, settings, most
        As :func:`lack_of` takes them.
    places
        Pools and blocks in which the most replicas are too few.
    """
    steady = _one_by_one(settings)
    here = at_places(plan, places)
    more = {place: _most_more(plan, place, most) for place in places}
    has = {place: sum(replicas_at(plan, place).values()) for place in places}
    together = replay_plan(with_more(here, more), loaded, catalog, steady)
    missed = missed_workloads(together, loaded.problem)
    shared = [row for row in here.allocations if len(replicas_at(here, place_of(row))) > 1]
    found: set[tuple[str, str, Place]] = set()
    for option_id in sorted({row.option_id for row in shared}):
        rows = [row for row in shared if row.option_id == option_id]
        many = tuple(
            replace(row, replicas=row.replicas + math.ceil(row.replicas * more[at] / has[at]))
            for row in rows
            for at in (place_of(row),)
        )
        alone = replay_plan(replace(here, allocations=many), loaded, catalog, steady)
        found |= {
            (workload, option_id, place)
            for workload, place in missed_workloads(alone, loaded.problem)
        }
    # Where no option alone misses it, they do together; an only one has been tried so.
    blamed = {(workload, place) for workload, _, place in found}
    found |= {
        (row.workload, row.option_id, place_of(row))
        for row in here.allocations
        if (row.workload, place_of(row)) in missed - blamed
    }
    return sorted(found)


def _one_by_one(settings: ReplaySettings | None) -> ReplaySettings:
    """Return how blocks are replayed one by one, for nothing but the promises they miss."""
    return replace(settings or ReplaySettings(), turns=False, verdict=True)


def with_more(plan: Plan, more: Mapping[Place, int]) -> Plan:
    """Return a plan with more replicas of the options that are loaded most.

    Parameters
    ----------
    plan
        The plan.
    more
        Replicas more, by pool, period and block.
    """
    counts: dict[Place, dict[str, int]] = {}
    for place, added in more.items():
        counts[place] = there = replicas_at(plan, place)
        load: dict[str, float] = defaultdict(float)
        for row in _rows(plan, place):
            load[option_of(row)] += row.planned_rate_rps / row.capacity_rps
        for _ in range(added):
            there[max(there, key=lambda key: (load[key] / there[key], key))] += 1
    rows = []
    for row in plan.allocations:
        place = place_of(row)
        count = counts.get(place, {}).get(option_of(row), row.replicas)
        rows.append(replace(row, replicas=count))
    return replace(plan, allocations=tuple(rows))


def _rows(plan: Plan, place: Place) -> list[Allocation]:
    return [r for r in plan.allocations if place_of(r) == place]


def replicas_at(plan: Plan, place: Place) -> dict[str, int]:
    """Return the replicas of a pool in a block, by option.

    Parameters
    ----------
    plan
        The plan.
    place
        The pool, period and block.
    """
    return {option_of(row): row.replicas for row in _rows(plan, place)}


def _most_more(plan: Plan, place: Place, most: Mapping[Place, int] | None) -> int:
    has = sum(replicas_at(plan, place).values())
    return max(0, (MOST_TIMES * has if most is None else most[place]) - has)
