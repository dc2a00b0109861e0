"""``planner validate``: how far the performance model is from measured rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.context import AsJson, CatalogFolders, print_json, settings_of


def validate(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of CSV files with measured rows; the shipped sample unless given.",
        ),
    ] = None,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Show the error of the performance model on measured rows, by slice."""
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models
    from planner.errors import InputError  # noqa: PLC0415
    from planner.evaluate.measurements import NOTHING_COMPARED  # noqa: PLC0415
    from planner.evaluate.text import write_validation  # noqa: PLC0415
    from planner.evaluate.validate import as_records, validate  # noqa: PLC0415 - loads numpy

    try:
        found = validate(load_catalog(settings_of(context, catalog).overlays), data)
    except InputError as error:
        error.outcome = NOTHING_COMPARED
        raise
    if as_json:
        print_json(as_records(found))
        return
    where = "catalogs/measured_sample.csv" if data is None else str(data)
    write_validation(sys.stdout, found, where)
