"""People: what hosting needs whatever its size, and what each node that is there needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.milp.model import LE, Terms
from planner.milp.sets import most_nodes
from planner.options.owned import OWNED
from planner.plan.staff import API, RENTED, counts_as_owned
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulp import LpVariable

    from planner.milp.model import Model
    from planner.milp.sets import Sets

_NAMES = {RENTED: "rentstaff", API: "tokenstaff"}


def add_staff(model: Model) -> None:
    """Pay people once for each kind of hosting that a period has.

    Owned nodes, and those of offers that are not owned, with the number of nodes that may be worth
    having as `most`::

        B[o,k]   <= most staff[t]             while the build serves
        N[o,t,b] <= most rentstaff[t]

    Tokens, all together and by offer::

        sum over i of a[w,i,t,b]  <=  planned tokenstaff[t]
        a[w,i,t,b]                <=  planned offerstaff[i,t]

    With rented people that cost something, columns all of whose nodes need people also keep::

        sum over c of f[w,c,t,b]  <=  planned (staff[t] + rentstaff[t])

    which follows for whole numbers; without it the relaxation would do with a part of the people.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added for people that cost nothing.
    """
    _add_owned(model)
    staff = model.sets.options.staff
    if staff.rented_usd_per_month > 0:
        _add_rented(model)
        _add_flows(model)
    if staff.api_usd_per_month > 0:
        _add_tokens(model)
    if staff.usd_per_offer_month > 0:
        _add_offers(model)


def _add_owned(model: Model) -> None:
    sets = model.sets
    for (o, k), built in model.builds.items():
        offer = sets.options.offers[o]
        build = offer.builds[k]
        if not counts_as_owned(sets.options, offer, build):
            continue
        most = max(most_nodes(sets, o), build.least_nodes)
        for t in range(build.start, build.end):
            if (OWNED, t) in model.staff:
                people = model.staff[OWNED, t]
                model.row(f"staffed_{o}_{k}_{t}", {built: 1.0, people: -most}, LE)


def _add_rented(model: Model) -> None:
    sets = model.sets
    done: set[tuple[int, int]] = set()
    for (o, t, b), nodes in model.nodes.items():
        offer = sets.options.offers[o]
        is_same_all_day = offer.is_committed or sets.is_static
        if offer.tenure == OWNED or (is_same_all_day and (o, t) in done):
            continue
        done.add((o, t))
        people, most = _switch(model, RENTED, t), _most_rented(sets, o, t)
        model.row(f"rentstaffed_{o}_{t}_{b}", {nodes: 1.0, people: -most}, LE)


def _most_rented(sets: Sets, o: int, t: int) -> float:
    """Return the most nodes worth having, idle ones that reach a tier for everything included."""
    offer, most = sets.options.offers[o], float(most_nodes(sets, o))
    usd_per_month = HOURS_PER_MONTH * (offer.price_usd_per_hour[t] or 0.0)
    for volume in sets.options.volumes:
        if volume.on_all and volume.counts(offer):
            by_node = 1.0 if volume.is_of_terms else usd_per_month
            most += math.ceil(volume.tiers[-1][0] / by_node) if by_node else 0.0
    return most


def _switch(model: Model, hosting: str, t: int) -> LpVariable:
    """Return whether the people of a kind of hosting are there in a period."""
    if (hosting, t) not in model.staff:
        model.staff[hosting, t] = model.variable(f"{_NAMES[hosting]}_{t}", 1, whole=True)
    return model.staff[hosting, t]


def _add_flows(model: Model) -> None:
    slots: dict[tuple[int, int, int], dict[frozenset[str], Terms]] = {}
    for (w, c, t, b), flow in model.f.items():
        if needed := _people_of(model, c, t, b):
            slots.setdefault((w, t, b), {}).setdefault(needed, {})[flow] = 1.0
    for (w, t, b), flows in slots.items():
        planned = _planned(model, w, t, b)
        for k, needed in enumerate(sorted(flows, key=sorted)):
            terms: Terms = {}
            for kinds, part in flows.items():
                terms |= part if kinds <= needed else {}
            terms |= {model.staff[hosting, t]: -planned for hosting in sorted(needed)}
            model.row(f"nodestaffed_{w}_{t}_{b}_{k}", terms, LE)


def _people_of(model: Model, c: int, t: int, b: int) -> frozenset[str]:
    """Return the kinds of nodes that may hold a column; none where some need no people."""
    sets, kinds = model.sets, set()
    for o in sets.homes[c]:
        offer = sets.options.offers[o]
        if (o, t, b) not in model.nodes:
            continue
        if offer.tenure != OWNED:
            kinds.add(RENTED)
            continue
        counts = (counts_as_owned(sets.options, offer, build) for build in offer.builds)
        if (OWNED, t) not in model.staff or not all(counts):
            return frozenset()
        kinds.add(OWNED)
    return frozenset(kinds)


def _add_tokens(model: Model) -> None:
    for (w, t, b), flows in _tokens(model).items():
        planned = _planned(model, w, t, b)
        people: Terms = {_switch(model, API, t): -planned}
        model.row(f"tokenstaffed_{w}_{t}_{b}", dict.fromkeys(flows.values(), 1.0) | people, LE)


def _add_offers(model: Model) -> None:
    """Link every offer of tokens; its switch has the position of its first workload."""
    api, first = model.sets.options.api, _first_of_offer(model)
    for (w, t, b), flows in _tokens(model).items():
        planned = _planned(model, w, t, b)
        for i, flow in flows.items():
            key = (first[api[i].id], t)
            if key not in model.offer_staff:
                name = f"offerstaff_{key[0]}_{t}"
                model.offer_staff[key] = model.variable(name, 1, whole=True)
            terms: Terms = {flow: 1.0, model.offer_staff[key]: -planned}
            model.row(f"offerstaffed_{w}_{i}_{t}_{b}", terms, LE)


def _first_of_offer(model: Model) -> dict[str, int]:
    """Return the position of the first API option of every offer."""
    return {offer.id: i for i, offer in reversed(list(enumerate(model.sets.options.api)))}


def _tokens(model: Model) -> dict[tuple[int, int, int], dict[int, LpVariable]]:
    """Return the flows to tokens by API option, for each workload and block."""
    sets = model.sets
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    found: dict[tuple[int, int, int], dict[int, LpVariable]] = {}
    for (i, t, b), flow in model.a.items():
        found.setdefault((position[sets.options.api[i].workload], t, b), {})[i] = flow
    return found


def _planned(model: Model, w: int, t: int, b: int) -> float:
    return float(model.sets.planned_rps[w, t, b] / model.sets.rate_unit_rps[w])


def tokens_off(model: Model, value_of: Mapping[str, float]) -> set[str]:
    """Return the names of flows to tokens without their people: what is left is rounding.

    Parameters
    ----------
    model
        Variables by index.
    value_of
        Value by name, integers rounded.
    """
    api, first, off = model.sets.options.api, _first_of_offer(model), set()
    for (i, t, _), flow in model.a.items():
        people = [model.staff.get((API, t)), model.offer_staff.get((first[api[i].id], t))]
        if any(p is not None and value_of[p.name] == 0 for p in people):
            off.add(flow.name)
    return off


def staff_terms_usd(model: Model, t: int) -> Terms:
    """Return what people cost in a period, nominal USD by variable.

    Those of bought servers that are part of their own payments are not among them.

    Parameters
    ----------
    model
        Variables by index.
    t
        Position of the period.
    """
    sets, grid = model.sets, model.sets.grid
    staff, months = sets.options.staff, grid.months_per_period
    usd_per_month = {
        OWNED: staff.owned_usd_per_month,
        RENTED: staff.rented_usd_per_month,
        API: staff.api_usd_per_month,
    }
    terms: Terms = {
        people: usd_per_month[hosting] * months
        for (hosting, t2), people in model.staff.items()
        if t2 == t
    }
    for (_, t2), people in model.offer_staff.items():
        terms |= {people: staff.usd_per_offer_month * months} if t2 == t else {}
    for (o, t2, b), nodes in model.nodes.items():
        usd = sets.options.offers[o].staff_usd_per_hour
        if t2 == t and usd:
            terms[nodes] = usd * grid.hours_in_period(b)
    return terms
