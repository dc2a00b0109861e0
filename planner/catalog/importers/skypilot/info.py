"""What a ``GpuInfo`` cell states: the product, and the memory that one of them may have."""

from __future__ import annotations

import ast
import json
from typing import Any, NamedTuple

from planner.catalog.importers.files import number
from planner.units import BYTES_PER_GB, BYTES_PER_GIB, BYTES_PER_MIB

_UNITS_MIB = (1.0, BYTES_PER_GIB / BYTES_PER_MIB, BYTES_PER_GB / BYTES_PER_MIB)
"""Units that figures of the one field are in: MiB, GiB and GB."""
_MAX_CHARACTERS = 4_096


class GpuInfo(NamedTuple):
    """Product name, empty when none is stated, and figures as they stand."""

    product: str = ""
    size: float | None = None
    total: float | None = None
    gpus: float | None = None

    def memories_mib(self, accelerators: str) -> tuple[float, ...]:
        """Return every memory in MiB that one accelerator may have by these figures.

        Parameters
        ----------
        accelerators
            Number of them as the line has it, for a cell that states none.
        """
        if self.size is None or self.size <= 0:
            return ()
        try:
            count = self.gpus or float(accelerators)
        except ValueError:
            count = 1.0
        sizes = [self.size]
        # When the total is a multiple, the size is that of one; else it may be that of all.
        if count > 1 and self.total != self.size * count:
            sizes.append(self.size / count)
        return tuple(size * unit for size in sizes for unit in _UNITS_MIB)


def gpu_info(cell: str) -> GpuInfo:
    """Return what a cell states: a Python literal, JSON, or the bare name of a product."""
    if not cell.startswith("{") or len(cell) > _MAX_CHARACTERS:
        return GpuInfo(cell)
    for parse in (json.loads, ast.literal_eval):
        try:
            return _stated(parse(cell))
        except (ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError):
            continue
        except (MemoryError, RecursionError):
            return GpuInfo()
    return GpuInfo()


def _stated(info: Any) -> GpuInfo:  # noqa: ANN401 - whatever a cell holds
    gpu = info["Gpus"][0]
    memory = gpu.get("MemoryInfo")
    size = memory.get("SizeInMiB") if isinstance(memory, dict) else None
    # Some clouds have the total inside the first accelerator.
    total = info.get("TotalGpuMemoryInMiB", gpu.get("TotalGpuMemoryInMiB"))
    return GpuInfo(str(gpu.get("Name", "")), number(size), number(total), number(gpu.get("Count")))
