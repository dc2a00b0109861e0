"""Checks shares of providers, where replicas stand, and what is left after every loss."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from planner.milp.check_fleet import fits_nodes
from planner.milp.domains import losses
from planner.options.homes import holds
from planner.options.owned import OWNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.demand.records import Demand
    from planner.milp.domains import Loss
    from planner.milp.records import Limits
    from planner.options.records import Capacity, OptionSet
    from planner.plan.records import Decisions, PlacementDecision

_TOLERANCE = 1e-6


def diversity_faults(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> Iterator[str]:
    """Yield what breaks the policies of diversity.

    What is left after a loss is checked where that needs no program: in pools of one workload, or
    on one option.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    if limits.max_share_per_provider is not None:
        yield from _share_faults(options, limits.max_share_per_provider, decisions)
    cases = losses(options, limits)
    if cases:
        yield from _place_faults(options, decisions)
        for case in cases:
            yield from _loss_faults(case, demand, options, limits.survive_share, decisions)


def _share_faults(options: OptionSet, share: float, decisions: Decisions) -> Iterator[str]:
    offers = {offer.offer_id: offer for offer in options.offers}
    held: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in decisions.nodes:
        offer = offers[row.offer_id]
        name = "" if offer.tenure == OWNED else offer.provider
        held[row.period, row.block][name] += row.nodes * offer.accelerators_per_node
    for (t, b), by_provider in held.items():
        total = sum(by_provider.values())
        for provider, count in by_provider.items():
            if provider and count > share * total * (1 + _TOLERANCE):
                yield (
                    f"{provider} has {count} of {total} accelerators in period {t}, block {b}, "
                    f"{share:g} are allowed"
                )


def _place_faults(options: OptionSet, decisions: Decisions) -> Iterator[str]:
    by_id = {option.id: option for option in options.options}
    position = {offer.offer_id: o for o, offer in enumerate(options.offers)}
    stand: dict[tuple[str, str, int, int], int] = defaultdict(int)
    wanted: dict[tuple[str, tuple[str, ...], int, int], dict[tuple[int, frozenset[int]], int]] = (
        defaultdict(lambda: defaultdict(int))
    )
    for row in decisions.placements:
        option = by_id[row.option_id]
        stand[row.pool, row.option_id, row.period, row.block] += row.replicas
        home = frozenset(
            position[name]
            for name in row.offer_ids
            if holds(options.offers[position[name]], option)
            and (row.pool, name) not in options.barred
        )
        place = (option.hardware, row.offer_ids, row.period, row.block)
        wanted[place][option.accelerators, home] += row.replicas
    for replicas in decisions.replicas:
        key = (replicas.pool, replicas.option_id, replicas.period, replicas.block)
        if stand.pop(key, 0) != replicas.replicas:
            yield f"{replicas.option_id}: not all of {replicas.replicas} replicas have a place"
    if stand:
        yield "replicas have a place that do not run"
    for (hardware, names, t, b), sizes in wanted.items():
        nodes = [
            (position[row.offer_id], options.offers[position[row.offer_id]].accelerators_per_node)
            for row in decisions.nodes
            if row.offer_id in names
            and (row.period, row.block) == (t, b)
            and options.offers[position[row.offer_id]].hardware == hardware
            for _ in range(row.nodes)
        ]
        if not fits_nodes(sizes, nodes):
            yield f"replicas do not fit {', '.join(names)} in period {t}, block {b}"


def _loss_faults(
    case: Loss, demand: Demand, options: OptionSet, share: float, decisions: Decisions
) -> Iterator[str]:
    mu = {(c.workload, c.option_id): c for c in options.capacities}
    brackets = {
        (r.pool, r.option_id, r.period, r.block): r.min_replicas for r in decisions.replicas
    }
    left = _standing(case, options, decisions)
    for place, rates_rps in _needed(case, demand, options, share, decisions).items():
        short = {w: rate for w, rate in rates_rps.items() if rate > _TOLERANCE}
        rows = left.get(place, [])
        if len(short) > 1 and len({row.option_id for row in rows}) > 1:
            continue
        load = 0.0
        for w, rate_rps in short.items():
            worth_rps = sum(
                row.replicas * _rate(mu.get((w, row.option_id)), brackets.get(_key(row), 0), row)
                for row in rows
            )
            load += rate_rps / worth_rps if worth_rps else math.inf
        if load > 1 + _TOLERANCE:
            pool, t, b = place
            yield f"pool {pool} does not survive the loss of {case.name} in period {t}, block {b}"


def _key(row: PlacementDecision) -> tuple[str, str, int, int]:
    return row.pool, row.option_id, row.period, row.block


def _rate(capacity: Capacity | None, least_replicas: int, row: PlacementDecision) -> float:
    if capacity is None or not capacity.serves_in(row.period, row.block):
        return 0.0
    points = capacity.points_in(row.period, row.block)
    return max((p.planned_rps for p in points if p.min_replicas <= least_replicas), default=0.0)


def _standing(
    case: Loss, options: OptionSet, decisions: Decisions
) -> dict[tuple[str, int, int], list[PlacementDecision]]:
    """Return the replicas that a loss leaves, by pool, period and block."""
    lost = {options.offers[o].offer_id for o in case.offers}
    left: dict[tuple[str, int, int], list[PlacementDecision]] = defaultdict(list)
    for row in decisions.placements:
        if not lost & set(row.offer_ids):
            left[row.pool, row.period, row.block].append(row)
    return left


def _needed(
    case: Loss, demand: Demand, options: OptionSet, share: float, decisions: Decisions
) -> dict[tuple[str, int, int], dict[str, float]]:
    """Return what replicas have to carry after a loss, by pool, period and block."""
    pool_of = {w.workload: w.workload for w in demand.workloads} | dict(options.pool_of)
    lost = {(options.api[i].workload, options.api[i].id) for i in case.apis}
    needed: dict[tuple[str, int, int], dict[str, float]] = defaultdict(dict)
    for rates in (w for w in demand.workloads if w.deferral is None):
        for t, by_block in enumerate(rates.planned_rps.tolist()):
            for b, planned_rps in enumerate(by_block):
                needed[pool_of[rates.workload], t, b][rates.workload] = share * planned_rps
    for flow in decisions.api_flows:
        place = (pool_of[flow.workload], flow.period, flow.block)
        if (flow.workload, flow.supply_id) not in lost and flow.workload in needed[place]:
            needed[place][flow.workload] -= flow.planned_rps
    for gap in decisions.unserved:
        place = (pool_of[gap.workload], gap.period, gap.block)
        needed[place][gap.workload] -= share * gap.planned_rps
    return needed
