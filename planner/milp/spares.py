r"""Spares: every pool keeps its planned rate after losing replicas, or whole nodes.

With idle replicas ``e[c] = n[c] - sum_w f[w,c] / mu[w,c]``, the exchange ratio
``r(d, c) = min_w mu[w,d] / mu[w,c]`` over the workloads of column c (0 when one of them cannot run
on d), and K[c] the most replicas of column c that are lost at once::

    sum_d e[d] r(d, c) >= K[c] y[c]                             for every column c of the pool

**Replicas** (``spare_replicas: k``): K[c] = k. Why this suffices. Lose k_c replicas of each column
c, with k replicas in all. Reserve the share k_c / K[c] of every idle capacity for the load that
column c displaces. One idle replica of d carries r(d, c) replicas' worth of c in any mix of
workloads, since ``sum_w x_w / mu[w,d] <= (1 / r(d,c)) sum_w x_w / mu[w,c]``. The row of c
therefore gives its share at least ``(k_c / K[c]) K[c] = k_c`` replicas' worth, and the shares of
one column's idle capacity add up to 1. A lost column's own share is idle capacity that needs no
moving.

For k = 1 and one workload it is exact: the row reads ``sum_d mu[d] n[d] - sum f >= mu[c]``, which
is the condition. For k >= 2 it is conservative where fewer than k replicas of the largest kind
run, because it replaces k of that kind. Flows to an API need no spares, and a pool entirely on
APIs uses no column and pays none.

**Nodes** (``spare_nodes: k``): the plan does not say which replica stands on which node, so the
rows hold for every way to place them. With G[c] the accelerators of the largest node that is there
and may hold replicas of c, of g[c] accelerators each::

    K[c] = k G[c] / g[c]

Why this suffices. Lose k nodes j of G_j accelerators with a_jc replicas of column c on them;
replicas fit their node, ``sum_c a_jc g[c] <= G_j``, and ``G_j <= G[c]`` where a_jc > 0. Reserve
the share ``sum_j a_jc / K[c]`` of every idle capacity for column c: that is a_jc replicas' worth
for every node, as above, and the shares add up to at most 1, since ``sum_c a_jc / K[c] <= sum_c
a_jc g[c] / (k G_j) <= 1 / k`` for each of the k nodes.

For one option on nodes of one shape it is exact: some placement has its replicas on as few nodes
as possible, so min(n, k G / g) of them are lost, and ``load <= n - k G / g`` is the condition
wherever there is load. Otherwise it is conservative: it fills the lost nodes with the worst kind
of replica and takes them to be of the largest shape that is there. Whether a shape G above the
smallest is there is a variable, ``N[o] <= most z`` for offers o of that shape, and its rows are::

    sum_d e[d] r(d, c) >= (k G / g[c]) y[c] - M (1 - z)

with M what the smallest shape needs less. With both policies K[c] is the larger of the two.

Columns whose capacities are proportional share one left-hand side, held by the variable r (idle
capacity in replicas of a reference column); with one workload that is the whole pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.model import EQ, GE, LE, Terms
from planner.milp.sets import most_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pulp
    from numpy.typing import NDArray

    from planner.milp.model import Model

    FloatArray = NDArray[np.float64]

_SAME_RATIO = 1e-12
"""Columns with capacities equal up to a factor, to this relative precision, are proportional."""
_SMALLEST_RATIO = 1e-6
"""Idle replicas worth less than a millionth of the lost one are not counted: on the safe side,
and it keeps coefficients in range."""


def add_spares(model: Model) -> None:
    """Survive any loss of replicas or nodes that is asked for: ``sum_d e[d] r(d,c) >= K[c] y[c]``.

    One row for each option and group of proportional columns, since at most one bracket of an
    option is in use: ``r >= sum_c K[c] scale[c] y[c]`` with ``r = sum_d r(d, reference) e[d]``.

    The mean row is implied for whole y and tightens the relaxation, because the largest loss
    is at least the mean one: ``sum_d mu[w,d] e[d] >= (1 / planned[w]) sum_c K[c] mu[w,c] f[w,c]``,
    with K[c] on the smallest nodes.

    Parameters
    ----------
    model
        Receives the rows; none are added when no spares are asked for.
    """
    for pool in range(len(model.sets.pools)):
        if not model.sets.has_spares(pool):
            continue
        known: dict[int, list[list[int]]] = {}
        for t, b in model.sets.slots():
            ratio = model.sets.ratio_of_pool[pool][t][b]
            if id(ratio) not in known:
                known[id(ratio)] = _proportional_groups(model, pool, ratio)
            for group in known[id(ratio)]:
                _add_group(model, pool, group, t, b)
            for w in model.sets.workloads_of_pool[pool]:
                _add_mean(model, pool, w, t, b)


def _shapes(model: Model, c: int, t: int, b: int) -> list[tuple[int, frozenset[int]]]:
    """Return the shapes of nodes that may hold a column, smallest first, with their offers."""
    by_size: dict[int, set[int]] = {}
    for o in model.sets.homes[c]:
        if (o, t, b) in model.nodes:
            size = model.sets.options.offers[o].accelerators_per_node
            by_size.setdefault(size, set()).add(o)
    return [(size, frozenset(by_size[size])) for size in sorted(by_size)]


def _least_lost(model: Model, c: int, t: int, b: int) -> int:
    """Return K[c] on the smallest nodes."""
    shapes = _shapes(model, c, t, b)
    return model.sets.replicas_lost(c, shapes[0][0] if shapes else 0)


def _proportional_groups(model: Model, pool: int, ratio: FloatArray) -> list[list[int]]:
    sets = model.sets
    groups: list[list[int]] = []
    for position, c in enumerate(sets.columns_of_pool[pool]):
        for group in groups:
            first = sets.columns_of_pool[pool].index(group[0])
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
    members, ratio = sets.columns_of_pool[pool], sets.ratio_of_pool[pool][t][b]
    reference = used[0]
    place = {c: i for i, c in enumerate(members)}
    idle = model.variable(f"r_{reference}_{t}_{b}")
    terms: Terms = {idle: -1.0}
    for c in members:
        worth = float(ratio[place[c], place[reference]])
        if (c, t, b) in model.e and worth > _SMALLEST_RATIO:
            terms[model.e[c, t, b]] = worth
    model.row(f"sparepool_{reference}_{t}_{b}", terms, EQ)
    by_option: dict[int, dict[int, float]] = {}
    for c in used:
        scale = float(ratio[place[c], place[reference]])
        by_option.setdefault(sets.columns[c].option, {})[c] = scale
    for option, scales in by_option.items():
        needed: Terms = {
            model.y[c, t, b]: -_least_lost(model, c, t, b) * scale for c, scale in scales.items()
        }
        model.row(f"spare_{reference}_{t}_{b}_{option}", needed | {idle: 1.0}, GE)
        _add_larger_shapes(model, idle, scales, (reference, t, b))


def _add_larger_shapes(
    model: Model, idle: pulp.LpVariable, scales: Mapping[int, float], place: tuple[int, int, int]
) -> None:
    """Replace what nodes of every larger shape hold, where such nodes are there.

    `scales` has the columns of one option, which share their nodes.
    """
    reference, t, b = place
    first = next(iter(scales))
    least = _least_lost(model, first, t, b)
    for size, offers in _shapes(model, first, t, b)[1:]:
        lost = model.sets.replicas_lost(first, size)
        if lost == least:
            continue
        there = _presence(model, offers, t, b)
        waived = (lost - least) * max(scales.values())
        terms: Terms = {model.y[c, t, b]: -lost * scale for c, scale in scales.items()}
        name = f"spareshape_{reference}_{t}_{b}_{model.sets.columns[first].option}_{size}"
        model.row(name, terms | {idle: 1.0, there: -waived}, GE, -waived)


def _presence(model: Model, offers: frozenset[int], t: int, b: int) -> pulp.LpVariable:
    """Return the variable that is 1 when a node of some offers is there: ``N <= most z``."""
    k = model.shapes.setdefault(offers, len(model.shapes))
    if (k, t, b) not in model.present:
        there = model.variable(f"z_{k}_{t}_{b}", 1, whole=True)
        model.present[k, t, b] = there
        for o in sorted(offers):
            terms: Terms = {model.nodes[o, t, b]: 1.0, there: -float(most_nodes(model.sets, o))}
            model.row(f"shapehere_{k}_{o}_{t}_{b}", terms, LE)
    return model.present[k, t, b]


def _add_mean(model: Model, pool: int, w: int, t: int, b: int) -> None:
    sets = model.sets
    planned_rps = float(sets.planned_rps[w, t, b])
    columns = [c for c in sets.columns_of_pool[pool] if (w, c, t, b) in model.f]
    if planned_rps <= 0 or not columns:
        return
    largest_rps = max(sets.columns[c].mu_rps[t][b][w] for c in columns)
    weight = float(sets.rate_unit_rps[w]) / planned_rps
    terms: Terms = {}
    for c in columns:
        size = sets.columns[c].mu_rps[t][b][w] / largest_rps
        terms[model.e[c, t, b]] = size
        terms[model.f[w, c, t, b]] = -weight * _least_lost(model, c, t, b) * size
    model.row(f"sparemean_{w}_{t}_{b}", terms, GE)
