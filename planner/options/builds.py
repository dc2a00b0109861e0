"""Nodes that are taken on for long: when they serve, and every payment with its date.

A build is a number of equal nodes of one offer that start to serve together: a reservation, or
servers that were bought. They are present, and paid, in every block from their first period to
their last, whether used or not. Payments are per node, nominal, with the discount factor of their
own date:

* capital and upfront money at the start of the order period,
* what sold nodes bring at the start of the period from which on they are gone,
* everything else in the middle of the months that it is for,
* the value left of owned nodes at the end of the horizon.

A node that leaves within a period is not counted on in that period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.demand.records import TimeGrid

CAPEX, LEASE, TERMINAL_VALUE = "capex", "lease", "terminal_value"
RESALE = "resale"
"""Category of what sold nodes bring; its amounts are negative."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Money paid for one node on one date.

    Parameters
    ----------
    period
        Period that the date falls in; at or after the last one when it lies beyond the horizon.
    category
        Category of the cost line.
    usd
        Nominal amount, negative for money that comes back.
    factor
        Discount factor of the date.
    span
        First and last moment that it is spread evenly over, in months from the start of the
        horizon; ``None`` for money that moves at once: at the start of its period, the value left
        at the end of the horizon.
    """

    period: int
    category: str
    usd: float
    factor: float
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """One node of an offer from one period on, and what it costs.

    Parameters
    ----------
    start, end
        First period in which it serves, and first period in which it no longer does.
    order_month
        Month in which it is ordered, counted from the start of the horizon; negative before it.
    term_months
        Months it is paid for, or its life.
    payments
        Every payment of one node.
    usd_per_node_hour
        What an hour of presence costs on average, nominal.
    price_date, source
        Where the price comes from.
    fixed_nodes
        Nodes that are there already; ``None`` when the plan decides. Where they may be sold, each
        build of the offer is one way to part with them, and all builds share these nodes.
    least_nodes, most_nodes
        What a decision taken before leaves open, >= 0; ``None`` for no limit. The least number
        is of all builds of an offer with the same start together, where they are tiers.
    min_nodes
        Least nodes of an order: of all builds of an offer with the same start together, beside
        none and what was decided before, >= 1.
    months_paid
        Months from its start that the payments are for; ``None`` for those in which it serves.
    sold_month
        Month from which on nodes are gone because they were sold, counted from the start of the
        horizon; ``None`` when they stay until their end.
    tier
        Tier of the volume discount that the price is of, counted from 1; 0 for the list price.
    """

    start: int
    end: int
    order_month: float
    term_months: int
    payments: tuple[Payment, ...]
    usd_per_node_hour: float
    price_date: str
    source: str
    fixed_nodes: int | None = None
    least_nodes: int = 0
    most_nodes: int | None = None
    months_paid: float | None = None
    sold_month: int | None = None
    tier: int = 0
    min_nodes: int = 1

    @property
    def usd(self) -> float:
        """Nominal cost of one node."""
        return sum(p.usd for p in self.payments)

    @property
    def discounted_usd(self) -> float:
        """Discounted cost of one node."""
        return sum(p.usd * p.factor for p in self.payments)

    @property
    def usd_per_month(self) -> float:
        """Nominal cost of one node each month, beside what is paid at once."""
        spans = [(p.usd, p.span) for p in self.payments if p.span is not None]
        if not spans:
            return 0.0
        months = max(span[1] for _, span in spans) - min(span[0] for _, span in spans)
        return sum(usd for usd, _ in spans) / months

    def months_used(self, grid: TimeGrid) -> tuple[float, float]:
        """Return the first and last moment that its payments are for, in months."""
        first = self.start * grid.months_per_period
        served = (self.end - self.start) * grid.months_per_period
        return first, first + (served if self.months_paid is None else self.months_paid)

    def serves(self, period: int) -> bool:
        """Return whether the nodes are there in a period."""
        return self.start <= period < self.end


def shares_least_nodes(builds: Sequence[Build], position: int) -> bool:
    """Return whether the least nodes of a build may be nodes of another tier of its start.

    Parameters
    ----------
    builds
        Builds of one offer.
    position
        Position of the build.
    """
    start = builds[position].start
    tiers = [k for k, build in enumerate(builds) if build.start == start and build.most_nodes != 0]
    return any(builds[k].tier for k in (position, *tiers)) and tiers != [position]


def one_tier_each(builds: Sequence[Build]) -> tuple[Build, ...]:
    """Return builds without those of further tiers, which share the least nodes of their start.

    Parameters
    ----------
    builds
        Builds of one offer.
    """
    if not any(build.tier for build in builds):
        return tuple(builds)
    return tuple({build.start: build for build in builds}.values())


def served_until(grid: TimeGrid, start: int, term_months: int) -> int:
    """Return the first period that nodes of a term no longer serve whole, at most the last.

    Parameters
    ----------
    grid
        Periods.
    start
        Period at whose start they begin.
    term_months
        Months that they stay.
    """
    return min(start + term_months // grid.months_per_period, grid.periods)


def monthly_payments(
    grid: TimeGrid, category: str, usd_per_month: float, months: tuple[float, float]
) -> Iterator[Payment]:
    """Yield what is paid evenly over a span of months, one payment for each period it touches.

    Parameters
    ----------
    grid
        Periods; they go on beyond the horizon.
    category
        Category of the cost lines.
    usd_per_month
        Amount, nominal; nothing is yielded for 0.
    months
        First and last moment, in months from the start of the horizon.
    """
    begin, end = months
    length = grid.months_per_period
    period = int(begin // length)
    while usd_per_month and period * length < end:
        first, last = max(begin, period * length), min(end, (period + 1) * length)
        middle = (first + last) / 2
        usd = usd_per_month * (last - first)
        yield Payment(period, category, usd, grid.factor_at(middle), (first, last))
        period += 1


def hours_present(grid: TimeGrid, start: int, end: int) -> float:
    """Return the hours from the start of one period to the start of another."""
    return (end - start) * grid.months_per_period * HOURS_PER_MONTH
