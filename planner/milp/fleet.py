"""Constraint families of nodes: packing, builds, starts, minimum billing, elasticity, static."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.milp.homes import unions
from planner.milp.model import EQ, GE, LE, Priced, Terms
from planner.milp.naming import hardware_of

if TYPE_CHECKING:
    from planner.milp.model import Model
    from planner.options.records import NodeOffer


def add_packing(model: Model) -> None:
    """Fit replicas into whole nodes of offers that may hold them.

    A replica of g accelerators fits a node of G accelerators when g divides G and the residency
    of its pool allows the offer. With S(c) the offers that may hold column c, for every union F
    of such sets::

        sum over columns with S(c) within F of g n  <=  sum over offers in F of G N

    Necessary: those replicas can run nowhere else. Sufficient when every offer is allowed and the
    sizes that share a shape form a chain of divisors (powers of two), for any shapes, 6 and 12
    included: then larger sizes have smaller sets, the unions are the sets themselves, and filling
    in order of falling size never gets stuck, because the free space of every node in S stays a
    multiple of g, and S of the sizes placed before lies within S, so the row of g counts all of
    them. Decisions with other sizes (2 beside 3) or with residencies are packed node by node when
    they are checked.

    Parameters
    ----------
    model
        Receives the rows.
    """
    sets = model.sets
    for h, hardware in enumerate(hardware_of(sets)):
        columns = [c for c in range(len(sets.columns)) if sets.option_of(c).hardware == hardware]
        for k, union in enumerate(unions({sets.homes[c] for c in columns})):
            inside = [c for c in columns if sets.homes[c] <= union]
            holding = sorted(union)
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


def add_builds(model: Model) -> None:
    """Keep nodes for their terms: ``N[o,t,b] = sum of B[o,k] over builds that serve in t``.

    Parameters
    ----------
    model
        Receives the rows.
    """
    for (o, t, b), nodes in model.nodes.items():
        offer = model.sets.options.offers[o]
        if offer.is_committed:
            terms: Terms = {
                model.builds[o, k]: -1.0 for k, build in enumerate(offer.builds) if build.serves(t)
            }
            model.row(f"held_{o}_{t}_{b}", terms | {nodes: 1.0}, EQ)


def add_resale(model: Model) -> None:
    """Keep or sell every node that is there, and once: ``sum over k of B[o,k] = nodes there``.

    Build k of such an offer is the nodes that are sold at one moment, or that stay.

    Parameters
    ----------
    model
        Receives the rows; none are added where nothing may be sold.
    """
    for o, offer in enumerate(model.sets.options.offers):
        if offer.may_be_sold and (o, 0) in model.builds:
            terms: Terms = {model.builds[o, k]: 1.0 for k in range(len(offer.builds))}
            model.row(f"parted_{o}", terms, EQ, float(offer.nodes_there))


def add_node_starts(model: Model) -> None:
    """Count started nodes: ``s[o,t,b] >= N[o,t,b] - N[o,t,b-1]``, every type of day wraps.

    Not with one block or static scaling: nodes that are there all day never start.

    Parameters
    ----------
    model
        Receives the rows.
    """
    grid = model.sets.grid
    for (o, t, b), started in model.starts.items():
        before, now = model.nodes[o, t, grid.before(b)], model.nodes[o, t, b]
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
    grid = model.sets.grid
    for o, t, b in model.starts:
        offer = model.sets.options.offers[o]
        window = billing_blocks(offer, grid.block_h, grid.blocks_per_day)
        if window == 1:
            continue
        terms: Terms = {model.starts[o, t, grid.before(b, j)]: -1.0 for j in range(window)}
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

    Nodes that are there in some hours only are alike in these.

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
    first: dict[tuple[int, int], int] = {}
    for (o, t, b), nodes in model.nodes.items():
        begin = first.setdefault((o, t), b)
        if b > begin:
            model.row(f"samenodes_{o}_{t}_{b}", {nodes: 1.0, model.nodes[o, t, begin]: -1.0}, EQ)
