"""Where a fault of a row stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import Fault

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Row


def fault(catalog: Catalog, table: str, row: Row, column: str, message: str) -> Fault:
    """Return a fault of one cell with the file and line of its row."""
    origin = catalog.origin(table, row)
    file, line = (origin.file, origin.line) if origin else (f"{table}.csv", None)
    return Fault(file, line, None, f"{table}.{column}", f"{row.label}: {message}")
