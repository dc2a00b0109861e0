"""Replicas on systems against the figures of the systems, looked up again one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.catalog.calibration import combination_key, parameter
from planner.catalog.systems import ALONE, CHIPS, REQUESTS, TOTAL, VENDOR_ENGINE
from planner.verify.audit.lengths import mean_tokens, planned_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem

_SAMPLING = 0.01
"""Relative; a capacity is computed from samples of the lengths."""


def system_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every replica on a system that its published figures do not carry."""
    for row in plan.allocations:
        if row.engine == VENDOR_ENGINE and not problem.performance:
            place = f"period {row.period} block {row.block} {row.option_id}"
            for text in (*_size(row, catalog), *_throughput(row, problem, catalog)):
                yield f"{place}: {text}"


def _size(row: Allocation, catalog: Catalog) -> Iterator[str]:
    each = _figure(row, CHIPS, "", catalog) or 1.0
    chips = _figure(row, CHIPS, f"{row.model}/{row.quantization}", catalog)
    if chips is None:
        chips = _figure(row, CHIPS, row.model, catalog)
    if chips is None:
        yield f"nobody states how many chips {row.model} takes"
    elif row.tensor_parallel != math.ceil(chips / each):
        yield f"{row.tensor_parallel} systems of {each:g} chips for a replica of {chips:g}"


def _throughput(row: Allocation, problem: Problem, catalog: Catalog) -> Iterator[str]:
    case = f"{row.model}/{row.quantization}"
    alone, total, requests = (_figure(row, q, case, catalog) for q in (ALONE, TOTAL, REQUESTS))
    if total is None and requests is not None:
        total = requests * (alone or 0.0)
    if alone is None or total is None:
        yield f"no throughput of {case} is stated"
        return
    workload = problem.workload(row.workload)
    tokens = mean_tokens(workload, catalog)
    if tokens is None:
        return
    factors = workload.token_factors.get(row.model)
    output = tokens[1] * planned_level(workload, row.period)[1]
    gaps = max(output * (factors.osl if factors else 1.0) - 1.0, 0.0)
    factor = parameter(
        catalog,
        "throughput_factor",
        accelerator=row.hardware,
        engine=row.engine,
        quantization=row.quantization,
        combination=combination_key(row.model, row.quantization, row.engine, row.hardware),
    ).value
    most = total * row.tensor_parallel * factor
    if row.capacity_nominal_rps * gaps > most * (1 + _SAMPLING):
        yield (
            f"{row.capacity_nominal_rps * gaps:.6g} tokens/s at the nominal capacity, "
            f"{most:.6g} are published"
        )


def _figure(row: Allocation, quantity: str, case: str, catalog: Catalog) -> float | None:
    found = catalog.figure("systems", row.hardware, quantity, case)
    return None if found is None else found.value
