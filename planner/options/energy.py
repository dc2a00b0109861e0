"""Electric energy and carbon of nodes: what is drawn where, and why some of it is not known.

Per accelerator of a kind, watts, the share of its node included::

    rated   rated IT power of the node / its accelerators
    idle    most that replicas of any option draw without requests; rated where none is known

Servers that the plan buys have a rated power of their own, and draw by the difference more or less
(:meth:`~planner.options.energy_records.EnergyFacts.idle_w`).

A replica draws ``base + marginal x rate`` at its mean rate (:class:`~planner.options.records.
PowerDraw`, never less than idle), or its rated power whatever it does where the performance model
does not know its power: measured capacities, drafts, units of instances.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.catalog.carbon import grid_carbon, overhead, rated_power_w, why_unknown
from planner.errors import counted
from planner.options.electricity import premiums_by_block, prices_by_block
from planner.options.energy_records import EnergyFacts, HardwarePower, Place, ReplicaDraw
from planner.options.owned import OWNED, assumed_power_w
from planner.options.records import Rejection
from planner.units import W_PER_KW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.options.energy_records import PowerDraw
    from planner.options.records import Capacity, CapacityPoint, NodeOffer, Option, OptionSet
    from planner.options.token_supply import TokenSupply
    from planner.problem.schema import Problem


def energy_facts(
    problem: Problem,
    catalog: Catalog,
    nodes: Sequence[NodeOffer],
    options: Iterable[Option],
    capacities: Iterable[Capacity],
) -> EnergyFacts:
    """Return what nodes draw and where they stand.

    Parameters
    ----------
    problem, catalog
        The problem, for its site, and facts about hardware and sites.
    nodes
        Offers.
    options, capacities
        Options and their power.
    """
    size = {o.id: o for o in options}
    known = [(size[c.option_id], c) for c in capacities]
    idle: dict[str, float] = {}
    for option, capacity in known:
        for power in capacity.power_by_period or (capacity.power,):
            watts = _idle_w(power)
            if watts is not None:
                most = max(idle.get(option.hardware, 0.0), watts / option.accelerators)
                idle[option.hardware] = most
    highest, rated = _highest_w(known), []
    for hardware in sorted({node.hardware for node in nodes}):
        rated_w = rated_power_w(catalog, hardware)
        if rated_w is not None:
            idle_w = min(idle.get(hardware, rated_w), rated_w)
            most_w = max(highest.get(hardware, 0.0), rated_w)
            rated.append(HardwarePower(hardware, idle_w, rated_w, most_w))
    premiums = premiums_by_block(problem, catalog)
    return EnergyFacts(
        tuple(rated),
        tuple(_place(problem, catalog, node) for node in nodes),
        prices_by_block(problem, catalog) if premiums else (),
        premiums,
    )


def _highest_w(capacities: Iterable[tuple[Option, Capacity]]) -> dict[str, float]:
    """Return the most that an accelerator of replicas draws in any mix of work, by hardware."""
    base: dict[Option, float] = {}
    load: dict[Option, float] = {}
    for option, capacity in capacities:
        for power, points in _powers(capacity):
            if power is None or power.host_w is None or not points:
                continue
            fastest_rps = max(point.planned_rps for point in points)
            load_w = power.marginal_energy_per_request_j * fastest_rps
            base[option] = max(base.get(option, 0.0), power.base_w + power.host_w)
            load[option] = max(load.get(option, 0.0), load_w)
    most: dict[str, float] = {}
    for option, base_w in base.items():
        watts = (base_w + load[option]) / option.accelerators
        most[option.hardware] = max(most.get(option.hardware, 0.0), watts)
    return most


def _powers(
    capacity: Capacity,
) -> list[tuple[PowerDraw | None, tuple[CapacityPoint, ...]]]:
    """Return power and points of every period that differs."""
    if not capacity.power_by_period:
        return [(capacity.power, capacity.points)]
    return list(zip(capacity.power_by_period, capacity.by_period, strict=True))


def _idle_w(power: PowerDraw | None) -> float | None:
    return None if power is None or power.host_w is None else power.idle_w + power.host_w


def _place(problem: Problem, catalog: Catalog, node: NodeOffer) -> Place:
    where = grid_key(problem, node)
    row = grid_carbon(catalog, *where)
    bought = node.tenure == OWNED and not node.is_existing
    return Place(
        node.offer_id,
        overhead(catalog, *where),
        None if row is None else row.value,
        why_unknown(catalog, node.hardware, *where),
        assumed_power_w(catalog, node) if bought else None,
        (node.power_kw or 0.0) * W_PER_KW / node.accelerators_per_node if bought else None,
    )


def grid_key(problem: Problem, node: NodeOffer) -> tuple[str, str]:
    """Return region and provider of rented nodes, the site of the problem for owned ones."""
    return (problem.supply.site, "") if node.tenure == OWNED else (node.region, node.provider)


def unmeasured_nodes(
    problem: Problem, catalog: Catalog, nodes: Sequence[NodeOffer]
) -> list[Rejection]:
    """Return a rejection for every offer whose carbon is not known, where it is limited.

    Parameters
    ----------
    problem, catalog
        The problem, and facts about hardware and sites.
    nodes
        Offers; those that are there already are checked with the problem.
    """
    if problem.limits.carbon_kg_per_period is None:
        return []
    return [
        Rejection("offer", node.offer_id, "", "carbon", reason)
        for node in nodes
        if not node.is_existing
        and (reason := why_unknown(catalog, node.hardware, *grid_key(problem, node)))
    ]


def wanting_carbon(
    rejections: Sequence[Rejection], nodes: Sequence[NodeOffer], unmeasured: Sequence[Rejection]
) -> tuple[Rejection, ...]:
    """Return rejections in which hardware that only its carbon bars does not want for a price.

    Parameters
    ----------
    rejections
        Why options cannot serve, found without the offers whose carbon is not known.
    nodes
        Offers, with those.
    unmeasured
        Why those are refused, of :func:`unmeasured_nodes`.
    """
    why = {r.subject: r for r in unmeasured}
    left = {n.hardware for n in nodes if n.offer_id not in why}
    barred: dict[str, list[Rejection]] = {}
    for node in nodes:
        if node.hardware not in left:
            barred.setdefault(node.hardware, []).append(why[node.offer_id])
    found = []
    for item in rejections:
        hardware = next((part for part in item.subject.split("/") if part in barred), None)
        if item.reason != "no_price" or hardware is None:
            found.append(item)
            continue
        first, *others = barred[hardware]
        more = f"; {counted(len(others), 'more offer')} of it likewise" if others else ""
        detail = f"{first.subject}: {first.detail}{more}"
        found.append(replace(item, reason=first.reason, detail=detail))
    return tuple(found)


def without_unknown_carbon(problem: Problem, supply: TokenSupply) -> TokenSupply:
    """Return the token supply, empty where carbon is limited and tokens have to count.

    Parameters
    ----------
    problem
        The problem.
    supply
        Tokens of one workload.
    """
    limits = problem.limits
    if limits.carbon_kg_per_period is None or limits.api_carbon == "ignore":
        return supply
    detail = (
        "nobody states the carbon of tokens; `limits.api_carbon: ignore` leaves them out of the "
        "limit"
    )
    offers = (*supply.usable, *supply.unproven)
    refused = tuple(Rejection("api", o.id, o.workload, "carbon", detail) for o in offers)
    return type(supply)((), (), (*supply.rejections, *refused))


def replica_draw(options: OptionSet, pool: str, option: Option, period: int) -> ReplicaDraw | None:
    """Return the power of a replica that serves a pool; ``None`` when its node's is not known.

    Parameters
    ----------
    options
        The options.
    pool
        Name of the pool.
    option
        The replica.
    period
        Period, counted from 0: its lengths are those that capacities are planned with.
    """
    known = options.energy.power_of(option.hardware)
    if known is None:
        return None
    pool_of = dict(options.pool_of)
    draws = {
        c.workload: c.power_at(period)
        for c in options.capacities
        if c.option_id == option.id and pool_of.get(c.workload, c.workload) == pool
    }
    least_w = known.idle_w * option.accelerators
    base_w, marginal_j = 0.0, {}
    for name, power in draws.items():
        if power is None or power.host_w is None:
            return ReplicaDraw(known.rated_w * option.accelerators, dict.fromkeys(draws, 0.0))
        base_w = max(base_w, power.base_w + power.host_w)
        marginal_j[name] = power.marginal_energy_per_request_j
    return ReplicaDraw(max(base_w, least_w), marginal_j)
