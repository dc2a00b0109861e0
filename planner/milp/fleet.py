"""Constraint families of nodes: packing, starts, minimum billing, elasticity, static scaling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.milp.model import EQ, GE, LE, Priced, Terms
from planner.milp.naming import hardware_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.milp.model import Model
    from planner.options.records import NodeOffer


def add_packing(model: Model) -> None:
    """Fit replicas into whole nodes, by shape.

    A replica of g accelerators fits a node of G accelerators when g divides G. With S(g) the
    shapes that fit size g, for every union F of such sets::

        sum over options with S(g) within F of g n  <=  sum over offers with G in F of G N

    Necessary: those replicas can run nowhere else. Sufficient when the sizes that share a shape
    form a chain of divisors (powers of two), for any shapes, 6 and 12 included: then larger sizes
    have smaller S(g), the unions are the sets S(g) themselves, and filling in order of falling
    size never gets stuck, because the free space of every node in S(g) stays a multiple of g, and
    S of the sizes placed before lies within S(g), so the row of g counts all of them. Decisions
    with other sizes (2 beside 3) are packed node by node when they are checked.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for h, hardware in enumerate(hardware_of(sets)):
        offers = [o for o, offer in enumerate(sets.options.offers) if offer.hardware == hardware]
        shapes = {sets.options.offers[o].accelerators_per_node for o in offers}
        columns = [c for c in range(len(sets.columns)) if sets.option_of(c).hardware == hardware]
        fits = {
            sets.columns[c].accelerators: fitting_shapes(sets.columns[c].accelerators, shapes)
            for c in columns
        }
        for k, union in enumerate(shape_unions(fits.values())):
            inside = [c for c in columns if fits[sets.columns[c].accelerators] <= union]
            holding = [o for o in offers if sets.options.offers[o].accelerators_per_node in union]
            for t, b in sets.slots():
                terms: Terms = {
                    model.n[c, t, b]: float(sets.columns[c].accelerators)
                    for c in inside
                    if (c, t, b) in model.n
                }
                if not terms:
                    continue
                for o in holding:
                    if (o, t, b) in model.nodes:
                        size = sets.options.offers[o].accelerators_per_node
                        terms[model.nodes[o, t, b]] = -float(size)
                model.row(f"packing_{h}_{t}_{b}_{k}", terms, LE)


def fitting_shapes(accelerators: int, shapes: Iterable[int]) -> frozenset[int]:
    """Return the node shapes that hold whole replicas of a size.

    Parameters
    ----------
    accelerators
        Accelerators of a replica.
    shapes
        Accelerators of the nodes on offer.
    """
    return frozenset(shape for shape in shapes if shape % accelerators == 0)


def shape_unions(fits: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    """Return every union of sets of shapes, smallest first.

    Parameters
    ----------
    fits
        Shapes that fit each size.
    """
    unions: set[frozenset[int]] = set()
    for shapes in fits:
        unions |= {shapes | union for union in unions} | {shapes}
    return sorted(unions, key=lambda union: (len(union), sorted(union)))


def add_node_starts(model: Model) -> None:
    """Count started nodes: ``s[o,t,b] >= N[o,t,b] - N[o,t,b-1]``, the day wraps.

    Not with one block or static scaling: nodes that are there all day never start.

    Parameters
    ----------
    model
        Receives the rows.
    """
    blocks = model.sets.grid.blocks
    for (o, t, b), started in model.starts.items():
        before, now = model.nodes[o, t, (b - 1) % blocks], model.nodes[o, t, b]
        model.row(f"start_{o}_{t}_{b}", {started: 1.0, now: -1.0, before: 1.0}, GE)


def add_min_billing(model: Model) -> None:
    """Keep started nodes for the time billed: ``N[o,t,b] >= sum_{j < m} s[o,t,b-j]``.

    ``m = ceil(min_billing_h / block_h)``, at most a day. Nodes that started in the last m blocks
    are all still there. Only where the minimum is longer than a block.

    Parameters
    ----------
    model
        Receives the rows.
    """
    blocks = model.sets.grid.blocks
    for o, t, b in model.starts:
        window = billing_blocks(model.sets.options.offers[o], model.sets.grid.block_h, blocks)
        if window == 1:
            continue
        terms: Terms = {model.starts[o, t, (b - j) % blocks]: -1.0 for j in range(window)}
        model.row(f"billing_{o}_{t}_{b}", terms | {model.nodes[o, t, b]: 1.0}, GE)


def billing_blocks(offer: NodeOffer, block_h: float, blocks: int) -> int:
    """Return the blocks that a started node is billed for at least, 1 to `blocks`.

    Parameters
    ----------
    offer
        The node.
    block_h
        Hours of a block.
    blocks
        Blocks of the day.
    """
    return min(max(math.ceil(offer.min_billing_h / block_h), 1), blocks)


def add_elasticity(model: Model) -> None:
    """Bound how far an offer follows the day: ``base <= N <= base + elastic_max_nodes``.

    `base` is free and pays nothing by itself, so the rows bound the difference between the
    largest and the smallest block. Not with one block or static scaling.

    Parameters
    ----------
    model
        Receives the rows.
    """
    weights: dict[int, dict[str, float]] = {}
    for (o, t, b), nodes in model.nodes.items():
        base = model.base.get((o, t))
        if base is None:
            continue
        more = float(model.sets.options.offers[o].elastic_max_nodes)
        model.row(f"baselow_{o}_{t}_{b}", {base: 1.0, nodes: -1.0}, LE)
        model.row(f"elastic_{o}_{t}_{b}", {nodes: 1.0, base: -1.0}, LE, more)
        weights.setdefault(o, {})[f"elastic_{o}_{t}_{b}"] = 1.0
    for o, rows in weights.items():
        where = model.sets.options.offers[o].offer_id
        model.priced.append(Priced("elasticity", where, "node", rows))


def add_static_scaling(model: Model) -> None:
    """Keep the day flat: ``n[c,t,b] = n[c,t,0]`` and ``N[o,t,b] = N[o,t,0]``.

    Parameters
    ----------
    model
        Receives the rows; none are added with hourly scaling.
    """
    sets = model.sets
    if not sets.is_static:
        return
    for (c, t, b), replicas in model.n.items():
        if b > 0:
            name = f"samereplicas_{sets.columns[c].pool}_{c}_{t}_{b}"
            model.row(name, {replicas: 1.0, model.n[c, t, 0]: -1.0}, EQ)
    for (o, t, b), nodes in model.nodes.items():
        if b > 0:
            model.row(f"samenodes_{o}_{t}_{b}", {nodes: 1.0, model.nodes[o, t, 0]: -1.0}, EQ)
