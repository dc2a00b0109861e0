r"""Columns of the program: one option of one pool in one bracket of replicas sharing the queue.

Bracket k holds from :math:`R_k` to :math:`R_{k+1} - 1` replicas, and a replica then carries
``mu[w]`` requests/s of workload w alone, which differs by period where lengths grow, and by block
where the option has headroom of its own; in blocks from which w is barred there is none. Workloads
of a pool share the brackets of an option: the union of their ``min_replicas`` in all periods, each
taking its largest point at or below.

The exchange ratio of two columns is :math:`r(c, d) = \min_w mu[w, c] / mu[w, d]`: replicas of d
that one of c replaces in any mix of workloads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.demand.records import TimeGrid
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
        Requests/s of one replica by period, block and position of the workload; workloads that it
        cannot or may not serve there are left out.
    """

    pool: int
    option: int
    min_replicas: int
    last_replicas: int | None
    accelerators: int
    mu_rps: tuple[tuple[Mapping[int, float], ...], ...]

    def rates_in(self, t: int) -> Mapping[int, float]:
        """Return the most requests/s of one replica by workload, over all blocks of a period.

        Parameters
        ----------
        t
            Position of the period.
        """
        most: dict[int, float] = {}
        for rates in {id(rates): rates for rates in self.mu_rps[t]}.values():
            for w, mu in rates.items():
                most[w] = max(most.get(w, 0.0), mu)
        return most

    def load(self, workloads: Iterable[int], planned_rps: FloatArray, t: int) -> FloatArray:
        """Return the replicas that carry the rates of some workloads by themselves, shape (B,).

        Where a workload may not be served it asks for none.

        Parameters
        ----------
        workloads
            Positions of the workloads.
        planned_rps
            Rates by workload, period and block, requests/s.
        t
            Position of the period.
        """
        total = np.zeros(planned_rps.shape[-1])
        for w in workloads:
            mu_rps = np.array([rates.get(w, np.inf) for rates in self.mu_rps[t]])
            total += planned_rps[w, t] / mu_rps
        return total

    def may_serve(self, workloads: Iterable[int], t: int, blocks: Sequence[int]) -> bool:
        """Say whether it serves some workloads in all of some blocks.

        Parameters
        ----------
        workloads, t, blocks
            Positions of the workloads, the period and the blocks.
        """
        return all(w in self.mu_rps[t][b] for w in workloads for b in blocks)


def build_columns(
    names: Sequence[str],
    members: Sequence[Sequence[int]],
    options: OptionSet,
    homes: Mapping[tuple[int, int], frozenset[int]],
    grid: TimeGrid,
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
    grid
        Periods and blocks.
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
                columns += _brackets(pool, position, option.accelerators, usable, grid)
        of_pool.append(tuple(range(first, len(columns))))
    return tuple(columns), tuple(of_pool)


def _brackets(
    pool: int, option: int, accelerators: int, usable: Mapping[int, Capacity], grid: TimeGrid
) -> list[Column]:
    points = [p for c in usable.values() for of_period in c.distinct_points for p in of_period]
    grows = any(c.by_period for c in usable.values())
    steps: list[tuple[int, tuple[tuple[dict[int, float], ...], ...]]] = []
    for start in sorted({p.min_replicas for p in points}):
        by_period = [_rates_from(start, usable, t) for t in range(grid.periods if grows else 1)]
        by_period = by_period if grows else by_period * grid.periods
        mu = _by_block(by_period, usable, grid)
        # A bracket that carries no more than the one below only adds symmetry.
        if not steps or mu != steps[-1][1]:
            steps.append((start, mu))
    last: list[int | None] = [start - 1 for start, _ in steps[1:]]
    return [
        Column(pool, option, start, end, accelerators, mu)
        for (start, mu), end in zip(steps, [*last, None], strict=True)
    ]


def _rates_from(replicas: int, usable: Mapping[int, Capacity], t: int) -> dict[int, float]:
    """Return what each workload gets in a period when so many replicas share the queue."""
    rates = {
        w: [p.planned_rps for p in c.points_at(t) if p.min_replicas <= replicas]
        for w, c in usable.items()
    }
    return {w: max(of_workload) for w, of_workload in rates.items() if of_workload}


def _by_block(
    by_period: Sequence[dict[int, float]], usable: Mapping[int, Capacity], grid: TimeGrid
) -> tuple[tuple[dict[int, float], ...], ...]:
    """Return rates by period and block, one record for all blocks that are alike."""
    if not any(capacity.barred or capacity.headroom for capacity in usable.values()):
        return tuple((rates,) * grid.blocks for rates in by_period)
    known: dict[tuple[int, tuple[tuple[int, float], ...]], dict[int, float]] = {}

    def allowed(t: int, b: int) -> dict[int, float]:
        rates = by_period[t]
        factors = tuple(
            (w, usable[w].headroom.get((t, b), 1.0))
            for w in rates
            if (t, b) not in usable[w].barred
        )
        key = (id(rates), factors)
        if key not in known:
            known[key] = {w: rates[w] / factor for w, factor in factors}
        return known[key]

    return tuple(tuple(allowed(t, b) for b in range(grid.blocks)) for t in range(grid.periods))


def exchange_ratios(columns: Sequence[Column], period: int = 0, block: int = 0) -> FloatArray:
    """Return the exchange ratios of the columns of one pool in a block.

    Parameters
    ----------
    columns
        Columns of one pool.
    period, block
        Positions of the period and the block.

    Returns
    -------
    Shape (C, C): entry (i, j) is the least of ``mu[w, i] / mu[w, j]`` over the workloads of
    column j, and 0 when one of them cannot run on column i, or column j serves none.
    """
    rates_of = [column.mu_rps[period][block] for column in columns]
    workloads = sorted({w for rates in rates_of for w in rates})
    mu = np.array([[rates.get(w, 0.0) for w in workloads] for rates in rates_of])
    mu = mu.reshape(len(columns), len(workloads))
    ratio = np.full((len(columns), len(columns)), np.inf)
    for rates in mu.T:
        usable = rates > 0
        ratio[:, usable] = np.minimum(ratio[:, usable], rates[:, None] / rates[usable])
    ratio[:, ~np.any(mu > 0, axis=1)] = 0.0
    return ratio


def ratios_by_block(
    columns: Sequence[Column], grid: TimeGrid
) -> tuple[tuple[FloatArray, ...], ...]:
    """Return the exchange ratios of a pool by period and block, one array for all that are alike.

    Parameters
    ----------
    columns
        Columns of one pool.
    grid
        Periods and blocks.
    """
    known: dict[tuple[int, ...], FloatArray] = {}

    def ratios(t: int, b: int) -> FloatArray:
        alike = tuple(id(column.mu_rps[t][b]) for column in columns)
        if alike not in known:
            known[alike] = exchange_ratios(columns, t, b)
        return known[alike]

    return tuple(tuple(ratios(t, b) for b in range(grid.blocks)) for t in range(grid.periods))
