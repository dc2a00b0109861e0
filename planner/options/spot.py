r"""Batch replicas on spot nodes, which their provider may take away at any time.

Only work that waits runs there. With i interruptions an hour, each of which costs a restart and
the work that was in flight, a replica carries on average::

    mu_spot = mu (1 - i (restart + lost work))

The restart is the start-up time of the node. A request that is interrupted takes that much longer,
which shortens its window. Spot replicas are options of their own (``.../spot``), because they run
on spot nodes only and carry less; of several spot offers of one hardware the least favourable
counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.problem.deferral import DEFERRED
from planner.units import MINUTES_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.options.records import Capacity, CapacityPoint, NodeOffer, Option
    from planner.problem.schema import Problem
    from planner.problem.supply import Spot

SPOT = "spot"
_LEAST_AVAILABLE = 0.05
"""Share of its time below which a spot node is not worth planning with."""


def interruptions_per_h(node: NodeOffer, catalog: Catalog, spot: Spot) -> float:
    """Return the interruptions an hour that a spot offer is planned with.

    Parameters
    ----------
    node
        A spot offer.
    catalog
        What its newest row states.
    spot
        What the problem assumes where the row states nothing.
    """
    stated = [
        row.interruption_rate_per_h
        for row in catalog.offers
        if row.offer_id == node.offer_id and row.interruption_rate_per_h is not None
    ]
    return stated[-1] if stated else spot.interruptions_per_h


def spot_options(
    options: Iterable[Option],
    capacities: Iterable[Capacity],
    nodes: Sequence[NodeOffer],
    problem: Problem,
    catalog: Catalog,
) -> tuple[list[Option], list[Capacity]]:
    """Return the spot twins of batch options, and their capacities.

    Parameters
    ----------
    options, capacities
        Everything that can serve on nodes that stay.
    nodes
        Offers, those of spot nodes among them.
    problem
        Streams, and what is assumed about spot nodes.
    catalog
        What offers state about interruptions.
    """
    spot = problem.supply.spot
    lost_h = spot.lost_work_minutes / MINUTES_PER_HOUR
    worst: dict[str, tuple[float, float]] = {}
    for node in nodes:
        if node.tenure != SPOT:
            continue
        delay_h = node.startup_h + lost_h
        left = 1.0 - interruptions_per_h(node, catalog, spot) * delay_h
        share, longest_h = worst.get(node.hardware, (1.0, 0.0))
        worst[node.hardware] = min(share, left), max(longest_h, delay_h)
    batch = {w.name for w in problem.workloads if w.pool_name.endswith(DEFERRED)}
    by_id = {option.id: option for option in options}
    twins: dict[str, Option] = {}
    found = []
    for capacity in capacities:
        option = by_id[capacity.option_id]
        share, delay_h = worst.get(option.hardware, (0.0, 0.0))
        if capacity.workload not in batch or share < _LEAST_AVAILABLE:
            continue
        name = f"{option.id}/{SPOT}"
        twins[name] = replace(option, id=name, is_interruptible=True)
        twin = replace(
            capacity,
            points=_interrupted(capacity.points, share),
            by_period=tuple(_interrupted(points, share) for points in capacity.by_period),
        )
        found.append(replace(twin, option_id=name, job_h=capacity.job_h + delay_h))
    return list(twins.values()), found


def _interrupted(points: Sequence[CapacityPoint], share: float) -> tuple[CapacityPoint, ...]:
    """Return the points of a replica that works for a share of its time."""
    return tuple(
        replace(p, planned_rps=p.planned_rps * share, nominal_rps=p.nominal_rps * share)
        for p in points
    )
