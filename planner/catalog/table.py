"""One CSV table: bytes to validated rows, with every fault and its position.

A table is UTF-8 (a byte-order mark is tolerated) with the column names in the first line.
Columns may stand in any order, and optional ones may be left out. A blank cell means unknown.
Cells are stripped of surrounding space. Blank lines are skipped.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import ValidationError

from planner.catalog.messages import sentence
from planner.catalog.schema import Record
from planner.errors import Fault, InputError, counted, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

R = TypeVar("R", bound=Record)

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What some programs put between cells instead of commas."""
_SURE_COLUMNS = 2
"""Names of columns that must appear for another separator to be recognised."""
_KEPT_TABLES = 64
"""The tables that are shipped, twice."""


@dataclass(frozen=True, slots=True)
class Located(Generic[R]):
    """A row and where it was read.

    Parameters
    ----------
    row
        The validated row.
    file
        Name of the file as shown to the user.
    line
        Line of the row's first cell, counted from 1.
    """

    row: R
    file: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class TableRead(Generic[R]):
    """What one file gave: the rows that are valid, and everything that is wrong.

    Reads are kept, so the same content is the same object, and that is what equal means.
    """

    rows: tuple[Located[R], ...]
    faults: tuple[Fault, ...]
    header: tuple[str, ...] = ()
    """Names of the columns in order."""


def read_table(path: Path, name: str, model: type[R]) -> list[R]:
    """Return the rows of one CSV file.

    Parameters
    ----------
    path
        File to read.
    name
        Name of the file in messages.
    model
        Row model; its fields are the columns.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    read = scan_table(path, name, model)
    if read.faults:
        raise InputError(read.faults)
    return [located.row for located in read.rows]


def scan_table(
    path: Path, name: str, model: type[R], accelerators: Mapping[str, str] | None = None
) -> TableRead[R]:
    """Return the valid rows and the faults of one CSV file; never raises for its content.

    Parameters
    ----------
    path
        File to read.
    name
        Name of the file in messages.
    model
        Row model; its fields are the columns.
    accelerators
        Accelerator id by folded name (see :func:`folded`): cells of a column ``accelerator`` that
        hold such a name are read as the id. Product names have spaces, which no id has.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        return TableRead((), (Fault(name, None, None, path.stem, message),))
    return _scanned(data, name, path.stem, model, frozenset((accelerators or {}).items()))


@lru_cache(maxsize=_KEPT_TABLES)
def _scanned(
    data: bytes, name: str, table: str, model: type[R], accelerators: frozenset[tuple[str, str]]
) -> TableRead[R]:
    """Return what the bytes of a table hold; scenarios and tests read the same ones many times."""
    scan = _Scan(name, table, model, dict(accelerators))
    text = scan.decode(data)
    if text is not None:
        scan.read(text)
    return TableRead(tuple(scan.rows), tuple(scan.faults), tuple(scan.header))


def folded(name: str) -> str:
    """Return `name` as names are compared: without case or space around it."""
    return name.strip().casefold()


class _Scan(Generic[R]):
    """Reads one file and collects rows and faults."""

    def __init__(
        self, name: str, table: str, model: type[R], accelerators: Mapping[str, str]
    ) -> None:
        self.name, self.table, self.model, self.ids = name, table, model, accelerators
        self.header: list[str] = []
        self.rows: list[Located[R]] = []
        self.faults: list[Fault] = []
        self.lines: dict[tuple[str, ...], int] = {}

    def decode(self, data: bytes) -> str | None:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            # The codec strips the byte-order mark before it counts, so positions shift by three.
            line = data[: error.start].count(b"\n") + 1
            self._fault(line, None, "", "is not UTF-8; save the table as CSV UTF-8")
            return None

    def read(self, text: str) -> None:
        separators = self._other_separators(text)
        if separators is not None:
            message = f"cells are separated by {separators}; save the table with commas, as CSV"
            self._fault(1, None, "", message)
            return
        lines = csv_records(text, self._fault)
        first = next(lines, None)
        if first is None:
            if not self.faults:
                self._fault(
                    1, None, "", f"is empty; the first line names the columns {self._all()}"
                )
            return
        line, cells = first
        self.header = [cell.strip() for cell in cells]
        complete = self._check_header(line)
        for line, cells in lines:
            if complete:
                self._row(line, [cell.strip() for cell in cells])

    def _other_separators(self, text: str) -> str | None:
        """Return what separates the names of columns when it is not a comma."""
        header = next((line for line in text.splitlines() if line.strip()), "")
        names = {mark: header.split(mark) for mark in (",", *_SEPARATORS)}
        known = {
            mark: sum(name.strip(' "') in self.model.model_fields for name in found)
            for mark, found in names.items()
        }
        most = max(known, key=lambda mark: known[mark])
        return None if known[most] < _SURE_COLUMNS else _SEPARATORS.get(most)

    def _check_header(self, line: int) -> bool:
        """Report what is wrong with the columns; return whether every mandatory one is there."""
        known = self.model.model_fields
        for number, column in enumerate(self.header, start=1):
            if column not in known and column not in self.model.listed_only:
                hint = did_you_mean(column, known) or f"; columns are {self._all()}"
                self._fault(line, number, column, f"unknown column `{column}`{hint}")
            elif column in self.header[: number - 1]:
                self._fault(line, number, column, f"column `{column}` appears twice")
        missing = [
            column
            for column, field in known.items()
            if field.is_required() and column not in self.header
        ]
        for column in missing:
            self._fault(line, None, column, f"column `{column}` is required and missing")
        return not missing

    def _row(self, line: int, cells: list[str]) -> None:
        if len(cells) != len(self.header):
            named = counted(len(self.header), "column")
            message = f"has {counted(len(cells), 'cell')} where the header names {named}"
            self._fault(line, None, "", message)
            return
        known = self.model.model_fields
        values = {
            column: cell
            for column, cell in zip(self.header, cells, strict=True)
            if cell and column in known
        }
        if "accelerator" in values:
            name = values["accelerator"]
            values["accelerator"] = self.ids.get(folded(name), name)
        try:
            row = self.model.model_validate(values)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                column = str(detail["loc"][0])
                number = self.header.index(column) + 1 if column in self.header else None
                self._fault(line, number, column, sentence(detail))
            return
        stated = zip(self.header, cells, strict=True)
        computed = {n: cell for n, cell in stated if cell and n in self.model.listed_only}
        if contradicted := row.contradicted(computed):
            column, message = contradicted
            self._fault(line, self.header.index(column) + 1, column, message)
            return
        before = self.lines.setdefault(row.key, line)
        if before != line:
            key = ", ".join(filter(None, row.key))
            message = f"repeats the key ({key}) of line {before}; keep one of the two"
            self._fault(line, None, "", message)
            return
        self.rows.append(Located(row, self.name, line))

    def _all(self) -> str:
        return ", ".join(self.model.model_fields)

    def _fault(self, line: int | None, column: int | None, field: str, message: str) -> None:
        path = f"{self.table}.{field}" if field else self.table
        self.faults.append(Fault(self.name, line, column, path, message))


def csv_records(
    text: str, fault: Callable[[int | None, int | None, str, str], None]
) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, cells) of every record of a CSV text that is not blank.

    Parameters
    ----------
    text
        The CSV.
    fault
        Called with (line, column, field, message) where the text stops being CSV, which ends it.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault(start, None, "", f"is not valid CSV from this line on: {error}")
            return
        if any(cell.strip() for cell in cells):
            yield start, cells
