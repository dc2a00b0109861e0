"""Arrival figures of real traffic: mean rate, hours of the day, peak factor, spread of gaps.

With N(t) the requests before time t::

    rate of hour h   = requests in hour h of all days / seconds seen of hour h
    peak factor      = p95 over hours of (rate of the busiest 10 min) / (mean of the hour)
    interarrival CV  = sqrt(mean over 10-minute windows of var(gap) / mean(gap)^2)

Of n requests in ten minutes the busiest of six windows has about n + 1.3 sqrt(n) at a steady
rate, so counts are no rates. The rates inside hours are taken to vary around their mean with a
relative variance v, the same in all hours, and a window's rate is its mean given its count, as for
gamma-distributed rates and Poisson counts (Clayton and Kaldor, Biometrics 43, 1987)::

    rate / mean = 1 + b (count / n - 1),    b = v / (v + 1 / n),    n = mean count of the hour
    v           = max(0, X2 - degrees of freedom) / (5 x sum of n),    X2 = sum (count - n)^2 / n

with five degrees of freedom per hour; v is the moment estimator of DerSimonian and Laird (Control.
Clin. Trials 7, 1986). At a steady rate X2 is near its degrees of freedom, and b near 0; at high
rates 1 / n vanishes, and b is 1. Arrivals in bursts vary more than Poisson, and count as peaks.

The windows take the trend of the day out of the CV. When times are rounded to ticks that hold
several requests, gaps say nothing, and the CV comes from counts n in windows of 20 ticks: for a
renewal process ``var(n) / mean(n)`` tends to the squared CV (Cox, Renewal Theory, 1962).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.rates import HOURS
from planner.errors import counted
from planner.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.demand.records import FloatArray

    Cumulative = Callable[[FloatArray], FloatArray]

_WINDOW_S = 600.0
_MINUTE_S = 60.0
_WINDOWS_PER_HOUR = 6
_LEAST_SPAN_S = 1.0
_LEAST_PROFILE_SPAN_S = 20 * SECONDS_PER_HOUR
_LEAST_SECONDS_OF_AN_HOUR = 1_800.0
_LEAST_REQUESTS_OF_AN_HOUR = 60
_LEAST_GAPS = 10
_TICKS_PER_COUNT = 20
_LEAST_COUNTS = 3
_TIED_SHARE = 0.1
_TICK_PERCENTILE = 5
"""Ticks are the low end of the gaps above 0, but for a few that rounding made shorter."""
_PERCENTILE = 95
_HIGHEST_PEAK = 100.0
_HIGHEST_CV = 20.0
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class DayShape:
    """Mean rate and its shape over a day.

    Parameters
    ----------
    requests_per_day
        Mean, >= 1.
    profile
        24 multipliers with mean 1, or ``None`` for flat.
    notes
        What was assumed.
    """

    requests_per_day: float
    profile: tuple[float, ...] | None
    notes: tuple[str, ...]


def day_shape(cumulative: Cumulative, start_s: float, end_s: float) -> DayShape:
    """Return the mean rate, and the profile when at least 20 h of traffic show one.

    Parameters
    ----------
    cumulative
        Requests before a time.
    start_s, end_s
        Range of the traffic in s; hour 0 starts at multiples of a day.
    """
    span_s = end_s - start_s
    ends = cumulative(np.array([start_s, end_s]))
    total = float(ends[1] - ends[0])
    if span_s < _LEAST_SPAN_S:
        note = f"no span of time: the {total:,.0f} requests are taken as one day of a flat profile"
        return DayShape(max(total, 1.0), None, (note,))
    per_day = total / span_s * SECONDS_PER_DAY
    notes = [] if per_day >= 1 else ["fewer than one request per day: taken as one"]
    if span_s < _LEAST_PROFILE_SPAN_S:
        hours = span_s / SECONDS_PER_HOUR
        notes.append(f"{hours:.2f} h show no daily profile (20 h would): flat, at their mean rate")
        return DayShape(max(round(per_day, 2), 1.0), None, tuple(notes))
    rates, missing = _hourly_rates(cumulative, start_s, end_s)
    mean = float(rates.mean())
    if mean <= 0:
        notes.append("all requests fall in hours seen for less than 30 min: flat profile")
        return DayShape(max(round(per_day, 2), 1.0), None, tuple(notes))
    if missing:
        listing = ", ".join(str(h) for h in missing)
        notes.append(f"hours seen for less than 30 min take their neighbours' rate: {listing}")
    profile = tuple(round(float(r), _DECIMALS) for r in rates / mean)
    return DayShape(max(round(mean * SECONDS_PER_DAY, 2), 1.0), profile, tuple(notes))


def _hourly_rates(
    cumulative: Cumulative, start_s: float, end_s: float
) -> tuple[FloatArray, list[int]]:
    first, last = np.floor(start_s / SECONDS_PER_HOUR), np.ceil(end_s / SECONDS_PER_HOUR)
    edges = np.arange(first, last + 1) * SECONDS_PER_HOUR
    edges[0], edges[-1] = start_s, end_s
    hour = (np.arange(first, last) % HOURS).astype(int)
    seconds = np.bincount(hour, np.diff(edges), minlength=HOURS)
    counts = np.bincount(hour, np.diff(cumulative(edges)), minlength=HOURS)
    seen = np.flatnonzero(seconds >= _LEAST_SECONDS_OF_AN_HOUR)
    hours = np.arange(HOURS)
    rates: FloatArray = np.interp(hours, seen, counts[seen] / seconds[seen], period=HOURS)
    return rates, sorted(set(range(HOURS)) - set(seen.tolist()))


def peak_factor(
    cumulative: Cumulative, start_s: float, end_s: float, resolution_s: float = 0.0
) -> tuple[float | None, str]:
    """Return the rate of the busiest minutes over the mean of their hour, and what it rests on.

    The module says how the noise of counts is taken out.

    Parameters
    ----------
    cumulative
        Requests before a time.
    start_s, end_s
        Range of the traffic in s.
    resolution_s
        Time between two samples of the source; shorter windows are not used.
    """
    span_s = end_s - start_s
    hours = int(span_s // SECONDS_PER_HOUR)
    window_s = _WINDOW_S
    if hours == 0:
        window_s = span_s // (_WINDOWS_PER_HOUR * _MINUTE_S) * _MINUTE_S
    if window_s < max(_MINUTE_S, resolution_s):
        return None, "the peak inside an hour cannot be seen: the default of the schema holds"
    count = _WINDOWS_PER_HOUR * max(hours, 1)
    edges = np.linspace(start_s, start_s + count * window_s, count + 1)
    counts = np.diff(cumulative(edges)).reshape(-1, _WINDOWS_PER_HOUR)
    counts = counts[counts.sum(axis=1) >= _LEAST_REQUESTS_OF_AN_HOUR]
    if len(counts) == 0:
        return None, (
            "no hour with 60 requests: the peak inside an hour is chance, and the default of the "
            "schema holds"
        )
    ratios = _rates_over_mean(counts).max(axis=1)
    factor = min(float(np.percentile(ratios, _PERCENTILE)), _HIGHEST_PEAK)
    minutes = f"{window_s / _MINUTE_S:.0f} min"
    over = (
        f"p95 of {counted(len(counts), 'hour')}"
        if hours
        else f"of {_WINDOWS_PER_HOUR} windows only"
    )
    basis = f"peak factor: busiest {minutes} over the mean less the chance of counts, {over}"
    return round(factor, _DECIMALS), basis


def _rates_over_mean(counts: FloatArray) -> FloatArray:
    """Return the rate of every window over the mean of its hour, shape (hours, windows)."""
    mean = counts.mean(axis=1, keepdims=True)
    freedom = len(counts) * (_WINDOWS_PER_HOUR - 1)
    excess = float(((counts - mean) ** 2 / mean).sum()) - freedom
    variance = max(excess, 0.0) / ((_WINDOWS_PER_HOUR - 1) * float(mean.sum()))
    share = variance / (variance + 1 / mean)
    rates: FloatArray = 1 + share * (counts / mean - 1)
    return rates


def interarrival_cv(time_s: FloatArray) -> tuple[float | None, str]:
    """Return the coefficient of variation of the gaps inside an hour, and what it rests on.

    Parameters
    ----------
    time_s
        Arrival times, ascending, s.
    """
    gaps = np.diff(time_s)
    if len(gaps) < _LEAST_GAPS or gaps.max() <= 0:
        return None, "too few arrival times for the CV of gaps: the default of the schema holds"
    tick_s = float(np.percentile(gaps[gaps > 0], _TICK_PERCENTILE))
    if (gaps == 0).mean() > _TIED_SHARE and tick_s > gaps.mean():
        squared, basis = (
            _from_counts(time_s, tick_s),
            f"counts, as times come in {tick_s:g} s ticks",
        )
    else:
        squared, basis = _from_gaps(time_s, gaps), "gaps inside 10-minute windows"
    if squared is None:
        return None, "no 10 minutes are busy enough for the CV of gaps: the schema's default holds"
    cv = min(float(np.sqrt(squared)), _HIGHEST_CV)
    return round(cv, _DECIMALS), f"interarrival CV from {basis}"


def _from_gaps(time_s: FloatArray, gaps: FloatArray) -> float | None:
    window = ((time_s - time_s[0]) // _WINDOW_S).astype(int)
    inside = window[1:] == window[:-1]
    _, index = np.unique(window[:-1][inside], return_inverse=True)
    count = np.bincount(index).astype(float)
    total = np.bincount(index, gaps[inside])
    squares = np.bincount(index, gaps[inside] ** 2)
    busy = (count >= _LEAST_GAPS) & (total > 0)
    if not busy.any():
        return None
    count, mean, squares = count[busy], total[busy] / count[busy], squares[busy]
    variance = np.maximum(squares - count * mean**2, 0.0) / (count - 1)
    return float(np.average(variance / mean**2, weights=count))


def _from_counts(time_s: FloatArray, tick_s: float) -> float | None:
    width_s = _TICKS_PER_COUNT * tick_s
    columns = int(_WINDOW_S // width_s)
    rows = int((time_s[-1] - time_s[0]) // _WINDOW_S)
    if columns < _LEAST_COUNTS or rows < 1:
        return None
    # Half a tick off, so that rounding cannot push a tick over the edge of its window.
    start_s = time_s[0] - tick_s / 2
    edges = start_s + _WINDOW_S * np.arange(rows)[:, None] + width_s * np.arange(columns + 1)
    counts = np.diff(np.searchsorted(time_s, edges), axis=1)
    counts = counts[counts.mean(axis=1) >= 1]
    if len(counts) == 0:
        return None
    return float((counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean())
