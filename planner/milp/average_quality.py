r"""Constraint family of the average quality: requests reach a score on average.

With v[o] the score of the model of option or tokens o (or its share of the reference's score), and
f[w,o] the mean rate that a stream w of the workload sends there::

    sum over streams w of the workload, o   k[w] (v[o] - floor) f[w,o]  >=  0    in every block

where a request of a stream counts k[w], 1 but for the answers of a chain
(:mod:`planner.options.average_floors`). So the average holds in each block of each type of day and
period by itself, over everything that is served in it: replicas, tokens, and work that waits in
the block in which it is done. Requests that stay unserved do not count. The average is that with
spares up; the degraded state promises capacity only. Rows are divided by the mean rate asked in
the block, so that tolerances are those of a score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.milp.model import GE, Priced, Terms
from planner.milp.naming import floor_label
from planner.plan.average_quality import average_by_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pulp

    from planner.demand.records import Demand
    from planner.milp.model import Model
    from planner.milp.records import Limits
    from planner.milp.sets import Sets
    from planner.options.average_floors import AverageFloor
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions

AVERAGE_QUALITY = "average_quality"
"""Family of the floors among shadow prices."""
TOLERANCE = 1e-6
"""By which an average may miss its floor."""
_POINT = 0.01

_ROUNDING = 1e-12
"""A score this close to its floor is at it."""


class _Way(NamedTuple):
    """A flow, the mean requests/s that one unit of it counts, and its score less the floor."""

    flow: pulp.LpVariable
    rps_of_unit: float
    gain: float


def add_average_quality(model: Model) -> None:
    """Reach every average floor in every block (see the module).

    No row where no way to serve falls short of the floor.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for q, floor in enumerate(sets.limits.average_quality):
        streams = _streams(sets, floor)
        weights: dict[str, float] = {}
        for (t, b), ways in sorted(_ways(model, floor, streams).items()):
            if all(way.gain >= -_ROUNDING for way in ways):
                continue
            asked_rps = sum(k * _most_rps(sets, w, t, b) for w, k in streams.items())
            terms: Terms = {
                way.flow: way.rps_of_unit * way.gain / asked_rps
                for way in ways
                if abs(way.gain) > _ROUNDING
            }
            name = f"avgquality_{q}_{t}_{b}"
            model.row(name, terms, GE)
            mean_rps = sum(float(sets.demand.workloads[w].mean_rps[t, b]) for w in streams)
            if mean_rps > 0:
                weights[name] = _POINT * mean_rps / asked_rps
        if weights:
            what = floor_label(floor)
            model.priced.append(Priced(AVERAGE_QUALITY, what, "0.01 of the floor", weights))


def _streams(sets: Sets, floor: AverageFloor) -> dict[int, float]:
    """Return what a request of each stream counts, by position."""
    weights = (floor.weight(rates.workload) for rates in sets.demand.workloads)
    return {w: weight for w, weight in enumerate(weights) if weight > 0}


def _most_rps(sets: Sets, w: int, t: int, b: int) -> float:
    """Return the highest mean rate at which a stream can be served in a block."""
    if sets.planned_rps[w, t, b] <= 0:
        return 0.0
    unit_rps = float(sets.rate_unit_rps[w])
    return sets.mean_rps_of_unit(w, t, b) * float(sets.planned_rps[w, t, b]) / unit_rps


def _ways(
    model: Model, floor: AverageFloor, streams: dict[int, float]
) -> dict[tuple[int, int], list[_Way]]:
    """Return the ways to serve a workload by period and block."""
    sets = model.sets
    names = {sets.demand.workloads[w].workload: w for w in streams}
    reached = {(c.workload, c.option_id): c.averaged for c in sets.options.capacities}
    ways: dict[tuple[int, int], list[_Way]] = {}

    def add(w: int, t: int, b: int, flow: pulp.LpVariable, averaged: tuple[float, ...]) -> None:
        gain = averaged[floor.position] - floor.least
        rps_of_unit = streams[w] * sets.mean_rps_of_unit(w, t, b)
        ways.setdefault((t, b), []).append(_Way(flow, rps_of_unit, gain))

    for (w, c, t, b), flow in model.f.items():
        if w in streams:
            key = (sets.demand.workloads[w].workload, sets.option_of(c).id)
            add(w, t, b, flow, reached[key])
    for (i, t, b), flow in model.a.items():
        api = sets.options.api[i]
        if api.workload in names:
            add(names[api.workload], t, b, flow, api.averaged)
    return ways


def falls_short(limits: Limits, workload: str, averaged: tuple[float, ...]) -> bool:
    """Return whether a way to serve cannot serve a workload alone for its average floors.

    Parameters
    ----------
    limits
        The average floors.
    workload
        A stream of a workload.
    averaged
        What the way counts in each average floor of the workload.
    """
    return any(
        averaged[floor.position] < floor.least
        for floor in limits.average_quality
        if floor.weight(workload) > 0
    )


def average_quality_faults(
    demand: Demand, options: OptionSet, limits: Limits, decisions: Decisions
) -> Iterator[str]:
    """Yield a sentence for every average that misses its floor.

    Parameters
    ----------
    demand, options, limits
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    for floor in limits.average_quality:
        averages = average_by_block(demand, options, decisions, floor)
        for (t, b), average in averages.items():
            if average < floor.least - TOLERANCE:
                yield (
                    f"{floor.workload} averages {average:.6f} of {floor.label} in period {t}, "
                    f"block {b}"
                )
