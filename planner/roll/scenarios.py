"""What demand may come, at the start of a period: a few scenarios around the forecast.

Nobody says how wrong forecasts will be, so their spread is estimated from what has been seen. With
e[k] the logarithm of demand that came over demand that was expected, of every period k before t,
and the standard error c that the problem states of its forecast (``forecast_cv``)::

    s^2 = (m ln(1 + c^2) + sum of e[k]^2) / (m + t),      m = `STATED_PERIODS`

so what the problem states counts like m periods, and less with every period that is seen. With
``last-seen`` the level that was reached is the forecast, and its errors add up; with ``as-stated``
each period has an error of its own. The forecast of a period that is h periods away (the period
itself is 1) is multiplied in scenario i by ::

    exp(z[i] d - d^2 / 2),     d = s sqrt(h)   (last-seen)    or    d = s   (as-stated)

with z[i] the normal quantiles at (i + 1/2) / n: each stands for an equal share of what may come,
by its median (Miller and Rice 1983, "Discrete approximations of probability distributions").
Workloads move together, which is the more to hedge against.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from planner.demand.scale import scaled_by_period

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.roll.world import World

SCENARIOS = 3
"""Number of scenarios; more of them cost more time and change orders little."""
STATED_PERIODS = 4
"""Periods that the stated error of the forecast counts like."""
_NOTHING = 1e-9


def forecast_spread(world: World, workload: str, period: int) -> float:
    """Return the standard deviation of forecasts by what was seen before a period.

    Parameters
    ----------
    world
        What is known when.
    workload
        Name of the workload.
    period
        Period at whose start it is asked, >= 0.

    Returns
    -------
    float
        Of the logarithm of demand one period ahead, >= 0.
    """
    seen = world.actuals.rates[workload][:period]
    expected = (1.0, *seen) if world.forecast == "last-seen" else (1.0,) * len(seen)
    errors = [math.log(came / before) for came, before in zip(seen, expected, strict=False)]
    stated = math.log1p(world.stated_forecast_cv(workload) ** 2)
    squares = STATED_PERIODS * stated + sum(e * e for e in errors)
    return math.sqrt(squares / (STATED_PERIODS + len(errors)))


def demand_scenarios(world: World, period: int) -> tuple[Demand, ...]:
    """Return what demand may come from a period on, none before it; all are equally likely.

    Parameters
    ----------
    world
        What is known when.
    period
        Period at whose start it is asked, >= 0.
    """
    spreads = {name: forecast_spread(world, name, period) for name in world.actuals.rates}
    expected = world.expected_demand(period)
    if max(spreads.values()) < _NOTHING:
        return (expected,)
    quantiles = [NormalDist().inv_cdf((i + 0.5) / SCENARIOS) for i in range(SCENARIOS)]
    return tuple(
        scaled_by_period(
            expected,
            {
                name: tuple(
                    _factor(world, spread, t - period + 1, quantile) if t >= period else 0.0
                    for t in range(world.periods)
                )
                for name, spread in spreads.items()
            },
        )
        for quantile in quantiles
    )


def _factor(world: World, spread: float, ahead: int, quantile: float) -> float:
    deviation = spread * (math.sqrt(ahead) if world.forecast == "last-seen" else 1.0)
    return math.exp(quantile * deviation - deviation**2 / 2)
