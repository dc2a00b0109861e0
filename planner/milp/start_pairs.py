"""A plan to begin from that survives the loss of a provider or region: two places for each pool.

Each pool of a slot runs on one option at two places that no loss takes together, one of which
carries its planned rates and the other the share that has to be kept. That costs at most about
twice the cheapest plan without the policy, and the solver would need minutes to find as much.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.milp.costs import node_with_people_usd
from planner.milp.domains import losses, places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.domains import Loss
    from planner.milp.model import Model
    from planner.milp.sets import Sets

    FloatArray = NDArray[np.float64]


class _Pair(NamedTuple):
    usd: float
    column: int
    offers: tuple[int, int]
    replicas: tuple[int, int]


def use_pairs(
    model: Model, arrays: Arrays, start: FloatArray, slots: Sequence[tuple[int, list[int]]]
) -> None:
    """Put pairs of places into the slots of a start where they cost less.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    start
        Values by column; NaN where a slot has no plan. Changed in place.
    slots
        Period and blocks that change together.
    """
    place = {name: i for i, name in enumerate(arrays.column_names)}
    for t, span in slots:
        now = _columns(model, place, t, span)
        pairs = _pairs(model.sets, t, span)
        if pairs is None:
            continue
        values = _values(model, pairs, t, span)
        usd = sum(float(arrays.cost[place[name]]) * x for name, x in values.items())
        known = float(arrays.cost[now] @ start[now])
        if math.isnan(known) or usd < known:
            start[now] = 0.0
            for name, x in values.items():
                start[place[name]] = x


def _columns(model: Model, place: Mapping[str, int], t: int, span: Sequence[int]) -> list[int]:
    """Return the columns of a slot that a pair decides on, and the rates of what it has not."""
    kinds = (model.n, model.y, model.nodes, model.placed, model.a, model.unserved)
    return [
        place[variable.name]
        for variables in kinds
        for index, variable in variables.items()
        if index[-2] == t and index[-1] in span
    ]


def _pairs(sets: Sets, t: int, span: Sequence[int]) -> list[_Pair] | None:
    """Return the cheapest pair of every pool with demand, ``None`` when one has none."""
    found = []
    cases = losses(sets.options, sets.limits)
    for pool, workloads in enumerate(sets.workloads_of_pool):
        busy = [w for w in workloads if sets.planned_rps[w, t, span].max() > 0]
        if not busy:
            continue
        pairs = [
            pair
            for c in sets.columns_of_pool[pool]
            if sets.columns[c].may_serve(busy, t, span)
            and (pair := _pair(sets, c, cases, busy, (t, span))) is not None
        ]
        if not pairs:
            return None
        found.append(min(pairs))
    return found


def _pair(
    sets: Sets,
    c: int,
    cases: Sequence[Loss],
    workloads: Sequence[int],
    slot: tuple[int, Sequence[int]],
) -> _Pair | None:
    t, span = slot
    column, offers = sets.columns[c], sets.options.offers
    load = column.load(workloads, sets.planned_rps, t)[list(span)]
    whole = float(np.max(load))
    prices = {
        o: sum(usd for b in span if (usd := node_with_people_usd(sets.grid, offers[o], t, b)))
        for o in sets.homes[c]
        if node_with_people_usd(sets.grid, offers[o], t, span[0]) is not None
    }
    best: _Pair | None = None
    for first, second in itertools.permutations(sorted(prices), 2):
        if any({first, second} <= case.offers for case in cases):
            continue
        sizes = [offers[o].accelerators_per_node for o in (first, second)]
        kept = math.ceil(sets.limits.survive_share * whole)
        lost = sets.replicas_lost(c, max(sizes))
        more = max(lost - kept, 0)
        replicas = (max(math.ceil(whole) + more, column.min_replicas - kept), kept)
        total = sum(replicas)
        last = column.last_replicas
        if total > int(sets.n_max[c, t, span].min()) or (last is not None and total > last):
            continue
        usd = sum(
            prices[o] * math.ceil(n * column.accelerators / size)
            for o, n, size in zip((first, second), replicas, sizes, strict=True)
        )
        pair = _Pair(usd, c, (first, second), replicas)
        best = pair if best is None else min(best, pair)
    return best


def _values(model: Model, pairs: Sequence[_Pair], t: int, span: Sequence[int]) -> dict[str, float]:
    sets = model.sets
    groups = places(sets.options, sets.limits)
    values: dict[str, float] = {}
    accelerators: dict[int, int] = {}
    for pair in pairs:
        size = sets.columns[pair.column].accelerators
        for o, count in zip(pair.offers, pair.replicas, strict=True):
            accelerators[o] = accelerators.get(o, 0) + count * size
        for b in span:
            key = (pair.column, t, b)
            values[model.n[key].name] = float(sum(pair.replicas))
            if key in model.y:
                values[model.y[key].name] = 1.0
            for o, count in zip(pair.offers, pair.replicas, strict=True):
                a = next(i for i, group in enumerate(groups) if o in group)
                values[model.placed[pair.column, a, t, b].name] = float(count)
    for o, count in accelerators.items():
        nodes = math.ceil(count / sets.options.offers[o].accelerators_per_node)
        for b in span:
            values[model.nodes[o, t, b].name] = float(nodes)
    return values
