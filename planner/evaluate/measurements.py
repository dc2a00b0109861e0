"""Measured rows of serving systems, as published by somebody else.

One row is one measured figure of one configuration, in the columns of :class:`MeasuredRow`. Files
come from many hands, so reading is tolerant: columns may stand in any order, further ones are
left alone, an absent one counts as blank. A CSV without the columns in :data:`NEEDED` is another
kind of table and is set aside with its name. Rows are sorted by their cells, so that nothing
depends on the order of rows or on the files they lie in.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOTHING_COMPARED = "nothing was compared"
NEEDED = ("model", "gpu", "isl", "osl", "concurrency_or_rate", "metric", "value")
"""Columns by which a table of measurements is told from others."""


@dataclass(frozen=True, slots=True, order=True)
class MeasuredRow:
    """Cells of one row, stripped; blank when the source does not state them.

    Parameters
    ----------
    source, source_ref
        Who published it, and where.
    engine, engine_version
        Serving engine as stated.
    model, params_b
        Family name of the model, and its size in billions of parameters.
    gpu, n_gpus, tp, pp
        Accelerator, how many, and degrees of tensor and pipeline parallelism.
    weight_precision, kv_precision
        Number formats as stated.
    isl, osl
        Prompt and output tokens of a request.
    concurrency_or_rate
        Load: ``concurrency=``, ``batch=``, ``qps=``, ``max_load``, ...
    metric, value
        What was measured, and the figure in the unit that the metric names.
    scenario_notes
        How it was run, ``key=value`` pairs among it.
    """

    source: str = ""
    source_ref: str = ""
    engine: str = ""
    engine_version: str = ""
    model: str = ""
    params_b: str = ""
    gpu: str = ""
    n_gpus: str = ""
    tp: str = ""
    pp: str = ""
    weight_precision: str = ""
    kv_precision: str = ""
    isl: str = ""
    osl: str = ""
    concurrency_or_rate: str = ""
    metric: str = ""
    value: str = ""
    scenario_notes: str = ""

    @property
    def configuration(self) -> tuple[str, ...]:
        """Every cell but the figure itself: rows that agree here were measured together."""
        return tuple(getattr(self, name) for name in COLUMNS if name not in {"metric", "value"})


COLUMNS = tuple(field.name for field in fields(MeasuredRow))


@dataclass(frozen=True, slots=True)
class Ignored:
    """A CSV, or a row of one, that was not used.

    Parameters
    ----------
    file, reason
        Its name, and what is wrong with it.
    """

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class MeasuredData:
    """What a folder gave.

    Parameters
    ----------
    rows
        Every row, sorted.
    files
        Number of files with measurements.
    ignored
        Files that hold something else or cannot be read.
    malformed
        Rows whose cells do not match the header.
    """

    rows: tuple[MeasuredRow, ...]
    files: int
    ignored: tuple[Ignored, ...]
    malformed: tuple[Ignored, ...]


def read_folder(folder: Path) -> MeasuredData:
    """Return the measured rows of every CSV directly in `folder` (or of one CSV file).

    Raises
    ------
    InputError
        When `folder` does not exist or no CSV of it holds measurements.
    """
    if not folder.exists():
        raise _no_data(folder, "does not exist")
    paths = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    rows: list[MeasuredRow] = []
    ignored: list[Ignored] = []
    malformed: list[Ignored] = []
    used = 0
    for path in paths:
        if path.suffix.lower() != ".csv" or not path.is_file():
            continue
        found = _read_file(path)
        if isinstance(found, str):
            ignored.append(Ignored(path.name, found))
            continue
        used += 1
        rows += found[0]
        malformed += found[1]
    if not used:
        listing = "; ".join(f"{item.file} {item.reason}" for item in ignored)
        raise _no_data(folder, f"holds no measurements ({listing or 'no CSV'})")
    return MeasuredData(tuple(sorted(rows)), used, tuple(ignored), tuple(malformed))


def number(cell: str) -> float | None:
    """Return the positive number in a cell, ``None`` when there is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _no_data(folder: Path, state: str) -> InputError:
    message = (
        f"{state}; give a folder with CSV files that have the columns {', '.join(NEEDED)} "
        f"(all of them: {', '.join(COLUMNS)})"
    )
    fault = Fault(str(folder), None, None, "--data", message)
    return InputError([fault], outcome=NOTHING_COMPARED)


def _read_file(path: Path) -> str | tuple[list[MeasuredRow], list[Ignored]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError):
        return "cannot be read as UTF-8"
    except csv.Error as error:
        return f"is not valid CSV ({error})"
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    missing = [name for name in NEEDED if name not in header]
    if missing:
        return f"has no column {', '.join(missing)}"
    return _rows(path.name, header, lines[1:])


def _rows(
    file: str, header: Sequence[str], lines: Sequence[Sequence[str]]
) -> tuple[list[MeasuredRow], list[Ignored]]:
    rows: list[MeasuredRow] = []
    malformed: list[Ignored] = []
    for line, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            reason = f"record {line} has {len(cells)} cells, the header {len(header)}"
            malformed.append(Ignored(file, reason))
            continue
        values = {
            name: cell.strip() for name, cell in zip(header, cells, strict=True) if name in COLUMNS
        }
        rows.append(MeasuredRow(**values))
    return rows, malformed
