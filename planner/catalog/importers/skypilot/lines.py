"""Lines of a price file by the name of their columns, and what a line could not give."""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from planner.catalog.importers.files import MOST_PLACE_CHARACTERS, shortened
from planner.catalog.importers.record import Rejected
from planner.errors import Fault, InputError, counted

REQUIRED = ("InstanceType", "AcceleratorName", "AcceleratorCount", "Region", "Price")
OPTIONAL = ("SpotPrice", "AvailabilityZone", "GpuInfo", "vCPUs", "MemoryGiB")


class Line(NamedTuple):
    """One line of the file: its number, counted from 1, and its cells by column."""

    number: int
    cells: dict[str, str]

    def get(self, column: str) -> str:
        """Return the cell of a column without surrounding space, empty when there is none."""
        return self.cells.get(column, "").strip()

    @property
    def place(self) -> tuple[str, str]:
        """Region as a key, and zone."""
        return key_of(self.get("Region")), self.get("AvailabilityZone")


class Rejections:
    """What lines of a file could not give.

    Parameters
    ----------
    file
        Name of the file as shown to the user.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[tuple[int, Rejected]] = []

    def add(self, line: int, value: str, reason: str, detail: str) -> None:
        """Record one rejection of a line."""
        rejected = Rejected(f"{self.file}:{line}", shortened(value), reason, detail)
        self._found.append((line, rejected))

    def in_order(self) -> tuple[Rejected, ...]:
        """Return all rejections in the order of their lines."""
        return tuple(rejected for _, rejected in sorted(self._found, key=lambda pair: pair[0]))


def key_of(text: str) -> str:
    """Return a name with everything a key may not hold replaced; empty when nothing is left."""
    return re.sub(r"[^A-Za-z0-9._:/+@-]+", "-", text).lstrip("._:/+@-").rstrip("-")


def read_lines(text: str, rejections: Rejections) -> tuple[list[Line], list[str]]:
    """Return the lines of a price file, and notes on the columns that were not read.

    Parameters
    ----------
    text
        Content of the file.
    rejections
        Rejections of the file, for lines that have not the columns of the header.

    Raises
    ------
    InputError
        When a required column is missing, or the file is no CSV.
    """
    rows = csv.reader(io.StringIO(text, newline=""))
    lines: list[Line] = []
    last = 0
    try:
        header = [name.strip() for name in next(rows, [])]
        _check_header(header, rejections.file)
        last = rows.line_num
        for cells in rows:
            first, last = last + 1, rows.line_num
            if last > first or len(cells) not in {0, len(header)}:
                detail = f"{len(cells)} cells to line {last}, the header has {len(header)}"
                rejections.add(first, ",".join(cells), "broken_line", detail)
            elif cells:
                lines.append(Line(first, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        message = f"{error}; a cell is too long, or a quote is not closed"
        raise InputError([Fault(rejections.file, last + 1, None, "", message)]) from error
    extra = [shortened(name) for name in header if name not in {*REQUIRED, *OPTIONAL}]
    unread = f"{counted(len(extra), 'column')} not read: {', '.join(extra)}"
    return lines, [shortened(unread, MOST_PLACE_CHARACTERS)] if extra else []


def _check_header(header: list[str], file: str) -> None:
    wrong = [name for name in REQUIRED if header.count(name) != 1]
    wrong += [name for name in OPTIONAL if header.count(name) > 1]
    if wrong:
        message = f"the header has not exactly one of {', '.join(wrong)}"
        message += f"; it needs {', '.join(REQUIRED)}"
        raise InputError([Fault(file, 1, None, "", message)])
