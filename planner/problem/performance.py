"""Measured capacities: a CSV that replaces the performance model.

``capacity_rps`` is the rate of one replica that meets the workload's limits. A row defines its
option alone: its names need not be in the catalogue, only an offer of its hardware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from planner.catalog.schema import Key, Positive, Record
from planner.catalog.table import scan_table
from planner.errors import Fault, InputError, did_you_mean
from planner.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class MeasuredCapacity(Record):
    """One workload served by one replica of an option."""

    key_fields: ClassVar[tuple[str, ...]] = (
        "workload",
        "model",
        "quantization",
        "hardware",
        "tensor_parallel",
        "engine",
    )

    workload: Annotated[str, Field(min_length=1)]
    model: Key
    quantization: Key
    hardware: Key
    tensor_parallel: Annotated[int, Field(ge=1)]
    engine: Key
    capacity_rps: Positive
    ttft_ms: Positive | None = None
    tpot_ms: Positive | None = None
    source: str = ""

    @property
    def ttft_s(self) -> float | None:
        """Measured TTFT p99 in seconds."""
        return None if self.ttft_ms is None else self.ttft_ms / MS_PER_S

    @property
    def tpot_s(self) -> float | None:
        """Measured mean TPOT in seconds."""
        return None if self.tpot_ms is None else self.tpot_ms / MS_PER_S


_DEGREES = (1, 2, 4, 8, 16)


def read_performance(
    path: Path, name: str, workloads: Collection[str] | None
) -> tuple[MeasuredCapacity, ...]:
    """Return the rows of a table of measured capacities.

    Parameters
    ----------
    path, name
        File, and its name in messages.
    workloads
        Names of the problem's workloads; ``None`` accepts any.

    Raises
    ------
    InputError
        With every fault of the file: columns, values, unknown workloads, repeated rows.
    """
    read = scan_table(path, name, MeasuredCapacity)
    faults = list(read.faults)
    for located in read.rows:
        row = located.row
        if workloads is not None and row.workload not in workloads:
            hint = did_you_mean(row.workload, workloads) or f"; it has {', '.join(workloads)}"
            message = f"no workload `{row.workload}` in the problem{hint}"
            faults.append(Fault(name, located.line, None, "performance.workload", message))
        if row.tensor_parallel not in _DEGREES:
            accepted = ", ".join(str(d) for d in _DEGREES)
            message = f"`{row.tensor_parallel}` is not accepted; use one of {accepted}"
            faults.append(Fault(name, located.line, None, "performance.tensor_parallel", message))
    if not faults and not read.rows:
        faults.append(
            Fault(
                name, None, None, "performance", "holds no row; add one for each measured option"
            )
        )
    if faults:
        raise InputError(faults)
    return tuple(located.row for located in read.rows)
