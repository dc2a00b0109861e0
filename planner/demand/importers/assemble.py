"""From requests to a workload: rows are checked against each other, then counted.

A row is a stray when its time lies more than 400 days from the median, or when a gap of more than
a day cuts it off in a group below 1 % of the largest one: one such row would stretch the span and
hide the rate. Everything else is sorted.
"""

from __future__ import annotations

import datetime as dt
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.demand.importers.arrivals import day_shape, interarrival_cv, peak_factor
from planner.demand.importers.lengths import joint_cells, marginal
from planner.demand.importers.lines import UnusableError
from planner.demand.importers.record import ImportedWorkload, Traffic
from planner.errors import counted
from planner.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.demand.importers.lines import Rejections
    from planner.demand.importers.record import Settings
    from planner.demand.records import FloatArray

_CALENDAR_FROM_S = 1e9
"""Times from here on count from 1970 (2001-09-09); no trace lasts 31 years."""
LATEST_S = 4_102_444_800.0
"""2100-01-01; a larger number is not in seconds."""
_FARTHEST_S = 400 * SECONDS_PER_DAY
_STRAY_SHARE = 0.01
_MOST_ROWS = 10_000_000
_DECIMALS = 4
_HIGHEST_HIT_RATE = 1 - 10**-_DECIMALS
"""The last token of a prompt is always computed, so that no rate is 1."""


@dataclass(slots=True)
class Rows:
    """Requests as they stand in a file, growing while it is read.

    Parameters
    ----------
    rejections
        Where rows that are not used go.
    """

    rejections: Rejections
    line: array[int] = field(default_factory=lambda: array("q"))
    time_s: array[float] = field(default_factory=lambda: array("d"))
    isl_tokens: array[float] = field(default_factory=lambda: array("d"))
    osl_tokens: array[float] = field(default_factory=lambda: array("d"))
    hit_tokens: list[float | None] = field(default_factory=list)

    def add(
        self,
        line: int,
        time_s: float,
        isl_tokens: float,
        osl_tokens: float,
        hit_tokens: float | None,
    ) -> None:
        """Keep a request.

        Parameters
        ----------
        line
            Line of the file, from 1.
        time_s
            Arrival, s, from any start or from 1970.
        isl_tokens, osl_tokens
            Lengths, >= 1.
        hit_tokens
            Prompt tokens found in a cache, or ``None``.

        Raises
        ------
        UnusableError
            When the time is negative or cannot be in seconds.
        InputError
            When the file holds more requests than fit.
        """
        if time_s < 0:
            raise UnusableError(
                value=f"{time_s:g}", reason="negative", detail="the time is negative"
            )
        if time_s > LATEST_S:
            detail = "the time is after the year 2100; seconds are accepted"
            raise UnusableError(value=f"{time_s:g}", reason="absurd", detail=detail)
        if len(self.time_s) == _MOST_ROWS:
            text = f"more than {_MOST_ROWS:,} requests; give fewer days"
            raise self.rejections.unusable(text)
        self.line.append(line)
        self.time_s.append(time_s)
        self.isl_tokens.append(isl_tokens)
        self.osl_tokens.append(osl_tokens)
        self.hit_tokens.append(hit_tokens)

    def traffic(self) -> Traffic:
        """Return the requests by time, without strays.

        Raises
        ------
        InputError
            When no row can be used.
        """
        if not self.time_s:
            text = "no request can be used"
            raise self.rejections.unusable(text)
        times = np.array(self.time_s)
        order = np.argsort(times, kind="stable")
        stray = _is_stray(times[order])
        for index in order[stray].tolist():
            detail = "the time lies far from all others; correct it or split the file"
            value = f"{self.time_s[index]:.3f}"
            self.rejections.add(
                self.line[index], UnusableError(value=value, reason="stray_time", detail=detail)
            )
        kept = order[~stray]
        hits = None
        if None not in self.hit_tokens:
            hits = np.array(self.hit_tokens, dtype=float)[kept]
        return Traffic(
            times[kept],
            np.array(self.isl_tokens)[kept],
            np.array(self.osl_tokens)[kept],
            hits,
            bool(times[kept[0]] >= _CALENDAR_FROM_S),
        )


def workload_of(
    rows: Rows,
    settings: Settings,
    notes: tuple[str, ...] = (),
    prefix_cache: Mapping[str, Any] | None = None,
) -> ImportedWorkload:
    """Return the workload that requests show.

    Parameters
    ----------
    rows
        Requests of a file and what was rejected of it.
    settings
        Name and date.
    notes
        What the reader of the format has to say.
    prefix_cache
        Prefix hits where the reader knows more than tokens found of each request.

    Raises
    ------
    InputError
        When no row can be used.
    """
    traffic = rows.traffic()
    file = rows.rejections.file
    arrival, arrival_notes = _arrival(traffic)
    workload: dict[str, Any] = {
        "name": settings.name,
        "description": f"{len(traffic.time_s)} requests of {file}",
        "arrival": arrival,
        "lengths": {
            "isl_tokens": marginal(traffic.isl_tokens),
            "osl_tokens": marginal(traffic.osl_tokens),
        },
    }
    if prefix_cache is not None:
        workload["prefix_cache"] = dict(prefix_cache)
    elif traffic.hit_tokens is not None:
        share = float(traffic.hit_tokens.sum() / traffic.isl_tokens.sum())
        workload["prefix_cache"] = {"hit_rate": round(min(share, _HIGHEST_HIT_RATE), _DECIMALS)}
    cells = joint_cells(traffic, settings.name, file, _as_of(traffic, settings))
    unsorted = int((np.diff(rows.time_s) < 0).sum())
    order = (
        (f"{counted(unsorted, 'row')} earlier than the row before: sorted",) if unsorted else ()
    )
    return ImportedWorkload(
        workload,
        cells,
        len(traffic.time_s),
        rows.rejections.in_order(),
        (*order, *arrival_notes, *notes),
    )


def _arrival(traffic: Traffic) -> tuple[dict[str, Any], tuple[str, ...]]:
    times = traffic.time_s
    start_s, end_s = _range_s(times)

    def cumulative(at_s: FloatArray) -> FloatArray:
        return np.searchsorted(times, at_s).astype(float)

    shape = day_shape(cumulative, start_s, end_s)
    cv, cv_note = interarrival_cv(times)
    peak, peak_note = peak_factor(cumulative, start_s, end_s)
    figures = {
        "requests_per_day": shape.requests_per_day,
        "profile": "flat" if shape.profile is None else list(shape.profile),
        "interarrival_cv": cv,
        "peak_factor_in_hour": peak,
    }
    notes = [*shape.notes, cv_note, peak_note]
    if shape.profile is not None:
        clock = "UTC, or the zone the source leaves out" if traffic.is_calendar else "from time 0"
        notes.append(f"hours of the profile: {clock}")
    longest_s = float(np.diff(times).max(initial=0.0))
    if longest_s > SECONDS_PER_DAY / 2:
        hours = longest_s / SECONDS_PER_HOUR
        notes.append(f"{hours:.0f} h without a request are counted as time without demand")
    return {k: v for k, v in figures.items() if v is not None}, tuple(notes)


def _range_s(times: FloatArray) -> tuple[float, float]:
    # The last request ends the span only after a gap of its own: n requests take n gaps.
    n = len(times)
    span_s = float(times[-1] - times[0])
    end_s = float(times[0]) + (span_s * n / (n - 1) if n > 1 else 0.0)
    return float(times[0]), max(end_s, float(np.nextafter(times[-1], np.inf)))


def _is_stray(times: FloatArray) -> NDArray[np.bool_]:
    # A time that occurs, not the middle of two, so that at least its row is near.
    median_s = times[(len(times) - 1) // 2]
    stray: NDArray[np.bool_] = np.abs(times - median_s) > _FARTHEST_S
    near = np.flatnonzero(~stray)
    group = np.concatenate([[0], np.cumsum(np.diff(times[near]) > SECONDS_PER_DAY)])
    size = np.bincount(group)
    stray[near] = size[group] < _STRAY_SHARE * size.max()
    return stray


def _as_of(traffic: Traffic, settings: Settings) -> str:
    if not traffic.is_calendar:
        return settings.as_of
    last = dt.datetime.fromtimestamp(float(traffic.time_s[-1]), dt.UTC)
    return last.date().isoformat()
