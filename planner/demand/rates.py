"""Rates of a workload on the time grid: what is paid for, and what is planned for.

With multipliers m_h of the 24 hours (normalised to mean 1), the factor d of the block's type of
day, a mean rate r in period 0 and growth g per period::

    mean(t, b)    = r d g^(t + 1/2) mean over hours of block b of m_h
    planned(t, b) = r d G_t max over hours of block b of m_h x peak x exp(z s)

    G_t = g^(t+1) if g > 1 else g^t          (the dearer end of the period)
    s   = sqrt(ln(1 + forecast_cv^2)),  z = normal quantile of forecast_confidence

so usage takes the average of a block's hours at mid-period, capacity the highest hour at the
dearer end. The peak is 1 when ``rate_factors`` are given: they enter the capacities. A list of
growth factors applies one after the other. Headroom is one more factor on the planned rate.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from planner.problem.headroom import headroom_at
from planner.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.demand.records import FloatArray, TimeGrid
    from planner.problem.schema import Arrival, Workload
    from planner.problem.section import Growth

HOURS = 24
_NORMALISATION_TOLERANCE = 0.01


def hourly_multipliers(values: Sequence[float], name: str) -> tuple[FloatArray, list[str]]:
    """Return 24 multipliers with mean 1, and warnings about what was done to get them.

    Parameters
    ----------
    values
        24 values by hour of day, or 168 by hour of week (averaged by hour of day).
    name
        Name for the warnings.
    """
    warnings = []
    hours = np.asarray(values, dtype=float)
    if len(hours) != HOURS:
        hours = hours.reshape(-1, HOURS).mean(axis=0)
        warnings.append(f"profile {name}: hours of the week averaged by hour of day")
    mean = float(hours.mean())
    if abs(mean - 1) > _NORMALISATION_TOLERANCE:
        warnings.append(f"profile {name}: mean multiplier {mean:.3f} normalised to 1")
    return hours / mean, warnings


def mean_rate_rps(arrival: Arrival) -> float:
    """Return the mean rate of period 0 in requests/s."""
    if arrival.mean_rate_rps is not None:
        return arrival.mean_rate_rps
    return (arrival.requests_per_day or 0.0) / SECONDS_PER_DAY


def growth_levels(growth: Growth, periods: int) -> tuple[FloatArray, FloatArray]:
    """Return the level of demand for usage (mid-period) and for capacity (dearer end), shape (T,).

    Examples
    --------
    Growth 1.21 per period: usage of period 0 at 1.1, capacity at 1.21.
    """
    factors = np.full(periods, growth) if isinstance(growth, float | int) else np.array(growth)
    at_start = np.concatenate([[1.0], np.cumprod(factors)[:-1]])
    return at_start * np.sqrt(factors), at_start * np.maximum(factors, 1.0)


def forecast_margin(forecast_cv: float, confidence: float) -> float:
    """Return the factor on the rate that holds with probability `confidence` (1 at 0.5)."""
    spread = math.sqrt(math.log1p(forecast_cv**2))
    return math.exp(NormalDist().inv_cdf(confidence) * spread)


def rates_on_grid(
    arrival: Arrival,
    multipliers: FloatArray,
    growth: Growth,
    forecast_confidence: float,
    grid: TimeGrid,
) -> tuple[FloatArray, FloatArray]:
    """Return mean and planned rates in requests/s, each of shape (T, B).

    Parameters
    ----------
    arrival
        Rate, peaks and forecast error.
    multipliers
        Factors on the rate by hour of every type of day, shape (D, 24).
    growth
        Factor on the rate per period, or one for each.
    forecast_confidence
        Probability with which the planned rate holds.
    grid
        Periods and blocks.
    """
    by_block = multipliers.reshape(grid.blocks, -1)
    usage, capacity = growth_levels(growth, grid.periods)
    rate = mean_rate_rps(arrival)
    # Rate factors are met by capacities, not by a peak that is planned for.
    peak = 1.0 if arrival.rate_factors is not None else arrival.peak_factor_in_hour
    margin = peak * forecast_margin(arrival.forecast_cv, forecast_confidence)
    mean = rate * np.outer(usage, by_block.mean(axis=1))
    planned = rate * margin * np.outer(capacity, by_block.max(axis=1))
    return mean, planned


def with_headroom(
    rates: tuple[FloatArray, FloatArray], workload: Workload
) -> tuple[FloatArray, FloatArray]:
    """Return mean and planned rates with the headroom of a workload on the planned ones.

    Parameters
    ----------
    rates
        Mean and planned rates, each of shape (T, B), requests/s.
    workload
        The workload.
    """
    mean, planned = rates
    factors = [
        [headroom_at(workload, period, block) for block in range(planned.shape[1])]
        for period in range(planned.shape[0])
    ]
    return mean, planned * np.array(factors)


def waiting_rates_on_grid(
    arrival: Arrival,
    multipliers: FloatArray,
    growth: Growth,
    forecast_confidence: float,
    grid: TimeGrid,
) -> tuple[FloatArray, FloatArray]:
    """Return mean and planned rates at which work that can wait arrives, each of shape (T, B).

    No peak counts, because such work is not served at the moment it comes: the planned rate is
    the mean rate of a block at the dearer end of the period, with the margin of the forecast.
    Parameters are those of :func:`rates_on_grid`.
    """
    by_block = multipliers.reshape(grid.blocks, -1).mean(axis=1)
    usage, capacity = growth_levels(growth, grid.periods)
    rate = mean_rate_rps(arrival)
    margin = forecast_margin(arrival.forecast_cv, forecast_confidence)
    return rate * np.outer(usage, by_block), rate * margin * np.outer(capacity, by_block)


def released(rates_rps: FloatArray, hour: float, grid: TimeGrid) -> FloatArray:
    """Return rates whose whole day falls into the block of one hour, shape (T, B).

    Parameters
    ----------
    rates_rps
        Rates by period and block, shape (T, B), requests/s.
    hour
        Hour of the day.
    grid
        Periods and blocks.
    """
    by_day = rates_rps.reshape(grid.periods, len(grid.day_types), grid.blocks_per_day)
    found = np.zeros_like(by_day)
    found[:, :, int(hour // grid.block_h)] = by_day.sum(axis=2)
    return found.reshape(rates_rps.shape)
