"""A plan to begin from: slots that were solved alone, a simple choice for the others, repairs.

The simple choice serves each pool of a slot with one option, the cheapest by accelerator price, or
with tokens alone where those cost less; workloads without a common option choose one by one. Nodes
are then raised until the rules that couple blocks hold: elasticity and minimum billing. Nothing
here has to be good, and quotas or caps may still refuse it; it saves the solver the search for a
first plan, which takes it minutes where the day has many blocks.

Nodes that are taken on for a term couple all blocks of their periods, and so does work that waits.
With them the fleet of the chosen replicas is solved for itself, with what runs as a batch: a small
program, as the other replicas are fixed.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.milp.api_limits import exceeded_by
from planner.milp.average_quality import falls_short
from planner.milp.costs import api_usd_per_planned_rps, node_with_people_usd, starts, still_billed
from planner.milp.fleet import billing_blocks
from planner.milp.highs import solve_arrays
from planner.milp.slots import kinds_of
from planner.milp.start_batch import leave_time_for_changeovers
from planner.milp.start_pairs import use_pairs
from planner.milp.turn_room import make_room
from planner.milp.unserved import unserved_usd_per_planned_rps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.milp.bridge import Arrays
    from planner.milp.model import Model
    from planner.milp.records import SolverSettings
    from planner.milp.sets import Sets

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


_CHOSEN = ("n", "y", "u", "v")
"""Kinds of variables that a fleet is found for."""
_GAP_SHARE = 0.5


class _Choice(NamedTuple):
    usd: float
    column: int
    replicas: int


def complete_start(model: Model, arrays: Arrays, values: FloatArray) -> FloatArray:
    """Return values of the integer columns to begin from.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    values
        By column, from slots that were solved; NaN in the columns of the others.
    """
    place = {name: i for i, name in enumerate(arrays.column_names)}
    sets = model.sets
    if sets.limits.survive_loss_of is not None:
        values = values.copy()
        use_pairs(model, arrays, values, list(slot_blocks(sets)))
    start = np.where(np.isnan(values), 0.0, values)
    unknown = {
        (sets.columns[c].pool, t, b)
        for (c, t, b), variable in model.n.items()
        if math.isnan(values[place[variable.name]])
    }
    for t, span in slot_blocks(sets):
        pools = {pool for b in span for pool in range(len(sets.pools)) if (pool, t, b) in unknown}
        if pools:
            _fill(model, place, start, (t, span), pools)
    _rent(model, place, start, values)
    leave_time_for_changeovers(model, place, start)
    for o, offer in enumerate(sets.options.offers):
        if offer.is_committed:
            continue
        for t in range(sets.grid.periods):
            if (o, t, 0) in model.nodes:
                row = [place[model.nodes[o, t, b].name] for b in range(sets.grid.blocks)]
                start[row] = _repaired(sets, o, np.rint(start[row]).astype(np.int64))
    make_room(model, place, start)
    _set_indicators(model, place, start)
    return start


def _set_indicators(model: Model, place: Mapping[str, int], start: FloatArray) -> None:
    """Say which shapes of nodes are there, and that any model and hardware may be used."""
    for (k, t, b), there in model.present.items():
        offers = next(group for group, number in model.shapes.items() if number == k)
        columns = [place[model.nodes[o, t, b].name] for o in offers]
        start[place[there.name]] = float(start[columns].max() > 0)
    used = [i for name, i in place.items() if name.split("_")[0] in {"u", "v"}]
    start[used] = 1.0


def with_fleet(
    model: Model, arrays: Arrays, start: FloatArray, limit_s: float, settings: SolverSettings
) -> FloatArray:
    """Return a start with the cheapest fleet for its replicas, itself when there is none.

    What waits may run on other batch replicas than those of the start.

    Parameters
    ----------
    model
        Variables by index.
    arrays
        The program.
    start
        Values to begin from.
    limit_s
        Seconds, twice when something waits.
    settings
        Gap, seed and threads of the whole solve.
    """
    sets = model.sets
    batch = {v.name for (c, _, _), v in model.n.items() if sets.is_batch(sets.columns[c].pool)}
    waits = np.array([name in batch for name in arrays.column_names], dtype=bool)
    chosen = held_kinds(arrays)
    asked = replace(settings, time_limit_s=limit_s, gap=settings.gap * _GAP_SHARE, log=False)
    values = None
    if model.turn_groups:
        # Nodes may give way to new ones too: those of the start are choice enough.
        values = solve_arrays(
            held_to(arrays, start, chosen | _unused(model, arrays, start)), asked
        ).values
    if values is None:
        values = solve_arrays(held_to(arrays, start, chosen), asked).values
    if batch:
        # Batch replicas that suit the fleet are another choice; those of the slots are a start.
        freed = held_to(arrays, start, chosen & ~waits)
        better = solve_arrays(freed, asked, values).values
        values = values if better is None else better
    return start if values is None else values


def held_kinds(arrays: Arrays) -> NDArray[np.bool_]:
    """Return which columns are replicas and what goes with them, for which a fleet is found.

    Parameters
    ----------
    arrays
        The program.
    """
    return np.isin(kinds_of(arrays), _CHOSEN) & arrays.integer


def _unused(model: Model, arrays: Arrays, start: FloatArray) -> NDArray[np.bool_]:
    """Say which columns are rented nodes of offers that a start does not use in their period."""
    place = {name: i for i, name in enumerate(arrays.column_names)}
    used = {(o, t) for (o, t, _), x in model.nodes.items() if start[place[x.name]] > 0}
    unused = np.zeros(arrays.cost.size, dtype=bool)
    for kinds in (model.nodes, model.starts):
        for (o, t, _), variable in kinds.items():
            if (o, t) not in used and not model.sets.options.offers[o].is_committed:
                unused[place[variable.name]] = True
    return unused


def held_to(arrays: Arrays, start: FloatArray, chosen: NDArray[np.bool_]) -> Arrays:
    """Return the program with some columns as they are in a start.

    Parameters
    ----------
    arrays, start
        The program, and values by column.
    chosen
        The columns.
    """
    whole = np.rint(start)
    return replace(
        arrays,
        lower=np.where(chosen, whole, arrays.lower),
        upper=np.where(chosen, whole, arrays.upper),
    )


def slot_blocks(sets: Sets) -> Iterator[tuple[int, list[int]]]:
    """Yield the blocks that must change together, with their period.

    Parameters
    ----------
    sets
        Index sets and data.
    """
    blocks = list(range(sets.grid.blocks))
    for t in range(sets.grid.periods):
        yield from [(t, blocks)] if sets.is_static else [(t, [b]) for b in blocks]


def _fill(
    model: Model,
    place: dict[str, int],
    start: FloatArray,
    slot: tuple[int, Sequence[int]],
    pools: Collection[int],
) -> None:
    """Serve pools of a slot by a simple choice; what else is there stays."""
    sets, (t, span) = model.sets, slot
    offers = _offers_by_price(sets, t, span)
    for pool, workloads in enumerate(sets.workloads_of_pool):
        if pool not in pools:
            continue
        # What waits is placed when the fleet is known: its rate here is an upper limit. Nothing
        # has to go through a chain.
        busy = [
            w
            for w in workloads
            if w not in sets.by_choice and sets.planned_rps[w, t, span].max() > 0
        ]
        for choice in _choices(sets, offers, pool, busy, slot):
            for b in span:
                key = (choice.column, t, b)
                start[place[model.n[key].name]] += choice.replicas
                if key in model.y:
                    start[place[model.y[key].name]] = 1.0


def _rent(model: Model, place: Mapping[str, int], start: FloatArray, values: FloatArray) -> None:
    """Rent nodes for the replicas of slots whose nodes are not known, each at the least."""
    sets = model.sets
    unknown = {(t, b) for (_, t, b), x in model.nodes.items() if math.isnan(values[place[x.name]])}
    for t, span in slot_blocks(sets):
        if (t, span[0]) not in unknown:
            continue
        offers = _offers_by_price(sets, t, span)
        accelerators: Counter[tuple[int, int]] = Counter()
        for c, column in enumerate(sets.columns):
            home = next((o for _, o in offers if o in sets.homes[c]), None)
            for b in span:
                replicas = model.n.get((c, t, b))
                if home is not None and replicas is not None:
                    held = round(start[place[replicas.name]]) * column.accelerators
                    accelerators[home, b] += held
        for o in {o for o, b in accelerators}:
            most = max(accelerators[o, b] for b in span)
            nodes = math.ceil(most / sets.options.offers[o].accelerators_per_node)
            for b in span if most else ():
                start[place[model.nodes[o, t, b].name]] = nodes


def _choices(
    sets: Sets,
    offers: Sequence[tuple[float, int]],
    pool: int,
    workloads: Sequence[int],
    slot: tuple[int, Sequence[int]],
) -> list[_Choice]:
    """Return the column that serves all workloads, or one for each where there is none."""
    together = _best(sets, offers, pool, workloads, slot)
    if together is not None:
        return [together]
    alone = (_best(sets, offers, pool, [w], slot) for w in workloads)
    return [choice for choice in alone if choice is not None]


def _best(
    sets: Sets,
    offers: Sequence[tuple[float, int]],
    pool: int,
    workloads: Sequence[int],
    slot: tuple[int, Sequence[int]],
) -> _Choice | None:
    """Return the cheapest column for some workloads; ``None`` when less costs less.

    That is tokens, or the price of requests that stay unserved.
    """
    t, span = slot
    choices = []
    for c in sets.columns_of_pool[pool]:
        column = sets.columns[c]
        if not workloads or not column.may_serve(workloads, t, span):
            continue
        if any(_falls_short(sets, c, w) for w in workloads):
            continue
        load = column.load(workloads, sets.planned_rps, t)[list(span)]
        cheapest = next(((usd, o) for usd, o in offers if o in sets.homes[c]), None)
        if cheapest is None:
            continue
        usd, offer = cheapest
        size = sets.options.offers[offer].accelerators_per_node
        needed = math.ceil(float(np.max(load))) + sets.replicas_lost(c, size)
        replicas = max(needed, column.min_replicas)
        if replicas <= int(sets.n_max[c, t, span].min()):
            total_usd = usd * column.accelerators * replicas * len(span)
            choices.append(_Choice(total_usd, c, replicas))
    best = min(choices, default=None)
    tokens_usd = sum(_tokens_usd(sets, w, t, span) for w in workloads)
    return best if best is not None and best.usd < tokens_usd else None


def _falls_short(sets: Sets, c: int, w: int) -> bool:
    if not sets.limits.average_quality:
        return False
    key = (sets.demand.workloads[w].workload, sets.option_of(c).id)
    found = next(x for x in sets.options.capacities if (x.workload, x.option_id) == key)
    return falls_short(sets.limits, key[0], found.averaged)


def _offers_by_price(sets: Sets, t: int, span: Sequence[int]) -> list[tuple[float, int]]:
    """Return cost by accelerator and first block, and position, of offers, cheapest first."""
    found = []
    for o, offer in enumerate(sets.options.offers):
        usd = node_with_people_usd(sets.grid, offer, t, span[0])
        there = all(offer.is_there(b, sets.grid.blocks_per_day) for b in span)
        if usd is not None and there:
            found.append((usd / offer.accelerators_per_node, o))
    return sorted(found)


def _tokens_usd(sets: Sets, w: int, t: int, span: Sequence[int]) -> float:
    name = sets.demand.workloads[w].workload
    most_rps = float(sets.actual_rps[w, t, span].max())
    costs = [
        float((api_usd_per_planned_rps(sets.demand, api, t) * sets.actual_rps[w, t])[span].sum())
        for api in sets.options.api
        if api.workload == name
        and not api.units_id
        and exceeded_by(sets.limits, api, most_rps, t) is None
        and not falls_short(sets.limits, name, api.averaged)
    ]
    for priced, usd_per_request in sets.limits.unserved_usd_per_request:
        if priced == name:
            usd = unserved_usd_per_planned_rps(sets.demand, name, usd_per_request)[t]
            costs.append(float((usd * sets.actual_rps[w, t])[span].sum()))
    return min(costs, default=math.inf)


def _repaired(sets: Sets, o: int, nodes: IntArray) -> IntArray:
    """Raise the nodes of a day until elasticity and minimum billing hold."""
    if sets.is_static or nodes.size == 1:
        return nodes
    offer = sets.options.offers[o]
    day = sets.grid.blocks_per_day
    window = billing_blocks(offer, sets.grid.block_h, day)
    while True:
        billed = still_billed(starts(nodes, day), window, day)
        least = np.maximum(nodes, nodes.max() - offer.elastic_max_nodes)
        raised = np.maximum(least, billed) if window > 1 else least
        if np.array_equal(raised, nodes):
            return nodes
        nodes = raised
