"""Azure LLM inference traces: ``TIMESTAMP, ContextTokens, GeneratedTokens``.

Format of the 2023 and 2024 traces of Azure/AzurePublicDataset: one line per request, calendar
times with seven decimals (2023) or with a zone (2024), lengths in tokens, prompt cache unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.demand.importers.table import Columns, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from planner.demand.importers.record import ImportedWorkload, Settings

COLUMNS = Columns(("TIMESTAMP",), "ContextTokens", "GeneratedTokens")


def read(source: Path, settings: Settings) -> ImportedWorkload:
    """Return the workload of an Azure trace.

    Parameters
    ----------
    source
        CSV, plain or compressed by gzip.
    settings
        Name of the workload; the date comes from the trace.

    Raises
    ------
    InputError
        When the file cannot be read, a column is missing, or no row can be used.
    """
    return read_table(source, settings, COLUMNS)
