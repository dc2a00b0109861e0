"""Cost of switching models: paid when a model begins to serve a workload.

``serves[w,m,t]`` is 1 when model m serves workload w in period t, in replicas or in tokens; spare
replicas without requests do not count, and all streams of a workload count together.
``moves[w,m,t]`` is what is paid for from the second period on, at the start of the period, and in
the first one too where it is known what served the workload before. Where it is not, one model is
free in the first period, whichever it is, and ``more[w]`` others are paid for: else every model
would be brought in there, for a move that costs nothing::

    cost = usd_per_move * (sum over w of more[w]
                           + sum over w, m, t of factor_at(start of t) * moves[w,m,t])

A model that serves next to nothing in one period must not stand for one that is in use when the
next begins: whoever serves has a share of the requests (`planner.plan.moves`).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from planner.milp.model import GE, LE, Terms
from planner.milp.naming import models_of
from planner.plan.moves import (
    SMALLEST_MODEL_SHARE,
    known_from_the_start,
    models_served,
    requests_asked,
)
from planner.problem.deferral import owner
from planner.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pulp

    from planner.demand.records import Demand
    from planner.milp.model import Model
    from planner.milp.sets import Sets
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions

_TOLERANCE = 1e-6


class _Flow(NamedTuple):
    """What a stream sends to a model in a block; workload is the position of its first stream."""

    stream: int
    workload: int
    model: int
    period: int
    block: int
    variable: pulp.LpVariable


def add_switching(model: Model) -> None:
    """Pay for models that begin to serve a workload.

    With p the planned rate of a stream, R the requests of the workload in the period and r those
    that a flow f stands for::

        sum of f[w,m,t,b]  <=  p[w,t,b] serves[w,m,t]                      for every stream
        sum of r / R       >=  SMALLEST_MODEL_SHARE serves[w,m,t]
        moves[w,m,t]       >=  serves[w,m,t] - serves[w,m,t-1]             for t >= 1
        moves[w,m,0]       >=  serves[w,m,0]                  where w is known from the start
        more[w]            >=  sum over m of serves[w,m,0] - 1      where it is not

    Models that serve already when a period begins have no move there.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added without a cost.
    """
    sets = model.sets
    if sets.options.switching_usd_per_move <= 0:
        return
    in_block: dict[tuple[int, int, int, int], Terms] = defaultdict(dict)
    in_period: dict[tuple[int, int, int], Terms] = defaultdict(dict)
    asked, before, known = requests_asked(sets.demand), _served_before(sets), _known(sets)
    for flow in _flows(model):
        stream, w, m, t, b, variable = flow
        in_block[stream, m, t, b][variable] = 1.0
        total = float(asked[owner(sets.demand.workloads[w].workload)][t])
        in_period[w, m, t][variable] = _requests(sets, flow) / total
    for (w, m, t), shares in sorted(in_period.items()):
        serves = model.variable(f"serves_{w}_{m}_{t}", 1, whole=True)
        model.serves[w, m, t] = serves
        model.row(f"serveshare_{w}_{m}_{t}", shares | {serves: -SMALLEST_MODEL_SHARE}, GE)
        if (t > 0 or w in known) and (w, m, t) not in before:
            model.moves[w, m, t] = model.variable(f"moves_{w}_{m}_{t}", 1)
            terms: Terms = {model.moves[w, m, t]: 1.0, serves: -1.0}
            if (w, m, t - 1) in model.serves:
                terms[model.serves[w, m, t - 1]] = 1.0
            model.row(f"move_{w}_{m}_{t}", terms, GE)
    first = _first_streams(sets)
    for w in sorted({w for w, _, t in model.serves if t == 0} - known):
        model.more[w] = model.variable(f"more_{w}")
        begun = {v: -1.0 for (w2, _, t), v in model.serves.items() if (w2, t) == (w, 0)}
        model.row(f"moremodels_{w}", begun | {model.more[w]: 1.0}, GE, -1.0)
    for (stream, m, t, b), terms in sorted(in_block.items()):
        planned = float(sets.planned_rps[stream, t, b] / sets.rate_unit_rps[stream])
        serves = model.serves[first[stream], m, t]
        model.row(f"serveflow_{stream}_{m}_{t}_{b}", terms | {serves: -planned}, LE)


def _served_before(sets: Sets) -> set[tuple[int, int, int]]:
    """Return first stream, model and period of models that serve already when it begins."""
    models = {name: m for m, name in enumerate(models_of(sets))}
    owners = [owner(rates.workload) for rates in sets.demand.workloads]
    return {
        (owners.index(workload), models[name], t)
        for workload, name, t in sets.options.served_before
        if name in models and workload in owners
    }


def _known(sets: Sets) -> set[int]:
    """Return the first streams of workloads of which is known what serves before the horizon."""
    known = known_from_the_start(sets.options)
    return {w for w, rates in enumerate(sets.demand.workloads) if owner(rates.workload) in known}


def _first_streams(sets: Sets) -> list[int]:
    """Return, by stream, the position of the first stream of its workload."""
    owners = [owner(rates.workload) for rates in sets.demand.workloads]
    return [owners.index(name) for name in owners]


def _flows(model: Model) -> Iterator[_Flow]:
    sets = model.sets
    models = {name: m for m, name in enumerate(models_of(sets))}
    first = _first_streams(sets)
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for (w, c, t, b), variable in model.f.items():
        yield _Flow(w, first[w], models[sets.option_of(c).model], t, b, variable)
    for (i, t, b), variable in model.a.items():
        api = sets.options.api[i]
        w = position[api.workload]
        yield _Flow(w, first[w], models[api.model], t, b, variable)


def _requests(sets: Sets, flow: _Flow) -> float:
    """Return the requests of the period that one unit of a flow is."""
    seconds = sets.grid.hours_in_period(flow.block) * SECONDS_PER_HOUR
    return sets.mean_rps_of_unit(flow.stream, flow.period, flow.block) * seconds


def flows_off(model: Model, value_of: Mapping[str, float]) -> set[str]:
    """Return the names of flows to models that do not serve: what is left is rounding.

    Parameters
    ----------
    model
        Variables by index.
    value_of
        Value by name, integers rounded.
    """
    if not model.serves:
        return set()
    return {
        flow.variable.name
        for flow in _flows(model)
        if value_of[model.serves[flow.workload, flow.model, flow.period].name] == 0
    }


def switching_terms_usd(model: Model) -> Terms:
    """Return the objective coefficient of every move, discounted USD.

    Parameters
    ----------
    model
        Variables by index.
    """
    grid, usd = model.sets.grid, model.sets.options.switching_usd_per_move
    begun = [(t, variable) for (_, _, t), variable in model.moves.items()]
    begun += [(0, variable) for variable in model.more.values()]
    return {variable: usd * grid.factor_at(t * grid.months_per_period) for t, variable in begun}


def switching_faults(demand: Demand, options: OptionSet, decisions: Decisions) -> Iterator[str]:
    """Yield a sentence for every model that serves too little of a workload to count.

    Parameters
    ----------
    demand, options
        The records the decisions answer.
    decisions
        Whole decisions.
    """
    if options.switching_usd_per_move <= 0:
        return
    asked = requests_asked(demand)
    served = dict.fromkeys(models_served(options, decisions), 0.0)
    of_option = {o.id: o.model for o in options.options}
    of_tokens = {(a.workload, a.id): a.model for a in options.api}
    for flow in (*decisions.flows, *decisions.api_flows):
        name = of_option.get(flow.supply_id) or of_tokens[flow.workload, flow.supply_id]
        seconds = demand.grid.hours_in_period(flow.block) * SECONDS_PER_HOUR
        mean = float(demand.of(flow.workload).usage_shares(flow.period)[flow.block])
        key = (owner(flow.workload), name, flow.period)
        served[key] = served.get(key, 0.0) + flow.planned_rps * mean * seconds
    for (workload, name, t), requests in sorted(served.items()):
        share = requests / float(asked[workload][t])
        if share < SMALLEST_MODEL_SHARE * (1 - _TOLERANCE):
            yield f"{name} serves {share:.2e} of the requests of {workload} in period {t}"
