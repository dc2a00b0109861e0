"""Nodes that can be rented: price by period, filters of the problem, and why the others cannot.

For each (provider, instance, region, tenure, plan) the newest row with ``valid_from`` at or before
the start of a period applies. Prices older than ``max_price_age_days`` at the start of the horizon
are not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.catalog.offers import offers_at
from planner.options.periods import price_change_notes
from planner.options.records import NodeOffer, Rejection
from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.demand.records import TimeGrid
    from planner.problem.schema import Problem

DEFAULT_STARTUP_MINUTES = 10.0
"""Time from order to serving when the offer states none: boot, weights, warm-up."""
DEFAULT_ELASTIC_MAX_NODES = 8
"""Nodes an on-demand offer is trusted to add within a day when the offer states no figure."""
PLANNED_TENURES = ("on_demand",)


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
        reason = _why_not(known[0], problem) or (
            None if priced else _price_age(known[0], problem, grid)
        )
        if reason is not None:
            rejected.append(Rejection("offer", offer_id, "", *reason))
            continue
        changes = price_change_notes(known[0], catalog, grid)
        nodes.append(_node(priced[-1], fresh, changes))
    return nodes, rejected


def _why_not(offer: Offer, problem: Problem) -> tuple[str, str] | None:
    supply = problem.supply
    if offer.tenure not in supply.tenures:
        return "tenure", f"tenure {offer.tenure} is not among supply.tenures"
    if offer.tenure not in PLANNED_TENURES:
        return "tenure", f"tenure {offer.tenure} is not planned by this version"
    if supply.providers and offer.provider not in supply.providers:
        return "provider", f"provider {offer.provider} is not among supply.providers"
    # Replicas of different pools may share a node, so every node must suit every workload.
    for workload in problem.workloads:
        if isinstance(workload.residency, list) and offer.region not in workload.residency:
            detail = f"region {offer.region} is outside the residency of {workload.name}"
            return "residency", detail
    return None


def _too_old(offer: Offer, problem: Problem, grid: TimeGrid) -> bool:
    return age_days(offer.as_of, grid.period_start[0]) > problem.supply.max_price_age_days


def _price_age(offer: Offer, problem: Problem, grid: TimeGrid) -> tuple[str, str]:
    age = age_days(offer.as_of, grid.period_start[0])
    detail = (
        f"price of {offer.as_of} is {age} days old at the start of the horizon, more than "
        f"supply.max_price_age_days = {problem.supply.max_price_age_days}; add a newer row"
    )
    return "price_age", detail


def _node(newest: Offer, rows: Sequence[Offer | None], changes: Sequence[str]) -> NodeOffer:
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
        price_usd_per_hour=tuple(None if r is None else r.price_usd_per_hour for r in rows),
        price_date=newest.as_of,
        startup_h=(DEFAULT_STARTUP_MINUTES if startup is None else startup) / MINUTES_PER_HOUR,
        min_billing_h=(newest.min_billing_minutes or 0.0) / MINUTES_PER_HOUR,
        elastic_max_nodes=newest.elastic_max_nodes or DEFAULT_ELASTIC_MAX_NODES,
        note="; ".join([*notes, *changes]),
        sources=tuple("" if r is None else r.source for r in rows),
        price_dates=tuple(None if r is None else r.as_of for r in rows),
    )
