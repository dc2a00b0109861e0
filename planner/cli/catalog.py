"""``planner catalog``: facts with their provenance."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.catalog_import import import_source
from planner.cli.context import AsJson, CatalogFolders, day_of, print_json, settings_of
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.coverage import Coverage

app = typer.Typer(help="Facts of the catalogue with source and date.", no_args_is_help=True)

_PROVENANCE = ("source", "as_of", "notes")
_KEYS = ("id", "provider", "instance", "accelerator", "model", "alias", "benchmark")
_DRAWN_COLUMNS = 8
"""Columns of a table on a terminal; the others are in --json and when piped."""

app.command("import")(import_source)


@app.command("list")
def list_rows(
    context: typer.Context,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="Table, such as hardware, offers, models.")
    ],
    filters: Annotated[
        list[str] | None, typer.Argument(metavar="[COLUMN=VALUE]...", help="Rows to show.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="COLUMN", help="Order; -COLUMN descends.")
    ] = None,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """List rows of a table."""
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models
    from planner.catalog.query import rows  # noqa: PLC0415

    loaded = load_catalog(settings_of(context, catalog).overlays)
    found = _sorted(rows(loaded, kind, filters or ()), sort, kind)
    if as_json:
        print_json(found)
        return
    _write(found, kind)


@app.command("show")
def show_row(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Table.")],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Key; parts of a key joined by a colon.")
    ],
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Show one fact and where it comes from."""
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models
    from planner.catalog.query import show  # noqa: PLC0415

    fact = show(load_catalog(settings_of(context, catalog).overlays), kind, key)
    if as_json:
        place = {"source_kind": fact.source_kind, "file": fact.file, "line": fact.line}
        print_json({**fact.values, **place})
        return
    width = max(len(name) for name in fact.values)
    for name, value in fact.values.items():
        if value not in {None, ""}:
            sys.stdout.write(f"{name:<{width}}  {value}\n")
    if fact.source_kind is not None:
        sys.stdout.write(f"{'kind':<{width}}  {fact.source_kind} source\n")
    sys.stdout.write(f"{'row':<{width}}  {fact.file}:{fact.line}\n")


@app.command("check")
def check_tables(
    context: typer.Context,
    max_age_days: Annotated[
        int | None,
        typer.Option(
            "--max-age-days", metavar="N", min=0, help="Age that makes a price old; default 365."
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="Day of the check; else the newest row's."),
    ] = None,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Check sources, keys and contradictions; errors exit with 2, warnings do not."""
    from planner.catalog.check import DEFAULT_MAX_AGE_DAYS, check_catalog  # noqa: PLC0415
    from planner.catalog.coverage import coverage  # noqa: PLC0415
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models

    loaded = load_catalog(settings_of(context, catalog).overlays)
    age = DEFAULT_MAX_AGE_DAYS if max_age_days is None else max_age_days
    report = check_catalog(loaded, on=None if on is None else day_of("--on", on), max_age_days=age)
    tables = coverage(loaded)
    if as_json:
        print_json(
            {
                "errors": [_fault(f) for f in report.errors],
                "warnings": [_fault(f) for f in report.warnings],
                "tables": [_coverage(table) for table in tables],
            }
        )
        raise typer.Exit(2 if report.errors else 0)
    for warning in report.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    if report.errors:
        raise InputError(report.errors, "planner catalog list KIND")
    _write_coverage(tables)
    sys.stdout.write(f"catalogue valid; {len(report.warnings)} warning(s)\n")


def _coverage(table: Coverage) -> dict[str, Any]:
    return {
        "table": table.table,
        "rows": table.rows,
        "sources": dict(table.kinds),
        "oldest": table.oldest,
        "newest": table.newest,
    }


def _write_coverage(tables: Sequence[Coverage]) -> None:
    from planner.report.tables import NUMBER, TEXT, Column, write_table  # noqa: PLC0415

    kinds = list(tables[0].kinds)
    titles = ("table", "rows", *kinds, "oldest", "newest")
    columns = [Column(t, NUMBER if t in {"rows", *kinds} else TEXT, whole=True) for t in titles]
    cells = [
        [
            t.table,
            f"{t.rows:,}",
            *(f"{t.kinds[k]:,}" for k in kinds),
            t.oldest or "",
            t.newest or "",
        ]
        for t in tables
    ]
    sums = [sum(t.rows for t in tables), *(sum(t.kinds[k] for t in tables) for k in kinds)]
    cells.append(["all", *(f"{n:,}" for n in sums), "", ""])
    write_table(sys.stdout, columns, cells)


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "path": fault.path,
        "message": fault.message,
    }


def _sorted(rows: list[dict[str, Any]], sort: str | None, kind: str) -> list[dict[str, Any]]:
    if sort is None or not rows:
        return rows
    column = sort.removeprefix("-")
    if column not in rows[0]:
        message = f"no column `{column}` in {kind}{did_you_mean(column, rows[0])}"
        raise InputError([Fault("--sort", None, None, "", message)])
    known = [row for row in rows if row[column] is not None]
    unknown = [row for row in rows if row[column] is None]
    return sorted(known, key=lambda r: r[column], reverse=sort.startswith("-")) + unknown


def _write(rows: list[dict[str, Any]], kind: str) -> None:
    from planner.report.tables import NUMBER, TEXT, Column, write_table  # noqa: PLC0415

    if not rows:
        sys.stdout.write(f"no row of {kind} matches\n")
        return
    names = _columns(rows)
    columns = [
        Column(
            name,
            NUMBER if isinstance(_first(rows, name), int | float) else TEXT,
            whole=name in _KEYS,
        )
        for name in names
    ]
    cells = [["" if row[n] is None else str(row[n]) for n in names] for row in rows]
    write_table(sys.stdout, columns, cells)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    names = list(rows[0])
    if not sys.stdout.isatty():
        return names
    filled = [n for n in names if n not in _PROVENANCE and _first(rows, n) is not None]
    return [*filled[:_DRAWN_COLUMNS], "as_of"]


def _first(rows: Sequence[dict[str, Any]], name: str) -> object:
    return next((row[name] for row in rows if row[name] is not None), None)
