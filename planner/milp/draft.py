"""From a solver's values to whole replicas and nodes with flows that add up.

Integers come back as floats and flows carry the solver's tolerance. So integers are rounded (and
must be close to begin with), the flows are solved again with the integers fixed, and then scaled
so that every planned rate is met exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InternalError
from planner.milp.costs import starts
from planner.milp.domains import places
from planner.milp.escalation import SMALLEST_SHARE, with_chain_scales
from planner.milp.highs import solve_arrays, with_fixed_integers
from planner.milp.provisioned import bought_units
from planner.milp.spend import promised_spend, spend_decisions
from planner.milp.staff import tokens_off
from planner.milp.switching import flows_off
from planner.plan.records import (
    BuildDecision,
    Decisions,
    FlowDecision,
    NodeDecision,
    PlacementDecision,
    ReplicaDecision,
    UnitDecision,
    UnservedDecision,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.demand.records import TimeGrid
    from planner.milp.backlogs import Backlog
    from planner.milp.bridge import Arrays
    from planner.milp.model import Model
    from planner.milp.records import SolverSettings
    from planner.milp.sets import Sets

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_LARGEST_DISTANCE = 1e-5
"""Farthest that a value of an integer column may be from a whole number."""
_SMALLEST_SHARE = 1e-9
"""Flows below this share of the planned rate are the solver's tolerance, not a decision."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Decisions by index.

    Parameters
    ----------
    replicas
        Shape (C, T, B).
    nodes
        Shape (O, T, B).
    flow_rps
        By (workload, column, period, block).
    api_rps
        By (API option, period, block).
    builds
        Nodes by (offer, build).
    unserved_rps
        By (workload, period, block).
    placed
        Replicas by (column, place, period, block).
    units
        Provisioned units by (units, build).
    spend
        USD per hour by (spend commitment, build).
    replaced
        Nodes that start with a block in place of old ones of the same offer, shape (O, T, B).
    """

    replicas: IntArray
    nodes: IntArray
    replaced: IntArray
    flow_rps: Mapping[tuple[int, int, int, int], float]
    api_rps: Mapping[tuple[int, int, int], float]
    builds: Mapping[tuple[int, int], int]
    unserved_rps: Mapping[tuple[int, int, int], float] = field(default_factory=dict)
    placed: Mapping[tuple[int, int, int, int], int] = field(default_factory=dict)
    units: Mapping[tuple[int, int], int] = field(default_factory=dict)
    spend: Mapping[tuple[int, int], float] = field(default_factory=dict)


def round_integers(arrays: Arrays, values: FloatArray) -> FloatArray:
    """Return the values with integer columns rounded.

    Parameters
    ----------
    arrays
        The problem.
    values
        By column.

    Raises
    ------
    InternalError
        When an integer column is not close to a whole number.
    """
    whole = np.where(arrays.integer, np.rint(values), values)
    distance = np.abs(whole - values)
    if distance.size and float(distance.max()) > _LARGEST_DISTANCE:
        worst = int(distance.argmax())
        msg = f"the solver returned {values[worst]:g} for integer {arrays.column_names[worst]}"
        raise InternalError(msg)
    return whole


def with_exact_flows(arrays: Arrays, whole: FloatArray, settings: SolverSettings) -> FloatArray:
    """Return the values with the flows solved again for the rounded integers.

    Parameters
    ----------
    arrays
        The problem.
    whole
        By column, integers rounded.
    settings
        Seed and threads of the solver.
    """
    fixed = with_fixed_integers(arrays, whole)
    for gap in (0.0, 1.0):  # a gap of 0 asks for tight tolerances
        outcome = solve_arrays(fixed, replace(settings, gap=gap, log=False))
        if outcome.values is not None:
            return outcome.values
    return whole


def read_draft(model: Model, arrays: Arrays, values: FloatArray) -> Draft:
    """Return the decisions that values stand for, every planned rate met exactly.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The problem.
    values
        By column, integers rounded.
    """
    sets = model.sets
    value_of = dict(zip(arrays.column_names, values.tolist(), strict=True))
    shape = (sets.grid.periods, sets.grid.blocks)
    replicas = np.zeros((len(sets.columns), *shape), dtype=np.int64)
    for index, variable in model.n.items():
        replicas[index] = round(value_of.get(variable.name, 0.0))
    nodes = np.zeros((len(sets.options.offers), *shape), dtype=np.int64)
    for index, variable in model.nodes.items():
        nodes[index] = round(value_of.get(variable.name, 0.0))
    replaced = _replaced(model, value_of, nodes)
    builds = {key: round(value_of.get(v.name, 0.0)) for key, v in model.builds.items()}
    bought = {key: round(value_of.get(v.name, 0.0)) for key, v in model.bought.items()}
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    off = flows_off(model, value_of) | tokens_off(model, value_of)
    flow = {key: value_of[v.name] for key, v in model.f.items() if v.name not in off}
    api = {key: value_of[v.name] for key, v in model.a.items() if v.name not in off}
    owner = [position[option.workload] for option in sets.options.api]
    total = np.zeros_like(sets.planned_rps)
    unit_rps = sets.rate_unit_rps
    smallest = _SMALLEST_SHARE * sets.planned_rps / unit_rps[:, None, None]
    smallest_chain = SMALLEST_SHARE * sets.planned_rps / unit_rps[:, None, None]
    flow = {(w, c, t, b): x for (w, c, t, b), x in flow.items() if x > smallest[w, t, b]}
    api = {(i, t, b): x for (i, t, b), x in api.items() if x > smallest[owner[i], t, b]}
    chained = {key: value_of[v.name] for key, v in model.chained.items()}
    chained = {key: x for key, x in chained.items() if x > smallest_chain[key]}
    unserved = {key: value_of[v.name] for key, v in model.unserved.items()}
    unserved = {key: x for key, x in unserved.items() if x > smallest[key]}
    for place, x in (*chained.items(), *unserved.items()):
        total[place] += x
    for (w, _, t, b), x in flow.items():
        total[w, t, b] += x
    for (i, t, b), x in api.items():
        total[owner[i], t, b] += x
    scale = np.divide(sets.actual_rps, total, out=np.zeros_like(total), where=total > 0)
    for backlog in sets.backlogs:
        scale[list(backlog.streams)] = _to_a_days_work(sets.grid, backlog, total)
    scale = with_chain_scales(sets, chained, total, scale)
    return Draft(
        replicas,
        nodes,
        replaced,
        {(w, c, t, b): float(x * f) for (w, c, t, b), x in flow.items() if (f := scale[w, t, b])},
        {(i, t, b): float(x * f) for (i, t, b), x in api.items() if (f := scale[owner[i], t, b])},
        builds,
        {place: float(x * scale[place]) for place, x in unserved.items()},
        {key: round(value_of[v.name]) for key, v in model.placed.items()},
        bought_units(sets, bought),
        promised_spend(model, value_of),
    )


def _replaced(model: Model, value_of: Mapping[str, float], nodes: IntArray) -> IntArray:
    """Return the nodes that start in place of old ones, shape (O, T, B)."""
    replaced = np.zeros_like(nodes)
    changing = model.changing_offers
    if not changing:
        return replaced
    added = starts(nodes, model.sets.grid.blocks_per_day)
    for (o, t, b), started in model.starts.items():
        if o in changing:
            replaced[o, t, b] = max(round(value_of[started.name]) - int(added[o, t, b]), 0)
    return replaced


def _to_a_days_work(grid: TimeGrid, backlog: Backlog, served_rps: FloatArray) -> FloatArray:
    """Return the factor that makes what is served of a backlog a day's work, shape (T, B)."""
    by_block = served_rps[list(backlog.streams)].sum(axis=0)
    days = by_block.reshape(grid.periods, -1, grid.blocks_per_day).sum(axis=2) * grid.block_h
    due = [
        [backlog.day_total(t, day, grid) for day in range(len(grid.day_types))]
        for t in range(grid.periods)
    ]
    factor = np.divide(np.array(due), days, out=np.zeros_like(days), where=days > 0)
    return np.repeat(factor, grid.blocks_per_day, axis=1)


def to_decisions(sets: Sets, draft: Draft) -> Decisions:
    """Return the rows of a draft; zero rows are left out.

    Parameters
    ----------
    sets
        Index sets and data.
    draft
        Decisions by index.
    """
    workloads = [rates.workload for rates in sets.demand.workloads]
    replicas = tuple(
        ReplicaDecision(
            sets.pools[sets.columns[c].pool],
            sets.option_of(c).id,
            t,
            b,
            int(draft.replicas[c, t, b]),
            sets.columns[c].min_replicas,
        )
        for c, t, b in zip(*(i.tolist() for i in np.nonzero(draft.replicas)), strict=True)
    )
    nodes = tuple(
        NodeDecision(
            sets.options.offers[o].offer_id,
            t,
            b,
            int(draft.nodes[o, t, b]),
            int(draft.replaced[o, t, b]),
        )
        for o, t, b in zip(*(i.tolist() for i in np.nonzero(draft.nodes)), strict=True)
    )
    flows = tuple(
        FlowDecision(workloads[w], sets.option_of(c).id, t, b, rate_rps)
        for (w, c, t, b), rate_rps in sorted(draft.flow_rps.items())
    )
    api = tuple(
        FlowDecision(sets.options.api[i].workload, sets.options.api[i].id, t, b, rate_rps)
        for (i, t, b), rate_rps in sorted(draft.api_rps.items())
    )
    builds = tuple(
        BuildDecision(sets.options.offers[o].offer_id, k, count)
        for (o, k), count in sorted(draft.builds.items())
        if count
    )
    units = tuple(
        UnitDecision(sets.options.provisioned[k].id, s, count)
        for (k, s), count in draft.units.items()
    )
    unserved = tuple(
        UnservedDecision(workloads[w], t, b, rate_rps)
        for (w, t, b), rate_rps in sorted(draft.unserved_rps.items())
    )
    return Decisions(
        replicas,
        flows,
        api,
        nodes,
        builds,
        unserved,
        _placements(sets, draft),
        units,
        spend_decisions(sets, draft.spend),
    )


def _placements(sets: Sets, draft: Draft) -> tuple[PlacementDecision, ...]:
    groups = places(sets.options, sets.limits)
    offers = sets.options.offers
    return tuple(
        PlacementDecision(
            sets.pools[sets.columns[c].pool],
            sets.option_of(c).id,
            tuple(offers[o].offer_id for o in sorted(groups[a])),
            t,
            b,
            count,
        )
        for (c, a, t, b), count in sorted(draft.placed.items())
        if count
    )
