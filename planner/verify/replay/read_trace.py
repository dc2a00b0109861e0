"""Reads a trace of requests: CSV, plain or compressed by gzip, one request a line.

Columns by name, in any order: ``timestamp_s`` (from a midnight, or from 1970) or ``timestamp``
(ISO 8601), ``input_tokens``, ``output_tokens``, and if present ``prefix_hit_tokens``. Other
columns are left alone. Unlike an import, which leaves out what it cannot use and says so, a trace
is refused as a whole: a verdict must not rest on part of a file.

A file is read line by line into columns of plain numbers, 32 bytes a request, whatever its size,
and refused at the first request above the most that are held.
"""

from __future__ import annotations

import csv
from array import array
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.importers.lines import UnusableError, number, read_lines, tokens
from planner.demand.importers.table import PLAIN, seconds_of
from planner.errors import Fault, InputError, counted
from planner.units import SECONDS_PER_DAY
from planner.verify.replay.trace import Trace

if TYPE_CHECKING:
    from pathlib import Path

_LEAST_REQUESTS = 100
_MOST_REQUESTS = 20_000_000
"""Requests of a trace that are held in memory at most: 0.64 GB of numbers."""
_SHOWN = 10
NEXT_STEP = "planner demand import csv SRC -o FILE names every line it cannot use"
OUTCOME = "nothing was verified"

_Row = tuple[float, float, float, float]


def read_trace(path: Path) -> Trace:
    """Return the requests of a file.

    Raises
    ------
    InputError
        When the file cannot be read, lacks a column, has too few requests or too many, no time
        between them, or with every line that is not a request or comes out of order.
    """
    try:
        return _read(path)
    except InputError as error:
        error.outcome = OUTCOME
        error.next_step = error.next_step or NEXT_STEP
        raise


def _read(path: Path) -> Trace:
    lines = read_lines(path)
    header_line, header = next(lines, (1, ""))
    place = _places(path, header_line, header)
    columns = tuple(array("d") for _ in range(4))
    faults: list[Fault] = []
    more = 0
    for line, text in lines:
        try:
            row = _row(text, place)
            _check_order(columns[0], row)
        except UnusableError as error:
            more += len(faults) >= _SHOWN
            if len(faults) < _SHOWN:
                message = f"`{error.value[:60]}`: {error}"
                faults.append(Fault(str(path), line, None, error.reason, message))
            continue
        if len(columns[0]) == _MOST_REQUESTS:
            raise _too_many(path, line)
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    if more:
        message = f"and {counted(more, 'line')} more that cannot be used"
        faults.append(Fault(str(path), None, None, "", message))
    if faults:
        raise InputError(faults)
    return _trace(path, columns, has_hits=PLAIN.hit in place)


def _too_many(path: Path, line: int) -> InputError:
    message = (
        f"the request after the first {_MOST_REQUESTS:,}, which are all that a replay holds in "
        "memory; give some whole days of them, with what comes after removed"
    )
    return InputError([Fault(str(path), line, None, "", message)], "planner verify --help")


def _trace(path: Path, columns: tuple[array[float], ...], *, has_hits: bool) -> Trace:
    if len(columns[0]) < _LEAST_REQUESTS:
        message = (
            f"has {counted(len(columns[0]), 'request')}; {_LEAST_REQUESTS} or more are needed"
        )
        raise _refused(path, message)
    time_s, isl, osl, hit = (np.frombuffer(column, dtype=float) for column in columns)
    if time_s[-1] <= time_s[0]:
        message = "all requests come at the same time, so it shows no arrivals; give their times"
        raise _refused(path, message)
    midnight_s = time_s[0] // SECONDS_PER_DAY * SECONDS_PER_DAY
    return Trace(path.name, time_s - midnight_s, isl, osl, hit if has_hits else None)


def _places(path: Path, line: int, header: str) -> dict[str, int]:
    names = [cell.strip() for cell in _cells(header)]
    place = {name: index for index, name in reversed(list(enumerate(names)))}
    missing = [name for name in (PLAIN.isl, PLAIN.osl) if name not in place]
    if not any(name in place for name in PLAIN.times):
        missing.insert(0, " or ".join(PLAIN.times))
    if missing:
        found = ", ".join(names)[:200] or "nothing"
        message = f"no column {', '.join(missing)}; the first line names {found}"
        raise InputError([Fault(str(path), line, None, "", message)])
    return place


def _row(text: str, place: dict[str, int]) -> _Row:
    cells = _cells(text)

    def cell(column: str) -> str:
        return cells[place[column]] if place[column] < len(cells) else ""

    time = next(name for name in PLAIN.times if name in place)
    read = number if time == PLAIN.times[0] else seconds_of
    time_s = read(cell(time), time)
    isl, osl = (tokens(cell(name), name) for name in (PLAIN.isl, PLAIN.osl))
    hit = 0.0
    if PLAIN.hit in place:
        hit = tokens(cell(PLAIN.hit), PLAIN.hit, least=0)
        if hit > isl:
            detail = f"{PLAIN.hit} is above {PLAIN.isl} ({isl:.0f})"
            raise UnusableError(value=cell(PLAIN.hit), reason="absurd", detail=detail)
    return time_s, isl, osl, hit


def _check_order(times_s: array[float], row: _Row) -> None:
    if times_s and row[0] < times_s[-1]:
        detail = f"comes after {times_s[-1]:.9g} s; sort the lines by time"
        raise UnusableError(value=f"{row[0]:.9g}", reason="unsorted", detail=detail)


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]), []) if '"' in line else line.split(",")


def _refused(path: Path, message: str) -> InputError:
    return InputError([Fault(str(path), None, None, "", message)])
