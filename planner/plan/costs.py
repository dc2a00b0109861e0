"""Who pays for what: cost lines and unit costs.

Costs are split over the workloads by :mod:`planner.plan.shares`. Money spent over a period is
discounted at its middle; nodes that are taken on for a term are paid on the dates of their
payments (:mod:`planner.plan.commitments`).

The unit cost of a workload is its whole undiscounted cost, without the price of unserved requests
and what nodes that were there bring or are worth at the end, over what is served of it at the mean
rate, with the lengths in the middle of each period.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from planner.options.software import SOFTWARE
from planner.plan.commitments import commitment_charges, worth_of_existing
from planner.plan.document import CostLine, UnitCost, UnservedRow
from planner.plan.moves import moves
from planner.plan.power_prices import power_price_charges
from planner.plan.provisioned import provisioned_charges
from planner.plan.records import model_periods
from planner.plan.shares import HardwareShares, Shares, load_in_replicas
from planner.plan.spend import spend_charges
from planner.plan.staff import staff_charges
from planner.plan.tables import mean_rps_of, mean_share
from planner.plan.unserved import UNSERVED
from planner.plan.volumes import volume_charges
from planner.problem.deferral import owner
from planner.units import SECONDS_PER_HOUR, TOKENS_PER_MTOK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.demand.records import Demand, FloatArray
    from planner.options.records import OptionSet
    from planner.plan.document import ApiRow, FleetRow
    from planner.plan.records import Decisions

ONE_OFF = "one_off"
_SMALLEST_SHARE = 1e-9
"""Share of the asked rate below which nothing is served."""


def cost_lines(
    demand: Demand,
    options: OptionSet,
    decisions: Decisions,
    fleet: Sequence[FleetRow],
    by_use: Sequence[ApiRow | UnservedRow],
) -> tuple[CostLine, ...]:
    """Return cost by period, category, workload, hardware and tenure; sums are exact.

    Parameters
    ----------
    demand, options, decisions
        The records the plan is made from.
    fleet
        Nodes of every block.
    by_use
        Tokens bought, and requests that stay unserved.
    """
    shares = HardwareShares(demand, options, decisions)
    committed = {o.offer_id for o in options.offers if o.is_committed}
    sums: dict[tuple[int, str, str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(key: tuple[int, str, str, str, str], usd: float, discounted_usd: float) -> None:
        sums[key][0] += usd
        sums[key][1] += discounted_usd

    factor = demand.grid.discount_factor
    for row in fleet:
        if row.offer_id in committed:
            continue
        for part in shares.paid(row):
            for workload, share in part.shares.items():
                key = (row.period, row.tenure, workload, row.hardware, row.tenure)
                add(key, part.usd * share, part.usd * share * factor[row.period])
    for item in by_use:
        category, tenure = (UNSERVED, "") if isinstance(item, UnservedRow) else ("api", "api")
        key = (item.period, category, item.workload, "", tenure)
        add(key, item.usd, item.usd * factor[item.period])
    charges = chain(
        commitment_charges(demand, options, decisions, shares),
        staff_charges(demand, options, decisions, shares),
        provisioned_charges(demand, options, decisions),
        spend_charges(demand, options, decisions, shares),
        volume_charges(demand, options, decisions, shares),
        power_price_charges(demand, options, decisions, shares),
        _software_charges(demand, options, decisions, shares),
        _model_charges(demand, options, decisions),
        _switching_charges(demand, options, decisions),
    )
    for c in charges:
        key = (c.period, c.category, c.workload, c.hardware, c.tenure)
        add(key, c.usd, c.discounted_usd)
    return tuple(CostLine(*key, *amounts) for key, amounts in sorted(sums.items()))


def _software_charges(
    demand: Demand, options: OptionSet, decisions: Decisions, shares: HardwareShares
) -> Iterator[CostLine]:
    """Yield what each workload bears of the licences of replicas."""
    known = {option.id: option for option in options.options}
    for row in decisions.replicas:
        option = known[row.option_id]
        hours = demand.grid.hours_in_period(row.block)
        usd = row.replicas * option.software_usd_per_hour * hours
        split = shares.of_replicas(row.pool, row.option_id, row.period, row.block)
        for workload, share in split.items() if usd else ():
            where = (row.period, SOFTWARE, workload, option.hardware, "")
            later = usd * share * demand.grid.discount_factor[row.period]
            yield CostLine(*where, usd * share, later)


def _model_charges(demand: Demand, options: OptionSet, decisions: Decisions) -> Iterator[CostLine]:
    """Yield what each workload bears of the cost of models, by the requests it sends to them."""
    grid, periods = demand.grid, model_periods(options, decisions)
    for cost in options.model_costs:
        used = periods[cost.model]
        split = _requests(demand, options, decisions, cost.model) if used else {}
        for workload, share in split.items():
            usd = cost.usd * share
            factor = grid.factor_at(used[0] * grid.months_per_period)
            yield CostLine(used[0], ONE_OFF, workload, "", "", usd, usd * factor)
            for t in used:
                usd = cost.usd_per_period * share
                yield CostLine(t, ONE_OFF, workload, "", "", usd, usd * grid.discount_factor[t])


def _switching_charges(
    demand: Demand, options: OptionSet, decisions: Decisions
) -> Iterator[CostLine]:
    """Yield what switching models costs the workloads that do."""
    for move in moves(options, decisions):
        factor = demand.grid.factor_at(move.period * demand.grid.months_per_period)
        yield CostLine(move.period, ONE_OFF, move.workload, "", "", move.usd, move.usd * factor)


def _requests(demand: Demand, options: OptionSet, decisions: Decisions, model: str) -> Shares:
    """Return each workload's share of the requests that a model serves over the horizon."""
    of_option = {o.id: o.model for o in options.options}
    of_tokens = {(a.workload, a.id): a.model for a in options.api}
    sent: Shares = defaultdict(float)
    for flow in decisions.flows:
        if of_option[flow.supply_id] == model:
            sent[owner(flow.workload)] += mean_rps_of(demand, flow)
    for flow in decisions.api_flows:
        if of_tokens[flow.workload, flow.supply_id] == model:
            sent[owner(flow.workload)] += mean_rps_of(demand, flow)
    total = sum(sent.values())
    return {workload: rate / total for workload, rate in sent.items() if rate > 0}


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
        usd[line.workload] += line.usd if line.category != UNSERVED else 0.0
    used, paid = _accelerator_hours(demand, options, decisions, fleet)
    worth = worth_of_existing(
        demand, options, decisions, HardwareShares(demand, options, decisions)
    )
    return tuple(
        _unit_cost(
            demand,
            name,
            (usd[name] - worth.get(name, 0.0), worth.get(name, 0.0)),
            _served_by_period(demand, decisions, name),
            (used.get(name, 0.0), paid.get(name, 0.0)),
        )
        for name in dict.fromkeys(owner(w.workload) for w in demand.workloads)
    )


def _served_by_period(demand: Demand, decisions: Decisions, workload: str) -> FloatArray:
    """Return the requests served by period, shape (T,); 0 where next to nothing ever is."""
    grid = demand.grid
    seconds = grid.period_h * SECONDS_PER_HOUR * grid.shares_of_period
    streams = [w for w in demand.workloads if owner(w.workload) == workload]
    asked = np.sum([rates.mean_rps @ seconds for rates in streams], axis=0)
    lost = np.zeros(grid.periods)
    for row in decisions.unserved:
        if row.workload == workload:
            mean = mean_rps_of(demand, row)
            lost[row.period] += mean * float(seconds[row.block])
    served = asked - lost
    return np.asarray(served if served.sum() > _SMALLEST_SHARE * asked.sum() else 0.0 * served)


def _unit_cost(
    demand: Demand,
    workload: str,
    money: tuple[float, float],
    by_period: FloatArray,
    hours: tuple[float, float],
) -> UnitCost:
    (usd, worth_usd), (used_h, paid_h) = money, hours
    rates = next(w for w in demand.workloads if owner(w.workload) == workload)
    requests = float(by_period.sum())
    output = total = None
    if rates.lengths is not None:
        levels = [rates.usage_level(t) for t in range(demand.grid.periods)]
        prompts = float(by_period @ [level.isl for level in levels])
        outputs = float(by_period @ [level.osl for level in levels])
        output = outputs * rates.lengths.osl_mean_tokens / TOKENS_PER_MTOK
        total = output + prompts * rates.lengths.isl_mean_tokens / TOKENS_PER_MTOK
    return UnitCost(
        workload=workload,
        usd_per_million_output_tokens=usd / output if output else None,
        usd_per_million_tokens=usd / total if total else None,
        usd_per_request=usd / requests if requests else None,
        utilization=used_h / paid_h if paid_h else None,
        existing_worth_usd=worth_usd,
    )


def _accelerator_hours(
    demand: Demand, options: OptionSet, decisions: Decisions, fleet: Sequence[FleetRow]
) -> tuple[Shares, Shares]:
    """Return accelerator-hours at work (at the mean rate) and paid for, by workload."""
    size = {o.id: o.accelerators for o in options.options}
    used: Shares = defaultdict(float)
    loads = load_in_replicas(demand, options, decisions)
    for (workload, option_id, period, block), load in loads.items():
        mean = load * mean_share(demand, workload, period, block)
        used[owner(workload)] += mean * size[option_id] * demand.grid.hours_in_period(block)
    shares = HardwareShares(demand, options, decisions)
    paid: Shares = defaultdict(float)
    for row in fleet:
        for part in shares.paid(row):
            for workload, share in part.shares.items():
                paid[workload] += part.node_hours * row.accelerators_per_node * share
    return used, paid
