"""Backlogs: work that can wait, the streams that serve it, and how fast blocks may serve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.demand.deferral import checkpoints, lead_h, most_served_rps, rushes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from planner.demand.deferral import Checkpoint, Deferral, Rush
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
    leads_h
        Leads of the classes of ways to serve, ascending, hours.
    class_of
        Class of every stream and option, by their names; those that are not in it, such as tokens,
        are of the first.
    """

    name: str
    streams: tuple[int, ...]
    deferral: Deferral
    arrivals_rps: FloatArray
    leads_h: tuple[float, ...]
    class_of: Mapping[tuple[str, str], int]

    def checkpoints(self, t: int, day: int, grid: TimeGrid) -> Iterator[Checkpoint]:
        """Yield the bounds of a day's backlog (:func:`planner.demand.deferral.checkpoints`)."""
        return checkpoints(self.deferral, self.arrivals_rps[t, grid.blocks_of(day)], self.leads_h)

    def rushes(self, t: int, day: int, grid: TimeGrid) -> Iterator[Rush]:
        """Yield the short times of a day (:func:`planner.demand.deferral.rushes`)."""
        return rushes(self.deferral, self.arrivals_rps[t, grid.blocks_of(day)], self.leads_h)

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
        Ways to serve, for their leads.
    """
    used = {option.id for option in options.options}
    streams: dict[str, list[int]] = {}
    for w, rates in enumerate(demand.workloads):
        if rates.deferral is not None:
            streams.setdefault(rates.deferral.backlog, []).append(w)
    found = []
    for name, members in streams.items():
        names = {demand.workloads[w].workload for w in members}
        deferral = demand.workloads[members[0]].deferral
        if deferral is None:
            continue
        leads = {
            (c.workload, c.option_id): lead_h(deferral, c.job_h, demand.grid.block_h)
            for c in options.capacities
            if c.workload in names and c.option_id in used
        }
        at_once = not leads or any(api.workload in names for api in options.api)
        leads_h = tuple(sorted({*leads.values(), *([0.0] if at_once else [])}))
        class_of = {kind: leads_h.index(lead) for kind, lead in leads.items()}
        arrivals = np.asarray(sum(np.asarray(demand.workloads[w].planned_rps) for w in members))
        found.append(Backlog(name, tuple(members), deferral, arrivals, leads_h, class_of))
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
