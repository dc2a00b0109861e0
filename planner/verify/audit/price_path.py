"""What list prices are expected to be multiplied by: their own path, or the rate of their kind.

Computed again here, from what the problem states.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from planner.catalog.dates import parse_partial_date
from planner.units import MONTHS_PER_YEAR
from planner.verify.audit.clock import period_start

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Offer, ServerFigure
    from planner.problem.price_paths import PricePath
    from planner.problem.schema import Problem

_TOKENS, _OWNED, _ON_DEMAND = "api", "owned", "on_demand"
_BY_THE_HOUR = {_ON_DEMAND, "spot"}


class Sold(NamedTuple):
    """Something with a list price; fields in the order in which names of paths are narrow."""

    offer: str
    server: str
    instance: str
    model: str
    hardware: str
    provider: str
    region: str
    tenure: str


def nodes_sold(listed: Offer, hardware: str | None = None) -> Sold:
    """Return an offer of nodes.

    Parameters
    ----------
    listed
        Row of the catalogue.
    hardware
        Key of its accelerator, where the row may have another name of it.
    """
    return Sold(
        listed.offer_id, "", listed.instance, "", hardware or listed.accelerator,
        listed.provider, listed.region, listed.tenure,
    )  # fmt: skip


def tokens_sold(offer_id: str, provider: str, model: str) -> Sold:
    """Return an offer of tokens, or units that they come out of."""
    return Sold(offer_id, "", "", model, "", provider, "", _TOKENS)


def server_sold(server: str, hardware: str, site: str) -> Sold:
    """Return a server that is bought for a site."""
    offer_id = ":".join((_OWNED, server, site, _OWNED))
    return Sold(offer_id, server, "", "", hardware, "", site, _OWNED)


def price_growth(problem: Problem, sold: Sold, months: float) -> float:
    """Return the factor on a list price of what is ordered so many months after the start."""
    path = _path(problem, sold)
    if path is not None and path.steps is not None:
        day = period_start(problem, int(months // problem.horizon.months_per_period))
        begun = [(step.since, step.factor) for step in path.steps if _first_day(step.since) <= day]
        return max(begun)[1] if begun else 1.0
    change = _rate_of_kind(problem, sold) if path is None else path.change_per_year or 0.0
    return float((1 + change) ** (months / MONTHS_PER_YEAR))


def server_listed(server: str, day: date, catalog: Catalog) -> ServerFigure | None:
    """Return the row that prices a server ordered on a day, ``None`` without one."""
    found, newest = None, date.min
    for row in catalog.servers:
        if (row.id, row.quantity) != (server, "capex_usd") or row.value is None:
            continue
        first = date.min if row.valid_from is None else parse_partial_date(row.valid_from)
        if newest <= first <= day:
            found, newest = row, first
    return found


def _path(problem: Problem, sold: Sold) -> PricePath | None:
    best, most = None, -1
    for path in problem.supply.price_paths:
        stated = [getattr(path, field) for field in Sold._fields]
        if any(name not in {None, has} for name, has in zip(stated, sold, strict=True)):
            continue
        # One bit for each name, the narrowest the highest.
        weight = int("".join("0" if name is None else "1" for name in stated), 2)
        if weight > most:
            best, most = path, weight
    return best


def _rate_of_kind(problem: Problem, sold: Sold) -> float:
    rates = problem.supply.price_change_per_year
    if sold.tenure == _TOKENS:
        return rates.api
    if sold.tenure == _OWNED:
        return rates.owned
    return rates.on_demand if sold.tenure in _BY_THE_HOUR else rates.reserved


def _first_day(month: str) -> date:
    year, _, number = month.partition("-")
    return date(int(year), int(number), 1)
