"""Accelerators and calibration that contradict themselves, or are known too loosely."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.catalog.check.fault import fault
from planner.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Calibration
    from planner.errors import Fault

_PARAMETERS_PER_BILLION = 1e9
_VALUES = {"fraction": (0.01, 1.1), "factor": (0.01, 10.0), "ln": (0.01, 2.0)}
"""Shares of a peak reach 1.1 where they absorb an error of the model's form."""
_MULTIPLIERS = (0.02, 50.0)


def impossible_accelerators(catalog: Catalog) -> Iterator[Fault]:
    """Yield rates that fall with narrower types, and memories that hold no model."""
    smallest = _smallest_weights_bytes(catalog)
    for row in catalog.accelerators:
        if smallest is not None and row.memory_bytes < smallest:
            message = (
                f"{row.memory_mib:g} MiB hold the weights of no model in any format; the column "
                "is in MiB, 1,024 per GiB"
            )
            yield fault(catalog, "accelerators", row, "memory_mib", message)
        rates = (
            ("bf16_tflops", row.bf16_tflops),
            ("fp8_tflops", row.fp8_tflops),
            ("fp4_tflops", row.fp4_tflops),
        )
        known = [(column, rate) for column, rate in rates if rate is not None]
        for (wide, slow), (narrow, fast) in pairwise(known):
            if fast < slow:
                message = f"{fast:g} TFLOPS is below {wide} ({slow:g}); a narrower type is faster"
                yield fault(catalog, "accelerators", row, narrow, message)


def _smallest_weights_bytes(catalog: Catalog) -> float | None:
    """Return the bytes of the smallest published model in the narrowest format."""
    sizes = [m.params_published_b for m in catalog.models if m.params_published_b is not None]
    if not sizes or not catalog.quantizations:
        return None
    narrowest = min(q.weight_bytes for q in catalog.quantizations)
    return min(sizes) * _PARAMETERS_PER_BILLION * narrowest


def impossible_calibration(catalog: Catalog) -> Iterator[Fault]:
    """Yield parameters that the model does not have, or outside any range they can have."""
    known = {row.parameter for row in catalog.calibration if row.scope == "default"}
    for row in catalog.calibration:
        low = row.value if row.low is None else row.low
        high = row.value if row.high is None else row.high
        if not low <= row.value <= high:
            message = f"{row.value:g} is outside its own range {low:g} to {high:g}"
            yield fault(catalog, "calibration", row, "value", message)
        if known and row.parameter not in known:
            message = f"`{row.parameter}` is no parameter{did_you_mean(row.parameter, known)}"
            yield fault(catalog, "calibration", row, "parameter", message)
        least, most = _range(row)
        if not least <= row.value <= most:
            message = f"{row.value:g} {row.unit} is outside {least:g} to {most:g}"
            yield fault(catalog, "calibration", row, "value", message)


def _range(row: Calibration) -> tuple[float, float]:
    """Return the values that a parameter of this kind and unit can have."""
    if row.kind == "multiplier":
        return _MULTIPLIERS
    return _VALUES.get(row.unit, (0.0, math.inf))


def doubtful_accelerators(catalog: Catalog) -> Iterator[Fault]:
    """Yield memories known from the product name, slow integer rates, unknown architectures."""
    known = {support.architecture for support in catalog.format_support}
    for row in catalog.accelerators:
        if row.architecture not in known:
            stated = row.architecture or ""
            message = (
                f"no engine is known to run anything on `{stated}`{did_you_mean(stated, known)}; "
                "add rows to format_support.csv"
            )
            yield fault(catalog, "accelerators", row, "architecture", message)
        if row.memory_basis == "vendor":
            message = (
                f"{row.memory_mib:g} MiB comes from the product name; "
                "set what the driver reports and memory_basis `driver`"
            )
            yield fault(catalog, "accelerators", row, "memory_basis", message)
        if _slow_int8(row):
            message = f"{row.int8_tops:g} TOPS is below bf16_tflops ({row.bf16_tflops:g})"
            yield fault(catalog, "accelerators", row, "int8_tops", message)


def _slow_int8(row: Accelerator) -> bool:
    # Real on recent parts that drop integer matrix units, so it is doubtful, not impossible.
    return None not in (row.int8_tops, row.bf16_tflops) and (row.int8_tops or 0) < (
        row.bf16_tflops or 0
    )
