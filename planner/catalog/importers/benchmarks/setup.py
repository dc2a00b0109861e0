"""What result files do not state: accelerator, parallelism, engine, number formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.importers.benchmarks.values import figure
from planner.catalog.importers.files import shortened
from planner.catalog.importers.options import option_fault
from planner.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.catalog.importers.record import Settings
    from planner.catalog.load import Catalog
    from planner.errors import Fault

OPTIONS = {
    "hardware": "id of the accelerator; needed",
    "model": "id of the model; needed when the file names none",
    "tensor_parallel": "accelerators that share one copy of the weights",
    "accelerators": "accelerators of the instance; by default those of one copy",
    "pipeline_parallel": "stages that the layers are split into",
    "engine": "serving engine; by default the one that the file names",
    "engine_version": "version of the engine",
    "quantization": "id of the number format; by default from the end of the model's name",
    "kv": "number format of the KV cache",
    "isl": "tokens of a prompt, where the file states none",
    "osl": "tokens of an answer, where the file states none",
    "batch": "requests of a batch, where the file states none",
    "source": "who measured",
}
"""Keys of ``--option`` with their help, the same for every tool."""
_WHOLE = ("tensor_parallel", "accelerators", "pipeline_parallel", "isl", "osl", "batch")
_MOST = 10**9


@dataclass(frozen=True, slots=True)
class Setup:
    """Options after their check; blank or ``None`` where not said.

    Parameters
    ----------
    gpu, n_gpus, tp, pp
        Accelerator, how many, and how they share the work.
    engine, engine_version, weight_precision, kv_precision, model, source
        As said; the engine under its name in the catalogue.
    isl, osl, batch
        Lengths in tokens and requests of a batch.
    """

    gpu: str
    n_gpus: int | None
    tp: int | None
    pp: int | None
    engine: str
    engine_version: str
    weight_precision: str
    kv_precision: str
    model: str
    source: str
    isl: int | None
    osl: int | None
    batch: int | None


def setup_of(settings: Settings) -> Setup:
    """Return the set-up that the options say.

    Raises
    ------
    InputError
        When the value of an option is unknown or impossible; all of them at once.
    """
    options, catalog = settings.options, settings.catalog
    faults: list[Fault] = []
    numbers = {name: _whole(options.get(name)) for name in _WHOLE}
    for name in _WHOLE:
        if options.get(name) and numbers[name] is None:
            message = f"`{shortened(options[name])}` is not a whole number above 0"
            faults.append(option_fault(name, message))
    faults += _unknown(options, catalog)
    tp, pp, n_gpus = (numbers[n] for n in ("tensor_parallel", "pipeline_parallel", "accelerators"))
    one_copy = None if tp is None else tp * (pp or 1)
    if one_copy is not None and n_gpus is not None and n_gpus % one_copy:
        message = f"{n_gpus} accelerators are not whole copies of {one_copy}"
        faults.append(option_fault("accelerators", message))
    if faults:
        raise InputError(faults)
    return Setup(
        gpu=catalog.resolve_accelerator(options.get("hardware", "")) or "",
        n_gpus=n_gpus or one_copy,
        tp=tp,
        pp=pp,
        engine=engine_name(options.get("engine", ""), catalog),
        engine_version=shortened(options.get("engine_version", "").strip()),
        weight_precision=options.get("quantization", ""),
        kv_precision=shortened(options.get("kv", "").strip()),
        model=options.get("model", "").strip(),
        source=shortened(options.get("source", "").strip()),
        isl=numbers["isl"],
        osl=numbers["osl"],
        batch=numbers["batch"],
    )


def engine_name(stated: str, catalog: Catalog) -> str:
    """Return the name of an engine of the catalogue, any other as it stands."""
    engine = catalog.engine(stated.strip().casefold())
    return engine.name if engine else shortened(stated.strip())


def _unknown(options: Mapping[str, str], catalog: Catalog) -> list[Fault]:
    """Return a fault per option whose value the catalogue should know and does not."""
    faults = []
    hardware, quantization = options.get("hardware"), options.get("quantization")
    if hardware and catalog.resolve_accelerator(hardware) is None:
        near = did_you_mean(hardware, [a.id for a in catalog.accelerators])
        message = f"`{shortened(hardware)}` is no accelerator of the catalogue{near}"
        faults.append(option_fault("hardware", message))
    if quantization and catalog.quantization(quantization) is None:
        ids = ", ".join(q.id for q in catalog.quantizations)
        message = f"`{shortened(quantization)}` is no number format; formats: {ids}"
        faults.append(option_fault("quantization", message))
    return faults


def _whole(stated: str | None) -> int | None:
    value = figure(stated)
    return int(value) if value is not None and value.is_integer() and 0 < value < _MOST else None
