"""Rows of the catalogue for a reader: lists with filters, and one fact with its provenance."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.catalog.coverage import SourceBook
from planner.catalog.dates import parse_partial_date
from planner.catalog.messages import means, no_such_value
from planner.catalog.schema import TABLES, Accelerator, ApiOffer, Model, Offer
from planner.catalog.schema.prices import PER_ACCELERATOR
from planner.catalog.table import folded
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Row

KIND_ALIASES = {"hardware": "accelerators"}
"""Other names of a table."""
_PROVENANCE = ("source", "as_of", "notes")
_PUBLISHER = "publisher"
"""Computed column: who publishes the source."""
_DATES = ("as_of", "valid_from", "valid_to", "date")
_FILTER = re.compile(r"\s*(\w+)\s*(<=|>=|=|<|>|~)\s*(.*?)\s*", re.DOTALL)
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_FORMS = "write column=value, column<value, column>=value or column~text, in quotes for < and >"


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
    remark
        What the name that was asked for stands for, when it is an alias.
    """

    kind: str
    key: str
    values: dict[str, Any]
    file: str
    line: int | None
    source: str
    as_of: str
    source_kind: str | None
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class _Filter:
    """One condition.

    Parameters
    ----------
    column, sign
        What is compared, and how.
    stated, text
        Value as written, and with the id of an accelerator in place of its alias.
    bound
        Value as a number where it is compared by size.
    """

    column: str
    sign: str
    stated: str
    text: str
    bound: Any = None


def column_names(kind: str) -> list[str]:
    """Return the columns of :func:`rows`: those of the table and the computed ones, in order."""
    table = _table(kind)
    names = [name for name in TABLES[table].model_fields if name not in _PROVENANCE]
    if table == "offers":
        names.insert(names.index("price_usd_per_hour") + 1, PER_ACCELERATOR)
    return list(dict.fromkeys((*names, _PUBLISHER, *_PROVENANCE)))


def rows(catalog: Catalog, kind: str, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of a table that pass every filter, with all columns.

    Parameters
    ----------
    catalog
        The catalogue.
    kind
        File stem of a table, or ``hardware``.
    filters
        ``column=value``, ``<``, ``<=``, ``>``, ``>=``, or ``column~text`` for cells that contain
        a text. Text compares without case, numbers and dates by value; ``*`` stands for any
        text, accelerators may be named by any alias, and an empty value selects unknown cells.

    Raises
    ------
    InputError
        When the table or a column does not exist, or a filter has another form.
    """
    found = _all_rows(catalog, _table(kind))
    wanted = _parse(catalog, _table(kind), filters, found)
    return [row for row in found if all(_passes(row[f.column], f) for f in wanted)]


def matching(catalog: Catalog, kind: str, filters: Sequence[str]) -> tuple[str, tuple[Row, ...]]:
    """Return the name of a table and its rows that pass every filter, as in :func:`rows`.

    Raises
    ------
    InputError
        When the table or a column does not exist, or a filter has another form.
    """
    table = _table(kind)
    cells = _all_rows(catalog, table)
    wanted = _parse(catalog, table, filters, cells)
    chosen = [
        row
        for row, values in zip(catalog.table(table), cells, strict=True)
        if all(_passes(values[f.column], f) for f in wanted)
    ]
    return table, tuple(chosen)


def remarks(catalog: Catalog, kind: str, filters: Sequence[str]) -> tuple[str, ...]:
    """Return what to know beside the filtered rows: aliases, and why there is no row."""
    table = _table(kind)
    found = _all_rows(catalog, table)
    wanted = _parse(catalog, table, filters, found)
    aliases = [means(catalog, f.stated) for f in wanted if f.text != f.stated]
    unmet = []
    for one in wanted:
        values = [row[one.column] for row in found]
        if one.text and not any(_passes(value, one) for value in values):
            known = {value for value in values if value is not None}
            if _names_accelerators(table, one.column):
                known |= {row.alias for row in catalog.aliases}
            unmet.append(no_such_value(kind, f"{one.column}{one.sign}", one.stated, known))
    if not unmet and not any(all(_passes(row[f.column], f) for f in wanted) for row in found):
        unmet.append(f"no row of {kind} matches" if wanted else f"{kind} has no row")
    return tuple(sentence for sentence in (*aliases, *unmet) if sentence)


def show(catalog: Catalog, kind: str, key: str) -> Fact:
    """Return one row with its provenance.

    Parameters
    ----------
    catalog
        The catalogue.
    kind
        File stem of a table, or ``hardware``.
    key
        Key parts joined by a colon, in any case. Accelerators may be named by any alias, models
        by their repository; offers may be named without their date, which selects the newest row.

    Raises
    ------
    InputError
        When there is no such table or row; near misses are suggested.
    """
    table = _table(kind)
    name = (catalog.resolve_accelerator(key) if table == "accelerators" else None) or key
    everything = catalog.table(table)
    found = [row for row in everything if name in _keys(row)]
    found = found or [row for row in everything if folded(name) in map(folded, _keys(row))]
    if not found:
        known = {known for row in everything for known in _keys(row)}
        known |= {row.alias for row in catalog.aliases} if table == "accelerators" else set()
        message = f"no row `{key}` in {table}{did_you_mean(key, sorted(known))}"
        fault = Fault(f"{table}.csv", None, None, table, message)
        raise InputError([fault], f"planner catalog list {kind}")
    row = max(found, key=_precedence)
    origin = catalog.origin(table, row)
    file, line = (origin.file, origin.line) if origin else (f"{table}.csv", None)
    book = SourceBook(catalog)
    source = book.source_of(row)
    return Fact(
        kind=table,
        key=row.label,
        values=_columns(row, book, column_names(table)),
        file=file,
        line=line,
        source=row.source,
        as_of=row.as_of,
        source_kind=None if source is None else source.kind,
        remark=means(catalog, key) if isinstance(row, Accelerator) else None,
    )


def _all_rows(catalog: Catalog, table: str) -> list[dict[str, Any]]:
    book, names = SourceBook(catalog), column_names(table)
    return [_columns(row, book, names) for row in catalog.table(table)]


def _columns(row: Row, book: SourceBook, names: Iterable[str]) -> dict[str, Any]:
    values = row.model_dump()
    if isinstance(row, Offer):
        values[PER_ACCELERATOR] = row.usd_per_accelerator_hour
    source = book.source_of(row)
    values.setdefault(_PUBLISHER, None if source is None else source.publisher)
    return {name: values[name] for name in names}


def _table(kind: str) -> str:
    table = KIND_ALIASES.get(kind, kind)
    if table in TABLES:
        return table
    accepted = (*TABLES, *KIND_ALIASES)
    hint = did_you_mean(kind, accepted) or f"; tables are {', '.join(accepted)}"
    raise InputError([Fault("", None, None, "", f"no table `{kind}` in the catalogue{hint}")])


def _parse(
    catalog: Catalog, table: str, filters: Iterable[str], found: Sequence[dict[str, Any]]
) -> list[_Filter]:
    parsed, faults = [], []
    for text in filters:
        try:
            parsed.append(_filter(catalog, table, text, found))
        except ValueError as error:
            faults.append(Fault("", None, None, table, str(error)))
    if faults:
        raise InputError(faults)
    return parsed


def _filter(catalog: Catalog, table: str, text: str, found: Sequence[dict[str, Any]]) -> _Filter:
    match = _FILTER.fullmatch(text)
    if match is None:
        message = f"`{text}` is not a filter; {_FORMS}"
        raise ValueError(message)
    column, sign, value = match.groups()
    columns = column_names(table)
    if column not in columns:
        hint = did_you_mean(column, columns) or f"; columns are {', '.join(columns)}"
        message = f"no column `{column}` in {table}{hint}"
        raise ValueError(message)
    if sign in _ORDERS:
        known = next((row[column] for row in found if row[column] is not None), "")
        return _Filter(column, sign, value, value, _bound(column, value, known))
    resolved = catalog.resolve_accelerator(value) if _names_accelerators(table, column) else None
    return _Filter(column, sign, value, resolved or value)


def _bound(column: str, text: str, known: object) -> float | str:
    """Return the end of a range in the kind of value that the column holds."""
    try:
        return _size(column, float(text) if isinstance(known, int | float) else text)
    except ValueError as error:
        form = "a date as YYYY-MM-DD" if column in _DATES else "a number"
        message = f"`{text}` is no end of a range of {column}; write {form}"
        raise ValueError(message) from error


def _size(column: str, value: object) -> float | str:
    """Return what orders the values of a column."""
    if isinstance(value, int | float):
        return float(value)
    if column in _DATES:
        return float(parse_partial_date(str(value)).toordinal())
    return folded(str(value))


def _passes(value: object, wanted: _Filter) -> bool:
    if value is None:
        return wanted.sign == "=" and not wanted.text
    if wanted.sign in _ORDERS:
        return bool(_ORDERS[wanted.sign](_size(wanted.column, value), wanted.bound))
    if wanted.sign == "~":
        return folded(wanted.text) in folded(str(value))
    return _same(value, wanted.text)


def _same(value: object, text: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in folded(text).split("*"))
    if re.fullmatch(pattern, folded(str(value)), re.DOTALL):
        return True
    try:
        return not isinstance(value, bool | str) and float(text) == value
    except ValueError:
        return False


def _names_accelerators(table: str, column: str) -> bool:
    return column == "accelerator" or (table, column) == ("accelerators", "id")


def _keys(row: Row) -> tuple[str, ...]:
    keys: tuple[str, ...] = (row.label, ":".join(row.key))
    if isinstance(row, Offer | ApiOffer):
        return (*keys, row.offer_id, row.label.removesuffix(f":{row.valid_from}"))
    return (*keys, row.hf_repo) if isinstance(row, Model) and row.hf_repo else keys


def _precedence(row: Row) -> tuple[int, bool, int]:
    """Return what makes a row the one that is meant: the newest, for every hour and prompt."""
    if not isinstance(row, Offer | ApiOffer):
        return 0, True, 0
    start = parse_partial_date(row.valid_from).toordinal()
    if isinstance(row, Offer):
        return start, True, 0
    return start, row.hours_utc is None, -row.prompt_from_tokens
