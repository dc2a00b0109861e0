"""Intervals between requests from a file of the user: one column, checked line by line.

The column is ``interval_s`` (seconds between requests) or ``arrival_s`` (times of arrival in
seconds, in order). Only the shape matters: the intervals are scaled to mean 1, and the rate of the
workload sets their length. Their order is not kept: intervals are taken as independent, so slow
changes of the rate belong into ``rate_factors`` or the profile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from planner.catalog.table import csv_records
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.demand.records import FloatArray

INTERVAL, ARRIVAL = "interval_s", "arrival_s"
LEAST_INTERVALS = 100
"""Fewer say nothing about a 99th percentile."""
_COLUMNS = (INTERVAL, ARRIVAL)
_LONGEST_S = 1e11
"""More than any clock counts."""


def read_intervals(path: Path, name: str) -> FloatArray:
    """Return the intervals of a file, scaled to mean 1, in the order of the file.

    Parameters
    ----------
    path
        CSV file with one column, ``interval_s`` or ``arrival_s``.
    name
        Name of the file in messages.

    Raises
    ------
    InputError
        With every line that is no number or out of range.
    """
    reader = _Reader(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise reader.refused(None, "is not UTF-8; save the table as CSV UTF-8") from None
    except OSError as error:
        raise reader.refused(None, f"cannot be read: {error.strerror}") from None
    return reader.intervals(text)


class _Reader:
    """Reads one file and collects its faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.column = ""
        self.faults: list[Fault] = []

    def refused(self, line: int | None, message: str) -> InputError:
        self._fault(line, message)
        return InputError(self.faults)

    def intervals(self, text: str) -> FloatArray:
        records = list(csv_records(text, lambda line, _c, _f, message: self._fault(line, message)))
        if not records:
            raise self.refused(None, f"is empty; give a column {INTERVAL} or {ARRIVAL}")
        line, header = records[0]
        names = [cell.strip() for cell in header]
        found = [c for c in _COLUMNS if c in names]
        if len(found) != 1:
            listing = ", ".join(f"`{n}`" for n in names)
            message = f"has the columns {listing}; exactly one of {INTERVAL}, {ARRIVAL} is needed"
            raise self.refused(line, message)
        self.column = found[0]
        place = names.index(self.column)
        values = [self._value(line, cells, place) for line, cells in records[1:]]
        if self.column == ARRIVAL:
            self._check_order([line for line, _ in records[1:]], values)
        if self.faults:
            raise InputError(self.faults)
        seconds = np.array(values)
        return self._scaled(np.diff(seconds) if self.column == ARRIVAL else seconds)

    def _value(self, line: int, cells: list[str], place: int) -> float:
        cell = cells[place].strip() if place < len(cells) else ""
        try:
            value = float(cell)
        except ValueError:
            self._fault(line, f"`{cell}` is no number of seconds")
            return math.nan
        too_far = abs(value) > _LONGEST_S
        if not math.isfinite(value) or too_far or (self.column == INTERVAL and value < 0):
            least = "0" if self.column == INTERVAL else f"-{_LONGEST_S:g}"
            self._fault(line, f"{cell} s; accepted: {least} to {_LONGEST_S:g}")
        return value

    def _check_order(self, lines: list[int], values: list[float]) -> None:
        for line, before, after in zip(lines[1:], values, values[1:], strict=False):
            if after < before:
                self._fault(line, f"{after:g} s comes after {before:g} s; sort times of arrival")

    def _scaled(self, seconds: FloatArray) -> FloatArray:
        if len(seconds) < LEAST_INTERVALS:
            message = f"has {len(seconds)} intervals; {LEAST_INTERVALS} or more are needed"
            raise self.refused(None, message)
        mean = float(seconds.mean())
        if mean <= 0:
            raise self.refused(None, "has only intervals of 0 s; at least one must be longer")
        scaled: FloatArray = seconds / mean
        return scaled

    def _fault(self, line: int | None, message: str) -> None:
        self.faults.append(Fault(self.name, line, None, self.column, message))
