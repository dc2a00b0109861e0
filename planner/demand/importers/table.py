"""Plain CSV of requests: one line each, by column name, in any order of columns.

Columns: ``timestamp_s`` (s from any start, or from 1970) or ``timestamp`` (ISO 8601, with or
without zone; without one it is read as UTC), ``input_tokens``, ``output_tokens``, and if present
``prefix_hit_tokens`` (prompt tokens found in a cache). Other columns are left alone.
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.demand.importers.assemble import Rows, workload_of
from planner.demand.importers.lines import Rejections, UnusableError, number, read_lines, tokens
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.demand.importers.record import ImportedWorkload, Settings

_SECONDS = "timestamp_s"


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns that are read.

    Parameters
    ----------
    times
        Accepted columns of the arrival time, best first.
    isl, osl
        Columns of the lengths in tokens.
    hit
        Column of the cached prompt tokens; ``None`` when the format has none.
    """

    times: tuple[str, ...]
    isl: str
    osl: str
    hit: str | None = None


PLAIN = Columns((_SECONDS, "timestamp"), "input_tokens", "output_tokens", "prefix_hit_tokens")


def read(source: Path, settings: Settings) -> ImportedWorkload:
    """Return the workload of a plain CSV.

    Parameters
    ----------
    source
        CSV, plain or compressed by gzip.
    settings
        Name and date.

    Raises
    ------
    InputError
        When the file cannot be read, a column is missing, or no row can be used.
    """
    return read_table(source, settings, PLAIN)


def read_table(source: Path, settings: Settings, columns: Columns) -> ImportedWorkload:
    """Return the workload of a CSV with given columns.

    Parameters
    ----------
    source
        CSV, plain or compressed by gzip.
    settings
        Name and date.
    columns
        Names of the columns.

    Raises
    ------
    InputError
        When the file cannot be read, a column is missing, or no row can be used.
    """
    lines = read_lines(source)
    header_line, header = next(lines, (1, ""))
    place = _places(source, header_line, header, columns)
    rejections = Rejections(source.name)
    rows = Rows(rejections)
    for line, text in lines:
        try:
            _add(rows, line, text, place, columns)
        except UnusableError as error:
            rejections.add(line, error)
    return workload_of(rows, settings)


def _places(source: Path, line: int, header: str, columns: Columns) -> dict[str, int]:
    names = [cell.strip() for cell in _cells(header)]
    place = {name: index for index, name in reversed(list(enumerate(names)))}
    time = next((name for name in columns.times if name in place), None)
    missing = [name for name in (columns.isl, columns.osl) if name not in place]
    if time is None:
        missing.insert(0, " or ".join(columns.times))
    if missing:
        found = ", ".join(names)[:200] or "nothing"
        message = f"no column {', '.join(missing)}; the first line names {found}"
        raise InputError([Fault(str(source), line, None, "", message)])
    return place


def _add(rows: Rows, line: int, text: str, place: dict[str, int], columns: Columns) -> None:
    cells = _cells(text)

    def cell(column: str) -> str:
        return cells[place[column]] if place[column] < len(cells) else ""

    time = next(name for name in columns.times if name in place)
    raw = cell(time)
    time_s = number(raw, time) if time == _SECONDS else seconds_of(raw, time)
    isl = tokens(cell(columns.isl), columns.isl)
    osl = tokens(cell(columns.osl), columns.osl)
    hit = None
    if columns.hit in place:
        hit = tokens(cell(columns.hit), columns.hit, least=0)
        if hit > isl:
            detail = f"{columns.hit} is above {columns.isl} ({isl:.0f})"
            raise UnusableError(value=cell(columns.hit), reason="absurd", detail=detail)
    rows.add(line, time_s, isl, osl, hit)


def seconds_of(text: str, column: str) -> float:
    """Return an ISO time as seconds from 1970; a time without zone is UTC.

    Parameters
    ----------
    text
        Such as ``2023-11-16 18:15:46.6805900`` or ``2024-05-10T00:00:00+02:00``.
    column
        Column for the message.

    Raises
    ------
    UnusableError
        When the text is no time.
    """
    stripped = text.strip()
    if not stripped:
        raise UnusableError(value="", reason="missing", detail=f"{column} is empty")
    try:
        time = dt.datetime.fromisoformat(stripped)
        aware = time if time.tzinfo else time.replace(tzinfo=dt.UTC)
        return aware.timestamp()
    except (ValueError, OverflowError) as error:
        detail = f"{column} is no time; write 2027-01-31T08:15:00"
        raise UnusableError(value=stripped, reason="not_a_time", detail=detail) from error


def _cells(line: str) -> list[str]:
    if '"' not in line:
        return line.split(",")
    # One line at a time: a quote that is never closed must not swallow the rest of the file.
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []
