"""Electric energy and carbon of a plan by period and offer.

In a block of H hours, with the accelerators a(o) of the nodes of each offer and A of all offers of
the same hardware, n replicas of g accelerators each and the mean rates r::

    load    = sum over replicas of n (base - g idle) + sum over workloads of marginal r     watts
    it_kwh  = (idle(o) (H a(o) + start-up hours) + H load a(o) / A) / 1000
    kwh     = it_kwh * PUE
    kg      = kwh * carbon of the grid / 1000

Idle power is that of the kind of accelerator, and of servers that are bought their own: idle(o).
Where nodes of one hardware stand in several places the load is split by accelerators, as a router
that knows no place does. Tokens have no known energy and are no part of it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.options.energy import replica_draw
from planner.plan.limit_rows import EnergyRow
from planner.plan.tables import fleet_rows, mean_rps_of
from planner.units import G_PER_KG, W_PER_KW

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.options.records import OptionSet
    from planner.plan.document import FleetRow
    from planner.plan.records import Decisions

_Slot = tuple[str, int, int]


def energy_rows(demand: Demand, options: OptionSet, decisions: Decisions) -> tuple[EnergyRow, ...]:
    """Return a row for every period and offer with nodes.

    Parameters
    ----------
    demand, options, decisions
        The records the energy follows from.
    """
    fleet = fleet_rows(demand, options, decisions)
    total: dict[_Slot, int] = defaultdict(int)
    for row in fleet:
        total[row.hardware, row.period, row.block] += row.accelerators
    load_w = load_by_slot_w(demand, options, decisions)
    first: dict[tuple[int, str], FleetRow] = {}
    it_wh: dict[tuple[int, str], float] = defaultdict(float)
    for row in fleet:
        key, slot = (row.period, row.offer_id), (row.hardware, row.period, row.block)
        first.setdefault(key, row)
        idle_w = options.energy.idle_w(row.offer_id, row.hardware)
        if idle_w is None:
            continue
        accelerator_h = row.accelerators * row.hours
        accelerator_h += row.startup_node_hours * row.accelerators_per_node
        share = row.accelerators / total[slot] if total[slot] else 0.0
        it_wh[key] += idle_w * accelerator_h + load_w[slot] * row.hours * share
    return tuple(_row(options, row, it_wh[key]) for key, row in sorted(first.items()))


def load_by_slot_w(demand: Demand, options: OptionSet, decisions: Decisions) -> dict[_Slot, float]:
    """Return what replicas draw beyond idle accelerators, by hardware, period and block.

    Parameters
    ----------
    demand, options, decisions
        The records the energy follows from.
    """
    option_of, pool_of = {o.id: o for o in options.options}, dict(options.pool_of)
    draws = {
        (row.pool, row.option_id, row.period): replica_draw(
            options, row.pool, option_of[row.option_id], row.period
        )
        for row in decisions.replicas
    }
    load_w: dict[_Slot, float] = defaultdict(float)
    for row in decisions.replicas:
        option, draw = option_of[row.option_id], draws[row.pool, row.option_id, row.period]
        power = options.energy.power_of(option.hardware)
        if draw is not None and power is not None:
            beyond_w = draw.base_w - power.idle_w * option.accelerators
            load_w[option.hardware, row.period, row.block] += row.replicas * beyond_w
    for flow in decisions.flows:
        pool = pool_of.get(flow.workload, flow.workload)
        draw = draws[pool, flow.supply_id, flow.period]
        if draw is not None:
            mean = mean_rps_of(demand, flow)
            slot = (option_of[flow.supply_id].hardware, flow.period, flow.block)
            load_w[slot] += draw.marginal_j[flow.workload] * mean
    return load_w


def _row(options: OptionSet, row: FleetRow, it_wh: float) -> EnergyRow:
    power = options.energy.power_of(row.hardware)
    place = options.energy.place_of(row.offer_id)
    it_kwh = None if power is None else it_wh / W_PER_KW
    kwh = None if it_kwh is None else it_kwh * place.pue
    unknown = kwh is None or place.g_per_kwh is None
    own_idle_w = options.energy.idle_w(row.offer_id, row.hardware)
    return EnergyRow(
        period=row.period,
        offer_id=row.offer_id,
        provider=row.provider,
        region=row.region,
        hardware=row.hardware,
        idle_w_per_accelerator=None if power is None else power.idle_w,
        it_kwh=it_kwh,
        pue=place.pue,
        kwh=kwh,
        carbon_g_per_kwh=place.g_per_kwh,
        carbon_kg=None if unknown else (kwh or 0.0) * (place.g_per_kwh or 0.0) / G_PER_KG,
        note=place.why_not,
        own_idle_w_per_accelerator=None if place.assumed_w is None else own_idle_w,
    )
