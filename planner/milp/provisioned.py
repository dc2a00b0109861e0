"""Provisioned units of tokens: how many, what they carry, and what they cost.

Units come in increments and are the same in all blocks of a period, so increments are the whole
numbers of the program. As with nodes that are taken on for long, the cost of a term is spread
over the blocks in which it serves, so that a block alone knows what its tokens cost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.milp.costs import build_rest_usd, held_period_usd
from planner.milp.model import EQ, GE, LE, Priced, Terms
from planner.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from planner.milp.model import Model
    from planner.milp.sets import Sets
    from planner.options.builds import Build
    from planner.options.supply_records import ProvisionedUnits


def add_provisioned(model: Model) -> None:
    """Carry no more than the units do, and hold units for their terms.

    With g units in an increment, S(t) the terms that serve in period t and tau counted tokens of
    a mean request::

        sum over w, i of 60 tau[w,i] a[w,i,t,b]  <=  tokens_per_minute g P[k,t,b]
        P[k,t,b] = sum over s in S(t) of buy[k,s]
        (min_units / g) on[k,t]  <=  sum over s in S(t) of buy[k,s]  <=  most on[k,t]

    Units that are taken on already are terms of a fixed number. `most` carries the highest planned
    rates of all workloads that may use the units once for every term in S(t), because it can pay
    to take on the units of a later period early; or it is ``max_units / g`` if that is less.
    Without a minimum above an increment there is no `on`.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added without units.
    """
    for k, units in enumerate(model.sets.options.provisioned):
        tokens = _counted_tokens(model, units)
        own = _enough_increments(model, units, tokens)
        enough = max(own, int(model.sets.elsewhere.get(units.id, 0)), _held_increments(units))
        for s, build in enumerate(units.builds):
            if enough > 0 or build.fixed_nodes is not None:
                fewest, highest = (
                    None if count is None else count // units.increment_units
                    for count in _bounds(build)
                )
                model.bought[k, s] = model.variable(
                    f"buy_{k}_{s}", highest, whole=True, lower=fewest or 0
                )
        if enough == 0:
            continue
        enough += sum(build.fixed_nodes or 0 for build in units.committed)
        for t in range(model.sets.grid.periods):
            held: Terms = {
                model.bought[k, s]: 1.0 for s, b in enumerate(units.builds) if b.serves(t)
            }
            _add_size(model, k, t, held, enough)
            for b in range(model.sets.grid.blocks):
                most = float(enough * len(held))
                present = model.variable(f"P_{k}_{t}_{b}", most, whole=True)
                model.units_there[k, t, b] = present
                model.row(f"unitsheld_{k}_{t}_{b}", held | {present: -1.0}, EQ)
                load = tokens.get((t, b), {})
                model.row(f"unitsload_{k}_{t}_{b}", load | {present: -1.0}, LE)


def _bounds(build: Build) -> tuple[int, int | None]:
    """Return the fewest and the most units of a build; those taken on already are fixed."""
    if build.fixed_nodes is not None:
        return build.fixed_nodes, build.fixed_nodes
    return build.least_nodes, build.most_nodes


def _held_increments(units: ProvisionedUnits) -> int:
    return max((build.least_nodes for build in units.builds), default=0) // units.increment_units


def enough_increments(model: Model, k: int) -> int:
    """Return the increments of units that carry everything, 0 when nothing may use them.

    Parameters
    ----------
    model
        Variables by index.
    k
        Position of the units.
    """
    units = model.sets.options.provisioned[k]
    return _enough_increments(model, units, _counted_tokens(model, units))


def _add_size(model: Model, k: int, t: int, held: Terms, enough: int) -> None:
    units = model.sets.options.provisioned[k]
    most = enough * len(held)
    if units.max_units is not None:
        most = min(most, units.max_units // units.increment_units)
    least = units.min_units // units.increment_units
    name = f"unitsmost_{k}_{t}"
    if least > 1:
        used = model.variable(f"on_{k}_{t}", 1, whole=True)
        model.row(f"unitsleast_{k}_{t}", held | {used: -float(least)}, GE)
        model.row(name, held | {used: -float(most)}, LE)
        return
    model.row(name, held, LE, float(most))
    if units.max_units is not None:
        weights = {name: 1.0 / units.increment_units}
        where = f"{units.id}, period {t}"
        model.priced.append(Priced("provisioned_units", where, "unit", weights))


def _counted_tokens(model: Model, units: ProvisionedUnits) -> dict[tuple[int, int], Terms]:
    """Return the load of every block in increments, by flow."""
    sets = model.sets
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    per_increment = units.tokens_per_minute * units.increment_units
    tokens: dict[tuple[int, int], Terms] = {}
    for (i, t, b), flow in model.a.items():
        api = sets.options.api[i]
        if api.units_id == units.id:
            unit_rps = float(sets.rate_unit_rps[position[api.workload]])
            counted = SECONDS_PER_MINUTE * api.planned_tokens_at(t).counted * unit_rps
            tokens.setdefault((t, b), {})[flow] = counted / per_increment
    return tokens


def _enough_increments(
    model: Model, units: ProvisionedUnits, tokens: dict[tuple[int, int], Terms]
) -> int:
    """Return the increments that carry everything, 0 when nothing may use them."""
    sets = model.sets
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    rate = {
        model.a[i, t, b]: float(sets.planned_rps[w, t, b] / sets.rate_unit_rps[w])
        for i, t, b in model.a
        for w in [position[sets.options.api[i].workload]]
    }
    loads = [sum(load * rate[flow] for flow, load in terms.items()) for terms in tokens.values()]
    if not loads:
        return 0
    return max(math.ceil(max(loads)), units.min_units // units.increment_units)


def unit_coefficients_usd(model: Model) -> Terms:
    """Return the discounted cost of increments: by block, and what a term costs beyond them.

    Parameters
    ----------
    model
        Variables by index.
    """
    sets = model.sets
    terms: Terms = {}
    for (k, t, b), present in model.units_there.items():
        units = sets.options.provisioned[k]
        held = (held_period_usd(units, t) or 0.0) * sets.grid.share_of_period(b)
        terms[present] = held * units.increment_units
    for (k, s), bought in model.bought.items():
        units = sets.options.provisioned[k]
        terms[bought] = build_rest_usd(units, s) * units.increment_units
    return terms


def unit_usd(model: Model, t: int) -> Terms:
    """Return what increments of every term are paid in a period, nominal USD.

    Parameters
    ----------
    model
        Variables by index.
    t
        Position of the period.
    """
    terms: Terms = {}
    for (k, s), bought in model.bought.items():
        units = model.sets.options.provisioned[k]
        usd = sum(p.usd for p in units.builds[s].payments if p.period == t)
        if usd:
            terms[bought] = usd * units.increment_units
    return terms


def bought_units(sets: Sets, counts: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Return units by position of units and build, from increments; zeros are left out."""
    step = [units.increment_units for units in sets.options.provisioned]
    return {(k, s): count * step[k] for (k, s), count in sorted(counts.items()) if count}
