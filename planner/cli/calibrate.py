"""``planner calibrate``: the performance model fitted to a user's own measured points.

The overlay is written whole or not at all, never over the measurements, and over another file only
with ``--force``. Its rows carry the date of the measurements' file unless ``--as-of`` states one,
so that the same file gives the same bytes.
"""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import (
    AsJson,
    CatalogFolders,
    changed_on,
    day_of,
    print_json,
    printable,
    progress,
    settings_of,
)
from planner.cli.written import write_files
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from planner.evaluate.calibration.calibrate import Calibrations

_NO_DAY = datetime.date(1970, 1, 1)
_SUFFIXES = (".yaml", ".yml")
_NOTHING_WRITTEN = "nothing was calibrated and nothing was written"


def calibrate(
    context: typer.Context,
    measurements: Annotated[
        Path,
        typer.Argument(
            metavar="MEASUREMENTS.csv",
            help="Measured rows, as `planner catalog import vllm|guidellm|aiperf` writes them.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="CALIBRATION.yaml", help="Overlay to write."),
    ],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Day of the measurements; else the file's."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace CALIBRATION.yaml.")] = False,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Fit the performance model to your own measurements, two points of a combination or more.

    A combination is a model in a number format on an engine and an accelerator. Two points are two
    loads, such as the fewest and the most concurrent requests that you expect, with prompts and
    outputs as long as yours. The overlay that is written goes into plans with --catalog
    CALIBRATION.yaml, or `catalog: [CALIBRATION.yaml]` in a problem.
    """
    try:
        _check_output(output, measurements)
        settings = settings_of(context, catalog)
        progress(settings, f"fitting the performance model to {printable(measurements)}")
        found = _found(measurements, as_of, settings.overlays)
        if found.combinations:
            write_files({output: _text(found, measurements)}, force)
        _show(found, measurements, output, as_json)
    except InputError as error:
        error.outcome = _NOTHING_WRITTEN
        raise


def _found(measurements: Path, as_of: str | None, overlays: tuple[Path, ...]) -> Calibrations:
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - builds all models
    from planner.evaluate.calibration.calibrate import calibrate  # noqa: PLC0415 - loads numpy

    date = _date(as_of, measurements)
    return calibrate(measurements, load_catalog(overlays), date)


def _text(found: Calibrations, measurements: Path) -> str:
    from planner.evaluate.calibration.rows import overlay_text  # noqa: PLC0415 - loads numpy

    title = f"planner calibrate {printable(measurements.name)}: use it with --catalog"
    return overlay_text(found.table, title)


def _show(found: Calibrations, measurements: Path, output: Path, as_json: bool) -> None:
    from planner.evaluate.calibration.records import as_record  # noqa: PLC0415 - loads numpy
    from planner.evaluate.calibration.text import write_calibration  # noqa: PLC0415

    if as_json:
        print_json(as_record(found, printable(measurements), printable(output)))
    else:
        write_calibration(sys.stdout, found, printable(measurements))
    if not found.combinations:
        message = "no combination has two points that can be used; the report names the way out"
        raise InputError([Fault(printable(measurements), None, None, "", message)])
    if not as_json:
        sys.stdout.write(f"Next: planner solve PROBLEM --catalog {printable(output)}\n")


def _check_output(output: Path, measurements: Path) -> None:
    """Refuse a place that no overlay can be read from, and the measurements themselves."""
    if output.suffix.lower() not in _SUFFIXES:
        message = f"`{printable(output)}` is not accepted; name a file that ends in .yaml"
    elif output.is_dir():
        message = f"`{printable(output)}` is a folder; name a file in it"
    elif _is_same(output, measurements):
        message = f"`{printable(output)}` is the file of measurements; name another one"
    else:
        return
    raise InputError([Fault("", None, None, "--output", message)])


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - no links resolved


def _date(as_of: str | None, measurements: Path) -> str:
    if as_of is not None:
        day_of("--as-of", as_of)
        return as_of
    # A file without a date is refused when it is read.
    changed = changed_on(measurements)
    return (changed or _NO_DAY).isoformat()
