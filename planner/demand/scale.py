"""The same demand, more or less of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.problem.deferral import owner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def scaled_by_period(demand: Demand, factors: Mapping[str, Sequence[float]]) -> Demand:
    """Return the demand with the rates of every period multiplied, those of all streams alike.

    Parameters
    ----------
    demand
        Rates of all workloads.
    factors
        Factors on mean and planned rates by workload, one for each period, >= 0.
    """
    columns = {name: np.array(values)[:, None] for name, values in factors.items()}
    return replace(
        demand,
        workloads=tuple(
            replace(
                w,
                mean_rps=columns[owner(w.workload)] * w.mean_rps,
                planned_rps=columns[owner(w.workload)] * w.planned_rps,
            )
            for w in demand.workloads
        ),
    )
