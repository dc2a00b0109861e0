"""Prices over time: expected changes between periods, and known ones inside a period.

A list price is multiplied by what is expected of it, from the start of the horizon on::

    rate     (1 + change per year) ^ (months / 12)
    steps    the factor of the newest step at or before the first month of a period, 1 before any

The price at the first day of a period is charged for all of it, for servers that are ordered in it
too. A reader who signs for the whole period has to know, so every change inside is a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.dates import parse_partial_date
from planner.catalog.offers import price_changes
from planner.problem.price_paths import path_of
from planner.problem.supply import months_between
from planner.units import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from planner.catalog.load import Catalog
    from planner.catalog.schema import ApiOffer, Offer
    from planner.demand.records import TimeGrid
    from planner.problem.price_paths import Priced, PricePath
    from planner.problem.schema import Problem

_KINDS = {
    "on_demand": "on_demand",
    "spot": "on_demand",
    "reserved_1y": "reserved",
    "reserved_3y": "reserved",
    "capacity_block": "reserved",
    "owned": "owned",
    "api": "api",
}
"""Field of ``supply.price_change_per_year`` by tenure."""


@dataclass(frozen=True, slots=True)
class PriceTrend:
    """What a list price is expected to be multiplied by.

    Parameters
    ----------
    change_per_year
        Yearly change as a fraction, above -1; 0 where there are steps.
    steps
        First month, counted from the start of the horizon, and factor, in order of time.
    days
        Days on which the steps begin.
    note
        A sentence where an item of ``supply.price_paths`` says so; empty for the rate of a kind.
    """

    change_per_year: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()
    days: tuple[date, ...] = ()
    note: str = ""

    def at(self, period: int, grid: TimeGrid) -> float:
        """Return the factor on the list price of what is paid or ordered in a period.

        Parameters
        ----------
        period
            Position of the period, >= 0; its first day counts.
        grid
            Periods.
        """
        month = period * grid.months_per_period
        factors = [factor for since, factor in self.steps if since <= month]
        if factors:
            return factors[-1]
        return float((1.0 + self.change_per_year) ** (month / MONTHS_PER_YEAR))

    def by_period(self, grid: TimeGrid) -> tuple[float, ...]:
        """Return the factor on the list price at the start of every period."""
        return tuple(self.at(t, grid) for t in range(grid.periods))


def price_trend(problem: Problem, priced: Priced) -> PriceTrend:
    """Return what the list price of something is expected to do.

    Parameters
    ----------
    problem
        The problem, for its supply.
    priced
        What has the price.
    """
    path = path_of(problem, priced)
    if path is None:
        kinds = problem.supply.price_change_per_year
        return PriceTrend(getattr(kinds, _KINDS[priced.tenure]))
    steps = path.steps or []
    start = problem.horizon.start
    return PriceTrend(
        path.change_per_year or 0.0,
        tuple((months_between(start, step.since), step.factor) for step in steps),
        tuple(parse_partial_date(step.since) for step in steps),
        f"its price {_moves(path)}, as `{path.name}` of supply.price_paths says",
    )


def _moves(path: PricePath) -> str:
    if not path.steps:
        return f"changes by {path.change_per_year or 0.0:+.4g} a year"
    listed = ", ".join(f"{step.factor:g} from {step.since} on" for step in path.steps)
    return f"is the list price times {listed}"


def trend_notes(trend: PriceTrend, grid: TimeGrid, days: Iterable[date] = ()) -> tuple[str, ...]:
    """Return sentences about what a price follows, and about periods inside which it changes.

    Parameters
    ----------
    trend
        What is expected of the list price.
    grid
        First days of the periods; the last period ends when the horizon does.
    days
        Days on which the list price may change.
    """
    starts = (*grid.period_start, grid.end)
    notes = [trend.note] if trend.note else []
    every = {*days, *trend.days}
    for period in range(grid.periods):
        inside = sorted(day for day in every if starts[period] < day < starts[period + 1])
        if inside:
            listed = ", ".join(map(str, inside))
            notes.append(
                f"its price changes on {listed}, inside period {period}, and the one of "
                f"{starts[period]} is charged for the whole period"
            )
    return tuple(notes)


def offer_notes(
    offer: Offer | ApiOffer, catalog: Catalog, grid: TimeGrid, trend: PriceTrend
) -> tuple[str, ...]:
    """Return sentences about the price of an offer over time, as :func:`trend_notes`.

    Parameters
    ----------
    offer
        Offer of nodes or of tokens.
    catalog
        Its prices and discounts.
    grid, trend
        As there.
    """
    days = price_changes(catalog, offer, grid.period_start[0], grid.end)
    return trend_notes(trend, grid, days)
