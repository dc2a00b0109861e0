"""A start from decisions of an earlier plan, where that is a plan and costs less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.milp.highs import completed, solve_arrays
from planner.milp.start import held_kinds, held_to, with_fleet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.model import Model
    from planner.milp.records import SolverSettings
    from planner.plan.records import Decisions

    FloatArray = NDArray[np.float64]

_FLEET_SHARE = 0.15
"""Share of the time that is left for the fleet of the incumbent's replicas."""
_TERMS_SHARE = 0.5
"""Most of the time limit for its rent on the terms that it has; it hardly takes any of it."""
_TIME_S = 10.0


def warmer_start(
    model: Model, arrays: Arrays, start: FloatArray, settings: SolverSettings
) -> FloatArray:
    """Return the better of a start and the one with the replicas of the settings' incumbent.

    The incumbent's replicas stand in the slots that it covers, those of the other start in the
    rest, on the cheapest fleet for them. Where demand or options have changed so that this is no
    plan, the other start is returned.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    start
        Values of the integer columns to begin from otherwise.
    settings
        Settings of the solve, with the incumbent.
    """
    if settings.incumbent is None:
        return start
    begun = overlaid(model, arrays, start, settings.incumbent)
    warm = with_fleet(model, arrays, begun, _FLEET_SHARE * settings.time_limit_s, settings)
    return warm if _usd(arrays, warm, settings) < _usd(arrays, start, settings) else start


def on_terms_of_incumbent(
    model: Model, arrays: Arrays, settings: SolverSettings
) -> FloatArray | None:
    """Return the plan of the incumbent's replicas on what it takes on; ``None`` without one.

    What the program does not allow, or asks for more of, stands at its limit. What is missing is
    rented by the hour or bought as tokens: little is left to decide, so this takes no time.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    settings
        Settings of the solve, with the incumbent.
    """
    incumbent = settings.incumbent
    if incumbent is None or not settings.incumbent_terms:
        return None
    start = overlaid(model, arrays, np.zeros(arrays.cost.size), incumbent)
    taken = {(row.offer_id, row.build): row.nodes for row in incumbent.builds}
    units = {(row.units_id, row.build): row.units for row in incumbent.units}
    offers, provisioned = model.sets.options.offers, model.sets.options.provisioned
    held = {
        variable.name: taken.get((offers[o].offer_id, k), 0)
        for (o, k), variable in model.builds.items()
        if not offers[o].is_existing
    } | {
        variable.name: units.get((provisioned[i].id, k), 0)
        for (i, k), variable in model.bought.items()
    }
    stays = held_kinds(arrays)
    for i, name in enumerate(arrays.column_names):
        if name in held and arrays.integer[i]:
            start[i] = min(max(held[name], arrays.lower[i]), arrays.upper[i])
            stays[i] = True
    asked = replace(settings, time_limit_s=_TERMS_SHARE * settings.time_limit_s, log=False)
    return solve_arrays(held_to(arrays, start, stays), asked).values


def values_of(
    model: Model, arrays: Arrays, plan: Decisions, most: float, settings: SolverSettings
) -> FloatArray | None:
    """Return the values of a plan with its replicas on the cheapest fleet, ``None`` without one.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    plan
        Decisions that the program allows.
    most
        Cost that is not exceeded, in units of the objective.
    settings
        Gap, seed and time limit.
    """
    start = overlaid(model, arrays, np.zeros(arrays.cost.size), plan)
    fleet = with_fleet(model, arrays, start, settings.time_limit_s, settings)
    values = completed(arrays, fleet, settings)
    return values if values is not None and float(arrays.cost @ values) <= most else None


def overlaid(model: Model, arrays: Arrays, start: FloatArray, incumbent: Decisions) -> FloatArray:
    """Return a start with the replicas of an incumbent in the slots that it covers.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    start
        Values of the integer columns.
    incumbent
        Decisions of another plan.
    """
    sets = model.sets
    place = {name: i for i, name in enumerate(arrays.column_names)}
    values = start.copy()
    covered = {(row.period, row.block) for row in incumbent.replicas}
    for kinds in (model.n, model.y):
        for (_, t, b), variable in kinds.items():
            if (t, b) in covered:
                values[place[variable.name]] = 0.0
    for row in incumbent.replicas:
        for c, column in enumerate(sets.columns):
            key = (c, row.period, row.block)
            last = column.last_replicas
            if (
                key in model.n
                and sets.pools[column.pool] == row.pool
                and sets.option_of(c).id == row.option_id
                and column.min_replicas <= row.replicas
                and (last is None or row.replicas <= last)
            ):
                most = int(sets.n_max[key])
                values[place[model.n[key].name]] = min(row.replicas, most)
                if key in model.y:
                    values[place[model.y[key].name]] = 1.0
    return values


def _usd(arrays: Arrays, start: FloatArray, settings: SolverSettings) -> float:
    """Return what a start costs, infinite when it is no plan; in units of the objective."""
    values = completed(arrays, start, replace(settings, time_limit_s=_TIME_S))
    return np.inf if values is None else float(arrays.cost @ values)
