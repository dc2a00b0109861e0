"""Plans with fewer replicas, whose requests go to what is left in proportion."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.problem.deferral import DEFERRED
from planner.verify.places import option_of, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.plan.document import Allocation, Plan
    from planner.verify.places import Place

Row = tuple[str, int, int, str]
"""Pool, period, block and option."""
_Stream = tuple[str, int, int, str, bool]


def row_key(row: Allocation) -> Row:
    """Return the place and option of a row.

    Parameters
    ----------
    row
        Row of a plan.
    """
    return *place_of(row), option_of(row)


def counts_of(plan: Plan) -> dict[Row, int]:
    """Return the replicas of every option of a pool that does not only serve work that waits.

    Parameters
    ----------
    plan
        The plan.
    """
    rows = (row for row in plan.allocations if not row.pool.endswith(DEFERRED))
    return {row_key(row): row.replicas for row in rows}


def removal_order(plan: Plan, place: Place) -> list[Row]:
    """Return the options of a place in the order in which one replica after another is taken.

    Those whose replicas carry least come first; one of each stays.

    Parameters
    ----------
    plan
        The plan.
    place
        Pool, period and block.
    """
    carried: dict[Row, float] = defaultdict(float)
    counts = {key: count for key, count in counts_of(plan).items() if key[:3] == place}
    for row in plan.allocations:
        if (key := row_key(row)) in counts:
            carried[key] = max(carried[key], row.capacity_rps)
    order = sorted(counts, key=lambda key: (carried[key], key))
    return [key for key in order for _ in range(counts[key] - 1)]


def with_less(plan: Plan, less: Mapping[Place, int]) -> Plan:
    """Return a plan with so many replicas less at some places, in the order of their removal.

    Parameters
    ----------
    plan
        The plan.
    less
        Replicas less, by pool, period and block.
    """
    left = counts_of(plan)
    for place, count in less.items():
        for key in removal_order(plan, place)[:count]:
            left[key] -= 1
    return _with_counts(plan, left)


def without_spares(plan: Plan, spares: int) -> Plan:
    """Return a plan without the replicas of every place that carry most.

    Parameters
    ----------
    plan
        The plan.
    spares
        How many go.
    """
    left, capacity = counts_of(plan), {row_key(row): row.capacity_rps for row in plan.allocations}
    going: dict[Place, int] = defaultdict(lambda: spares)
    for key in sorted(left, key=lambda key: (-capacity[key], key)):
        taken = min(left[key], going[key[:3]])
        left[key] -= taken
        going[key[:3]] -= taken
    return _with_counts(plan, left)


def unserved_places(plan: Plan, smaller: Plan) -> set[Place]:
    """Return where a workload that has requests in a plan has no replica left in a smaller one.

    Parameters
    ----------
    plan, smaller
        The two, of the same pools and blocks.
    """
    left = {_stream(row) for row in smaller.allocations}
    return {
        place_of(row)
        for row in plan.allocations
        if row.planned_rate_rps and _stream(row) not in left
    }


def _with_counts(plan: Plan, counts: Mapping[Row, int]) -> Plan:
    """Return a plan with other replicas, the requests split as before for each of them.

    Where none of those that served a workload are left, the others serve it by capacity.
    """
    kept = [(row, counts.get(row_key(row), row.replicas)) for row in plan.allocations]
    kept = [(row, count) for row, count in kept if count]
    planned: dict[_Stream, float] = defaultdict(float)
    mean: dict[_Stream, float] = defaultdict(float)
    share: dict[_Stream, float] = defaultdict(float)
    able: dict[_Stream, float] = defaultdict(float)
    for row in plan.allocations:
        planned[_stream(row)] += row.planned_rate_rps
        mean[_stream(row)] += row.rate_rps
    for row, count in kept:
        share[_stream(row)] += row.planned_rate_rps * count / row.replicas
        able[_stream(row)] += row.capacity_rps * count
    rows = []
    for row, count in kept:
        stream = _stream(row)
        if share[stream]:
            part = row.planned_rate_rps * count / row.replicas / share[stream]
        else:
            part = row.capacity_rps * count / able[stream]
        planned_rps, rate_rps = part * planned[stream], part * mean[stream]
        rows.append(replace(row, replicas=count, planned_rate_rps=planned_rps, rate_rps=rate_rps))
    return replace(plan, allocations=tuple(rows))


def _stream(row: Allocation) -> _Stream:
    return row.pool, row.period, row.block, row.workload, row.is_deferred
