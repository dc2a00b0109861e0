"""What electricity costs bought nodes in dear hours, by what they draw then.

With a[o] accelerators of the bought nodes of each offer of hardware h and its load in a block, in
kilowatts, the block pays its premium on ``sum of a[o] idle[o] + min(load, sum of a[o] c[o])``, c
being the most beyond idle that is counted (:mod:`planner.plan.power_prices`). W[h,t,b] stands for
the least of the two, with Z[h,t,b] = 1 when the nodes carry all load and M more than any load or
nodes. R accelerators are of other nodes, and e is the most that a replica draws on one of them::

    W >= load - M (1 - Z)
    W >= sum of a[o] c[o] - M Z
    W >= min(c / e, 1) (load - R e)                 implied, and strong where R is 0

Where no other nodes of the hardware can be there, and e is at most c, all load is theirs and is
priced as it is.
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
_Own = dict[_Slot, dict[int, "pulp.LpVariable"]]
"""Variables of bought nodes by offer."""
_ROUNDING = 1e-9


def add_power_prices(model: Model) -> None:
    """Say how much of the load falls on bought nodes where that may not be all of it.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added without dear hours.
    """
    sets, (own, others) = model.sets, _nodes(model)
    names = hardware_of(sets)
    loads = (load for t in range(sets.grid.periods) for load in _loads_kw(model, t).items())
    for slot, load in loads:
        hardware, t, b = slot
        power = sets.options.energy.power_of(hardware)
        if power is None or slot not in own:
            continue
        most_kw = power.beyond_idle_w / W_PER_KW
        counted_kw = [_own_kw(sets, o)[1] for o in own[slot]]
        if slot not in others and most_kw <= min(counted_kw) * (1 + _ROUNDING):
            continue
        index = f"{names.index(hardware)}_{t}_{b}"
        drawn = model.variable(f"W_{index}")
        carries = model.variable(f"Z_{index}", 1, whole=True)
        model.own_kw[slot] = drawn
        most_load = most_kw * _most_held(sets, hardware, t, b)
        less: Terms = {variable: -kw for variable, kw in load.items()}
        model.row(f"ownload_{index}", less | {drawn: 1.0, carries: -most_load}, GE, -most_load)
        full: Terms = {variable: -_counted_kw(sets, o) for o, variable in own[slot].items()}
        full |= {drawn: 1.0, carries: _most_own_kw(sets, own[slot])}
        model.row(f"ownfull_{index}", full, GE)
        share = min(min(counted_kw) / most_kw, 1.0) if most_kw > 0 else 0.0
        least: Terms = {variable: -share * kw for variable, kw in load.items()}
        for variable, count in others.get(slot, {}).items():
            least[variable] = share * most_kw * count
        if share > 0:
            model.row(f"ownleast_{index}", least | {drawn: 1.0}, GE)


def power_price_terms_usd(model: Model, t: int) -> Terms:
    """Return what dear hours of a period cost by variable, nominal USD.

    Parameters
    ----------
    model
        Variables by index.
    t
        Position of the period.
    """
    sets, facts = model.sets, model.sets.options.energy
    terms: defaultdict[pulp.LpVariable, float] = defaultdict(float)
    if not facts.premium_usd_per_kwh:
        return {}
    loads, (own, _) = _loads_kw(model, t), _nodes(model)
    for slot, nodes in own.items():
        _, t2, b = slot
        if t2 != t:
            continue
        pue = facts.place_of(sets.options.offers[min(nodes)].offer_id).pue
        usd_per_kw = pue * sets.grid.hours_in_period(b) * facts.premium_in(b)
        for o, variable in nodes.items():
            size = sets.options.offers[o].accelerators_per_node
            terms[variable] += usd_per_kw * size * _own_kw(sets, o)[0]
        drawn: Terms = loads.get(slot, {})
        if slot in model.own_kw:
            drawn = {model.own_kw[slot]: 1.0}
        for variable, kw in drawn.items():
            terms[variable] += usd_per_kw * kw
    return dict(terms)


def _own_kw(sets: Sets, o: int) -> tuple[float, float]:
    """Return idle power of an accelerator of bought nodes, and the most counted beyond it, kW."""
    offer = sets.options.offers[o]
    power = sets.options.energy.own_power(offer.offer_id, offer.hardware)
    return power.idle_w / W_PER_KW, power.beyond_w / W_PER_KW


def _counted_kw(sets: Sets, o: int) -> float:
    """Return the most that is counted beyond idle power of a bought node."""
    return sets.options.offers[o].accelerators_per_node * _own_kw(sets, o)[1]


def _nodes(model: Model) -> tuple[_Own, dict[_Slot, Terms]]:
    """Return the variables of bought nodes, and accelerators of others, in dear blocks."""
    own: _Own = defaultdict(dict)
    others: dict[_Slot, Terms] = defaultdict(dict)
    sets = model.sets
    for (o, t, b), nodes in model.nodes.items():
        offer = sets.options.offers[o]
        if sets.options.energy.premium_in(b) <= 0:
            continue
        slot = (offer.hardware, t, b)
        if is_bought(offer):
            own[slot][o] = nodes
        else:
            others[slot][nodes] = float(offer.accelerators_per_node)
    return dict(own), dict(others)


def _loads_kw(model: Model, period: int) -> dict[_Slot, Terms]:
    """Return what replicas draw beyond idle accelerators by variable, in dear blocks, kW."""
    sets, facts = model.sets, model.sets.options.energy
    loads: dict[_Slot, Terms] = defaultdict(dict)
    if not facts.premium_usd_per_kwh:
        return {}
    draws = [
        replica_draw(sets.options, sets.pools[column.pool], sets.option_of(c), period)
        for c, column in enumerate(sets.columns)
    ]
    for (c, t, b), replicas in model.n.items():
        if t != period or facts.premium_in(b) <= 0:
            continue
        draw, hardware = draws[c], sets.option_of(c).hardware
        power = facts.power_of(hardware)
        if draw is not None and power is not None:
            watts = draw.base_w - power.idle_w * sets.columns[c].accelerators
            loads[hardware, t, b][replicas] = watts / W_PER_KW
    for (w, c, t, b), flow in model.f.items():
        draw = draws[c]
        if t == period and draw is not None and facts.premium_in(b) > 0:
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


def _most_own_kw(sets: Sets, offers: dict[int, pulp.LpVariable]) -> float:
    """Return the most that is counted of bought nodes worth having, or that have to be there."""
    total = 0.0
    for o in offers:
        least = sum(build.least_nodes for build in sets.options.offers[o].builds)
        total += (most_nodes(sets, o) + least) * _counted_kw(sets, o)
    return total
