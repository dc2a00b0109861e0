"""The least cost of a tiny world by trying everything, written without the program.

Whole nodes of every offer are enumerated block by block. For given nodes a block costs what its
tokens cost, for the best whole replicas that fit the nodes; for given replicas the served rates
follow from comparative advantage. Days are sequences of node counts.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.milp import Limits
    from planner.options.records import OptionSet

Rates = tuple[float, ...]


@dataclass(frozen=True)
class World:
    demand: Demand
    options: OptionSet
    limits: Limits


def least_cost_usd(world: World, most_nodes: int) -> float:
    """Return the least cost with at most so many nodes of each offer, inf when there is none."""
    blocks = world.demand.grid.blocks
    counts = list(itertools.product(range(most_nodes + 1), repeat=len(world.options.offers)))
    counts = [n for n in counts if _within_quotas(world, n)]
    if world.limits.scaling == "static":
        return min(
            (_nodes_usd(world, [n] * blocks) + _static_tokens_usd(world, n) for n in counts),
            default=math.inf,
        )
    tokens = [
        {n: usd for n in counts if (usd := _tokens_usd(world, n, b)) < math.inf}
        for b in range(blocks)
    ]
    best = math.inf
    for day in itertools.product(*tokens):
        usd = sum(tokens[b][n] for b, n in enumerate(day))
        if usd < best and _keeps_offer_rules(world, day):
            best = min(best, usd + _nodes_usd(world, day))
    return best


def _within_quotas(world: World, nodes: tuple[int, ...]) -> bool:
    return all(
        sum(
            n * offer.accelerators_per_node
            for n, offer in zip(nodes, world.options.offers, strict=True)
            if offer.hardware == quota.hardware
        )
        <= quota.max_accelerators
        for quota in world.limits.quotas
    )


def _keeps_offer_rules(world: World, day) -> bool:
    blocks = len(day)
    for o, offer in enumerate(world.options.offers):
        nodes = [n[o] for n in day]
        if max(nodes) - min(nodes) > offer.elastic_max_nodes:
            return False
        started = [max(0, nodes[b] - nodes[b - 1]) for b in range(blocks)]
        billed = min(blocks, math.ceil(offer.min_billing_h / world.demand.grid.block_h))
        for b in range(blocks):
            if billed > 1 and nodes[b] < sum(started[b - j] for j in range(billed)):
                return False
    return True


def _nodes_usd(world: World, day) -> float:
    grid = world.demand.grid
    usd = 0.0
    for o, offer in enumerate(world.options.offers):
        nodes = [n[o] for n in day]
        started = sum(max(0, nodes[b] - nodes[b - 1]) for b in range(len(day)))
        hours = sum(nodes) * 730.0 / grid.blocks + started * offer.startup_h * 730.0 / 24.0
        usd += hours * offer.price_usd_per_hour[0]
    return usd


def _replica_choices(world: World, nodes: tuple[int, ...]):
    """Yield replicas by option (shared by pools: by pool and option) that fit the nodes."""
    places = [
        (pool, option)
        for pool in dict.fromkeys(_pool(world, w.workload) for w in world.demand.workloads)
        for option in world.options.options
    ]
    total = {
        h: sum(
            n * o.accelerators_per_node
            for n, o in zip(nodes, world.options.offers, strict=True)
            if o.hardware == h
        )
        for h in {o.hardware for o in world.options.offers}
    }
    ranges = [
        range(total.get(option.hardware, 0) // option.accelerators + 1) for _, option in places
    ]
    for counts in itertools.product(*ranges):
        sizes: dict[str, list[int]] = {}
        for (_, option), count in zip(places, counts, strict=True):
            sizes.setdefault(option.hardware, []).extend([option.accelerators] * count)
        if all(_fits(world, nodes, h, tuple(sorted(s, reverse=True))) for h, s in sizes.items()):
            yield {
                (pool, option.id): count
                for (pool, option), count in zip(places, counts, strict=True)
            }


def _fits(world: World, nodes: tuple[int, ...], hardware: str, sizes: tuple[int, ...]) -> bool:
    """Try every way to put replicas into nodes."""
    shapes = [
        o.accelerators_per_node
        for n, o in zip(nodes, world.options.offers, strict=True)
        if o.hardware == hardware
        for _ in range(n)
    ]

    def place(left: tuple[int, ...], free: tuple[int, ...]) -> bool:
        if not left:
            return True
        size, rest = left[0], left[1:]
        tried = set()
        for i, space in enumerate(free):
            if space >= size and shapes[i] % size == 0 and (space, shapes[i]) not in tried:
                tried.add((space, shapes[i]))
                if place(rest, (*free[:i], space - size, *free[i + 1 :])):
                    return True
        return False

    return sum(sizes) <= sum(shapes) and place(sizes, tuple(shapes))


def _pool(world: World, workload: str) -> str:
    return dict(world.options.pool_of).get(workload, workload)


def _tokens_usd(world: World, nodes: tuple[int, ...], block: int) -> float:
    return min(
        (_block_usd(world, replicas, block) for replicas in _replica_choices(world, nodes)),
        default=math.inf,
    )


def _static_tokens_usd(world: World, nodes: tuple[int, ...]) -> float:
    blocks = range(world.demand.grid.blocks)
    return min(
        (
            sum(_block_usd(world, replicas, b) for b in blocks)
            for replicas in _replica_choices(world, nodes)
            if all(_serves_somebody(world, kind, b) for kind, n in replicas.items() if n
                   for b in blocks)
        ),
        default=math.inf,
    )  # fmt: skip


def _serves_somebody(world: World, kind: tuple[str, str], block: int) -> bool:
    """Return whether replicas of an option may serve some workload of their pool in a block."""
    pool, option = kind
    return any(
        c.option_id == option and _pool(world, c.workload) == pool and (0, block) not in c.barred
        for c in world.options.capacities
    )


def _block_usd(world: World, replicas: dict[tuple[str, str], int], block: int) -> float:
    usd = 0.0
    for pool in dict.fromkeys(p for p, _ in replicas):
        members = [w for w in world.demand.workloads if _pool(world, w.workload) == pool]
        counts = {o: n for (p, o), n in replicas.items() if p == pool and n > 0}
        planned = tuple(float(w.planned_rps[0, block]) for w in members)
        served = _served(world, [w.workload for w in members], counts, planned, block)
        usd += min(
            (_remainder_usd(world, members, planned, rates, block) for rates in served),
            default=math.inf,
        )
    return usd


def _mu(world: World, workload: str, option: str, replicas: int, block: int) -> float:
    for capacity in world.options.capacities:
        if (0, block) in capacity.barred:
            continue
        if (capacity.workload, capacity.option_id) == (workload, option):
            rates = [p.planned_rps for p in capacity.points if p.min_replicas <= replicas]
            return max(rates, default=0.0)
    return 0.0


def _served(
    world: World, names: list[str], counts: dict[str, int], planned: Rates, block: int
) -> list[Rates]:
    """Return the corners of what replicas can serve of one or two workloads in a block."""
    rates = [[_mu(world, w, o, n, block) * n for w in names] for o, n in counts.items()]
    if len(names) == 1:
        own = [r[0] / n for r, n in zip(rates, counts.values(), strict=True)]
        spare = world.limits.spare_replicas * max(own, default=0.0)
        usable = sum(r[0] for r in rates) - spare
        # Idle replicas need no spares of their own where the pool serves nothing with them.
        return [(min(max(usable, 0.0), planned[0]),)] if usable >= -1e-9 else []
    order = sorted(rates, key=lambda r: r[1] / r[0] if r[0] > 0 else math.inf)
    frontier = [(0.0, sum(r[1] for r in order))]
    for first, second in order:
        x, y = frontier[-1]
        frontier.append((x + first, y - second))
    corners = [_clip(point, planned) for point in frontier]
    for (x0, y0), (x1, y1) in itertools.pairwise(frontier):
        if x0 < planned[0] < x1:
            at = y0 + (y1 - y0) * (planned[0] - x0) / (x1 - x0)
            corners.append(_clip((planned[0], at), planned))
        if y1 < planned[1] < y0:
            at = x0 + (x1 - x0) * (planned[1] - y0) / (y1 - y0)
            corners.append(_clip((at, planned[1]), planned))
    return corners


def _clip(point: Rates, planned: Rates) -> Rates:
    return tuple(min(p, d) for p, d in zip(point, planned, strict=True))


def _remainder_usd(world: World, members, planned: Rates, served: Rates, block: int) -> float:
    usd = 0.0
    hours = 730.0 / world.demand.grid.blocks
    for rates, rate_rps, own_rps in zip(members, planned, served, strict=True):
        left_rps = rate_rps - own_rps
        if left_rps <= 1e-9 * max(rate_rps, 1.0):
            continue
        prices = [
            a.usd_per_request_at(0, block)
            for a in world.options.api
            if a.workload == rates.workload
        ]
        priced = dict(world.limits.unserved_usd_per_request)
        prices += [priced[rates.workload]] if rates.workload in priced else []
        share = float(rates.mean_rps[0, block]) / rate_rps
        usd += hours * 3600.0 * left_rps * share * min(prices, default=math.inf)
    return usd


def accelerators_within(world: World, most_nodes: int, most_usd: float) -> list[dict[str, int]]:
    """Return the accelerators by hardware of every fleet of one block within a cost.

    Nodes that no replica fits are never there: they would only idle.
    """
    types = sorted({o.hardware for o in world.options.offers})
    counts = itertools.product(range(most_nodes + 1), repeat=len(world.options.offers))
    return [
        {
            h: sum(
                n * o.accelerators_per_node
                for n, o in zip(nodes, world.options.offers, strict=True)
                if o.hardware == h
            )
            for h in types
        }
        for nodes in counts
        if _within_quotas(world, nodes)
        and not any(
            n for n, o in zip(nodes, world.options.offers, strict=True) if _idles(world, o)
        )
        and _tokens_usd(world, nodes, 0) + _nodes_usd(world, [nodes]) <= most_usd
    ]


def _idles(world: World, offer) -> bool:
    sizes = [x.accelerators for x in world.options.options if x.hardware == offer.hardware]
    return all(offer.accelerators_per_node % size for size in sizes)
