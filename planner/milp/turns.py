r"""Constraint families of the turn of a block: models load before those they replace end.

A replica that begins with a block loads its model in the block before, so it needs accelerators
that are free by then: idle ones, those that batch replicas give back, or those of nodes that start
(their start-up time is paid). With the kinds k of :mod:`planner.milp.turn_sets`, the replicas that
load ``i[k,b] >= n[k,b] - n[k,b-1]`` (n summed over the columns of a kind), and the batch replicas
m, for every set F of offers as in packing::

    sum_k g (n[k,b-1] + i[k,b]) + sum_m g min(n[m,b-1], n[m,b])
        <=  sum over F of G (N[o,b-1] + s[o,b])

The left side is ``max(n[k,b-1], n[k,b])`` of every kind: at the turn both blocks' replicas stand
side by side, those that end on nodes that end first. Batch replicas are counted together, as they
are in the block with fewer of them, which a binary variable chooses; each loses its change-over in
that block or the one before, so those that come or go take nothing at the turn.

Rented nodes may give way to new ones of the same offer, ``s[o,b] > N[o,b] - N[o,b-1]``: that costs
one start, not a block. Those that start stay, ``s[o,b] <= N[o,b]``, and until the others end all
of them are there, which the elasticity of the offer and quotas (:mod:`planner.milp.caps`) allow or
not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.milp.model import GE, LE, Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulp

    from planner.milp.model import Model
    from planner.milp.turn_sets import TurnGroup


def add_turns(model: Model) -> None:
    """Load models before the block in which they serve.

    Parameters
    ----------
    model
        Receives the variables and rows; none are added where no model can change.
    """
    for group in model.turn_groups:
        for t, b in model.sets.slots():
            _add_turn(model, group, t, b)
    changing = model.changing_offers
    for (o, t, b), started in model.starts.items():
        if o not in changing:
            continue
        before = model.nodes[o, t, model.sets.grid.before(b)]
        model.row(f"turnstay_{o}_{t}_{b}", {started: 1.0, model.nodes[o, t, b]: -1.0}, LE)
        more = float(model.sets.options.offers[o].elastic_max_nodes)
        terms: Terms = {before: 1.0, started: 1.0, model.base[o, t]: -1.0}
        model.row(f"turnelastic_{o}_{t}_{b}", terms, LE, more)


def _add_turn(model: Model, group: TurnGroup, t: int, b: int) -> None:
    """Have room for what ends and what begins at one turn."""
    sets, earlier = model.sets, model.sets.grid.before(b)
    terms: Terms = {}
    for kind in group.kinds:
        size = float(sets.columns[kind[0]].accelerators)
        now = {model.n[c, t, b]: -1.0 for c in kind if (c, t, b) in model.n}
        then = {model.n[c, t, earlier]: 1.0 for c in kind if (c, t, earlier) in model.n}
        terms |= dict.fromkeys(then, size)
        if now:
            terms[_loading(model, kind, (t, b), now | then)] = size
    for o in sorted(group.offers):
        offer = sets.options.offers[o]
        size = -float(offer.accelerators_per_node)
        if (o, t, earlier) in model.nodes:
            terms[model.nodes[o, t, earlier]] = size
        elif (o, t, b) in model.nodes:  # nodes of some hours of the day begin with the block
            terms[model.nodes[o, t, b]] = size
        if (o, t, b) in model.starts:
            terms[model.starts[o, t, b]] = size
    place = f"{group.hardware}_{group.position}_{t}_{b}"
    batch = [_accelerators(model, group.batch, (t, block)) for block in (earlier, b)]
    most = [sum(size * (x.upBound or 0.0) for x, size in part.items()) for part in batch]
    if not all(batch):
        model.row(f"turn_{place}", terms, LE)
        return
    fewer_after = model.variable(f"gives_{place}", 1, whole=True)
    model.row(f"turnbefore_{place}", terms | batch[0] | {fewer_after: -most[0]}, LE)
    model.row(f"turnafter_{place}", terms | batch[1] | {fewer_after: most[1]}, LE, most[1])


def _loading(
    model: Model, kind: tuple[int, ...], slot: tuple[int, int], change: Terms
) -> pulp.LpVariable:
    """Return the replicas of a kind that load before a block: ``i >= n[b] - n[b-1]``."""
    key = (kind, *slot)
    if key not in model.loading:
        index = f"{kind[0]}_{slot[0]}_{slot[1]}"
        model.loading[key] = model.variable(f"loads_{index}")
        model.row(f"loading_{index}", change | {model.loading[key]: 1.0}, GE)
    return model.loading[key]


def _accelerators(model: Model, columns: Sequence[int], slot: tuple[int, int]) -> Terms:
    """Return the accelerators of batch replicas in a block."""
    return {
        model.n[c, *slot]: float(model.sets.columns[c].accelerators)
        for c in columns
        if (c, *slot) in model.n
    }
