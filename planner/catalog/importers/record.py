"""What an importer returns, and how it becomes an overlay folder."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.catalog.schema import TABLES, Measurement, Record
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.catalog.load import Catalog


MEASUREMENTS = "measurements"
WRITTEN: dict[str, type[Record]] = {**TABLES, MEASUREMENTS: Measurement}
"""What an importer may write: tables of the catalogue, and measurements to calibrate with."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an importer needs besides its source.

    Parameters
    ----------
    catalog
        Catalogue that names are resolved with.
    as_of
        Date the figures hold (YYYY, YYYY-MM or YYYY-MM-DD), for formats that state none.
    options
        Further options of the format, such as the cloud of a price file; its ``OPTIONS`` has
        their keys.
    """

    catalog: Catalog
    as_of: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One thing of the source that did not become a row.

    Parameters
    ----------
    place
        Where it stands: ``file:line`` or a key.
    value
        What stands there, shortened.
    reason
        Short code to count by (``no_price``, ``unknown_accelerator``, ...).
    detail
        Sentence with the way out.
    """

    place: str
    value: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows by table and everything that was not used.

    Parameters
    ----------
    rows
        Rows by table name; every row is complete, with source and date.
    rejected
        What could not be used, in source order.
    notes
        What a reader should know about the rows that were made (collapsed zones, sums of split
        offers, assumptions).
    undated
        Whether a row has the date of the settings, because the source states none.
    """

    rows: Mapping[str, tuple[Record, ...]]
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    undated: bool = True

    def rejected_by_reason(self) -> dict[str, int]:
        """Return the number of rejections by reason, most frequent first."""
        return dict(Counter(r.reason for r in self.rejected).most_common())


def table_text(table: str, rows: tuple[Record, ...]) -> str:
    """Return rows as CSV text, ordered by key, so that the same rows give the same bytes.

    Parameters
    ----------
    table
        Name of the table.
    rows
        Rows of it.

    Raises
    ------
    InputError
        When two rows have the same key.
    """
    ordered = sorted(rows, key=lambda row: row.key)
    counts = Counter(row.key for row in ordered)
    repeated = [":".join(key) for key, count in counts.items() if count > 1]
    if repeated:
        message = f"two rows of {table} have the key {repeated[0]}; nothing was written"
        raise InputError([Fault(f"{table}.csv", None, None, table, message)])
    columns = list(WRITTEN[table].model_fields)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in ordered:
        values = row.model_dump()
        writer.writerow(["" if values[c] is None else _cell(values[c]) for c in columns])
    return out.getvalue()


def overlay_files(imported: Imported, folder: Path) -> dict[Path, str]:
    """Return the files of an overlay folder, by path, for tables that have rows."""
    return {
        folder / f"{table}.csv": table_text(table, rows)
        for table, rows in sorted(imported.rows.items())
        if rows
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value)


_EXACT = 2.0**53
"""Floats below this are whole numbers exactly."""
