"""Measured rows with the lines they stand in.

The columns are those of :class:`~planner.catalog.schema.measurements.Measurement`. Unlike a folder
of figures that others published, a calibration goes into plans: a cell that cannot be meant so is
a fault, and every fault is reported at once. Columns may stand in any order, further ones are left
alone, a blank cell is not stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.table import csv_records
from planner.errors import Fault, InputError, counted, did_you_mean
from planner.evaluate.measurements import COLUMNS, NEEDED, MeasuredRow, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NUMBERS = ("params_b", "n_gpus", "tp", "pp", "isl", "osl", "value")
"""Columns that hold positive numbers."""
NOTHING_CALIBRATED = "nothing was calibrated"
_NEXT_STEP = "planner catalog import vllm|guidellm|aiperf writes such a file"


@dataclass(frozen=True, slots=True, order=True)
class PlacedRow(MeasuredRow):
    """A measured row and where it stands.

    Parameters
    ----------
    line
        Line of its first cell, counted from 1.
    """

    line: int = 0


def read_points(path: Path) -> tuple[PlacedRow, ...]:
    """Return the rows of a CSV file in its order.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    reader = _Reader(str(path))
    rows = reader.read(path)
    if not rows and not reader.faults:
        reader.fault(None, None, "", "holds no rows")
    if reader.faults:
        raise InputError(reader.faults, _NEXT_STEP, NOTHING_CALIBRATED)
    return rows


class _Reader:
    """Reads one file and collects its faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.header: list[str] = []
        self.faults: list[Fault] = []

    def fault(self, line: int | None, column: int | None, field: str, message: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(self.name, line, column, field, message))

    def read(self, path: Path) -> tuple[PlacedRow, ...]:
        """Return the rows that are right."""
        text = self._text(path)
        records = csv_records(text, self.fault) if text is not None else iter(())
        line, first = next(records, (1, []))
        if text is None or self.faults:
            return ()
        self.header = [cell.strip().lower() for cell in first]
        if not self._has_columns(line):
            return ()
        rows = (self._row(line, [c.strip() for c in cells]) for line, cells in records)
        return tuple(row for row in rows if row is not None)

    def _text(self, path: Path) -> str | None:
        try:
            return path.read_bytes().decode("utf-8-sig")
        except IsADirectoryError:
            message = f"is a folder; name the file in it ({path / 'measurements.csv'})"
        except UnicodeDecodeError:
            message = "is not UTF-8; save the table as CSV UTF-8"
        except (OSError, ValueError) as error:
            message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        self.fault(None, None, "", message)
        return None

    def _has_columns(self, line: int) -> bool:
        missing = [name for name in NEEDED if name not in self.header]
        for name in missing:
            near = did_you_mean(name, self.header).replace("did you mean", "is it")
            self.fault(line, None, name, f"column `{name}` is required and missing{near}")
        twice = {name for name in self.header if name in COLUMNS and self.header.count(name) > 1}
        for name in sorted(twice):
            place = len(self.header) - self.header[::-1].index(name)
            self.fault(line, place, name, f"column `{name}` appears twice")
        return not missing and not twice

    def _row(self, line: int, cells: Sequence[str]) -> PlacedRow | None:
        if len(cells) != len(self.header):
            named = counted(len(self.header), "column")
            message = f"has {counted(len(cells), 'cell')} where the header names {named}"
            self.fault(line, None, "", message)
            return None
        values = {n: c for n, c in zip(self.header, cells, strict=True) if n in COLUMNS}
        wrong = [n for n in NUMBERS if values.get(n) and number(values[n]) is None]
        for name in wrong:
            message = f"`{values[name]}` is no number above 0"
            self.fault(line, self.header.index(name) + 1, name, message)
        return None if wrong else PlacedRow(**values, line=line)
