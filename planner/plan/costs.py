"""Who pays for what: cost lines and unit costs.

The undiscounted cost of a hardware type in a block is split over the pools on it by the
accelerators their replicas hold, idle and spare nodes in proportion; inside a pool by planned
load ``f / mu`` in replicas. A block whose nodes hold no replica (they start for the next one, or
are billed for longer) is split like the whole day, a day without any replica in equal parts.
Money spent over a period is discounted at its middle.

The unit cost of a workload is its whole undiscounted cost over what it used at the mean rate.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.plan.document import CostLine, UnitCost
from planner.plan.tables import load_in_replicas, mean_share
from planner.units import SECONDS_PER_HOUR, TOKENS_PER_MTOK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.plan.document import ApiRow, FleetRow
    from planner.plan.records import Decisions

Shares = dict[str, float]
_Place = tuple[str, int, int]


def cost_lines(
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    fleet: Sequence[FleetRow],
    api: Sequence[ApiRow],
) -> tuple[CostLine, ...]:
    """Return cost by period, category, workload, hardware and tenure; sums are exact."""
    shares = HardwareShares(demand, options, decisions)
    sums: dict[tuple[int, str, str, str, str], float] = defaultdict(float)
    for row in fleet:
        split = shares.at(row.hardware, row.period, row.block)
        for workload, share in split.items():
            sums[row.period, row.tenure, workload, row.hardware, row.tenure] += row.usd * share
    for item in api:
        sums[item.period, "api", item.workload, "", "api"] += item.usd
    factor = demand.grid.discount_factor
    return tuple(
        CostLine(period, category, workload, hardware, tenure, usd, usd * factor[period])
        for (period, category, workload, hardware, tenure), usd in sorted(sums.items())
    )


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
        self._held: dict[_Place, Shares] = defaultdict(lambda: defaultdict(float))
        self._equal = dict.fromkeys((w.workload for w in demand.workloads), 1.0)
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


def _pool_shares(
    options: OptionSet, decisions: Decisions, loads: Mapping[tuple[str, str, int, int], float]
) -> dict[tuple[str, str, int, int], Shares]:
    """Return shares of the workloads of a pool in an option, by f / mu; spares by the pool's."""
    members: dict[str, list[str]] = defaultdict(list)
    for workload, pool in options.pool_of:
        members[pool].append(workload)
    pool_load: dict[tuple[str, int, int], Shares] = defaultdict(lambda: defaultdict(float))
    pool_of = dict(options.pool_of)
    for (workload, _, period, block), load in loads.items():
        pool_load[pool_of[workload], period, block][workload] += load
    shares = {}
    for decision in decisions.replicas:
        where = (decision.option_id, decision.period, decision.block)
        own = {w: loads.get((w, *where), 0.0) for w in members[decision.pool]}
        if not any(own.values()):
            own = dict(pool_load[decision.pool, decision.period, decision.block])
        if not any(own.values()):
            own = dict.fromkeys(members[decision.pool], 1.0)
        shares[decision.pool, *where] = _normalised(own)
    return shares


def _normalised(weights: Mapping[str, float]) -> Shares:
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def unit_costs(
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    lines: Iterable[CostLine],
    fleet: Sequence[FleetRow],
) -> tuple[UnitCost, ...]:
    """Return the average cost of every workload's tokens and requests over the horizon."""
    usd: dict[str, float] = defaultdict(float)
    for line in lines:
        usd[line.workload] += line.usd
    used, paid = _accelerator_hours(demand, options, decisions, fleet)
    return tuple(
        _unit_cost(demand, name, usd[name], used.get(name, 0.0), paid.get(name, 0.0))
        for name in (w.workload for w in demand.workloads)
    )


def _unit_cost(
    demand: Demand, workload: str, usd: float, used_h: float, paid_h: float
) -> UnitCost:
    rates = demand.of(workload)
    seconds = demand.grid.hours_per_block_in_period * SECONDS_PER_HOUR
    requests = float(rates.mean_rps.sum()) * seconds
    lengths = rates.lengths
    output = None if lengths is None else requests * lengths.osl_mean_tokens / TOKENS_PER_MTOK
    total = (
        None
        if lengths is None or output is None
        else output + requests * lengths.isl_mean_tokens / TOKENS_PER_MTOK
    )
    return UnitCost(
        workload=workload,
        usd_per_million_output_tokens=usd / output if output else None,
        usd_per_million_tokens=usd / total if total else None,
        usd_per_request=usd / requests,
        utilization=used_h / paid_h if paid_h else None,
    )


def _accelerator_hours(
    demand: Demand, options: OptionSet, decisions: Decisions, fleet: Sequence[FleetRow]
) -> tuple[Shares, Shares]:
    """Return accelerator-hours at work (at the mean rate) and paid for, by workload."""
    size = {o.id: o.accelerators for o in options.options}
    hours = demand.grid.hours_per_block_in_period
    used: Shares = defaultdict(float)
    loads = load_in_replicas(demand, options, decisions)
    for (workload, option_id, period, block), load in loads.items():
        mean = load * mean_share(demand, workload, period, block)
        used[workload] += mean * size[option_id] * hours
    shares = HardwareShares(demand, options, decisions)
    paid: Shares = defaultdict(float)
    for row in fleet:
        node_hours = row.nodes * row.hours + row.startup_node_hours
        split = shares.at(row.hardware, row.period, row.block)
        for workload, share in split.items():
            paid[workload] += node_hours * row.accelerators_per_node * share
    return used, paid
