"""What is known when, and what came.

Actual demand is a factor a[w,t] on what the problem says of workload w in period t, and an actual
price a factor p[o,t] on what it says of offer o. At the start of period t a planner knows p up to
t, the price list of the day, and a up to t - 1. With ``last-seen``, its forecast for what comes is
what the problem says times the factor seen last::

    demand of s >= t     a[w,t-1] x stated[w,s]        (1 x stated at the start)
    prices of s >  t     p[o,t]   x stated[o,s]

so growth and expected changes of prices go on from the level that has been reached. With
``as-stated`` both are what the problem says, whatever came before. Rates keep the shape of the
day, the peaks and the growth within a period of the problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from planner.demand.scale import scaled_by_period
from planner.options.repriced import repriced

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.milp import Limits
    from planner.options.builds import Build
    from planner.options.records import OptionSet
    from planner.preparation import Prepared
    from planner.roll.records import Actuals, ForecastName


@dataclass(frozen=True)
class World:
    """A problem, what came instead of it, and how forecasts are made.

    Parameters
    ----------
    prepared
        The problem with what it says of demand and prices.
    actuals
        What came.
    forecast
        ``last-seen`` or ``as-stated``.
    """

    prepared: Prepared
    actuals: Actuals
    forecast: ForecastName = "last-seen"

    @property
    def limits(self) -> Limits:
        """Policy and limits, the same for forecasts and for what came."""
        return self.prepared.limits

    @property
    def periods(self) -> int:
        """Periods of the horizon."""
        return self.prepared.demand.grid.periods

    def stated_forecast_cv(self, workload: str) -> float:
        """Return the standard error that the problem states of the forecast of a workload."""
        workloads = self.prepared.loaded.problem.workloads
        return next(w.arrival.forecast_cv for w in workloads if w.name == workload)

    @cached_property
    def demand(self) -> Demand:
        """Demand as it came."""
        return scaled_by_period(self.prepared.demand, self.actuals.rates)

    @cached_property
    def options(self) -> OptionSet:
        """Options at the prices that came."""
        return repriced(self.prepared.options, self.actuals.prices)

    def demand_in(self, period: int) -> Demand:
        """Return the demand that came in one period, and none in the others."""
        rates = {
            name: tuple(a if t == period else 0.0 for t, a in enumerate(factors))
            for name, factors in self.actuals.rates.items()
        }
        return scaled_by_period(self.prepared.demand, rates)

    def expected_demand(self, period: int, until: int | None = None) -> Demand:
        """Return the demand that is expected at the start of a period, none before it.

        Parameters
        ----------
        period
            Period at whose start it is expected.
        until
            First period whose demand does not count; ``None`` for the end of the horizon.
        """
        end = self.periods if until is None else until
        rates = {}
        for name, factors in self.actuals.rates.items():
            seen = factors[period - 1] if period and self.forecast == "last-seen" else 1.0
            rates[name] = tuple(seen if period <= t < end else 0.0 for t in range(self.periods))
        return scaled_by_period(self.prepared.demand, rates)

    def expected_options(self, period: int) -> OptionSet:
        """Return the options at the prices that are known or expected at the start of a period."""
        prices = {}
        for name, factors in self.actuals.prices.items():
            later = factors[period] if self.forecast == "last-seen" else 1.0
            known = factors[: period + 1]
            prices[name] = (*known, *(later for _ in factors[period + 1 :]))
        return repriced(self.prepared.options, prices)

    def ordered_in(self, build: Build) -> int:
        """Return the period at whose start a build has to be ordered, 0 for earlier ones."""
        return max(int(build.order_month // self.prepared.demand.grid.months_per_period), 0)
