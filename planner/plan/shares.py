"""Who uses what: each workload's share of the hardware in every block.

The undiscounted cost of a hardware type in a block is split over the pools on it by the
accelerators their replicas hold, idle and spare nodes in proportion; inside a pool by planned
load ``f / mu`` in replicas. What nodes cost while they start is split like the block in which they
begin to serve. A block whose nodes hold no replica (they are billed for longer) is split like the
whole day, a day without any replica in equal parts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.plan.tables import point_at
from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.plan.document import FleetRow
    from planner.plan.records import Decisions

Shares = dict[str, float]
_Place = tuple[str, int, int]


class PaidHours(NamedTuple):
    """Node-hours of a fleet row, what is paid for them in USD, and whose they are."""

    node_hours: float
    usd: float
    shares: Shares


class HardwareShares:
    """Each workload's share of the cost of a hardware type, by period and block.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    """

    def __init__(self, demand: Demand, options: OptionSet, decisions: Decisions) -> None:
        size = {o.id: (o.hardware, o.accelerators) for o in options.options}
        pools = _pool_shares(options, decisions, load_in_replicas(demand, options, decisions))
        self._pools = pools
        self._held: dict[_Place, Shares] = defaultdict(lambda: defaultdict(float))
        self._grid = demand.grid
        self._weights = demand.grid.shares_of_period.tolist()
        self._equal = dict.fromkeys((owner(w.workload) for w in demand.workloads), 1.0)
        for decision in decisions.replicas:
            hardware, accelerators = size[decision.option_id]
            where = (decision.period, decision.block)
            for workload, share in pools[decision.pool, decision.option_id, *where].items():
                held = decision.replicas * accelerators * share
                self._held[hardware, *where][workload] += held

    def at(self, hardware: str, period: int, block: int) -> Shares:
        """Return the share of every workload in one block; the shares sum to 1."""
        exact = self._held.get((hardware, period, block))
        if exact:
            return _normalised(exact)
        day: Shares = defaultdict(float)
        for (name, t, _), held in self._held.items():
            if (name, t) == (hardware, period):
                for workload, accelerators in held.items():
                    day[workload] += accelerators
        return _normalised(day or self._equal)

    def paid(self, row: FleetRow) -> Iterator[PaidHours]:
        """Yield the hours of a block in which nodes serve, and those in which others start."""
        startup_usd = row.price_usd_per_hour * row.startup_node_hours
        if row.nodes:
            split = self.at(row.hardware, row.period, row.block)
            yield PaidHours(row.nodes * row.hours, row.usd - startup_usd, split)
        if row.startup_node_hours:
            split = self.at(row.hardware, row.period, self._grid.after(row.block))
            yield PaidHours(row.startup_node_hours, startup_usd, split)

    def of_replicas(self, pool: str, option_id: str, period: int, block: int) -> Shares:
        """Return the share of every workload in the replicas of an option; they sum to 1."""
        return self._pools[pool, option_id, period, block]

    def over(self, hardware: str, periods: range, blocks: Sequence[int] | None = None) -> Shares:
        """Return the mean share of every workload over some blocks (all) of some periods."""
        total: Shares = defaultdict(float)
        for period in periods:
            for block, weight in enumerate(self._weights):
                if blocks is not None and block not in blocks:
                    continue
                for workload, share in self.at(hardware, period, block).items():
                    total[workload] += share * weight
        return _normalised(total or self._equal)


def _pool_shares(
    options: OptionSet, decisions: Decisions, loads: Mapping[tuple[str, str, int, int], float]
) -> dict[tuple[str, str, int, int], Shares]:
    """Return shares of the workloads of a pool in an option, by f / mu; spares by the pool's."""
    members: dict[str, list[str]] = defaultdict(list)
    for stream, pool in options.pool_of:
        members[pool].append(owner(stream))
    pool_load: dict[tuple[str, int, int], Shares] = defaultdict(lambda: defaultdict(float))
    option_load: dict[tuple[str, str, int, int], Shares] = defaultdict(lambda: defaultdict(float))
    pool_of = dict(options.pool_of)
    for (stream, option, period, block), load in loads.items():
        pool = pool_of[stream]
        pool_load[pool, period, block][owner(stream)] += load
        option_load[pool, option, period, block][owner(stream)] += load
    shares = {}
    for decision in decisions.replicas:
        where = (decision.option_id, decision.period, decision.block)
        own = option_load[decision.pool, *where]
        if not any(own.values()):
            own = pool_load[decision.pool, decision.period, decision.block]
        if not any(own.values()):
            own = dict.fromkeys(members[decision.pool], 1.0)
        shares[decision.pool, *where] = _normalised(own)
    return shares


def _normalised(weights: Mapping[str, float]) -> Shares:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def load_in_replicas(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> dict[tuple[str, str, int, int], float]:
    """Return planned load ``f / mu`` in replicas by (workload, option, period, block)."""
    capacity_of = {(c.workload, c.option_id): c for c in options.capacities}
    pool_of = dict(options.pool_of)
    replicas = {(d.pool, d.option_id, d.period, d.block): d.replicas for d in decisions.replicas}
    loads = {}
    for flow in decisions.flows:
        pool = pool_of[flow.workload]
        count = replicas[pool, flow.supply_id, flow.period, flow.block]
        known, place = capacity_of[flow.workload, flow.supply_id], (flow.period, flow.block)
        rate = point_at(known, count, place).planned_rps
        loads[flow.workload, flow.supply_id, flow.period, flow.block] = flow.planned_rps / rate
    return loads
