"""Nodes that a plan may rent by the hour, and what they cost, from the tables again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.dates import age_days
from planner.verify.audit.clock import period_start
from planner.verify.audit.expected import in_force
from planner.verify.audit.people import node_people_usd_per_hour
from planner.verify.audit.price_path import nodes_sold, price_growth
from planner.verify.audit.prices import share_paid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer
    from planner.problem.schema import Problem

_ON_DEMAND, _SITES, _CARBON = "on_demand", "sites", "carbon_g_per_kwh"


@dataclass(frozen=True, eq=False)
class Listed:
    """An offer by the hour: its shape, and price and people of a node-hour by period, USD."""

    offer_id: str
    provider: str
    region: str
    instance: str
    tenure: str
    hardware: str
    accelerators: int
    prices: Mapping[int, float]
    people: float

    def usd(self, period: int) -> float:
        """Return the price of a node-hour with its people."""
        return self.prices[period] + self.people


def listed_offers(
    hardware: str, periods: range, problem: Problem, catalog: Catalog
) -> list[Listed]:
    """Return the offers by the hour of a hardware that have a price in all of some periods.

    Parameters
    ----------
    hardware
        Accelerator key.
    periods
        Periods.
    problem, catalog
        What may be rented, and for what.
    """
    supply = problem.supply
    rows: dict[str, list[Offer]] = defaultdict(list)
    for offer in catalog.offers if _ON_DEMAND in supply.tenures else ():
        named = catalog.resolve_accelerator(offer.accelerator) or offer.accelerator
        wanted = not supply.providers or offer.provider in supply.providers
        if offer.tenure == _ON_DEMAND and named == hardware and wanted:
            rows[offer.offer_id].append(offer)
    found = [_listed(rows[name], hardware, periods, problem, catalog) for name in sorted(rows)]
    return [offer for offer in found if offer is not None]


def _listed(
    rows: list[Offer], hardware: str, periods: range, problem: Problem, catalog: Catalog
) -> Listed | None:
    prices: dict[int, float] = {}
    row = None
    for period in periods:
        day = period_start(problem, period)
        row = in_force(rows, day)
        if row is None:
            return None
        if age_days(row.as_of, period_start(problem, 0)) > problem.supply.max_price_age_days:
            return None
        months = period * problem.horizon.months_per_period
        place = (row.provider, row.instance, row.region, row.tenure)
        price = row.price_usd_per_hour * share_paid(catalog, place, day)
        prices[period] = price * price_growth(problem, nodes_sold(row, hardware), months)
    if row is None:
        return None
    if problem.limits.carbon_kg_per_period is not None:
        grid = catalog.figure(_SITES, row.region, _CARBON, row.provider)
        if grid is None or grid.value is None:
            return None
    people = node_people_usd_per_hour(_ON_DEMAND, row.accelerators, problem, catalog)
    return Listed(
        row.offer_id, row.provider, row.region, row.instance, row.tenure, hardware,
        row.accelerators, prices, people,
    )  # fmt: skip
