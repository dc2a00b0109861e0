"""``planner catalog``: facts with their provenance."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from planner.cli.catalog_import import import_source
from planner.cli.context import (
    AsJson,
    CatalogFolders,
    Quiet,
    Settings,
    Verbose,
    day_of,
    print_json,
    settings_of,
)
from planner.errors import NOTHING_SOLVED, Fault, InputError, counted, did_you_mean

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Sequence

    from planner.catalog.coverage import Coverage

P = ParamSpec("P")

app = typer.Typer(help="Facts of the catalogue with source and date.", no_args_is_help=True)

_SHIPPED = "catalogs/"
"""Beginning of the names of shipped files; the others are overlays."""


def _leaving(undone: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Let the errors of a command end with what it left undone, and the list of their table."""

    def wrap(command: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            from planner.catalog.messages import listing_command  # noqa: PLC0415 - loads models

            try:
                command(*args, **kwargs)
            except InputError as error:
                if error.outcome == NOTHING_SOLVED:
                    error.outcome = undone
                error.next_step = listing_command(error.faults) or error.next_step
                raise

        return run

    return wrap


app.command("import")(_leaving("nothing was written")(import_source))


@app.command("list")
@_leaving("nothing was listed")
def list_rows(
    context: typer.Context,
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="Table, such as hardware, offers, models.")
    ],
    filters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILTER",
            help="column=value (* stands for any text), column~text, 'column<value', "
            "'column>=value'.",
        ),
    ] = None,
    sort: Annotated[
        list[str] | None,
        typer.Option("--sort", metavar="COLUMN", help="Order; -COLUMN descends; repeatable."),
    ] = None,
    catalog: CatalogFolders = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List rows of a table; a terminal shows the columns it has room for."""
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models
    from planner.catalog.query import KIND_ALIASES, column_names, remarks, rows  # noqa: PLC0415
    from planner.report.catalog_text import write_rows  # noqa: PLC0415

    settings = settings_of(context, catalog, verbose, quiet)
    loaded = load_catalog(settings.overlays)
    columns = column_names(kind)
    found = _sorted(rows(loaded, kind, filters or ()), sort or (), columns, kind)
    for remark in remarks(loaded, kind, filters or ()):
        _note(settings, remark)
    if as_json:
        print_json(found)
        return
    if found or not sys.stdout.isatty():
        write_rows(sys.stdout, found, KIND_ALIASES.get(kind, kind), columns)


@app.command("show")
@_leaving("nothing was shown")
def show_row(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Table.")],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Key or alias; parts of a key joined by a colon.")
    ],
    catalog: CatalogFolders = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show one fact and where it comes from."""
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models
    from planner.catalog.query import show  # noqa: PLC0415

    settings = settings_of(context, catalog, verbose, quiet)
    fact = show(load_catalog(settings.overlays), kind, key)
    if fact.remark:
        _note(settings, fact.remark)
    if as_json:
        place = {"source_kind": fact.source_kind, "file": fact.file, "line": fact.line}
        print_json({**fact.values, **place})
        return
    lines = {**fact.values, "source kind": fact.source_kind, "row": f"{fact.file}:{fact.line}"}
    width = max(len(name) for name in lines)
    for name, value in lines.items():
        if value not in {None, ""}:
            sys.stdout.write(f"{name:<{width}}  {value}\n")


@app.command("check")
@_leaving("nothing was checked")
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
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Check sources, keys and contradictions; errors exit with 2, warnings do not."""
    settings = settings_of(context, catalog, verbose, quiet)
    day = None if on is None else day_of("--on", on)
    checked = _checked(settings, day, max_age_days)
    if as_json:
        print_json(
            {
                "errors": [_fault(f) for f in checked.errors],
                "warnings": [_fault(f) for f in checked.warnings],
                "tables": [_coverage(table) for table in checked.tables],
            }
        )
        raise typer.Exit(2 if checked.errors else 0)
    for warning in checked.warnings:
        _note(settings, str(warning), "warning")
    if checked.errors:
        raise InputError(checked.errors, outcome="the catalogue is not valid")
    _write_coverage(checked.tables)
    sys.stdout.write(f"catalogue valid; {counted(len(checked.warnings), 'warning')}\n")


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is wrong, what is doubtful with overlays last, and how much there is."""

    errors: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    tables: tuple[Coverage, ...] = ()


def _checked(settings: Settings, day: datetime.date | None, max_age_days: int | None) -> _Checked:
    from planner.catalog.check import DEFAULT_MAX_AGE_DAYS, check_catalog  # noqa: PLC0415
    from planner.catalog.coverage import coverage  # noqa: PLC0415
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models

    try:
        loaded = load_catalog(settings.overlays)
    except InputError as error:
        return _Checked(error.faults)
    age = DEFAULT_MAX_AGE_DAYS if max_age_days is None else max_age_days
    report = check_catalog(loaded, on=day, max_age_days=age)
    own_last = sorted(report.warnings, key=lambda fault: not fault.file.startswith(_SHIPPED))
    return _Checked(report.errors, tuple(own_last), coverage(loaded))


def _note(settings: Settings, text: str, kind: str = "note") -> None:
    """Write what a reader should know beside the result to stderr."""
    if not settings.quiet:
        sys.stderr.write(f"{kind}: {text}\n")


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


def _sorted(
    rows: list[dict[str, Any]], sort: Iterable[str], columns: Sequence[str], kind: str
) -> list[dict[str, Any]]:
    """Order rows by several columns, the first of them first; unknown cells stand last."""
    for stated in reversed(list(sort)):
        column = stated.removeprefix("-")
        if column not in columns:
            hint = did_you_mean(column, columns) or f"; columns are {', '.join(columns)}"
            message = f"no column `{column}` in {kind}{hint}"
            raise InputError([Fault("--sort", None, None, "", message)])
        known = [row for row in rows if row[column] is not None]
        unknown = [row for row in rows if row[column] is None]
        known.sort(key=lambda row: row[column], reverse=stated.startswith("-"))
        rows = known + unknown
    return rows
