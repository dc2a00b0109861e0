"""The same demand, more or less of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.demand.records import Demand


def scaled(demand: Demand, factor: float) -> Demand:
    """Return the demand with every rate multiplied; lengths and shape of the day stay.

    Parameters
    ----------
    demand
        Rates of all workloads.
    factor
        Factor on mean and planned rates, > 0.
    """
    return replace(
        demand,
        workloads=tuple(
            replace(w, mean_rps=factor * w.mean_rps, planned_rps=factor * w.planned_rps)
            for w in demand.workloads
        ),
    )
