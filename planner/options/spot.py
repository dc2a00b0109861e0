r"""Batch replicas on spot nodes, which their provider may take away at any time.

Only work that waits runs there. With i interruptions an hour, each of which costs a restart and
the work that was in flight, a replica carries on average::

    mu_spot = mu (1 - i (restart + lost work))

The restart is the start-up time of the node. Spot replicas are options of their own
(``.../spot``), because they run on spot nodes only and carry less; of several spot offers of one
hardware the least favourable counts.

A whole zone may go at once, and with it every successor. Work is then done by on-demand nodes of
the same hardware, as many as were there, which are rented when it happens and are taken to be had.
Everything that runs or waits for them is late by the work that was lost and by the time that such
a node takes to start, so a request on spot nodes is due earlier by::

    lost work + max(start-up of a successor, start-up of an on-demand node)

beside its own time. The slowest of those offers counts. A window of a day or more lets any block
serve, as for all work that waits.
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

SPOT, ON_DEMAND = "spot", "on_demand"
_LEAST_AVAILABLE = 0.05
"""Share of its time below which a spot node is not worth planning with."""


def interruptions_per_h(offer_id: str, catalog: Catalog, spot: Spot) -> float:
    """Return the interruptions an hour that a spot offer is planned with.

    Parameters
    ----------
    offer_id
        A spot offer.
    catalog
        What its newest row states.
    spot
        What the problem assumes where the row states nothing.
    """
    stated = [
        row.interruption_rate_per_h
        for row in catalog.offers
        if row.offer_id == offer_id and row.interruption_rate_per_h is not None
    ]
    return stated[-1] if stated else spot.interruptions_per_h


def due_early_h(hardware: str, nodes: Iterable[NodeOffer], spot: Spot) -> float:
    """Return by how much earlier work on spot nodes is due, beside its own time, hours.

    Parameters
    ----------
    hardware
        Accelerator of the spot nodes.
    nodes
        Offers, on-demand nodes that may take over among them.
    spot
        What is lost with a node.
    """
    starts_h = [
        node.startup_h
        for node in nodes
        if node.hardware == hardware and node.tenure in {SPOT, ON_DEMAND}
    ]
    return max(starts_h, default=0.0) + spot.lost_work_minutes / MINUTES_PER_HOUR


def spot_options(
    options: Iterable[Option],
    capacities: Iterable[Capacity],
    nodes: Sequence[NodeOffer],
    problem: Problem,
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
    """
    spot = problem.supply.spot
    lost_h = spot.lost_work_minutes / MINUTES_PER_HOUR
    worst: dict[str, float] = {}
    for node in nodes:
        if node.tenure == SPOT:
            left = 1.0 - node.interruptions_per_h * (node.startup_h + lost_h)
            worst[node.hardware] = min(worst.get(node.hardware, 1.0), left)
    batch = {w.name for w in problem.workloads if w.pool_name.endswith(DEFERRED)}
    by_id = {option.id: option for option in options}
    twins: dict[str, Option] = {}
    found = []
    for capacity in capacities:
        option = by_id[capacity.option_id]
        share = worst.get(option.hardware, 0.0)
        if capacity.workload not in batch or share < _LEAST_AVAILABLE:
            continue
        name = f"{option.id}/{SPOT}"
        twins[name] = replace(option, id=name, is_interruptible=True)
        twin = replace(
            capacity,
            points=_interrupted(capacity.points, share),
            by_period=tuple(_interrupted(points, share) for points in capacity.by_period),
        )
        early_h = due_early_h(option.hardware, nodes, spot)
        found.append(replace(twin, option_id=name, job_h=capacity.job_h + early_h))
    return list(twins.values()), found


def _interrupted(points: Sequence[CapacityPoint], share: float) -> tuple[CapacityPoint, ...]:
    """Return the points of a replica that works for a share of its time."""
    return tuple(
        replace(p, planned_rps=p.planned_rps * share, nominal_rps=p.nominal_rps * share)
        for p in points
    )
