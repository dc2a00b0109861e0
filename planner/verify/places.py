"""Pools by block: where a promise is missed, and plans cut down to such places."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.problem.deferral import DEFERRED, owner

if TYPE_CHECKING:
    from collections.abc import Collection

    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.records import Replay

Place = tuple[str, int, int]
"""Pool, period and block."""


def pool_of(row: Allocation) -> str:
    """Return the pool of a row: of its workload, for an answer of a chain too.

    Replicas that only serve work which waits are a pool of their own.

    Parameters
    ----------
    row
        Row of a plan.
    """
    return row.pool if row.pool.endswith(DEFERRED) else owner(row.pool)


def place_of(row: Allocation) -> Place:
    """Return the pool, period and block of a row.

    Parameters
    ----------
    row
        Row of a plan.
    """
    return pool_of(row), row.period, row.block


def option_of(row: Allocation) -> str:
    """Return the option of a row within its place: answers of a chain have pools of their own.

    Parameters
    ----------
    row
        Row of a plan.
    """
    return f"{row.pool} {row.option_id}"


def at_places(plan: Plan, places: Collection[Place]) -> Plan:
    """Return a plan with the replicas of some pools and blocks only, to replay these.

    Parameters
    ----------
    plan
        The plan.
    places
        Pools, periods and blocks.
    """
    rows = [row for row in plan.allocations if place_of(row) in places]
    return replace(plan, allocations=tuple(rows))


def missed_places(replay: Replay, problem: Problem) -> set[Place]:
    """Return the pools and blocks in which a promise to requests that do not wait is missed.

    Parameters
    ----------
    replay
        What was found.
    problem
        The problem.
    """
    return {place for _, place in missed_workloads(replay, problem)}


def missed_workloads(replay: Replay, problem: Problem) -> set[tuple[str, Place]]:
    """Return the workloads to which a promise is missed, each with its pool and block.

    Answers of a chain count for the pool of their workload. Of a limit over whole days it is the
    blocks whose own requests are beyond it.

    Parameters
    ----------
    replay
        What was found.
    problem
        The problem.
    """
    missed: set[tuple[str, Place]] = set()
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
                    missed.add((found.workload, (pool, period, number)))
    return missed
