"""The price of electricity that a problem states for its site, by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.problem.schema import Problem

_HOURS = 24


def site_price(problem: Problem, block: int) -> float | None:
    """Return the price of electricity that the problem states for a block, ``None`` for none."""
    stated = problem.supply.electricity_usd_per_kwh
    if not isinstance(stated, list):
        return stated
    length = _HOURS // problem.time_blocks
    first = block % problem.time_blocks * length
    return sum(stated[first : first + length]) / length


def lowest_site_price(problem: Problem) -> float | None:
    """Return the lowest of these prices, ``None`` for none."""
    prices = [site_price(problem, block) for block in range(problem.time_blocks)]
    known = [price for price in prices if price is not None]
    return min(known, default=None)
