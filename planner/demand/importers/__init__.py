"""Readers of real traffic; each returns a workload as a problem file states it.

A reader takes a path and returns an
:class:`~planner.demand.importers.record.ImportedWorkload`. Nothing is dropped silently: a row that
is not used is a rejection with its line, value and reason, and what was assumed is a note. Reading
the same source again gives the same bytes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner.demand.importers.record import ImportedWorkload, Settings

FORMATS = {
    "azure": "planner.demand.importers.azure",
    "mooncake": "planner.demand.importers.mooncake",
    "prometheus": "planner.demand.importers.prometheus",
    "csv": "planner.demand.importers.table",
}
"""Name of a format to the module whose ``read`` understands it."""


def read_format(name: str, source: Path, settings: Settings) -> ImportedWorkload:
    """Return the workload that a source shows, read as a named format.

    Parameters
    ----------
    name
        Key of `FORMATS`.
    source
        File, plain or compressed by gzip.
    settings
        Name of the workload and date of the source.

    Raises
    ------
    InputError
        When the format is unknown, the source cannot be read, or no row of it can be used.
    """
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        message = f"no format `{name}`{did_you_mean(name, FORMATS)}; formats: {known}"
        raise InputError([Fault("import", None, None, "", message)])
    read: Callable[[Path, Settings], ImportedWorkload] = import_module(FORMATS[name]).read
    return read(source, settings)
