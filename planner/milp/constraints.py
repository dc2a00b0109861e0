"""Constraint families of one pool: demand, capacity, and brackets of the capacity.

Every function adds one family and states it. Sources: a load is shared by the workloads of a pool
as ``sum_w f[w] / mu[w] <= n``, where mu[w] is the rate of workload w alone at which every class of
the pool meets its objectives; the extra rows for workloads smaller than a replica are coefficient
tightening (replacing mu by the smaller of the two inside the shared row would be wrong).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.model import EQ, GE, LE, Priced, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.milp.model import Model


def add_demand(model: Model) -> None:
    """Serve every planned rate: ``sum_o f[w,o,t,b] + sum_i a[w,i,t,b] + c + l = planned[w,t,b]``.

    ``j[w,t,b]`` goes through a chain of answers (:mod:`planner.milp.escalation`). On the right
    stands ``d[w,t,b]`` for work that can wait: when it is served is a decision. ``l[w,t,b]`` stays
    unserved; only workloads with a price for it have that variable. Rows are in the rate unit of
    the workload. A workload that nothing can serve gives the row ``0 = planned``, which makes the
    program infeasible, as it should be.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    served = _ways_to_serve(model)
    for w, rates in enumerate(sets.demand.workloads):
        if rates.chain is not None:
            continue
        unit_rps, peak_rps = float(sets.rate_unit_rps[w]), float(sets.planned_rps[w].max())
        weights: dict[str, float] = {}
        for t, b in sets.slots():
            planned_rps = float(sets.planned_rps[w, t, b])
            if planned_rps <= 0:
                continue
            name = f"demand_{w}_{t}_{b}"
            moved = model.served.get((w, t, b))
            if moved is not None:
                model.row(name, served.get((w, t, b), {}) | {moved: -1.0}, EQ)
                continue
            model.row(name, served.get((w, t, b), {}), EQ, planned_rps / unit_rps)
            weights[name] = planned_rps / peak_rps / unit_rps
        if weights:
            what = Priced("demand", rates.workload, "requests/s at the peak", weights)
            model.priced.append(what)


def _ways_to_serve(model: Model) -> dict[tuple[int, int, int], Terms]:
    """Return what a planned rate is made of, by workload, period and block."""
    sets = model.sets
    served: dict[tuple[int, int, int], Terms] = {}
    for (w, _, t, b), flow in model.f.items():
        served.setdefault((w, t, b), {})[flow] = 1.0
    position = {rates.workload: w for w, rates in enumerate(sets.demand.workloads)}
    for (i, t, b), flow in model.a.items():
        served.setdefault((position[sets.options.api[i].workload], t, b), {})[flow] = 1.0
    for place, other in (*model.chained.items(), *model.unserved.items()):
        served.setdefault(place, {})[other] = 1.0
    return served


def add_capacity(model: Model) -> None:
    """Carry no more than the replicas can: ``sum_w f[w,c] / mu[w,c] <= n[c]``.

    With spares the row holds the idle replicas as a variable of their own, because the spare
    rows need them: ``sum_w f[w,c] / mu[w,c] + e[c] = n[c]``. Batch replicas lose a share k of the
    block in which they start, and of the one with which they end:
    ``sum_w f[w,c] / mu[w,c] <= n[c] - k (x[c] + g[c])``.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for (c, t, b), replicas in model.n.items():
        terms: Terms = {replicas: -1.0}
        for w, mu_rps in sets.columns[c].mu_rps[t][b].items():
            flow = model.f.get((w, c, t, b))
            if flow is not None:
                terms[flow] = float(sets.rate_unit_rps[w]) / mu_rps
        idle = model.e.get((c, t, b))
        if idle is not None:
            terms[idle] = 1.0
        if (c, t, b) in model.begun:
            terms[model.begun[c, t, b]] = sets.changeover_blocks
            terms[model.ended[c, t, b]] = sets.changeover_blocks
        name = f"capacity_{sets.columns[c].pool}_{c}_{t}_{b}"
        model.row(name, terms, LE if idle is None else EQ)


def add_tightening(model: Model) -> None:
    """Need a whole replica for a part of one: ``f[w,c] <= planned[w] * n[c]``.

    Added where a replica carries more than the planned rate and the column has no binary
    variable; with one, ``f <= planned * y`` of the brackets is stronger. No integer solution is
    cut off: one replica is enough for the whole planned rate.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for (w, c, t, b), flow in model.f.items():
        planned_rps = float(sets.planned_rps[w, t, b])
        if (c, t, b) in model.y or sets.columns[c].mu_rps[t][b][w] <= planned_rps:
            continue
        share = planned_rps / float(sets.rate_unit_rps[w])
        model.row(f"tighten_{w}_{c}_{t}_{b}", {flow: 1.0, model.n[c, t, b]: -share}, LE)


def add_brackets(model: Model) -> None:
    """Claim the capacity of R replicas only with R replicas.

    For every column with a binary variable::

        R_k y[c] <= n[c] <= min(R_{k+1} - 1, n_max[c]) y[c]
        f[w,c] <= planned[w] y[c]
        sum_k y[c] <= 1                                       (columns of one option)

    The flow rows follow from the others for whole y and keep the relaxation from using the
    capacity of 32 replicas with a tenth of a bracket.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for (c, t, b), used in model.y.items():
        column = sets.columns[c]
        replicas, index = model.n[c, t, b], f"{column.pool}_{c}_{t}_{b}"
        model.row(f"bracketlow_{index}", {replicas: 1.0, used: -column.min_replicas}, GE)
        most = float(sets.n_max[c, t, b])
        model.row(f"brackethigh_{index}", {replicas: 1.0, used: -most}, LE)
    for (w, c, t, b), flow in model.f.items():
        if (c, t, b) in model.y:
            share = float(sets.planned_rps[w, t, b] / sets.rate_unit_rps[w])
            model.row(f"bracketflow_{w}_{c}_{t}_{b}", {flow: 1.0, model.y[c, t, b]: -share}, LE)
    for t, b in sets.slots():
        for members in option_columns(model, t, b):
            terms = {model.y[c, t, b]: 1.0 for c in members if (c, t, b) in model.y}
            if len(terms) > 1:
                index = f"{sets.columns[members[0]].pool}_{members[0]}_{t}_{b}"
                model.row(f"bracketone_{index}", terms, LE, 1.0)


def option_columns(model: Model, t: int, b: int) -> Iterator[list[int]]:
    """Yield the columns with variables in a block, grouped by pool and option.

    Parameters
    ----------
    model
        The model.
    t, b
        Positions of the period and the block.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for c, column in enumerate(model.sets.columns):
        if (c, t, b) in model.n:
            groups.setdefault((column.pool, column.option), []).append(c)
    yield from groups.values()
