"""Backlogs: work that can wait, the streams that serve it, and how fast blocks may serve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.deferral import most_served_rps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.demand.deferral import Deferral
    from planner.demand.records import Demand, TimeGrid
    from planner.options.records import OptionSet

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that can wait, and the streams that take from it.

    Parameters
    ----------
    name
        Workload it belongs to.
    streams
        Positions of the streams that serve it.
    deferral
        Window and release.
    arrivals_rps
        Planned rate at which it arrives, shape (T, B), requests/s.
    job_h
        Time of the longest request with the slowest option, hours.
    """

    name: str
    streams: tuple[int, ...]
    deferral: Deferral
    arrivals_rps: FloatArray
    job_h: float

    def day_total(self, t: int, day: int, grid: TimeGrid) -> float:
        """Return what arrives in a day of a type, requests/s x h."""
        return float(self.arrivals_rps[t, grid.blocks_of(day)].sum()) * grid.block_h


def build_backlogs(demand: Demand, options: OptionSet) -> tuple[Backlog, ...]:
    """Return the backlogs of a demand.

    Parameters
    ----------
    demand
        Streams, those that wait with the name of their backlog.
    options
        Ways to serve, for the time of the longest request.
    """
    streams: dict[str, list[int]] = {}
    for w, rates in enumerate(demand.workloads):
        if rates.deferral is not None:
            streams.setdefault(rates.deferral.backlog, []).append(w)
    found = []
    for name, members in streams.items():
        names = {demand.workloads[w].workload for w in members}
        deferral = demand.workloads[members[0]].deferral
        jobs_h = [c.job_h for c in options.capacities if c.workload in names]
        arrivals = sum(np.asarray(demand.workloads[w].planned_rps) for w in members)
        if deferral is not None:
            job_h = max(jobs_h, default=0.0)
            found.append(Backlog(name, tuple(members), deferral, np.asarray(arrivals), job_h))
    return tuple(found)


def most_by_block(backlog: Backlog, grid: TimeGrid) -> FloatArray:
    """Return the highest rates at which blocks can be asked to serve a backlog, shape (T, B).

    Parameters
    ----------
    backlog
        The work.
    grid
        Periods, types of day and blocks.
    """
    days = backlog.arrivals_rps.reshape(-1, grid.blocks_per_day)
    most = [most_served_rps(backlog.deferral, day) for day in days]
    return np.array(most).reshape(backlog.arrivals_rps.shape)
