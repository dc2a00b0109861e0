"""Replicas that a plan could do without in the replay, and about what they cost.

Where a plan keeps every promise, one replica at a time is taken from each pool in each block, the
one that carries least, until a promise breaks there: what is left is the smallest fleet, block by
block, that keeps what the plan promises, spares included. Formulas that are careful, whole
replicas, nodes that are there anyway and policies (`scaling`, `max_utilization`) all leave such
replicas.

What they cost is their accelerators at the average price of those of their kind in the block. It
is the most that a plan without them could save: nodes are whole, and what was taken on for a term
is paid anyway.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.problem.deferral import DEFERRED
from planner.verify.replay.run import ReplaySettings, replay_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, Plan
    from planner.problem.load import LoadedProblem
    from planner.problem.schema import Problem
    from planner.verify.replay.records import Replay

Place = tuple[str, int, int]
"""Pool, period and block."""
_Row = tuple[str, int, int, str]
"""Place and option."""
_MOST_ROUNDS = 32


@dataclass(frozen=True, slots=True)
class Slack:
    """Replicas that the replay does not need.

    Parameters
    ----------
    replicas
        How many, by pool, period, block and option.
    usd
        The most that a plan without them could save over the horizon, undiscounted.
    share
        That over the undiscounted cost of the plan.
    """

    replicas: Mapping[_Row, int]
    usd: float
    share: float


def slack_of(
    plan: Plan, loaded: LoadedProblem, catalog: Catalog, settings: ReplaySettings | None = None
) -> Slack:
    """Return the replicas that a plan which keeps its promises could do without.

    Parameters
    ----------
    plan
        A plan that keeps its promises in the replay.
    loaded
        The problem it answers.
    catalog
        The catalogue it was made from.
    settings
        How it was replayed.
    """
    steady = replace(settings or ReplaySettings(), turns=False)  # blocks are taken one by one
    problem, spare = loaded.problem, dict.fromkeys(_counts(plan), 0)
    open_places = {row[:3] for row in spare}
    for _ in range(_MOST_ROUNDS):
        tried = {place: row for place in open_places if (row := _smallest(plan, spare, place))}
        if not tried:
            break
        asked = dict(spare)
        for row in tried.values():
            asked[row] += 1
        smaller = at_places(_without(plan, asked), tried)
        replay = replay_plan(smaller, loaded, catalog, steady)
        broken = missed_places(replay, problem)
        open_places = set(tried) - broken
        for place in open_places:
            spare[tried[place]] += 1
    found = {row: count for row, count in spare.items() if count}
    usd = _worth_usd(plan, found)
    return Slack(found, usd, usd / plan.tco_usd if plan.tco_usd else 0.0)


def missed_places(replay: Replay, problem: Problem) -> set[Place]:
    """Return the pools and blocks in which a promise to requests that do not wait is missed.

    Answers of a chain count for the pool of their workload. Of a limit over whole days it is the
    blocks whose own requests are beyond it.

    Parameters
    ----------
    replay
        What was found.
    problem
        The problem.
    """
    missed: set[Place] = set()
    for found in replay.workloads:
        pool = problem.workload(found.workload).pool_name
        days = {
            (day.period, day.day_type, day.answer, day.limit.text)
            for day in found.over_day
            if not day.limit.kept
        }
        for block in found.blocks:
            beyond = {limit.text for limit in block.limits if not limit.kept}
            for period, number in block.places:
                kind = number // problem.time_blocks
                over = any((period, kind, block.answer, text) in days for text in beyond)
                if over or not block.kept:
                    missed.add((pool, period, number))
    return missed


def at_places(plan: Plan, places: Collection[Place]) -> Plan:
    """Return a plan with the replicas of some pools and blocks only, to replay these.

    Parameters
    ----------
    plan
        The plan.
    places
        Pools, periods and blocks.
    """
    rows = [r for r in plan.allocations if _key(r)[:3] in places]
    return replace(plan, allocations=tuple(rows))


def pool_of(row: Allocation) -> str:
    """Return the pool of a row: of its workload, for an answer of a chain too.

    Replicas that only serve work which waits are a pool of their own.

    Parameters
    ----------
    row
        Row of a plan.
    """
    return row.pool if row.pool.endswith(DEFERRED) else row.pool.split("/", 1)[0]


def _key(row: Allocation) -> _Row:
    return pool_of(row), row.period, row.block, f"{row.pool} {row.option_id}"


def _counts(plan: Plan) -> dict[_Row, int]:
    """Return the replicas of every option of a pool that does not only serve work that waits."""
    rows = (row for row in plan.allocations if not row.pool.endswith(DEFERRED))
    return {_key(row): row.replicas for row in rows}


def _smallest(plan: Plan, spare: Mapping[_Row, int], place: Place) -> _Row | None:
    """Return the option of a place whose replicas carry least and that keeps one without it."""
    there = _counts(plan)
    carried: dict[_Row, float] = defaultdict(float)
    for row in plan.allocations:
        key = _key(row)
        if key[:3] == place and key in there:
            carried[key] = max(carried[key], row.capacity_rps)
    left = [key for key in carried if there[key] - spare[key] > 1]
    return min(left, key=lambda key: (carried[key], key), default=None)


def _without(plan: Plan, spare: Mapping[_Row, int]) -> Plan:
    rows = []
    for row in plan.allocations:
        key = _key(row)
        rows.append(replace(row, replicas=row.replicas - spare.get(key, 0)))
    return replace(plan, allocations=tuple(rows))


def _worth_usd(plan: Plan, spare: Mapping[_Row, int]) -> float:
    each: dict[_Row, tuple[str, float]] = {}
    for row in plan.allocations:
        key = _key(row)
        each[key] = (row.hardware, row.accelerators / row.replicas)
    usd: dict[tuple[int, int, str], float] = defaultdict(float)
    accelerators: dict[tuple[int, int, str], float] = defaultdict(float)
    for node in plan.fleet:
        usd[node.period, node.block, node.hardware] += node.usd
        accelerators[node.period, node.block, node.hardware] += node.accelerators
    total = 0.0
    for key, count in spare.items():
        hardware, size = each[key]
        kind = (key[1], key[2], hardware)
        if accelerators[kind]:
            total += count * size * usd[kind] / accelerators[kind]
    return total
