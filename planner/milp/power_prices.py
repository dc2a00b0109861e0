"""What electricity costs bought nodes in dear hours, by what they draw then.

With S accelerators of bought nodes of hardware h and its load in a block, in kilowatts, the block
pays its premium on ``S idle + min(load, S e)``, e being the most of an accelerator beyond idle
(:mod:`planner.plan.power_prices`). Where no other nodes of the hardware can be there, all load is
theirs and is priced as it is. Else W[h,t,b] stands for the least of the two, with Z[h,t,b] = 1
when the nodes carry all of it, R accelerators of other nodes, and M more than any load or nodes::

    W >= load - M (1 - Z)
    W >= S e - M Z
    W >= load - R e                                 implied, and exact without other nodes
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.milp.model import GE, Terms
from planner.milp.naming import hardware_of
from planner.milp.sets import most_nodes
from planner.options.energy import replica_draw
from planner.plan.power_prices import is_bought
from planner.units import W_PER_KW

if TYPE_CHECKING:
    import pulp

    from planner.milp.model import Model
    from planner.milp.sets import Sets

_Slot = tuple[str, int, int]


def add_power_prices(model: Model) -> None:
    """Say how much of the load falls on bought nodes where others of the hardware may be there.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added without dear hours.
    """
    sets = model.sets
    loads = _loads_kw(model)
    own, others = _accelerators(model)
    names = hardware_of(sets)
    for (hardware, t, b), load in sorted(loads.items()):
        slot = (hardware, t, b)
        power = sets.options.energy.power_of(hardware)
        if power is None or slot not in own or slot not in others:
            continue
        each_kw, index = power.beyond_idle_w / W_PER_KW, f"{names.index(hardware)}_{t}_{b}"
        drawn = model.variable(f"W_{index}")
        carries = model.variable(f"Z_{index}", 1, whole=True)
        model.own_kw[slot] = drawn
        most_load = each_kw * _most_held(sets, hardware, t, b)
        most_own = each_kw * _most_own(sets, hardware)
        less: Terms = {variable: -kw for variable, kw in load.items()}
        nodes: Terms = {variable: -each_kw * count for variable, count in own[slot].items()}
        rest: Terms = {variable: each_kw * count for variable, count in others[slot].items()}
        model.row(f"ownload_{index}", less | {drawn: 1.0, carries: -most_load}, GE, -most_load)
        model.row(f"ownfull_{index}", nodes | {drawn: 1.0, carries: most_own}, GE)
        model.row(f"ownleast_{index}", less | rest | {drawn: 1.0}, GE)


def power_price_terms_usd(model: Model, t: int) -> Terms:
    """Return what dear hours of a period cost by variable, nominal USD.

    Parameters
    ----------
    model
        Variables by index.
    t
        Position of the period.
    """
    sets = model.sets
    facts = sets.options.energy
    terms: defaultdict[pulp.LpVariable, float] = defaultdict(float)
    if not facts.premium_usd_per_kwh:
        return {}
    own, _ = _accelerators(model)
    loads = _loads_kw(model)
    for (hardware, t2, b), nodes in own.items():
        power = facts.power_of(hardware)
        if t2 != t or power is None:
            continue
        usd_per_kw = _pue(sets, hardware) * sets.grid.hours_in_period(b) * facts.premium_in(b)
        for variable, count in nodes.items():
            terms[variable] += usd_per_kw * count * power.idle_w / W_PER_KW
        slot = (hardware, t, b)
        drawn: Terms = loads.get(slot, {})
        if slot in model.own_kw:
            drawn = {model.own_kw[slot]: 1.0}
        for variable, kw in drawn.items():
            terms[variable] += usd_per_kw * kw
    return dict(terms)


def with_power_prices(model: Model, usd: Terms) -> Terms:
    """Return the objective with what dear hours cost, discounted.

    Parameters
    ----------
    model
        Variables by index.
    usd
        Discounted USD by variable without it.
    """
    grid, terms = model.sets.grid, dict(usd)
    for t in range(grid.periods):
        for variable, nominal_usd in power_price_terms_usd(model, t).items():
            later = nominal_usd * grid.discount_factor[t]
            terms[variable] = terms.get(variable, 0.0) + later
    return terms


def _pue(sets: Sets, hardware: str) -> float:
    offers = sets.options.offers
    own = next(o for o in offers if o.hardware == hardware and is_bought(o))
    return sets.options.energy.place_of(own.offer_id).pue


def _accelerators(model: Model) -> tuple[dict[_Slot, Terms], dict[_Slot, Terms]]:
    """Return accelerators of bought nodes and of others by node variable, in dear blocks."""
    own: dict[_Slot, Terms] = defaultdict(dict)
    others: dict[_Slot, Terms] = defaultdict(dict)
    sets = model.sets
    for (o, t, b), nodes in model.nodes.items():
        offer = sets.options.offers[o]
        if sets.options.energy.premium_in(b) > 0:
            group = own if is_bought(offer) else others
            group[offer.hardware, t, b][nodes] = float(offer.accelerators_per_node)
    return own, others


def _loads_kw(model: Model) -> dict[_Slot, Terms]:
    """Return what replicas draw beyond idle accelerators by variable, in dear blocks, kW."""
    sets, facts = model.sets, model.sets.options.energy
    loads: dict[_Slot, Terms] = defaultdict(dict)
    if not facts.premium_usd_per_kwh:
        return {}
    draws = {
        (c, t): replica_draw(sets.options, sets.pools[column.pool], sets.option_of(c), t)
        for c, column in enumerate(sets.columns)
        for t in range(sets.grid.periods)
    }
    for (c, t, b), replicas in model.n.items():
        draw, hardware = draws[c, t], sets.option_of(c).hardware
        power = facts.power_of(hardware)
        if draw is not None and power is not None and facts.premium_in(b) > 0:
            watts = draw.base_w - power.idle_w * sets.columns[c].accelerators
            loads[hardware, t, b][replicas] = watts / W_PER_KW
    for (w, c, t, b), flow in model.f.items():
        draw = draws[c, t]
        if draw is not None and facts.premium_in(b) > 0:
            name = sets.demand.workloads[w].workload
            watts = draw.marginal_j[name] * sets.mean_rps_of_unit(w, t, b)
            loads[sets.option_of(c).hardware, t, b][flow] = watts / W_PER_KW
    return dict(loads)


def _most_held(sets: Sets, hardware: str, t: int, b: int) -> float:
    """Return the most accelerators of a hardware that replicas hold."""
    return float(
        sum(
            int(sets.n_max[c, t, b]) * column.accelerators
            for c, column in enumerate(sets.columns)
            if sets.option_of(c).hardware == hardware
        )
    )


def _most_own(sets: Sets, hardware: str) -> float:
    """Return the most accelerators of bought nodes that are worth having, or have to be there."""
    total = 0
    for o, offer in enumerate(sets.options.offers):
        if offer.hardware == hardware and is_bought(offer):
            least = sum(build.least_nodes for build in offer.builds)
            total += (most_nodes(sets, o) + least) * offer.accelerators_per_node
    return float(total)
