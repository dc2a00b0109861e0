"""Which options have a node to run on: the right hardware, a shape that fits, and residency."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.records import Rejection
from planner.options.spot import SPOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.options.records import Capacity, NodeOffer, Option
    from planner.problem.schema import Problem, Workload


def homeless(
    capacities: Iterable[Capacity],
    options: Mapping[str, Option],
    nodes: Sequence[NodeOffer],
    barred: frozenset[tuple[str, str]],
    problem: Problem,
) -> list[Rejection]:
    """Return a rejection for every capacity that no allowed node can hold.

    Parameters
    ----------
    capacities, options
        Capacities, and options by id.
    nodes
        Offers.
    barred
        Pools and offers that residency keeps apart.
    problem
        The problem, for pools and residencies.
    """
    rejections = []
    for capacity in capacities:
        option, workload = options[capacity.option_id], problem.workload(capacity.workload)
        if not any(
            holds(node, option) and (workload.pool_name, node.offer_id) not in barred
            for node in nodes
        ):
            reason, detail = "residency", _asks(workload, problem)
            detail += f": no such node of {option.hardware} fits"
            if workload.residency == "on_prem_only":
                detail += (
                    "; allow `owned` in supply.tenures, and add the figures that "
                    "`planner options --rejected` names to servers.csv of an overlay"
                )
            elif any(holds(node, replace(option, is_interruptible=True)) for node in nodes):
                reason = "spot_only"
                detail = (
                    f"only spot nodes of {option.hardware} are on offer, which serve only work "
                    "that waits: allow other tenures (supply.tenures), or let it wait (deferrable)"
                )
            rejections.append(Rejection("option", option.id, workload.name, reason, detail))
    return rejections


def holds(node: NodeOffer, option: Option) -> bool:
    """Return whether nodes of an offer hold whole replicas of an option in some period."""
    return (
        node.hardware == option.hardware
        and (node.tenure == SPOT) == option.is_interruptible
        and node.round_trip_ms <= option.round_trip_ms
        and node.accelerators_per_node % option.accelerators == 0
        and any(price is not None for price in node.price_usd_per_hour)
    )


def _asks(workload: Workload, problem: Problem) -> str:
    pool = [w for w in problem.workloads if w.pool_name == workload.pool_name]
    asked = dict.fromkeys(
        w.residency if isinstance(w.residency, str) else f"in {', '.join(w.residency)}"
        for w in pool
    )
    return " and ".join(asked)
