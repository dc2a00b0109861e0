"""Constraint family of carbon: what the nodes of a period emit.

How much of the load of one hardware falls on which place is a product of decisions (nodes of a
place over all nodes, times load), so the row counts it from above: all of it at the least carbon
of the hardware's places, and in addition nodes of dirtier places as if they were always busy. With
kg(o) of carbon per watt-hour, k of them the least of the hardware, e the most watts beyond idle of
an accelerator, and idle power of an offer and load as in :mod:`planner.plan.energy`::

    sum over o, b of (H N[o,b] g(o) (idle kg(o) + e (kg(o) - k)) + start-up hours g(o) idle kg(o))
        + sum over b of H load k                                                    <=  limit

It is exact where the nodes of a hardware stand in places with the same carbon, and never below
what the plan states.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.milp.model import LE, Priced, Terms
from planner.options.energy import replica_draw
from planner.plan.energy import energy_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import Demand
    from planner.milp.model import Model
    from planner.milp.records import Limits
    from planner.milp.sets import Sets
    from planner.options.energy_records import ReplicaDraw
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions

_TOLERANCE = 1e-6


def add_carbon(model: Model) -> None:
    """Emit no more than the limit in every period; rows are in shares of it.

    Parameters
    ----------
    model
        Receives the rows; none are added without a limit.
    """
    sets = model.sets
    if not sets.limits.carbon_kg_by_period:
        return
    kg_per_wh = [
        sets.options.energy.place_of(offer.offer_id).kg_per_wh or 0.0
        for offer in sets.options.offers
    ]
    least = _least_by_hardware(model, kg_per_wh)
    weights: dict[str, float] = {}
    for t, limit_kg in enumerate(sets.limits.carbon_kg_by_period):
        unit_kg = limit_kg or 1.0
        terms: Terms = {}
        draws = [_draw(sets, c, t) for c in range(len(sets.columns))]
        for part in (_nodes_kg(model, t, kg_per_wh, draws), _load_kg(model, t, draws, least)):
            terms |= {variable: kg / unit_kg for variable, kg in part.items() if kg > 0}
        if terms:
            model.row(f"carbon_{t}", terms, LE, limit_kg / unit_kg)
            weights[f"carbon_{t}"] = 1.0 / unit_kg
    model.priced.append(Priced("carbon", "nodes, in every period", "kg", weights))


def _draw(sets: Sets, column: int, t: int) -> ReplicaDraw:
    own = sets.columns[column]
    draw = replica_draw(sets.options, sets.pools[own.pool], sets.option_of(column), t)
    if draw is None:  # such nodes are refused where carbon is limited
        msg = f"no power of {sets.option_of(column).hardware} is known"
        raise ValueError(msg)
    return draw


def _idle_w(sets: Sets, hardware: str) -> float:
    power = sets.options.energy.power_of(hardware)
    return 0.0 if power is None else power.idle_w


def _most_beyond_idle_w(sets: Sets, draws: list[ReplicaDraw], t: int) -> dict[str, float]:
    """Return the most watts beyond idle of an accelerator at capacity, by hardware."""
    most: dict[str, float] = defaultdict(float)
    names = [rates.workload for rates in sets.demand.workloads]
    for c, (column, draw) in enumerate(zip(sets.columns, draws, strict=True)):
        hardware = sets.option_of(c).hardware
        loads_w = (draw.marginal_j[names[w]] * mu for w, mu in column.rates_in(t).items())
        load_w = max(loads_w, default=0.0)
        watts = (draw.base_w + load_w) / column.accelerators - _idle_w(sets, hardware)
        most[hardware] = max(most[hardware], watts)
    return most


def _least_by_hardware(model: Model, kg_per_wh: list[float]) -> dict[str, float]:
    """Return the least carbon per watt-hour of the places of each hardware."""
    least: dict[str, float] = {}
    for o in {o for o, _, _ in model.nodes}:
        hardware = model.sets.options.offers[o].hardware
        least[hardware] = min(least.get(hardware, float("inf")), kg_per_wh[o])
    return least


def _nodes_kg(model: Model, t: int, kg_per_wh: list[float], draws: list[ReplicaDraw]) -> Terms:
    sets, grid = model.sets, model.sets.grid
    beyond_w = _most_beyond_idle_w(sets, draws, t)
    least = _least_by_hardware(model, kg_per_wh)
    facts = sets.options.energy
    terms: Terms = {}
    idle = [facts.idle_w(offer.offer_id, offer.hardware) or 0.0 for offer in sets.options.offers]
    for (o, t2, b), nodes in model.nodes.items():
        if t2 != t:
            continue
        offer, kg = sets.options.offers[o], kg_per_wh[o]
        idle_w = idle[o]
        dirtier = beyond_w[offer.hardware] * (kg - least[offer.hardware])
        per_h = offer.accelerators_per_node * (idle_w * kg + dirtier)
        terms[nodes] = per_h * grid.hours_in_period(b)
        if (o, t, b) in model.starts:
            hours = grid.days_in_period(b) * offer.startup_h
            terms[model.starts[o, t, b]] = hours * offer.accelerators_per_node * idle_w * kg
    return terms


def _load_kg(model: Model, t: int, draws: list[ReplicaDraw], least: dict[str, float]) -> Terms:
    sets, grid = model.sets, model.sets.grid
    terms: Terms = {}
    for (c, t2, b), replicas in model.n.items():
        hardware = sets.option_of(c).hardware
        if t2 == t and hardware in least:
            watts = draws[c].base_w - _idle_w(sets, hardware) * sets.columns[c].accelerators
            terms[replicas] = watts * least[hardware] * grid.hours_in_period(b)
    for (w, c, t2, b), flow in model.f.items():
        hardware = sets.option_of(c).hardware
        if t2 == t and hardware in least:
            rates = sets.demand.workloads[w]
            share = float(rates.usage_shares(t)[b] * sets.actual_rps[w, t, b])
            unit_rps = share * float(sets.rate_unit_rps[w] / sets.planned_rps[w, t, b])
            watts = draws[c].marginal_j[rates.workload] * unit_rps
            terms[flow] = watts * least[hardware] * grid.hours_in_period(b)
    return terms


def carbon_faults(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> Iterator[str]:
    """Yield a sentence for every period that emits more than its limit.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    if not limits.carbon_kg_by_period:
        return
    kg = [0.0] * demand.grid.periods
    for row in energy_rows(demand, options, decisions):
        if row.carbon_kg is None:
            yield f"the carbon of {row.offer_id} is not known"
        kg[row.period] += row.carbon_kg or 0.0
    for t, (got, most) in enumerate(zip(kg, limits.carbon_kg_by_period, strict=True)):
        if got > most * (1 + _TOLERANCE) + _TOLERANCE:
            yield f"{got:g} kg of carbon in period {t}, limit {most:g}"
