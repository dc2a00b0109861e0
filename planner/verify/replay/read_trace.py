"""Reads a trace of requests: CSV, plain or compressed by gzip, one request a line.

Columns by name, in any order: ``timestamp_s`` (from a midnight, or from 1970) or ``timestamp``
(ISO 8601), ``input_tokens``, ``output_tokens``, and if present ``prefix_hit_tokens``. Other
columns are left alone. Unlike an import, which leaves out what it cannot use and says so, a trace
is refused as a whole: a verdict must not rest on part of a file.
"""

from __future__ import annotations

import csv
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
_SHOWN = 10
NEXT_STEP = "planner demand import csv SRC -o FILE names every line it cannot use"
OUTCOME = "nothing was verified"

_Row = tuple[float, float, float, float]


def read_trace(path: Path) -> Trace:
    """Return the requests of a file.

    Raises
    ------
    InputError
        When the file cannot be read, lacks a column, has too few requests, no time between them,
        or with every line that is not a request or comes out of order.
    """
    try:
        return _read(path)
    except InputError as error:
        error.outcome = OUTCOME
        error.next_step = NEXT_STEP
        raise


def _read(path: Path) -> Trace:
    lines = read_lines(path)
    header_line, header = next(lines, (1, ""))
    place = _places(path, header_line, header)
    rows: list[_Row] = []
    faults: list[Fault] = []
    more = 0
    for line, text in lines:
        try:
            row = _row(text, place)
            _check_order(rows, row)
        except UnusableError as error:
            more += len(faults) >= _SHOWN
            if len(faults) < _SHOWN:
                message = f"`{error.value[:60]}`: {error}"
                faults.append(Fault(str(path), line, None, error.reason, message))
            continue
        rows.append(row)
        if len(rows) > _MOST_REQUESTS:
            raise _refused(path, f"has more than {_MOST_REQUESTS:,} requests; cut out a part")
    if more:
        message = f"and {counted(more, 'line')} more that cannot be used"
        faults.append(Fault(str(path), None, None, "", message))
    if faults:
        raise InputError(faults)
    return _trace(path, rows, has_hits=PLAIN.hit in place)


def _trace(path: Path, rows: list[_Row], *, has_hits: bool) -> Trace:
    if len(rows) < _LEAST_REQUESTS:
        message = f"has {counted(len(rows), 'request')}; {_LEAST_REQUESTS} or more are needed"
        raise _refused(path, message)
    time_s, isl, osl, hit = np.array(rows, dtype=float).T
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


def _check_order(rows: list[_Row], row: _Row) -> None:
    if rows and row[0] < rows[-1][0]:
        detail = f"comes after {rows[-1][0]:.9g} s; sort the lines by time"
        raise UnusableError(value=f"{row[0]:.9g}", reason="unsorted", detail=detail)


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]), []) if '"' in line else line.split(",")


def _refused(path: Path, message: str) -> InputError:
    return InputError([Fault(str(path), None, None, "", message)])
