"""Checks decisions row by row on the records themselves, without the program's scaled matrix.

Solvers work on scaled numbers to a tolerance: with unlucky units a plan can be "optimal" to the
solver and visibly short once the units are undone. Every family of the program is checked here
again in plain arithmetic; a plan that fails is never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InternalError
from planner.milp.api_limits import api_limit_faults
from planner.milp.average_quality import average_quality_faults
from planner.milp.carbon import carbon_faults
from planner.milp.check_diversity import diversity_faults
from planner.milp.check_fleet import fleet_faults
from planner.milp.check_turns import turn_faults
from planner.milp.check_units import unit_faults
from planner.milp.check_waiting import backlog_faults, batch_pools, lost_replicas, spot_faults
from planner.milp.columns import Column, exchange_ratios
from planner.milp.escalation import chain_rates, escalation_faults
from planner.milp.order_minimums import order_minimum_faults
from planner.milp.order_tiers import order_tier_faults
from planner.milp.spend import spend_faults
from planner.milp.switching import switching_faults
from planner.options.homes import holds
from planner.options.quotas import is_under_quota

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from planner.demand.records import Demand, WorkloadDemand
    from planner.milp.records import Limits
    from planner.options.records import Capacity, OptionSet
    from planner.plan.records import Decisions, FlowDecision, ReplicaDecision, UnservedDecision

TOLERANCE = 1e-6
_SHOWN_FAULTS = 5


@dataclass(frozen=True, slots=True)
class _View:
    demand: Demand
    options: OptionSet
    limits: Limits
    decisions: Decisions
    capacities: Mapping[tuple[str, str], Capacity]
    pool_of: Mapping[str, str]


def verify_decisions(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> None:
    """Check that decisions keep every row of the program on unscaled data.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.

    Raises
    ------
    InternalError
        When a row is violated by more than 1e-6, relative to its size.
    """
    view = _View(
        demand,
        options,
        limits,
        decisions,
        {(c.workload, c.option_id): c for c in options.capacities},
        {w.workload: w.workload for w in demand.workloads} | dict(options.pool_of),
    )
    faults = [
        *_rate_faults(view),
        *_demand_faults(view),
        *escalation_faults(demand, decisions),
        *backlog_faults(demand, options, decisions),
        *spot_faults(options, limits, decisions, batch_pools(demand, view.pool_of)),
        *_capacity_faults(view),
        *_spare_faults(view),
        *_cap_faults(view),
        *average_quality_faults(demand, options, limits, decisions),
        *api_limit_faults(options, limits, decisions),
        *unit_faults(options, decisions),
        *spend_faults(options, decisions),
        *order_tier_faults(options, decisions),
        *order_minimum_faults(options, decisions),
        *carbon_faults(demand, options, limits, decisions),
        *switching_faults(demand, options, decisions),
        *fleet_faults(demand, options, limits, decisions),
        *turn_faults(demand, options, limits, decisions),
        *diversity_faults(demand, options, limits, decisions),
    ]
    if faults:
        shown = "; ".join(faults[:_SHOWN_FAULTS])
        msg = f"the decisions break {len(faults)} rows of the program: {shown}"
        raise InternalError(msg)


def _demand_faults(view: _View) -> Iterator[str]:
    served: dict[tuple[str, int, int], float] = {}
    rows: list[FlowDecision | UnservedDecision] = [
        *view.decisions.flows,
        *view.decisions.api_flows,
        *view.decisions.unserved,
    ]
    for row in rows:
        key = (row.workload, row.period, row.block)
        served[key] = served.get(key, 0.0) + row.planned_rps
    for (workload, t, b), (first, _) in chain_rates(view.demand, view.decisions).items():
        served[workload, t, b] = served.get((workload, t, b), 0.0) + first
    usable = {(api.id, api.workload) for api in view.options.api}
    for flow in view.decisions.api_flows:
        if (flow.supply_id, flow.workload) not in usable:
            yield f"{flow.workload} cannot use {flow.supply_id}"
    for rates in view.demand.workloads:
        if rates.deferral is None and rates.chain is None:
            yield from _served_faults(rates, served)


def _served_faults(
    rates: WorkloadDemand, served: Mapping[tuple[str, int, int], float]
) -> Iterator[str]:
    for (t, b), planned_rps in np.ndenumerate(rates.planned_rps):
        got_rps = served.get((rates.workload, t, b), 0.0)
        if abs(got_rps - planned_rps) > TOLERANCE * max(float(planned_rps), TOLERANCE):
            yield (
                f"{rates.workload} is served {got_rps:g} of {planned_rps:g} requests/s "
                f"in period {t}, block {b}"
            )


def _rate_faults(view: _View) -> Iterator[str]:
    for flow in (*view.decisions.flows, *view.decisions.api_flows):
        if flow.planned_rps < 0:
            yield f"{flow.workload} sends {flow.planned_rps:g} requests/s to {flow.supply_id}"
    priced = dict(view.limits.unserved_usd_per_request)
    for row in view.decisions.unserved:
        if row.planned_rps < 0 or row.workload not in priced:
            yield f"{row.planned_rps:g} requests/s of {row.workload} stay unserved"


def _mu_rps(view: _View, row: ReplicaDecision, workload: str) -> float | None:
    capacity = view.capacities.get((workload, row.option_id))
    if capacity is None or not capacity.serves_in(row.period, row.block):
        return None
    points = capacity.points_in(row.period, row.block)
    rates = [p.planned_rps for p in points if p.min_replicas <= row.min_replicas]
    return max(rates) if rates and view.pool_of[workload] == row.pool else None


def _capacity_faults(view: _View) -> Iterator[str]:
    rows: dict[tuple[str, str, int, int], ReplicaDecision] = {}
    for row in view.decisions.replicas:
        key = (row.pool, row.option_id, row.period, row.block)
        if key in rows:
            yield f"{row.option_id} uses two brackets in period {row.period}, block {row.block}"
        rows[key] = row
        if row.replicas < row.min_replicas:
            yield f"{row.option_id}: {row.replicas} replicas claim what {row.min_replicas} carry"
    load = dict.fromkeys(rows, 0.0)
    for flow in view.decisions.flows:
        place = (view.pool_of[flow.workload], flow.supply_id, flow.period, flow.block)
        mu_rps = _mu_rps(view, rows[place], flow.workload) if place in rows else None
        if mu_rps is None:
            yield f"{flow.workload} uses {flow.supply_id}, which has no replicas for it"
        else:
            load[place] += flow.planned_rps / mu_rps
    batch = batch_pools(view.demand, view.pool_of)
    lost = lost_replicas(view.demand, view.limits, view.decisions.replicas, batch)
    for place, row in rows.items():
        load[place] += lost.get(place, 0.0)
        if load[place] > row.replicas + TOLERANCE * max(row.replicas, 1):
            yield f"{row.option_id} carries {load[place]:g} with {row.replicas} replicas"


def _spare_faults(view: _View) -> Iterator[str]:
    if not view.limits.has_spares:
        return
    batch = batch_pools(view.demand, view.pool_of)
    nodes = {(row.offer_id, row.period, row.block) for row in view.decisions.nodes if row.nodes}
    groups: dict[tuple[str, int, int], list[ReplicaDecision]] = {}
    for row in view.decisions.replicas:
        if row.pool in batch:
            continue
        groups.setdefault((row.pool, row.period, row.block), []).append(row)
    flows: dict[tuple[str, str, int, int], list[tuple[str, float]]] = {}
    for flow in view.decisions.flows:
        key = (view.pool_of[flow.workload], flow.supply_id, flow.period, flow.block)
        flows.setdefault(key, []).append((flow.workload, flow.planned_rps))
    names = [w.workload for w in view.demand.workloads]
    for (pool, t, b), rows in groups.items():
        columns = []
        for row in rows:
            rates = {i: _mu_rps(view, row, name) for i, name in enumerate(names)}
            mu = {i: rate for i, rate in rates.items() if rate is not None}
            columns.append(Column(0, 0, row.min_replicas, None, 1, ((mu,),)))
        load = [
            sum(
                rate_rps / (_mu_rps(view, row, name) or np.inf)
                for name, rate_rps in flows.get((pool, row.option_id, t, b), [])
            )
            for row in rows
        ]
        idle = np.array([row.replicas for row in rows]) - np.array(load)
        replaced = np.maximum(idle, 0.0) @ exchange_ratios(columns)
        lost = np.array([_lost(view, row, nodes) for row in rows])
        size = max(row.replicas for row in rows)
        if float((replaced - lost).min()) < -TOLERANCE * size:
            yield f"pool {pool} does not survive a loss in period {t}, block {b}"


def _lost(view: _View, row: ReplicaDecision, nodes: Set[tuple[str, int, int]]) -> int:
    """Return the most replicas of a kind that are lost at once, given the nodes that are there."""
    option = next(o for o in view.options.options if o.id == row.option_id)
    sizes = (
        offer.accelerators_per_node
        for offer in view.options.offers
        if holds(offer, option)
        and (row.pool, offer.offer_id) not in view.options.barred
        and (offer.offer_id, row.period, row.block) in nodes
    )
    return view.limits.replicas_lost(option.accelerators, max(sizes, default=0))


def _cap_faults(view: _View) -> Iterator[str]:
    options = {o.id: o for o in view.options.options}
    models = {options[row.option_id].model for row in view.decisions.replicas}
    api_model = {api.id: api.model for api in view.options.api}
    models |= {api_model[flow.supply_id] for flow in view.decisions.api_flows}
    hardware = {options[row.option_id].hardware for row in view.decisions.replicas}
    offers = {offer.offer_id: offer for offer in view.options.offers}
    for what, found, most in (
        ("models", models, view.limits.max_models),
        ("hardware types", hardware, view.limits.max_hardware_types),
    ):
        if most is not None and len(found) > most:
            yield f"{len(found)} {what} where {most} are allowed"
    for quota in view.limits.quotas:
        used: dict[tuple[int, int], int] = {}
        for row in view.decisions.nodes:
            offer = offers[row.offer_id]
            if is_under_quota(offer, quota):
                key = (row.period, row.block)
                used[key] = used.get(key, 0) + row.nodes * offer.accelerators_per_node
        if used and max(used.values()) > quota.max_accelerators:
            most = quota.max_accelerators
            yield f"{max(used.values())} accelerators of {quota.hardware}, quota {most}"
