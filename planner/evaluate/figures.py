"""What a measured figure is, by the name of its metric.

Latencies are in milliseconds with a statistic at the end (``_mean``, ``_p50``, ``_p99``; none:
not stated). Rates, memory and power may be per accelerator. Memory in GB and MB is read in binary
units, as drivers and frameworks print it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from planner.evaluate.measurements import number
from planner.units import BYTES_PER_GIB, BYTES_PER_MIB

Quantity = Literal[
    "tpot_ms",
    "itl_ms",
    "ttft_ms",
    "output_tokens_per_s",
    "total_tokens_per_s",
    "e2e_ms",
    "memory_bytes",
    "power_w",
]
MEDIAN = 50.0
_LATENCY = re.compile(
    r"(tpot|itl|ttft)_ms(?:_(?:mean|avg|average|(median)|p(\d{1,2}(?:\.\d+)?)))?"
)
_END_TO_END = re.compile(r"e2e_latency_ms(?:_(?:mean|avg|average))?")
_RATE = re.compile(r"(output|total)_tokens_per_s(?:_in_plus_out)?(?:_total)?(_per_gpu)?")
_MEMORY = re.compile(r"gpu_memory_(?:[a-z]+_)*?(gib|gb|mib|mb|bytes)(_per_gpu)?")
_POWER = re.compile(r"power_w(?:_(?:mean|avg|average))?(_per_gpu)?")
_MEMORY_UNITS = {
    "gb": BYTES_PER_GIB,
    "gib": BYTES_PER_GIB,
    "mb": BYTES_PER_MIB,
    "mib": BYTES_PER_MIB,
    "bytes": 1.0,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Parameters
    ----------
    quantity
        What it is, with its unit.
    value
        The figure in that unit; ``None`` when the cell is no positive number.
    percentile
        Percentile that it is; ``None`` for a mean or an unstated statistic.
    per_gpu
        Whether it counts one accelerator of several.
    """

    quantity: Quantity
    value: float | None
    percentile: float | None = None
    per_gpu: bool = False

    @property
    def is_typical(self) -> bool:
        """Whether it is a mean, a median or of unstated statistic."""
        return self.percentile in {None, MEDIAN}


def figure_of(metric: str, cell: str) -> Figure | None:
    """Return the figure of a row, ``None`` when its metric is not compared with the model.

    Parameters
    ----------
    metric
        Name of the metric, with unit and statistic.
    cell
        The figure as text.
    """
    name = metric.strip().lower()
    value = number(cell)
    if match := _LATENCY.fullmatch(name):
        typical = MEDIAN if match[2] else None
        return Figure(_MS[match[1]], value, float(match[3]) if match[3] else typical)
    if _END_TO_END.fullmatch(name):
        return Figure("e2e_ms", value)
    if match := _RATE.fullmatch(name):
        return Figure(_TOKENS[match[1]], value, per_gpu=match[2] is not None)
    if match := _POWER.fullmatch(name):
        return Figure("power_w", value, per_gpu=match[1] is not None)
    if match := _MEMORY.fullmatch(name):
        held = None if value is None else value * _MEMORY_UNITS[match[1]]
        return Figure("memory_bytes", held, per_gpu=match[2] is not None)
    return None


_MS: dict[str, Quantity] = {"tpot": "tpot_ms", "itl": "itl_ms", "ttft": "ttft_ms"}
_TOKENS: dict[str, Quantity] = {"output": "output_tokens_per_s", "total": "total_tokens_per_s"}
