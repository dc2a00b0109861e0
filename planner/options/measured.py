"""Options from a table of measured capacities: a row defines its option and capacity alone.

A measured capacity already meets the workload's limits, so no queueing model is applied and the
number of replicas does not matter; ``max_utilization`` caps how much of it is planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.options.candidates import option_id
from planner.options.records import MEASURED, Capacity, CapacityPoint, Option, Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.options.records import NodeOffer
    from planner.problem.performance import MeasuredCapacity
    from planner.problem.schema import Candidates

_LIMIT = "measured capacity"


def measured_id(row: MeasuredCapacity) -> str:
    """Return the identity of the option that a row measures."""
    return option_id(row.model, row.quantization, row.engine, row.hardware, row.tensor_parallel)


def measured_options(
    rows: Sequence[MeasuredCapacity],
    chosen: Candidates,
    nodes: Sequence[NodeOffer],
    max_utilization: float,
) -> tuple[list[Option], list[Capacity], list[Rejection]]:
    """Return the options, capacities and rejections of a table of measured capacities.

    Parameters
    ----------
    rows
        The table.
    chosen
        Candidates of the problem; rows of others are rejected.
    nodes
        Nodes that can be rented.
    max_utilization
        Share of a measured capacity that is planned, above 0 to 1.
    """
    options: dict[str, Option] = {}
    capacities, rejected = [], []
    for row in rows:
        identity = measured_id(row)
        reason = _why_not(row, chosen, nodes)
        if reason is not None:
            rejected.append(Rejection("option", identity, row.workload, *reason))
            continue
        options[identity] = Option(
            id=identity,
            model=row.model,
            quantization=row.quantization,
            engine=row.engine,
            hardware=row.hardware,
            tensor_parallel=row.tensor_parallel,
        )
        planned = row.capacity_rps * max_utilization
        point = CapacityPoint(1, planned, row.capacity_rps, row.ttft_s, row.tpot_s, _LIMIT)
        capacities.append(Capacity(row.workload, identity, (point,), MEASURED))
    return list(options.values()), capacities, rejected


def _why_not(
    row: MeasuredCapacity, chosen: Candidates, nodes: Sequence[NodeOffer]
) -> tuple[str, str] | None:
    filters: tuple[tuple[str, str | int, Sequence[str | int]], ...] = (
        ("model", row.model, chosen.models),
        ("quantization", row.quantization, chosen.quantizations),
        ("hardware", row.hardware, chosen.hardware),
        ("engine", row.engine, chosen.engines),
        ("tensor_parallel", row.tensor_parallel, chosen.tensor_parallel),
    )
    for kind, name, names in filters:
        if names and name not in names:
            return "candidate", f"{kind} {name} is not among the candidates"
    shapes = sorted({n.accelerators_per_node for n in nodes if n.hardware == row.hardware})
    if not shapes:
        detail = f"no usable price of {row.hardware}; add a row to offers.csv of an overlay"
        return "no_price", detail
    if not any(shape % row.tensor_parallel == 0 for shape in shapes):
        listing = ", ".join(str(s) for s in shapes)
        detail = f"no offered node ({listing} accelerators) divides by {row.tensor_parallel}"
        return "no_node", detail
    return None
