"""The price of electricity at the site of a problem, by block, from the problem or the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.problem.schema import Problem

_HOURS = 24
_QUANTITY = "electricity_usd_per_kwh"


def site_price(problem: Problem, catalog: Catalog, block: int) -> float | None:
    """Return the mean price of the hours of a block, ``None`` when one is not known."""
    stated = problem.supply.electricity_usd_per_kwh
    length = _HOURS // problem.time_blocks
    first = block % problem.time_blocks * length
    total = 0.0
    for hour in range(first, first + length):
        price = stated[hour] if isinstance(stated, list) else stated
        if price is None:
            price = _listed(problem, catalog, hour)
        if price is None:
            return None
        total += price
    return total / length


def lowest_site_price(problem: Problem, catalog: Catalog) -> float | None:
    """Return the lowest of these prices, ``None`` when one is not known."""
    prices = [site_price(problem, catalog, block) for block in range(problem.time_blocks)]
    known = [price for price in prices if price is not None]
    return min(known) if len(known) == len(prices) else None


def _listed(problem: Problem, catalog: Catalog, hour: int) -> float | None:
    """Return the price of an hour in the tables: the dearest row naming it, or the plain one."""
    mine = [s for s in catalog.sites if s.quantity == _QUANTITY and s.id == problem.supply.site]
    rows = mine or [s for s in catalog.sites if s.quantity == _QUANTITY and s.id == "default"]
    plain, named = None, []
    for row in rows:
        if not row.case:
            plain = row.value
        elif row.value is not None:
            start, end = (int(clock[:2]) for clock in row.case.split("-"))
            inside = start <= hour < end if start < end else hour >= start or hour < end
            named += [row.value] if inside else []
    return max(named) if named else plain
