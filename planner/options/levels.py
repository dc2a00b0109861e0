"""Capacities of pools whose lengths grow: one run for every set of lengths that periods plan for.

A capacity holds for the lengths of all classes of its pool, so it is asked for once for every
distinct set of them. An option that meets the limits with the lengths of some periods only serves
in those.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.errors import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.demand.records import Demand, LengthLevel
    from planner.options.records import Capacity, Rejection
    from planner.problem.schema import Workload


@dataclass(frozen=True, slots=True)
class PoolLevels:
    """Lengths that a pool is planned with.

    Parameters
    ----------
    distinct
        Every set of lengths, as factors by workload, in order of the first period with it.
    of_period
        Position in `distinct` by period; one entry when no lengths of the pool grow.
    """

    distinct: tuple[dict[str, LengthLevel], ...]
    of_period: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What is found with one set of lengths."""

    capacities: list[Capacity] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


def pool_levels(members: Sequence[Workload], demand: Demand) -> PoolLevels:
    """Return the lengths that a pool is planned with.

    Parameters
    ----------
    members
        Workloads of the pool.
    demand
        Levels of their lengths by period.
    """
    rates = [demand.of(w.name) for w in members]
    grows = any(r.length_levels is not None for r in rates)
    periods = range(demand.grid.periods if grows else 1)
    sets = [tuple(r.planned_level(t) for r in rates) for t in periods]
    distinct = list(dict.fromkeys(sets))
    names = [w.name for w in members]
    return PoolLevels(
        tuple(dict(zip(names, levels, strict=True)) for levels in distinct),
        tuple(distinct.index(levels) for levels in sets),
    )


def over_periods(found: Sequence[Found], levels: PoolLevels) -> list[Capacity]:
    """Return one capacity for each workload and option, with its points in every period.

    Parameters
    ----------
    found
        What is found with every set of lengths.
    levels
        Which period is planned with which.
    """
    if len(found) == 1:
        return found[0].capacities
    groups: dict[tuple[str, str], dict[int, Capacity]] = defaultdict(dict)
    for k, at_level in enumerate(found):
        for capacity in at_level.capacities:
            groups[capacity.workload, capacity.option_id][k] = capacity
    merged = []
    for at in groups.values():
        first = at[min(at)]
        shares = [c.ttft_share_unloaded for c in at.values() if c.ttft_share_unloaded is not None]
        merged.append(
            replace(
                first,
                by_period=tuple(at[k].points if k in at else () for k in levels.of_period),
                power_by_period=tuple(at[k].power if k in at else None for k in levels.of_period),
                ttft_share_unloaded=max(shares, default=None),
            )
        )
    return merged


def nearest_over_periods(found: Sequence[Found], levels: PoolLevels) -> list[Rejection]:
    """Return one rejection for each workload and option, which says how many periods it is for.

    Parameters
    ----------
    found
        What is found with every set of lengths.
    levels
        Which period is planned with which.
    """
    if len(found) == 1:
        return found[0].rejections
    groups: dict[tuple[str, str], list[tuple[int, Rejection]]] = defaultdict(list)
    for k, at_level in enumerate(found):
        for rejection in at_level.rejections:
            groups[rejection.workload, rejection.subject].append((k, rejection))
    periods = len(levels.of_period)
    merged = []
    for rows in groups.values():
        _, nearest = min(rows, key=lambda row: row[1].shortfall or float("inf"))
        sets = {k for k, _ in rows}
        out = sum(k in sets for k in levels.of_period)
        where = f"with the lengths of {out} of {counted(periods, 'period')}: "
        merged.append(
            nearest if out == periods else replace(nearest, detail=where + nearest.detail)
        )
    return merged
