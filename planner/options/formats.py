"""Which engine runs which number format on which hardware, and in which type it multiplies there.

Hardware without units for a format may still store the weights in it: they are widened inside the
product and multiply in 16 bits. That saves memory and bandwidth, not arithmetic. A format that is
emulated runs at a speed that nobody states, so it is not planned with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from planner.catalog.load import Catalog
    from planner.catalog.schema import Accelerator, Engine, Quantization

ComputeType: TypeAlias = Literal["bf16", "fp16", "fp8", "int8", "fp4"]

_ADD = "of an overlay"
_SIXTEEN_BIT: tuple[ComputeType, ComputeType] = ("bf16", "fp16")


def how_it_runs(
    engine: Engine, quantization: Quantization, device: Accelerator, catalog: Catalog
) -> ComputeType | tuple[str, str]:
    """Return the type in which matrices multiply, or the reason why the format does not run.

    Parameters
    ----------
    engine, quantization, device
        The combination.
    catalog
        Its table of supported formats.

    Returns
    -------
    A compute type, or a code for counting and a sentence with the row to add.
    """
    architecture = device.architecture
    if architecture is None:
        detail = (
            f"{device.id} states no architecture, so nothing is known to run on it; fill the cell "
            f"in accelerators.csv {_ADD}"
        )
        return "no_support", detail
    row = catalog.support(engine.id, quantization.id, architecture)
    if row is None:
        detail = (
            f"{engine.id} is not known to run {quantization.id} on {architecture} ({device.id}); "
            f"add a row (engine={engine.id}, quantization={quantization.id}, "
            f"architecture={architecture}) to format_support.csv {_ADD}"
        )
        return "no_support", detail
    if row.mode == "emulated":
        detail = (
            f"{engine.id} emulates {quantization.id} on {architecture} ({device.id}), and nobody "
            "states how fast; bring measured capacities with `performance`"
        )
        return "emulated", detail
    compute = quantization.compute if row.mode == "native" else _sixteen_bit(device)
    if compute is None or device.peak_flops(compute) is None or not device.peak_16_bit_flops:
        detail = f"{device.id} has no dense {compute or _SIXTEEN_BIT[0]} rate in the catalogue"
        return "no_rate", detail
    return compute


def _sixteen_bit(device: Accelerator) -> ComputeType | None:
    return next((name for name in _SIXTEEN_BIT if device.peak_flops(name) is not None), None)
