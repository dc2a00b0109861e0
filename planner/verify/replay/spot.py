"""Replicas on spot nodes, which are taken away at random and come back.

Nodes go at exponential times, at the rate of their offer or of ``supply.spot``, and are back after
the start-up time of a node. What their replicas had in flight is half done on average, and is
served again before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.units import HOURS_PER_DAY, MINUTES_PER_HOUR
from planner.verify.audit.units import replica_accelerators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, Plan
    from planner.problem.schema import Problem
    from planner.verify.replay.requests import Floats

DAY_MIN = int(HOURS_PER_DAY * MINUTES_PER_HOUR)
_ASSUMED_STARTUP_MINUTES = 10.0


@dataclass(frozen=True, slots=True)
class Spot:
    """Replicas on spot nodes over a day.

    Parameters
    ----------
    served
        What they serve in every minute when all are there, requests; shape (1440,).
    nodes
        Nodes in every minute, shape (1440,).
    lost
        Requests' worth of work that goes with a node.
    interruptions_per_h
        How often a node is taken away.
    down_min
        Time until it is back, minutes.
    """

    served: Floats
    nodes: Floats
    lost: float
    interruptions_per_h: float
    down_min: float


def interrupted(spot: Spot, days: int, rng: np.random.Generator) -> Floats:
    """Return what spot replicas serve in every minute of some days, shape (1440 x days,).

    Parameters
    ----------
    spot
        The replicas.
    days
        How many days.
    rng
        Random numbers.
    """
    length = days * DAY_MIN
    nodes, full = np.tile(spot.nodes, days), np.tile(spot.served, days)
    there, lost = np.zeros(length), np.zeros(length)
    for node in range(int(spot.nodes.max(initial=0.0))):
        up, gone = np.ones(length, dtype=bool), np.zeros(length)
        now = 0.0
        while spot.interruptions_per_h > 0:
            now += rng.exponential(MINUTES_PER_HOUR / spot.interruptions_per_h)
            if now >= length:
                break
            back = min(now + spot.down_min, float(length))
            up[int(now) : int(np.ceil(back))] = False
            gone[int(now)] += spot.lost
            now = back
        runs = nodes > node
        there += runs & up
        lost += gone * runs
    share = np.divide(there, nodes, out=np.zeros(length), where=nodes > 0)
    # Work that is lost is served again before anything else is done.
    able = np.maximum.accumulate(np.maximum(np.cumsum(full * share - lost), 0.0))
    return np.diff(able, prepend=0.0)


def _spot_nodes(row: Allocation, plan: Plan) -> list[tuple[str, int]]:
    """Return offers of the spot nodes that a row may stand on, with their accelerators."""
    size = replica_accelerators(row)
    return sorted(
        {
            (n.offer_id, n.accelerators_per_node)
            for n in plan.fleet
            if (n.period, n.hardware, n.tenure) == (row.period, row.hardware, "spot")
            and n.accelerators_per_node >= size
        }
    )


def replicas_per_node(row: Allocation, plan: Plan) -> int:
    """Return the most replicas that go with one spot node.

    Parameters
    ----------
    row
        Row of replicas on spot nodes.
    plan
        The plan, for its nodes.
    """
    sizes = [accelerators for _, accelerators in _spot_nodes(row, plan)]
    return max(sizes, default=replica_accelerators(row)) // replica_accelerators(row)


def interruptions(
    row: Allocation, plan: Plan, problem: Problem, catalog: Catalog
) -> tuple[float, float]:
    """Return how often the least favourable spot node in use goes, and how long, in minutes.

    Parameters
    ----------
    row
        Row of replicas on spot nodes.
    plan, problem, catalog
        The plan, what the problem assumes where an offer states nothing, and the offers.
    """
    found = [offer_interruptions(o, problem, catalog) for o, _ in _spot_nodes(row, plan)]
    rates, minutes = zip(*found, strict=True) if found else ((0.0,), (0.0,))
    return max(rates), max(minutes)


def offer_interruptions(offer_id: str, problem: Problem, catalog: Catalog) -> tuple[float, float]:
    """Return how often a spot node of an offer goes, and the minutes until its successor serves.

    Parameters
    ----------
    offer_id
        The offer.
    problem, catalog
        What the problem assumes where the offer states nothing, and the offers.
    """
    offers = [offer for offer in catalog.offers if offer.offer_id == offer_id]
    rates = [offer.interruption_rate_per_h for offer in offers]
    starts = [offer.startup_minutes for offer in offers]
    assumed_per_h = problem.supply.spot.interruptions_per_h
    return _newest(rates, assumed_per_h), _newest(starts, _ASSUMED_STARTUP_MINUTES)


def _newest(stated: Sequence[float | None], assumed: float) -> float:
    known = [value for value in stated if value is not None]
    return known[-1] if known else assumed
