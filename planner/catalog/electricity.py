"""The price of electricity at a site by hour of the day, as ``sites.csv`` states it.

A row without a `case` holds in all hours that no other row of the site names; of rows whose hours
overlap the dearer one holds. A site without any row has the price of the default one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.catalog.schema.figures import ELECTRICITY
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from planner.catalog.load import Catalog

DEFAULT_SITE = "default"


def listed_prices(catalog: Catalog, site: str) -> tuple[float, ...] | None:
    """Return the price of each hour from 00:00 on, USD per kWh; ``None`` when one is not known.

    Parameters
    ----------
    catalog
        The catalogue.
    site
        Key of the site.
    """
    for name in (site, DEFAULT_SITE):
        rows = [r for r in catalog.sites if (r.id, r.quantity) == (name, ELECTRICITY)]
        if rows:
            break
    all_day = next((row.value for row in rows if not row.case), None)
    prices: list[float] = []
    for hour in range(int(HOURS_PER_DAY)):
        named = [row.value for row in rows if row.value is not None and hour in _hours(row.case)]
        price = max(named, default=all_day)
        if price is None:
            return None
        prices.append(price)
    return tuple(prices)


def _hours(case: str) -> set[int]:
    """Return the hours of a run such as ``22:00-06:00``; none of a row for all other hours."""
    if not case:
        return set()
    start, end = (int(clock.partition(":")[0]) for clock in case.split("-"))
    return {(start + i) % int(HOURS_PER_DAY) for i in range((end - start) % int(HOURS_PER_DAY))}
