r"""Columns of the program: one option of one pool in one bracket of replicas sharing the queue.

Bracket k holds from :math:`R_k` to :math:`R_{k+1} - 1` replicas, and a replica then carries
``mu[w]`` requests/s of workload w alone, which differs by period where lengths grow. Workloads of
a pool share the brackets of an option: the union of their ``min_replicas`` in all periods, each
taking its largest point at or below.

The exchange ratio of two columns is :math:`r(c, d) = \min_w mu[w, c] / mu[w, d]`: replicas of d
that one of c replaces in any mix of workloads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.options.records import Capacity, OptionSet

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Column:
    """One option of one pool in one bracket.

    Parameters
    ----------
    pool, option
        Positions in `Sets.pools` and `OptionSet.options`.
    min_replicas
        Replicas R the capacity asks for.
    last_replicas
        Most replicas of the bracket, ``None`` for the last one.
    accelerators
        Accelerators of one replica.
    mu_rps
        Requests/s of one replica by period and position of the workload; workloads that it cannot
        serve in a period are left out.
    """

    pool: int
    option: int
    min_replicas: int
    last_replicas: int | None
    accelerators: int
    mu_rps: tuple[Mapping[int, float], ...]


def build_columns(
    names: Sequence[str],
    members: Sequence[Sequence[int]],
    options: OptionSet,
    homes: Mapping[tuple[int, int], frozenset[int]],
    periods: int,
) -> tuple[tuple[Column, ...], tuple[tuple[int, ...], ...]]:
    """Return the columns in pool, option and bracket order, and their positions by pool.

    Parameters
    ----------
    names, members
        Names of the workloads, and positions of those of each pool.
    options
        Options and capacities.
    homes
        Offers that may hold each option of each pool, by position.
    periods
        Number of periods.
    """
    capacity = {(c.workload, c.option_id): c for c in options.capacities}
    columns: list[Column] = []
    of_pool = []
    for pool, workloads in enumerate(members):
        first = len(columns)
        for position, option in enumerate(options.options):
            if not homes[pool, position]:
                continue
            usable = {
                w: capacity[names[w], option.id]
                for w in workloads
                if (names[w], option.id) in capacity
            }
            if usable:
                columns += _brackets(pool, position, option.accelerators, usable, periods)
        of_pool.append(tuple(range(first, len(columns))))
    return tuple(columns), tuple(of_pool)


def _brackets(
    pool: int, option: int, accelerators: int, usable: Mapping[int, Capacity], periods: int
) -> list[Column]:
    points = [p for c in usable.values() for of_period in c.distinct_points for p in of_period]
    grows = any(c.by_period for c in usable.values())
    steps: list[tuple[int, tuple[dict[int, float], ...]]] = []
    for start in sorted({p.min_replicas for p in points}):
        mu = tuple(_rates_from(start, usable, t) for t in range(periods if grows else 1))
        # A bracket that carries no more than the one below only adds symmetry.
        if not steps or mu != steps[-1][1]:
            steps.append((start, mu))
    last: list[int | None] = [start - 1 for start, _ in steps[1:]]
    return [
        Column(pool, option, start, end, accelerators, mu if grows else mu * periods)
        for (start, mu), end in zip(steps, [*last, None], strict=True)
    ]


def _rates_from(replicas: int, usable: Mapping[int, Capacity], t: int) -> dict[int, float]:
    """Return what each workload gets in a period when so many replicas share the queue."""
    rates = {
        w: [p.planned_rps for p in c.points_at(t) if p.min_replicas <= replicas]
        for w, c in usable.items()
    }
    return {w: max(of_workload) for w, of_workload in rates.items() if of_workload}


def exchange_ratios(columns: Sequence[Column], period: int = 0) -> FloatArray:
    """Return the exchange ratios of the columns of one pool in a period.

    Parameters
    ----------
    columns
        Columns of one pool.
    period
        Position of the period.

    Returns
    -------
    Shape (C, C): entry (i, j) is the least of ``mu[w, i] / mu[w, j]`` over the workloads of
    column j, and 0 when one of them cannot run on column i, or column j serves none.
    """
    rates_of = [column.mu_rps[period] for column in columns]
    workloads = sorted({w for rates in rates_of for w in rates})
    mu = np.array([[rates.get(w, 0.0) for w in workloads] for rates in rates_of])
    mu = mu.reshape(len(columns), len(workloads))
    ratio = np.full((len(columns), len(columns)), np.inf)
    for rates in mu.T:
        usable = rates > 0
        ratio[:, usable] = np.minimum(ratio[:, usable], rates[:, None] / rates[usable])
    ratio[:, ~np.any(mu > 0, axis=1)] = 0.0
    return ratio


def ratios_by_period(columns: Sequence[Column], periods: int) -> tuple[FloatArray, ...]:
    """Return the exchange ratios of a pool by period, computed once where all are alike.

    Parameters
    ----------
    columns
        Columns of one pool.
    periods
        Number of periods.
    """
    if all(c.mu_rps[t] is c.mu_rps[0] for c in columns for t in range(periods)):
        return (exchange_ratios(columns),) * periods
    return tuple(exchange_ratios(columns, t) for t in range(periods))
