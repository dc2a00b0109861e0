"""Catalogues in which one figure of some rows is larger or smaller by a factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from planner.catalog.load import build_catalog, located_rows
from planner.catalog.messages import sentence
from planner.catalog.query import matching
from planner.catalog.schema import TABLES
from planner.catalog.table import Located
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Row


@dataclass(frozen=True, slots=True)
class Selection:
    """A figure of some rows.

    Parameters
    ----------
    kind
        Table, as in ``planner catalog list``.
    filters
        Which of its rows, as in ``planner catalog list``; none for all.
    column
        The figure.
    """

    kind: str
    filters: tuple[str, ...]
    column: str

    def __str__(self) -> str:
        return " ".join((self.kind, *self.filters, self.column))


def scaled(catalog: Catalog, selection: Selection, factor: float) -> Catalog:
    """Return a catalogue with every known figure of a selection times a factor.

    Parameters
    ----------
    catalog
        The catalogue.
    selection
        What is scaled.
    factor
        Above 0; the range of a figure (``low``, ``high``) moves with its ``value``, and rows say
        in their notes that they were scaled.

    Raises
    ------
    InputError
        When nothing is selected, the column holds no numbers, or a row may not have the figure.
    """
    table, chosen = matching(catalog, selection.kind, selection.filters)
    if selection.column not in TABLES[table].model_fields:
        names = list(TABLES[table].model_fields)
        hint = did_you_mean(selection.column, names) or f"; columns are {', '.join(names)}"
        raise _refused(selection, f"no column `{selection.column}` in {table}{hint}")
    known = [row for row in chosen if getattr(row, selection.column) is not None]
    if not known:
        raise _refused(selection, f"no row of {table} matches and has the figure")
    if not all(_is_number(getattr(row, selection.column)) for row in known):
        raise _refused(selection, f"`{selection.column}` of {table} holds no numbers")
    replaced = {row.key: _scaled_row(row, selection, factor) for row in known}
    located = located_rows(catalog)
    located[table] = [
        Located(replaced.get(item.row.key, item.row), item.file, item.line)
        for item in located[table]
    ]
    return build_catalog(located)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scaled_row(row: Row, selection: Selection, factor: float) -> Row:
    note = f"{selection.column} times {factor:g} in a sweep"
    # A figure moves with the range that its source gives for it.
    columns = ("value", "low", "high") if selection.column == "value" else (selection.column,)
    cells = row.model_dump()
    for column in columns:
        if cells.get(column) is not None:
            cells[column] *= factor
    cells["notes"] = f"{row.notes}; {note}" if row.notes else note
    try:
        return type(row).model_validate(cells)
    except ValidationError as error:
        text = f"{row.label}: {sentence(error.errors()[0])}"
        raise _refused(selection, text) from error


def _refused(selection: Selection, message: str) -> InputError:
    fault = Fault("", None, None, str(selection), message)
    return InputError([fault], f"planner catalog list {selection.kind}")
