"""The price of electricity at the site of owned nodes, by block of the day.

A block pays the mean price of its hours. What a kilowatt-hour costs beyond the lowest price of the
day is the premium of its block: the lowest price is paid on the power that nodes are assumed to
draw (:mod:`planner.options.owned`), the premium on what they draw in that block
(:mod:`planner.plan.power_prices`). With one price, or 24 equal ones, there is no premium.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from planner.problem.schema import Problem

_ROUNDING = 1e-6
"""Share of a price below which a difference is rounding."""


def prices_by_block(problem: Problem) -> tuple[float, ...]:
    """Return the stated price of every block of a day, USD per kWh; empty where it is one or none.

    Parameters
    ----------
    problem
        The problem, for its supply and blocks.
    """
    stated = problem.supply.electricity_usd_per_kwh
    if not isinstance(stated, list):
        return ()
    least, hours = min(stated), int(HOURS_PER_DAY) // problem.time_blocks
    # Equal prices have to give exactly themselves.
    return tuple(
        least + fmean(price - least for price in stated[first : first + hours])
        for first in range(0, len(stated), hours)
    )


def lowest_price(problem: Problem) -> float | None:
    """Return the lowest stated price of a block, USD per kWh; ``None`` where none is stated.

    Parameters
    ----------
    problem
        The problem, for its supply and blocks.
    """
    stated = problem.supply.electricity_usd_per_kwh
    return min(prices_by_block(problem)) if isinstance(stated, list) else stated


def premiums_by_block(problem: Problem) -> tuple[float, ...]:
    """Return what a kWh costs beyond the lowest price, by block of a day; empty where nothing.

    Parameters
    ----------
    problem
        The problem, for its supply and blocks.
    """
    prices = prices_by_block(problem)
    beyond = (price - min(prices) for price in prices)
    premiums = tuple(
        more if more > _ROUNDING * price else 0.0
        for more, price in zip(beyond, prices, strict=True)
    )
    return premiums if any(premiums) else ()
