"""Measured capacities: a CSV that replaces the performance model.

Columns ``workload, model, quantization, hardware, tensor_parallel, engine, capacity_rps`` and
optionally ``ttft_ms, tpot_ms, source``. ``capacity_rps`` is the rate of one replica that meets
the workload's limits. A row defines its option alone: names need not be in the catalogue.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import Fault, InputError, did_you_mean
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REQUIRED = (
    "workload",
    "model",
    "quantization",
    "hardware",
    "tensor_parallel",
    "engine",
    "capacity_rps",
)
OPTIONAL = ("ttft_ms", "tpot_ms", "source")
_PARALLEL = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class MeasuredCapacity:
    """One row: a workload served by one replica of an option."""

    workload: str
    model: str
    quantization: str
    hardware: str
    tensor_parallel: int
    engine: str
    capacity_rps: float
    ttft_s: float | None
    tpot_s: float | None
    source: str


def read_performance(path: Path, name: str, workloads: Iterable[str]) -> list[MeasuredCapacity]:
    """Return the rows of a table of measured capacities.

    Raises
    ------
    InputError
        With every fault of the file: missing or unknown columns, values out of range, unknown
        workloads, duplicate rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            table = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"cannot be read as UTF-8 CSV: {error}"
        raise InputError([Fault(name, None, None, "performance", message)]) from error
    if not table:
        message = f"is empty; the first line must name the columns {', '.join(REQUIRED)}"
        raise InputError([Fault(name, 1, None, "performance", message)])
    faults = _header_faults(table[0], name)
    if faults:
        raise InputError(faults)
    reader = _RowReader(name, table[0], set(workloads))
    rows = [reader.read(number, cells) for number, cells in enumerate(table[1:], start=2) if cells]
    if reader.faults:
        raise InputError(reader.faults)
    return [row for row in rows if row is not None]


def _header_faults(header: list[str], name: str) -> list[Fault]:
    known = (*REQUIRED, *OPTIONAL)
    faults = [
        Fault(name, 1, None, column, f"column `{column}` is required and missing")
        for column in REQUIRED
        if column not in header
    ]
    faults += [
        Fault(name, 1, i, column, f"unknown column `{column}`{did_you_mean(column, known)}")
        for i, column in enumerate(header, start=1)
        if column not in known
    ]
    return faults


class _RowReader:
    """Reads rows one by one and collects their faults."""

    def __init__(self, name: str, header: list[str], workloads: set[str]) -> None:
        self.name, self.header, self.workloads = name, header, workloads
        self.faults: list[Fault] = []
        self.seen: dict[tuple[str, ...], int] = {}

    def read(self, line: int, cells: list[str]) -> MeasuredCapacity | None:
        before = len(self.faults)
        if len(cells) != len(self.header):
            self._fault(line, None, "", f"has {len(cells)} cells, not {len(self.header)}")
            return None
        row = {c: v.strip() for c, v in zip(self.header, cells, strict=True)}
        for column in REQUIRED:
            if not row[column]:
                self._fault(line, column, column, f"`{column}` is blank")
        if row["workload"] and row["workload"] not in self.workloads:
            hint = did_you_mean(row["workload"], self.workloads)
            message = f"no workload `{row['workload']}` in the problem{hint}"
            self._fault(line, "workload", "workload", message)
        capacity = self._number(line, row, "capacity_rps")
        parallel = self._parallel(line, row)
        ttft, tpot = self._number(line, row, "ttft_ms"), self._number(line, row, "tpot_ms")
        key = tuple(row[c] for c in REQUIRED[:-1])
        if key in self.seen:
            self._fault(line, None, "", f"repeats line {self.seen[key]}; keep one of the two")
        self.seen[key] = line
        if len(self.faults) > before or capacity is None or parallel is None:
            return None
        return MeasuredCapacity(
            row["workload"],
            row["model"],
            row["quantization"],
            row["hardware"],
            parallel,
            row["engine"],
            capacity,
            None if ttft is None else ttft / MS_PER_S,
            None if tpot is None else tpot / MS_PER_S,
            row.get("source", ""),
        )

    def _number(self, line: int, row: dict[str, str], column: str) -> float | None:
        text = row.get(column, "")
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 < value < float("inf"):
            self._fault(line, column, column, f"needs a number above 0, got `{text}`")
            return None
        return value

    def _parallel(self, line: int, row: dict[str, str]) -> int | None:
        text = row["tensor_parallel"]
        if text.isdigit() and int(text) in _PARALLEL:
            return int(text)
        if text:
            accepted = ", ".join(str(p) for p in _PARALLEL)
            message = f"needs one of {accepted}, got `{text}`"
            self._fault(line, "tensor_parallel", "tensor_parallel", message)
        return None

    def _fault(self, line: int, column: str | None, path: str, message: str) -> None:
        cell = self.header.index(column) + 1 if column in self.header else None
        self.faults.append(Fault(self.name, line, cell, path, message))
