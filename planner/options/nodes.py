"""Nodes a plan may use: rented, reserved, bought or there already, and why not the others.

For each (provider, instance, region, tenure, plan) the newest row with ``valid_from`` at or before
the start of a period applies. Prices older than ``max_price_age_days`` at the start of the horizon
are not used. From the start of the horizon on prices move by ``supply.price_paths``, or by the
rate of their kind, ``supply.price_change_per_year``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.catalog.offers import offers_at
from planner.options.capacity_blocks import capacity_blocks
from planner.options.existing import existing_nodes, with_power
from planner.options.old_prices import PRICE_AGE, age_ratio
from planner.options.owned import OWNED, owned_nodes
from planner.options.periods import offer_notes, price_trend
from planner.options.records import NodeOffer, Rejection
from planner.options.reserved import TERM_MONTHS, why_not_reserved, with_reservations
from planner.options.spot import SPOT, interruptions_per_h
from planner.problem.price_paths import priced_offer
from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.demand.records import TimeGrid
    from planner.problem.schema import Problem, Workload

DEFAULT_STARTUP_MINUTES = 10.0
"""Time from order to serving when the offer states none: boot, weights, warm-up."""
DEFAULT_ELASTIC_MAX_NODES = 8
"""Nodes an on-demand offer is trusted to add within a day when the offer states no figure."""
PLANNED_TENURES = ("on_demand", SPOT, *TERM_MONTHS, OWNED)


def supplied_nodes(
    problem: Problem, catalog: Catalog, grid: TimeGrid
) -> tuple[list[NodeOffer], list[Rejection]]:
    """Return every node a plan may use, and the offers it may not with reasons.

    Parameters
    ----------
    problem
        The problem, for its supply and the residency of its workloads.
    catalog
        Facts about offers, servers and sites.
    grid
        First day of every period.
    """
    rented, rejected = rentable_nodes(problem, catalog, grid)
    bought, refused = owned_nodes(problem, catalog, grid)
    dated, stale = capacity_blocks(problem, catalog, grid)
    there = with_power(existing_nodes(problem, grid), catalog)
    nodes = [*rented, *bought, *dated, *there]
    return nodes, [*rejected, *refused, *stale]


def barred_nodes(problem: Problem, nodes: Sequence[NodeOffer]) -> frozenset[tuple[str, str]]:
    """Return the pools and offers that residency keeps apart, as ``(pool, offer_id)``.

    A replica serves every workload of its pool, so its node must suit all of them.

    Parameters
    ----------
    problem
        The problem, for the residency of its workloads.
    nodes
        Offers.
    """
    return frozenset(
        (workload.pool_name, node.offer_id)
        for workload in problem.workloads
        for node in nodes
        if not _may_hold(workload, node)
    )


def unwanted_nodes(
    problem: Problem, nodes: Sequence[NodeOffer], barred: frozenset[tuple[str, str]]
) -> list[Rejection]:
    """Return a rejection for every offer that residency keeps apart from every pool.

    Parameters
    ----------
    problem
        The problem, for its pools.
    nodes
        Offers.
    barred
        Pools and offers that residency keeps apart.
    """
    pools = {w.pool_name for w in problem.workloads}
    return [
        Rejection(
            "offer",
            node.offer_id,
            "",
            "residency",
            f"region {node.region} ({node.tenure}) is outside the residency of every workload",
        )
        for node in nodes
        if all((pool, node.offer_id) in barred for pool in pools)
    ]


def _may_hold(workload: Workload, node: NodeOffer) -> bool:
    if workload.residency == "any":
        return True
    if workload.residency == "on_prem_only":
        return node.tenure == OWNED
    return node.region in workload.residency


def rentable_nodes(
    problem: Problem, catalog: Catalog, grid: TimeGrid
) -> tuple[list[NodeOffer], list[Rejection]]:
    """Return the offers a plan may rent and the rejected ones with reasons.

    Parameters
    ----------
    problem
        The problem, for its supply and the residency of its workloads.
    catalog
        Facts; only its offers are read.
    grid
        First day of every period.
    """
    by_period = [
        {offer.offer_id: offer for offer in offers_at(catalog, start)}
        for start in grid.period_start
    ]
    nodes, rejected = [], []
    for offer_id in sorted({o.offer_id for o in catalog.offers}):
        rows = [period.get(offer_id) for period in by_period]
        known = [row for row in rows if row is not None]
        if not known:
            detail = f"no price is valid at {grid.period_start[0]}; add a dated row to offers.csv"
            rejected.append(Rejection("offer", offer_id, "", "no_price", detail))
            continue
        fresh = [None if row is None or _too_old(row, problem, grid) else row for row in rows]
        priced = [row for row in fresh if row is not None]
        reason = _why_not(known[0], problem, grid)
        if reason is not None:
            rejected.append(Rejection("offer", offer_id, "", *reason))
            continue
        if not priced:
            rejected.append(_stale(known[0], problem, grid))
            continue
        trend = price_trend(problem, priced_offer(known[0]))
        changes = offer_notes(known[0], catalog, grid, trend)
        node = _node(priced[-1], fresh, changes, trend.by_period(grid))
        if node.tenure == SPOT:
            rate = interruptions_per_h(offer_id, catalog, problem.supply.spot)
            node = replace(node, interruptions_per_h=rate)
        if node.tenure in TERM_MONTHS:
            pro_rata = problem.finance.commitment_tail == "pro_rata"
            node = with_reservations(node, fresh, grid, pro_rata=pro_rata)
        nodes.append(node)
    return nodes, rejected


def _why_not(offer: Offer, problem: Problem, grid: TimeGrid) -> tuple[str, str] | None:
    supply = problem.supply
    if offer.tenure not in supply.tenures:
        return "tenure", f"tenure {offer.tenure} is not among supply.tenures"
    if offer.tenure not in PLANNED_TENURES:
        return "tenure", f"tenure {offer.tenure} is not planned by this version"
    if supply.providers and offer.provider not in supply.providers:
        return "provider", f"provider {offer.provider} is not among supply.providers"
    if offer.tenure in TERM_MONTHS and (reason := why_not_reserved(offer, grid)):
        return reason
    return None


def _too_old(offer: Offer, problem: Problem, grid: TimeGrid) -> bool:
    return age_days(offer.as_of, grid.period_start[0]) > problem.supply.max_price_age_days


def _stale(offer: Offer, problem: Problem, grid: TimeGrid) -> Rejection:
    age, allowed = age_days(offer.as_of, grid.period_start[0]), problem.supply.max_price_age_days
    detail = (
        f"price of {offer.as_of} is {age} days old at the start of the horizon, more than "
        f"supply.max_price_age_days = {allowed}; add a newer row"
    )
    ratio = age_ratio(age, allowed)
    return Rejection("offer", offer.offer_id, "", PRICE_AGE, detail, shortfall=ratio)


def _node(
    newest: Offer,
    rows: Sequence[Offer | None],
    changes: Sequence[str],
    factors: Sequence[float],
) -> NodeOffer:
    startup = newest.startup_minutes
    notes = dict.fromkeys(r.notes for r in rows if r is not None and r.notes)
    return NodeOffer(
        offer_id=newest.offer_id,
        provider=newest.provider,
        region=newest.region,
        instance=newest.instance,
        tenure=newest.tenure,
        hardware=newest.accelerator,
        accelerators_per_node=newest.accelerators,
        price_usd_per_hour=tuple(
            None if r is None else r.price_usd_per_hour * factor
            for r, factor in zip(rows, factors, strict=True)
        ),
        price_date=newest.as_of,
        startup_h=(DEFAULT_STARTUP_MINUTES if startup is None else startup) / MINUTES_PER_HOUR,
        min_billing_h=(newest.min_billing_minutes or 0.0) / MINUTES_PER_HOUR,
        elastic_max_nodes=newest.elastic_max_nodes or DEFAULT_ELASTIC_MAX_NODES,
        assumes_startup=startup is None,
        assumes_elastic=not newest.elastic_max_nodes,
        note="; ".join([*notes, *changes]),
        sources=tuple("" if r is None else r.source for r in rows),
        price_dates=tuple(None if r is None else r.as_of for r in rows),
    )
