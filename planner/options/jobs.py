"""How long the longest request of work that waits takes once it runs.

A request has to start that long before its window ends; where lengths grow, the period in which it
takes longest counts. Options on which it would take more than a tenth of the window are not used,
so that no slow option shortens the window of the others by more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.options.model_run import length_factors
from planner.options.records import Rejection
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.demand.records import Demand
    from planner.options.records import Capacity, Option
    from planner.problem.schema import Problem

_MOST_OF_WINDOW = 0.1


def with_job_times(
    capacities: Iterable[Capacity],
    options: Mapping[str, Option],
    problem: Problem,
    demand: Demand,
) -> tuple[list[Capacity], list[Rejection]]:
    """Return capacities with the time of the longest request of work that waits.

    Parameters
    ----------
    capacities, options
        Capacities, and options by id.
    problem
        Streams, for their windows.
    demand
        Lengths of the streams.
    """
    kept, rejected = [], []
    for capacity in capacities:
        workload = problem.workload(capacity.workload)
        rates = demand.of(capacity.workload)
        lengths = rates.lengths
        if workload.deferrable is None or lengths is None:
            kept.append(capacity)
            continue
        _, factor = length_factors(workload, options[capacity.option_id].model)
        slowest_s = max(
            rates.planned_level(t).osl * (point.tpot_mean_s or 0.0)
            for t in range(demand.grid.periods)
            for point in capacity.points_at(t)
        )
        longest = float(lengths.osl_tokens.max()) * factor
        job_h = longest * slowest_s / SECONDS_PER_HOUR
        share = job_h / workload.deferrable.window_h
        if share > _MOST_OF_WINDOW:
            detail = (
                f"its longest request takes {job_h:.2f} h there, more than a tenth of the window "
                f"of {workload.deferrable.window_h:g} h"
            )
            subject = ("option", capacity.option_id, capacity.workload, "job_time")
            rejected.append(Rejection(*subject, detail, shortfall=share / _MOST_OF_WINDOW))
        else:
            kept.append(replace(capacity, job_h=job_h))
    return kept, rejected
