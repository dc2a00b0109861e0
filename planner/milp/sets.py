r"""Index sets and data of the program, taken from the demand and option records.

A column is one option of one pool in one bracket (:mod:`planner.milp.columns`).

Most replicas worth having in a column, with load the replicas' worth of all planned rates of the
pool, k[d] replicas of column d that may be lost at once (spare replicas, or those on spare nodes),
and the exchange ratio :math:`r(c, d) = \min_w mu[w, c] / mu[w, d]`::

    n_max[c] = max(R_k, ceil(load[c] + max_d k[d] / r(c, d)))           over d with r(c, d) > 0

because that many carry the whole pool and replace any such loss on their own. Where the loss of
providers or regions has to be survived, a multiple of that may be worth having
(:func:`planner.milp.domains.most_copies`). When that
number lies inside bracket k, higher brackets of the option can only hold more replicas, which
never cost less, so they are dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.backlogs import build_backlogs, most_by_block
from planner.milp.columns import build_columns, ratios_by_block
from planner.milp.domains import most_copies
from planner.milp.dominated import barred_where_dominated
from planner.options.builds import one_tier_each
from planner.options.homes import holds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.demand.records import Demand, TimeGrid
    from planner.milp.backlogs import Backlog
    from planner.milp.columns import Column
    from planner.milp.records import Limits
    from planner.options.records import NodeOffer, Option, OptionSet

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    Elsewhere = Mapping[str, float]
    """Most of what is taken on for a term that is worth having in another program, by identity."""

SMALLEST_SHARE = 1e-4
"""Least rate the program plans for, as a share of the workload's highest: two orders of magnitude
above the solver's tolerance."""
SMALLEST_LOAD_REPLICAS = 1e-5
"""Least load of a workload, in replicas: one order of magnitude above the solver's tolerance."""
_LEAST_SHARE_OF_BLOCK = 0.25
"""Replicas that come and go within a block are not worth more than this bounds them by."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Index sets of the program.

    Parameters
    ----------
    demand, options, limits
        The records everything is taken from.
    pools, workloads_of_pool
        Names, and positions of the workloads of each pool.
    columns, columns_of_pool
        Columns in pool, option and bracket order, and their positions by pool.
    homes
        Offers whose nodes may hold the replicas of each column, as positions.
    ratio_of_pool
        By pool, period and block, ``ratio[i, j]``: replicas of the pool's column j that one
        replica of column i replaces in any mix of workloads; 0 where a workload of j cannot run
        on i. One array for all that are alike.
    planned_rps
        Rate the program serves, shape (W, T, B), requests/s: the planned rate, raised where it
        is not 0 but below `SMALLEST_SHARE` of the workload's highest or
        `SMALLEST_LOAD_REPLICAS`. Rates below the solver's tolerance would otherwise be served
        by nothing, or without their spare.
    actual_rps
        The planned rate as asked, same shape: what decisions and costs use. For the streams of a
        chain both are what there would be if everything went through it.
    rate_unit_rps
        Unit of the flow variables of each workload, a power of ten near its highest rate, so
        that coefficients and tolerances do not depend on the size of the workload.
    n_max
        Most replicas worth having, shape (C, T, B); 0 where the column has no variables.
    backlogs
        Work that can wait. The planned rates of its streams are the highest at which each block
        can be asked to serve it; how much is served there is a decision.
    elsewhere
        Nodes of offers, increments of units and USD per hour of spend commitments that may be
        worth having in other programs, which decide together with this one.
    """

    demand: Demand
    options: OptionSet
    limits: Limits
    pools: tuple[str, ...]
    workloads_of_pool: tuple[tuple[int, ...], ...]
    columns: tuple[Column, ...]
    columns_of_pool: tuple[tuple[int, ...], ...]
    homes: tuple[frozenset[int], ...]
    ratio_of_pool: tuple[tuple[tuple[FloatArray, ...], ...], ...]
    planned_rps: FloatArray
    actual_rps: FloatArray
    rate_unit_rps: FloatArray
    n_max: IntArray
    backlogs: tuple[Backlog, ...] = ()
    elsewhere: Elsewhere = field(default_factory=dict)

    @property
    def waiting(self) -> frozenset[int]:
        """Positions of the streams whose rate is a decision."""
        return frozenset(w for backlog in self.backlogs for w in backlog.streams)

    def chain_streams(self) -> list[tuple[int, int, float]]:
        """Return positions of every stream of a chain and its workload, and answers by request."""
        position = {rates.workload: w for w, rates in enumerate(self.demand.workloads)}
        return [
            (w, position[rates.chain.workload], rates.chain.share)
            for w, rates in enumerate(self.demand.workloads)
            if rates.chain is not None
        ]

    @property
    def by_choice(self) -> frozenset[int]:
        """Positions of the streams that nothing has to go to: those that wait, or of a chain."""
        return self.waiting | {w for w, _, _ in self.chain_streams()}

    def is_batch(self, pool: int) -> bool:
        """Say whether everything in a pool waits."""
        return self.waiting.issuperset(self.workloads_of_pool[pool])

    def has_spares(self, pool: int) -> bool:
        """Say whether a pool survives some loss; work that waits needs no spares."""
        return self.limits.has_spares and not self.is_batch(pool)

    def replicas_lost(self, column: int, largest_node: int) -> int:
        """Return the most replicas of a column that are lost at once; 0 where everything waits.

        Parameters
        ----------
        column
            Position of the column.
        largest_node
            Accelerators of the largest node that may hold it, 0 when there is none.
        """
        own = self.columns[column]
        if self.is_batch(own.pool):
            return 0
        return self.limits.replicas_lost(own.accelerators, largest_node)

    @property
    def changeover_blocks(self) -> float:
        """Share of a block that a batch replica loses when it starts, and when it ends."""
        if self.is_static or self.grid.blocks_per_day == 1:
            return 0.0
        return self.limits.changeover_h / self.grid.block_h

    @property
    def grid(self) -> TimeGrid:
        """Time grid of the demand."""
        return self.demand.grid

    @property
    def is_static(self) -> bool:
        """True when nodes and replicas are equal in all blocks of a period."""
        return self.limits.scaling == "static"

    def option_of(self, column: int) -> Option:
        """Return the option of a column."""
        return self.options.options[self.columns[column].option]

    def mean_rps_of_unit(self, workload: int, t: int, b: int) -> float:
        """Return the mean requests/s that one unit of a flow of a workload stands for.

        Parameters
        ----------
        workload, t, b
            Positions of the workload, the period and the block, one with a planned rate.
        """
        share = float(self.demand.workloads[workload].usage_shares(t)[b])
        asked = float(self.actual_rps[workload, t, b] / self.planned_rps[workload, t, b])
        return float(self.rate_unit_rps[workload]) * asked * share

    def slots(self) -> list[tuple[int, int]]:
        """Return every (period, block)."""
        return self.grid.slots


def _served_rps(actual_rps: FloatArray, columns: Sequence[Column]) -> FloatArray:
    """Return the rates the program serves: as asked, but never too small for the solver to see."""
    workloads, periods, _ = actual_rps.shape
    largest_rps = np.zeros((workloads, periods))
    for column in columns:
        for t in range(periods):
            for w, mu_rps in column.rates_in(t).items():
                largest_rps[w, t] = max(largest_rps[w, t], mu_rps)
    floor = np.maximum(
        SMALLEST_SHARE * actual_rps.max(axis=(1, 2))[:, None], SMALLEST_LOAD_REPLICAS * largest_rps
    )
    return np.where(actual_rps > 0, np.maximum(actual_rps, floor[:, :, None]), 0.0)


def build_sets(
    demand: Demand, options: OptionSet, limits: Limits, elsewhere: Elsewhere | None = None
) -> Sets:
    """Return the index sets of a program.

    Parameters
    ----------
    demand, options, limits
        What is asked, what can serve, and under which limits.
    elsewhere
        What other programs, which decide together with this one, may want of terms.
    """
    names = [w.workload for w in demand.workloads]
    pool_of = {name: name for name in names} | dict(options.pool_of)
    pools = tuple(dict.fromkeys(pool_of[name] for name in names))
    members = tuple(
        tuple(i for i, name in enumerate(names) if pool_of[name] == pool) for pool in pools
    )
    if limits.scaling != "static":
        options = barred_where_dominated(options, demand.grid)
    homes = _homes(pools, options)
    columns, of_pool = build_columns(names, members, options, homes, demand.grid)
    actual = np.stack([np.asarray(w.planned_rps, dtype=np.float64) for w in demand.workloads])
    backlogs = build_backlogs(demand, options)
    planned = _served_rps(actual, columns)
    for backlog in backlogs:
        most_rps = most_by_block(backlog, demand.grid)
        for w in backlog.streams:
            planned[w] = actual[w] = most_rps
    for w, rates in enumerate(demand.workloads):
        if rates.chain is not None:
            direct = names.index(rates.chain.workload)
            planned[w] = rates.chain.share * planned[direct]
            actual[w] = rates.chain.share * actual[direct]
    ratios = tuple(ratios_by_block([columns[c] for c in cs], demand.grid) for cs in of_pool)
    sets = Sets(
        demand=demand,
        options=options,
        limits=limits,
        pools=pools,
        workloads_of_pool=members,
        columns=columns,
        columns_of_pool=of_pool,
        homes=tuple(homes[c.pool, c.option] for c in columns),
        ratio_of_pool=ratios,
        planned_rps=planned,
        actual_rps=actual,
        rate_unit_rps=np.array([_power_of_ten(float(p.max())) for p in planned]),
        n_max=np.zeros((len(columns), *planned.shape[1:]), dtype=np.int64),
        backlogs=backlogs,
        elsewhere=elsewhere or {},
    )
    return replace(sets, n_max=_replica_bounds(sets))


def most_nodes(sets: Sets, offer: int) -> int:
    """Return the nodes of an offer that hold every replica worth having, or that are there.

    Nodes that have to be taken on, or that other programs may want, count like those worth having,
    and so do those that make the last order as large as it has to be.

    Parameters
    ----------
    sets
        Index sets and data.
    offer
        Position of the offer.
    """
    node = sets.options.offers[offer]
    wanted = sum(
        int(sets.n_max[c].max()) * column.accelerators
        for c, column in enumerate(sets.columns)
        if offer in sets.homes[c]
    )
    share = sets.limits.max_share_per_provider
    if share is not None:
        # Nodes without replicas may keep shares: each replica may stand on a node of its own, of
        # the largest shape, and what they take may be no more than the share of one provider.
        replicas = sum(int(bound.max()) for bound in sets.n_max)
        largest = max(o.accelerators_per_node for o in sets.options.offers)
        wanted = math.ceil((replicas / share + len(sets.options.offers)) * largest)
    worth = max(math.ceil(wanted / node.accelerators_per_node), 1)
    worth += max((build.min_nodes for build in node.builds), default=1) - 1
    asked = int(sets.elsewhere.get(node.offer_id, 0))
    return max(worth, asked) + max(node.nodes_there, _most_held(sets, node))


def _most_held(sets: Sets, node: NodeOffer) -> int:
    """Return the most nodes of an offer that have to be there at a time."""
    return max(
        (
            sum(build.least_nodes for build in one_tier_each(node.builds) if build.serves(t))
            for t in range(sets.grid.periods)
        ),
        default=0,
    )


def _homes(pools: Sequence[str], options: OptionSet) -> dict[tuple[int, int], frozenset[int]]:
    """Return the offers that may hold each option of each pool, by position."""
    return {
        (p, i): frozenset(
            o
            for o, offer in enumerate(options.offers)
            if holds(offer, option) and (pool, offer.offer_id) not in options.barred
        )
        for p, pool in enumerate(pools)
        for i, option in enumerate(options.options)
    }


def _most_lost(sets: Sets, c: int) -> int:
    """Return the most replicas of a column that are lost at once, on the largest of its nodes."""
    sizes = (sets.options.offers[o].accelerators_per_node for o in sets.homes[c])
    return sets.replicas_lost(c, max(sizes, default=0))


def _power_of_ten(value: float) -> float:
    return float(10.0 ** math.floor(math.log10(value))) if value > 0 else 1.0


def _replica_bounds(sets: Sets) -> IntArray:
    bounds = np.zeros_like(sets.n_max)
    shape = bounds.shape[1:]
    copies = most_copies(sets.options, sets.limits)
    for pool, members in enumerate(sets.columns_of_pool):
        worst = _spares_worth_having(sets, pool)
        done: dict[int, NDArray[np.bool_]] = {}
        widest = {sets.columns[c].option: _workloads_served(sets.columns[c]) for c in members}
        for c, spares in zip(members, worst, strict=True):
            column = sets.columns[c]
            load = _load(sets, pool, column)
            enough = copies * np.ceil(load + spares).astype(np.int64)
            enough = np.where(load > 0, np.maximum(enough, column.min_replicas), 0)
            closed = done.setdefault(column.option, np.zeros(shape, dtype=bool))
            last = column.last_replicas
            bounds[c] = np.where(closed, 0, enough if last is None else np.minimum(enough, last))
            # A higher bracket may be the first one that another workload of the pool can use.
            if last is not None:
                all_here = _workloads_served(column) == widest[column.option]
                if sets.is_static:
                    all_here &= all_here.all(axis=1, keepdims=True)
                closed |= (enough <= last) & all_here
    return bounds


def _workloads_served(column: Column) -> IntArray:
    """Return how many workloads a column serves, shape (T, B)."""
    return np.array([[len(rates) for rates in by_block] for by_block in column.mu_rps])


def _spares_worth_having(sets: Sets, pool: int) -> FloatArray:
    """Return the replicas of each column that replace any loss in a pool, shape (C, T, B)."""
    members = sets.columns_of_pool[pool]
    replaced = np.array([_most_lost(sets, c) for c in members])
    worst = np.zeros((len(members), *sets.n_max.shape[1:]))
    known: dict[int, FloatArray] = {}
    for t, b in sets.slots():
        ratio = sets.ratio_of_pool[pool][t][b]
        if id(ratio) not in known:
            with np.errstate(divide="ignore", invalid="ignore"):
                replacing = np.where(ratio > 0, replaced / ratio, 0.0)
            known[id(ratio)] = replacing.max(axis=1, initial=0.0)
        worst[:, t, b] = known[id(ratio)]
    return worst


def _load(sets: Sets, pool: int, column: Column) -> FloatArray:
    """Return the replicas of a column that carry all planned rates of its pool, shape (T, B).

    Where replicas are the same in all blocks, there are none of a kind that may serve nobody in
    one of them.
    """
    load = np.zeros(sets.n_max.shape[1:])
    for t in range(len(column.mu_rps)):
        load[t] = column.load(column.rates_in(t), sets.planned_rps, t)
    if sets.is_batch(pool):
        left = max(1.0 - 2 * sets.changeover_blocks, _LEAST_SHARE_OF_BLOCK)
        load /= left
    if sets.is_static:
        always = _workloads_served(column).all(axis=1, keepdims=True)
        return np.broadcast_to(np.max(load, axis=1, keepdims=True) * always, load.shape)
    return load
