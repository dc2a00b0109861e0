"""What a replica is made of: accelerators of one, and whether it may be split into instances.

A replica is one instance of ``tensor_parallel x pipeline_parallel x data_parallel`` accelerators,
named ``tpN`` or ``tpNdpM``, or a unit of x instances that compute prompts (each of
``prefill_tensor_parallel``) and y that only decode (each of ``tensor_parallel``), named
``xp-tpN+yd-tpM``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation
    from planner.problem.schema import Problem

_SCALE_UP = {"nvlink", "infinity_fabric"}


def is_unit(row: Allocation) -> bool:
    """Return whether prompts and decodes of a replica run apart."""
    return any(part is not None for part in _parts(row))


def replica_accelerators(row: Allocation) -> int:
    """Return the accelerators of one replica."""
    if is_unit(row):
        prefill, degree, decode = (part or 0 for part in _parts(row))
        return prefill * degree + decode * row.tensor_parallel
    return row.tensor_parallel * row.pipeline_parallel * row.data_parallel


def replica_name(row: Allocation) -> str:
    """Return the part of the id of a row's option after its hardware."""
    if not is_unit(row):
        groups = f"dp{row.data_parallel}" if row.data_parallel != 1 else ""
        return f"tp{row.tensor_parallel}{groups}"
    prefill, degree, decode = _parts(row)
    return f"{prefill}p-tp{degree}+{decode}d-tp{row.tensor_parallel}"


def unit_violations(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for everything that forbids the instances of a row."""
    if not is_unit(row):
        return
    if problem.candidates.disaggregation != "on":
        yield "prompts and decodes run apart, candidates.disaggregation is off"
    if row.draft:
        yield f"{row.draft} is not planned where prompts and decodes run apart"
    if any((part or 0) < 1 for part in _parts(row)) or row.pipeline_parallel != 1:
        yield f"a unit of {replica_name(row)} with {row.pipeline_parallel} stages cannot exist"
    degrees = problem.candidates.tensor_parallel
    if degrees and row.prefill_tensor_parallel not in degrees:
        yield f"{row.prefill_tensor_parallel} is not among the candidates"
    engine, device = catalog.engine(row.engine), catalog.accelerator(row.hardware)
    if engine is None or engine.first_token is None:
        yield f"{row.engine} is not known to compute prompts and decodes apart"
    if device is None or device.link not in _SCALE_UP or device.link_gb_per_s is None:
        yield f"{row.hardware} has no known link that caches could cross"


def group_violations(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for everything that forbids the groups of attention of a row."""
    chosen = problem.candidates.data_parallel
    if chosen and row.data_parallel not in chosen:
        yield f"{row.data_parallel} groups are not among the candidates"
    if row.data_parallel == 1:
        return
    model, engine = catalog.model(row.model), catalog.engine(row.engine)
    if row.data_parallel < 1 or is_unit(row) or row.draft:
        yield f"a replica of {row.data_parallel} groups cannot exist here"
    if model is None or model.experts_routed is None:
        yield f"{row.model} has no experts that {row.data_parallel} groups could share"
    elif model.experts_routed % replica_accelerators(row):
        yield f"{model.experts_routed} experts on {replica_accelerators(row)} accelerators"
    if engine is None or engine.scheduler != "chunked":
        yield f"{row.data_parallel} groups are not planned on {row.engine}"
    device = catalog.accelerator(row.hardware)
    if device is None or device.link not in _SCALE_UP or device.link_gb_per_s is None:
        yield f"{row.hardware} has no known link between groups"


def _parts(row: Allocation) -> tuple[int | None, int | None, int | None]:
    return row.prefill_instances, row.prefill_tensor_parallel, row.decode_instances
