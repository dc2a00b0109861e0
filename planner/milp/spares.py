r"""Spare replicas: every pool keeps its planned rate after losing its k largest replicas.

With idle replicas ``e[c] = n[c] - sum_w f[w,c] / mu[w,c]`` and the exchange ratio
``r(d, c) = min_w mu[w,d] / mu[w,c]`` over the workloads of column c (0 when one of them cannot run
on d)::

    sum_d e[d] r(d, c) >= k y[c]                                for every column c of the pool

Why this suffices. Lose k_c replicas of each column c, with k replicas in all. Reserve the share
k_c / k of every idle capacity for the load that column c displaces. One idle replica of d carries
r(d, c) replicas' worth of c in any mix of workloads, since
``sum_w x_w / mu[w,d] <= (1 / r(d,c)) sum_w x_w / mu[w,c]``. The row of c therefore gives its
share at least ``(k_c / k) k = k_c`` replicas' worth, and the shares of one column's idle capacity
add up to 1. A lost column's own share is idle capacity that needs no moving.

For k = 1 and one workload it is exact: the row reads ``sum_d mu[d] n[d] - sum f >= mu[c]``, which
is the condition. For k >= 2 it is conservative where fewer than k replicas of the largest kind
run, because it replaces k of that kind. Flows to an API need no spares, and a pool entirely on
APIs uses no column and pays none.

Columns whose capacities are proportional share one left-hand side, held by the variable r (idle
capacity in replicas of a reference column); with one workload that is the whole pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.model import EQ, GE, Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.milp.model import Model

_SAME_RATIO = 1e-12
"""Columns with capacities equal up to a factor, to this relative precision, are proportional."""
_SMALLEST_RATIO = 1e-6
"""Idle replicas worth less than a millionth of the lost one are not counted: on the safe side,
and it keeps coefficients in range."""


def add_spares(model: Model) -> None:
    """Survive the loss of the k largest replicas: ``sum_d e[d] r(d,c) >= k y[c]``.

    One row for each option and group of proportional columns, since at most one bracket of an
    option is in use: ``r >= k sum_c scale[c] y[c]`` with ``r = sum_d r(d, reference) e[d]``.

    The mean row is implied for whole y and tightens the relaxation, because the largest capacity
    in use is at least the mean one: ``sum_d mu[w,d] e[d] >= (k / planned[w]) sum_c mu[w,c]
    f[w,c]``.

    Parameters
    ----------
    model
        Receives the rows; none are added when no spares are asked for.
    """
    for pool in range(len(model.sets.pools)):
        if model.sets.spare_replicas(pool) == 0:
            continue
        groups = _proportional_groups(model, pool)
        for t, b in model.sets.slots():
            for group in groups:
                _add_group(model, pool, group, t, b)
            for w in model.sets.workloads_of_pool[pool]:
                _add_mean(model, pool, w, t, b)


def _proportional_groups(model: Model, pool: int) -> list[list[int]]:
    sets = model.sets
    groups: list[list[int]] = []
    for position, c in enumerate(sets.columns_of_pool[pool]):
        for group in groups:
            first = sets.columns_of_pool[pool].index(group[0])
            ratio = sets.ratio_of_pool[pool]
            product = ratio[position, first] * ratio[first, position]
            if abs(product - 1.0) <= _SAME_RATIO:
                group.append(c)
                break
        else:
            groups.append([c])
    return groups


def _add_group(model: Model, pool: int, group: Sequence[int], t: int, b: int) -> None:
    sets = model.sets
    used = [c for c in group if (c, t, b) in model.y]
    if not used:
        return
    members, ratio = sets.columns_of_pool[pool], sets.ratio_of_pool[pool]
    reference = used[0]
    place = {c: i for i, c in enumerate(members)}
    idle = model.variable(f"r_{reference}_{t}_{b}")
    terms: Terms = {idle: -1.0}
    for c in members:
        worth = float(ratio[place[c], place[reference]])
        if (c, t, b) in model.e and worth > _SMALLEST_RATIO:
            terms[model.e[c, t, b]] = worth
    model.row(f"sparepool_{reference}_{t}_{b}", terms, EQ)
    by_option: dict[int, Terms] = {}
    for c in used:
        scale = float(ratio[place[c], place[reference]])
        by_option.setdefault(sets.columns[c].option, {})[model.y[c, t, b]] = scale
    spare_replicas = sets.spare_replicas(pool)
    for option, in_use in by_option.items():
        needed: Terms = {y: -spare_replicas * scale for y, scale in in_use.items()}
        model.row(f"spare_{reference}_{t}_{b}_{option}", needed | {idle: 1.0}, GE)


def _add_mean(model: Model, pool: int, w: int, t: int, b: int) -> None:
    sets = model.sets
    planned_rps = float(sets.planned_rps[w, t, b])
    columns = [c for c in sets.columns_of_pool[pool] if (w, c, t, b) in model.f]
    if planned_rps <= 0 or not columns:
        return
    largest_rps = max(sets.columns[c].mu_rps[w] for c in columns)
    weight = sets.spare_replicas(pool) * float(sets.rate_unit_rps[w]) / planned_rps
    terms: Terms = {}
    for c in columns:
        size = sets.columns[c].mu_rps[w] / largest_rps
        terms[model.e[c, t, b]] = size
        terms[model.f[w, c, t, b]] = -weight * size
    model.row(f"sparemean_{w}_{t}_{b}", terms, GE)
