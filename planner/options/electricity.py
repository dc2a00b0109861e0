"""The price of electricity at the site of owned nodes, by block of the day.

A block pays the mean price of its hours. What a kilowatt-hour costs beyond the lowest price of the
day is the premium of its block: the lowest price is paid on the power that nodes are assumed to
draw (:mod:`planner.options.owned`), the premium on what they draw in that block
(:mod:`planner.plan.power_prices`). With one price, or 24 equal ones, there is no premium.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from planner.catalog.electricity import listed_prices
from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.problem.schema import Problem

_ROUNDING = 1e-6
"""Share of a price below which a difference is rounding."""


def hourly_prices(problem: Problem, catalog: Catalog) -> tuple[float, ...] | None:
    """Return the price of each hour of the day from 00:00 on, USD per kWh; ``None`` if not known.

    Parameters
    ----------
    problem, catalog
        The problem, whose price goes before that of its site, and facts about sites.
    """
    stated = problem.supply.electricity_usd_per_kwh
    if stated is None:
        return listed_prices(catalog, problem.supply.site)
    return tuple(stated) if isinstance(stated, list) else (stated,) * int(HOURS_PER_DAY)


def prices_by_block(problem: Problem, catalog: Catalog) -> tuple[float, ...]:
    """Return the price of every block of a day, USD per kWh; empty where it is not known.

    Parameters
    ----------
    problem, catalog
        The problem, for its price, site and blocks, and facts about sites.
    """
    prices = hourly_prices(problem, catalog)
    if prices is None:
        return ()
    least, hours = min(prices), len(prices) // problem.time_blocks
    # Equal prices have to give exactly themselves.
    return tuple(
        least + fmean(price - least for price in prices[first : first + hours])
        for first in range(0, len(prices), hours)
    )


def premiums_by_block(problem: Problem, catalog: Catalog) -> tuple[float, ...]:
    """Return what a kWh costs beyond the lowest price, by block of a day; empty where nothing.

    Parameters
    ----------
    problem, catalog
        The problem, for its price, site and blocks, and facts about sites.
    """
    prices = prices_by_block(problem, catalog)
    beyond = (price - min(prices) for price in prices)
    premiums = tuple(
        more if more > _ROUNDING * price else 0.0
        for more, price in zip(beyond, prices, strict=True)
    )
    return premiums if any(premiums) else ()
