"""A plan to begin from that survives the loss of a provider or region: two places for each pool.

Each pool of a slot runs at two places that no loss takes together, one of which carries its
planned rates and the other the share that has to be kept: on one option, or on two where hardware
differs by place. That costs at most about twice the cheapest plan without the policy, and the
solver would need minutes to find as much.
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


class _Part(NamedTuple):
    """Replicas of a column on nodes of one offer."""

    usd: float
    column: int
    offer: int
    replicas: int


class _Pair(NamedTuple):
    usd: float
    parts: tuple[_Part, _Part]


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
        # Pairs carry nothing that waits, so nodes of a slot with such work cost more than theirs.
        if math.isnan(known) or (usd < known and not model.sets.backlogs):
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
        # What waits is not lost with a place.
        if not busy or sets.is_batch(pool):
            continue
        members = [
            c for c in sets.columns_of_pool[pool] if sets.columns[c].may_serve(busy, t, span)
        ]
        prices = {c: _prices(sets, c, t, span) for c in members}
        loads = {c: _highest_load(sets, c, busy, t, span) for c in members}
        pairs = [
            pair
            for c in members
            if (pair := _pair(sets, c, cases, loads[c], prices[c], (t, span))) is not None
        ]
        pairs += _mixed(sets, cases, loads, prices, (t, span))
        if not pairs:
            return None
        found.append(min(pairs))
    return found


def _highest_load(sets: Sets, c: int, busy: Sequence[int], t: int, span: Sequence[int]) -> float:
    return float(np.max(sets.columns[c].load(busy, sets.planned_rps, t)[list(span)]))


def _prices(sets: Sets, c: int, t: int, span: Sequence[int]) -> dict[int, float]:
    """Return what a node of every offer of a column costs in a slot."""
    grid, offers = sets.grid, sets.options.offers
    return {
        o: sum(usd for b in span if (usd := node_with_people_usd(grid, offers[o], t, b)))
        for o in sorted(sets.homes[c])
        if node_with_people_usd(grid, offers[o], t, span[0]) is not None
    }


def _part(sets: Sets, c: int, o: int, replicas: int, price_usd: float) -> _Part:
    size = sets.options.offers[o].accelerators_per_node
    nodes = math.ceil(replicas * sets.columns[c].accelerators / size)
    return _Part(price_usd * nodes, c, o, replicas)


def _pair(  # noqa: PLR0917
    sets: Sets,
    c: int,
    cases: Sequence[Loss],
    whole: float,
    prices: Mapping[int, float],
    slot: tuple[int, Sequence[int]],
) -> _Pair | None:
    """Return the cheapest pair of one column."""
    t, span = slot
    column, offers = sets.columns[c], sets.options.offers
    best: _Pair | None = None
    for first, second in itertools.permutations(prices, 2):
        if any({first, second} <= case.offers for case in cases):
            continue
        kept = math.ceil(sets.limits.survive_share * whole)
        lost = sets.replicas_lost(c, max(offers[o].accelerators_per_node for o in (first, second)))
        more = max(lost - kept, 0)
        count = max(math.ceil(whole) + more, column.min_replicas - kept)
        if not _is_allowed(sets, c, count + kept, t, span):
            continue
        parts = (
            _part(sets, c, first, count, prices[first]),
            _part(sets, c, second, kept, prices[second]),
        )
        pair = _Pair(parts[0].usd + parts[1].usd, parts)
        best = pair if best is None else min(best, pair)
    return best


def _mixed(
    sets: Sets,
    cases: Sequence[Loss],
    loads: Mapping[int, float],
    prices: Mapping[int, Mapping[int, float]],
    slot: tuple[int, Sequence[int]],
) -> list[_Pair]:
    """Return the cheapest pairs of two columns, each with the replicas that its nodes may lose."""
    whole: dict[frozenset[int], list[_Part]] = {}
    kept: dict[frozenset[int], list[_Part]] = {}
    for c, by_offer in prices.items():
        least = sets.columns[c].min_replicas
        for o, usd in by_offer.items():
            lost = sets.replicas_lost(c, sets.options.offers[o].accelerators_per_node)
            taken_by = frozenset(i for i, case in enumerate(cases) if o in case.offers)
            some = math.ceil(sets.limits.survive_share * loads[c])
            for parts, count in (
                (whole, max(math.ceil(loads[c]) + lost, least)),
                (kept, max(some, lost, least)),
            ):
                if _is_allowed(sets, c, count, *slot):
                    parts.setdefault(taken_by, []).append(_part(sets, c, o, count, usd))
    return [
        _Pair(first.usd + second.usd, (first, second))
        for a, all_of_it in whole.items()
        for b, some_of_it in kept.items()
        if not a & b
        for first, second in [_cheapest_of_two(all_of_it, some_of_it)]
        if first.column != second.column
    ]


def _cheapest_of_two(whole: Sequence[_Part], kept: Sequence[_Part]) -> tuple[_Part, _Part]:
    """Return the cheapest parts of two places, of different columns where that is possible."""
    first = min(whole)
    others = [part for part in kept if part.column != first.column]
    return first, min(others or kept)


def _is_allowed(sets: Sets, c: int, replicas: int, t: int, span: Sequence[int]) -> bool:
    """Say whether a column may have so many replicas in a slot."""
    last = sets.columns[c].last_replicas
    most = int(sets.n_max[c, t, span].min())
    return replicas <= most and (last is None or replicas <= last)


def _values(model: Model, pairs: Sequence[_Pair], t: int, span: Sequence[int]) -> dict[str, float]:
    sets = model.sets
    groups = places(sets.options, sets.limits)
    values: dict[str, float] = {}
    accelerators: dict[int, int] = {}
    for part in (part for pair in pairs for part in pair.parts):
        c, size = part.column, sets.columns[part.column].accelerators
        accelerators[part.offer] = accelerators.get(part.offer, 0) + part.replicas * size
        group = next(i for i, offers in enumerate(groups) if part.offer in offers)
        for b in span:
            count, placed = model.n[c, t, b].name, model.placed[c, group, t, b].name
            values[count] = values.get(count, 0.0) + part.replicas
            values[placed] = values.get(placed, 0.0) + part.replicas
            if (c, t, b) in model.y:
                values[model.y[c, t, b].name] = 1.0
    for o, count in accelerators.items():
        nodes = math.ceil(count / sets.options.offers[o].accelerators_per_node)
        for b in span:
            values[model.nodes[o, t, b].name] = float(nodes)
    return values
