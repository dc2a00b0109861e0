"""Rows of the catalogue for a reader: lists with filters, and one fact with its provenance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.catalog.coverage import SourceBook
from planner.catalog.dates import parse_partial_date
from planner.catalog.schema import TABLES, ApiOffer, Offer
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Row

KIND_ALIASES = {"hardware": "accelerators"}
"""Other names of a table."""
_PROVENANCE = ("source", "as_of", "notes")


@dataclass(frozen=True, slots=True)
class Fact:
    """One row with where it stands and where it comes from.

    Parameters
    ----------
    kind
        Table.
    key
        Key of the row, parts joined by a colon.
    values
        Every column by name; ``None`` when unknown.
    file, line
        Position of the row; the line is counted from 1.
    source, as_of
        Provenance of the figures.
    source_kind
        How close the source is to the origin; ``None`` when no row of sources.csv says so.
    """

    kind: str
    key: str
    values: dict[str, Any]
    file: str
    line: int | None
    source: str
    as_of: str
    source_kind: str | None


def rows(catalog: Catalog, kind: str, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of a table that pass every filter, with all columns.

    Parameters
    ----------
    catalog
        The catalogue.
    kind
        File stem of a table, or ``hardware``.
    filters
        ``column=value``; text compares without case, numbers by value, and an empty value
        selects unknown cells.

    Raises
    ------
    InputError
        When the table or a column does not exist, or a filter has another form.
    """
    table = _table(kind)
    wanted = _parse(table, filters)
    dumps = (_columns(row) for row in catalog.table(table))
    return [row for row in dumps if all(_same(row[c], text) for c, text in wanted)]


def show(catalog: Catalog, kind: str, key: str) -> Fact:
    """Return one row with its provenance.

    Parameters
    ----------
    catalog
        The catalogue.
    kind
        File stem of a table, or ``hardware``.
    key
        Key parts joined by a colon. Accelerators may be named by any alias; offers may be named
        without their date, which selects the newest row.

    Raises
    ------
    InputError
        When there is no such table or row; near misses are suggested.
    """
    table = _table(kind)
    if table == "accelerators":
        key = catalog.resolve_accelerator(key) or key
    found = [row for row in catalog.table(table) if key in _keys(row)]
    if not found:
        keys = (row.label for row in catalog.table(table))
        message = f"no row `{key}` in {table}{did_you_mean(key, keys)}"
        raise InputError(
            [Fault(f"{table}.csv", None, None, table, message)], f"planner catalog list {kind}"
        )
    row = max(found, key=_valid_from)
    origin = catalog.origin(table, row)
    file, line = (origin.file, origin.line) if origin else (f"{table}.csv", None)
    source = SourceBook(catalog).source_of(row)
    near = None if source is None else source.kind
    return Fact(table, row.label, _columns(row), file, line, row.source, row.as_of, near)


def _columns(row: Row) -> dict[str, Any]:
    """Return the columns as a reader wants them: the fact first, its provenance last."""
    values = row.model_dump()
    return {column: values[column] for column in values if column not in _PROVENANCE} | {
        column: values[column] for column in _PROVENANCE
    }


def _table(kind: str) -> str:
    table = KIND_ALIASES.get(kind, kind)
    if table in TABLES:
        return table
    accepted = (*TABLES, *KIND_ALIASES)
    hint = did_you_mean(kind, accepted) or f"; tables are {', '.join(accepted)}"
    raise InputError([Fault("", None, None, "", f"no table `{kind}` in the catalogue{hint}")])


def _parse(table: str, filters: Iterable[str]) -> list[tuple[str, str]]:
    columns = TABLES[table].model_fields
    parsed, faults = [], []
    for text in filters:
        column, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            message = f"`{text}` is not a filter; write column=value"
            faults.append(Fault("", None, None, table, message))
        elif column not in columns:
            hint = did_you_mean(column, columns) or f"; columns are {', '.join(columns)}"
            faults.append(Fault("", None, None, table, f"no column `{column}` in {table}{hint}"))
        else:
            parsed.append((column, value))
    if faults:
        raise InputError(faults)
    return parsed


def _same(value: object, text: str) -> bool:
    if value is None:
        return not text
    if str(value).casefold() == text.casefold():
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return float(text) == value
    except ValueError:
        return False


def _keys(row: Row) -> tuple[str, ...]:
    keys = (row.label, ":".join(row.key))
    return (*keys, row.offer_id) if isinstance(row, Offer | ApiOffer) else keys


def _valid_from(row: Row) -> int:
    if isinstance(row, Offer | ApiOffer):
        return parse_partial_date(row.valid_from).toordinal()
    return 0
