"""Cost of using a model at all: fine-tuning once, evaluation in every period.

``M[i,t]`` is 1 when the model of cost i is used in period t, in replicas (idle spares too) or in
tokens; ``F[i,t]`` is 1 when it is paid for the first time. Both are linked by flow, as caps are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.constraints import option_columns
from planner.milp.model import LE, Terms

if TYPE_CHECKING:
    from planner.milp.model import Model


def add_model_costs(model: Model) -> None:
    """Pay for models that are used: ``flows <= planned M[i,t]`` and ``M[i,t] <= sum F[i,s<=t]``.

    Parameters
    ----------
    model
        Receives the rows; none are added without such costs.
    """
    sets = model.sets
    for i, cost in enumerate(sets.options.model_costs):
        for t in range(sets.grid.periods):
            used = model.variable(f"M_{i}_{t}", 1, whole=True)
            model.used[i, t] = used
            model.first[i, t] = model.variable(f"F_{i}_{t}", 1, whole=True)
            _link(model, i, cost.model, t)
            terms: Terms = {model.first[i, s]: -1.0 for s in range(t + 1)}
            model.row(f"firstused_{i}_{t}", terms | {used: 1.0}, LE)


def _link(model: Model, i: int, name: str, t: int) -> None:
    sets, used = model.sets, model.used[i, t]
    for (w, b), terms in _flows(model, name, t).items():
        share = float(sets.planned_rps[w, t, b] / sets.rate_unit_rps[w])
        model.row(f"costflow_{i}_{w}_{t}_{b}", terms | {used: -share}, LE)
    for b in range(sets.grid.blocks):
        for members in option_columns(model, t, b):
            first = members[0]
            if sets.option_of(first).model != name:
                continue
            binary = [model.y[c, t, b] for c in members if (c, t, b) in model.y]
            most = 1.0 if binary else float(sets.n_max[first, t, b])
            held: Terms = dict.fromkeys(binary, 1.0) or {model.n[first, t, b]: 1.0}
            model.row(f"costreplicas_{i}_{first}_{t}_{b}", held | {used: -most}, LE)


def _flows(model: Model, name: str, t: int) -> dict[tuple[int, int], Terms]:
    """Return the flows of each workload and block on a model, tokens included."""
    sets = model.sets
    flows: dict[tuple[int, int], Terms] = {}
    for (w, c, t2, b), flow in model.f.items():
        if t2 == t and sets.option_of(c).model == name:
            flows.setdefault((w, b), {})[flow] = 1.0
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for (k, t2, b), flow in model.a.items():
        api = sets.options.api[k]
        if t2 == t and api.model == name:
            flows.setdefault((position[api.workload], b), {})[flow] = 1.0
    return flows
