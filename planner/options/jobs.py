"""How long the longest request of work that waits takes once it runs.

A request has to begin that long before its window ends, and on spot nodes by as much earlier as
may be lost there; where lengths grow, the period in which it takes longest counts. That holds for
the option that serves it, not for the others. Options on which it would take more than a tenth of
the window are not used: work that waits is planned as a flow, of which a request is a small part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.demand.deferral import lead_h
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


def with_leads(
    capacities: Iterable[Capacity], demand: Demand
) -> tuple[list[Capacity], list[Rejection]]:
    """Return capacities with how long before the end of its window a request has to begin.

    Parameters
    ----------
    capacities
        Capacities with the times of jobs, those on spot nodes among them.
    demand
        Windows, and the length of blocks.
    """
    kept, rejected = [], []
    for capacity in capacities:
        deferral = demand.of(capacity.workload).deferral
        if deferral is None or deferral.any_block:
            kept.append(capacity)
        elif capacity.job_h > deferral.window_h:
            detail = (
                f"its longest request has to begin {capacity.job_h:.2f} h early there, more than "
                f"the window of {deferral.window_h:g} h"
            )
            subject = ("option", capacity.option_id, capacity.workload, "job_time")
            shortfall = capacity.job_h / deferral.window_h
            rejected.append(Rejection(*subject, detail, shortfall=shortfall))
        else:
            lead = lead_h(deferral, capacity.job_h, demand.grid.block_h)
            kept.append(replace(capacity, lead_h=lead))
    return kept, rejected
