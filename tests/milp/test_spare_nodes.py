"""A plan with spare nodes survives the loss of any of them, wherever its replicas stand."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import (
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from planner.plan.records import Decisions, FlowDecision, NodeDecision, ReplicaDecision
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)


def solve(demand, options, **limits):
    return solve_program(build_program(demand, options, Limits(**limits)), EXACT)


def placements(replicas, nodes):
    """Yield every way to put replicas (accelerators by name) into nodes, as counts by node."""

    def put(left, free):
        if not left:
            yield tuple(Counter() for _ in nodes)
            return
        name, rest = left[0], left[1:]
        for i, space in enumerate(free):
            size = replicas[name][0]
            if space >= size and nodes[i] % size == 0:
                for placed in put(rest, (*free[:i], space - size, *free[i + 1 :])):
                    yield tuple(
                        c + Counter([name] if i == j else []) for j, c in enumerate(placed)
                    )

    names = [name for name, (_, count) in replicas.items() for _ in range(count)]
    seen = set()
    for placed in put(names, tuple(nodes)):
        key = tuple(tuple(sorted(c.items())) for c in placed)
        if key not in seen:
            seen.add(key)
            yield placed


def survives(replicas, nodes, mu_rps, planned_rps, lost_nodes):
    """Say whether one workload is carried after any loss of nodes, in every placement."""
    total_rps = sum(count * mu_rps[name] for name, (_, count) in replicas.items())
    for placed in placements(replicas, nodes):
        for lost in itertools.combinations(placed, min(lost_nodes, len(placed))):
            gone_rps = sum(mu_rps[name] * n for node in lost for name, n in node.items())
            if total_rps - gone_rps < planned_rps * (1 - 1e-6):
                return False
    return True


def least_usd(options, shapes, planned_rps, lost_nodes):
    """Return the least cost per hour over all replicas and nodes that survive, by trying all."""
    best = np.inf
    for counts in itertools.product(range(5), repeat=len(shapes)):
        usd = sum(n * price for n, (_, price) in zip(counts, shapes, strict=True))
        nodes = [s for n, (s, _) in zip(counts, shapes, strict=True) for _ in range(n)]
        if usd >= best or sum(nodes) > 14:
            continue
        ranges = [range(sum(nodes) // size + 1) for size, _ in options.values()]
        for many in itertools.product(*ranges):
            replicas = {o: (options[o][0], n) for o, n in zip(options, many, strict=True) if n}
            mu_rps = {o: options[o][1] for o in replicas}
            carried = sum(n * mu_rps[o] for o, (_, n) in replicas.items())
            if carried < planned_rps or not any(True for _ in placements(replicas, nodes)):
                continue
            if survives(replicas, nodes, mu_rps, planned_rps, lost_nodes):
                best = usd
                break
    return best


def world(options, shapes, planned_rps):
    return (
        worlds.demand({"chat": [planned_rps]}),
        worlds.option_set(
            [worlds.option(o, accelerators=size) for o, (size, _) in options.items()],
            [worlds.capacity("chat", o, mu) for o, (_, mu) in options.items()],
            [worlds.offer(f"n{s}", price, accelerators=s) for s, price in shapes],
        ),
    )


def test_every_replica_of_a_node_is_replaced():
    # One replica carries all. A node of 4 may hold 4 of them, so 4 more have to run: 2 nodes, not
    # the 1 that the replicas of another node would do if they were spread.
    demand, options = world({"o": (1, 1.0)}, [(4, 4.0)], 1.0)

    result = solve(demand, options, spare_nodes=1)

    assert [(r.option_id, r.replicas) for r in result.decisions.replicas] == [("o", 5)]
    assert [n.nodes for n in result.decisions.nodes] == [2]


def test_small_nodes_need_small_spares():
    # Nodes of 1 lose one replica each: 2 + 1 of them for 1.2 USD beat two nodes of 4.
    demand, options = world({"o": (1, 1.0)}, [(4, 2.0), (1, 1.2)], 2.0)

    result = solve(demand, options, spare_nodes=1)

    assert [(n.offer_id, n.nodes) for n in result.decisions.nodes] == [("n1", 3)]


def test_a_large_node_that_is_there_may_hold_them_all():
    # Of 4 planned requests/s nodes of 4 and 1 could carry 5; losing the large one leaves 1.
    demand, options = world({"o": (1, 1.0)}, [(4, 3.9), (1, 1.3)], 4.0)

    result = solve(demand, options, spare_nodes=1)

    assert [(n.offer_id, n.nodes) for n in result.decisions.nodes] == [("n1", 5)]


def test_with_spare_replicas_the_larger_of_the_two_holds():
    demand, options = world({"o": (1, 1.0)}, [(1, 1.0)], 2.0)

    result = solve(demand, options, spare_nodes=1, spare_replicas=3)

    assert [r.replicas for r in result.decisions.replicas] == [5]


def test_tokens_need_no_spare_nodes():
    demand, options = world({"o": (1, 1.0)}, [(1, 1.0)], 2.0)
    options = worlds.option_set(
        options.options, options.capacities, options.offers, [worlds.api("chat", 1e-6)]
    )

    result = solve(demand, options, spare_nodes=1)

    assert result.decisions.replicas == ()


@pytest.mark.parametrize("lost_nodes", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_one_kind_of_replica_costs_the_least_of_all_that_survive(seed, lost_nodes):
    rng = np.random.default_rng(seed)
    size = int(rng.choice([1, 2]))
    options = {"o": (size, float(np.round(rng.uniform(0.8, 1.6), 2)))}
    node = size * int(rng.choice([1, 2]))
    shapes = [(node, float(np.round(node * rng.uniform(1.0, 2.0), 2)))]
    planned_rps = float(np.round(rng.uniform(0.3, 2.0), 2))
    expected = least_usd(options, shapes, planned_rps, lost_nodes)

    result = solve(*world(options, shapes, planned_rps), spare_nodes=lost_nodes)

    assert result.objective_usd == pytest.approx(expected * 730.0)


@pytest.mark.parametrize("seed", range(12))
def test_any_mix_of_replicas_and_nodes_survives_any_placement(seed):
    rng = np.random.default_rng(seed)
    options = {f"o{s}": (s, float(np.round(s * rng.uniform(0.7, 1.4), 2))) for s in (1, 2)}
    shapes = [(s, float(np.round(s * rng.uniform(1.0, 1.5), 2))) for s in (1, 2, 4)]
    planned_rps = float(np.round(rng.uniform(0.5, 3.0), 2))

    result = solve(*world(options, shapes, planned_rps), spare_nodes=1)

    replicas = {
        r.option_id: (options[r.option_id][0], r.replicas) for r in result.decisions.replicas
    }
    nodes = [int(n.offer_id[1:]) for n in result.decisions.nodes for _ in range(n.nodes)]
    mu_rps = {o: options[o][1] for o in replicas}
    assert survives(replicas, nodes, mu_rps, planned_rps, 1)
    least = least_usd(options, shapes, planned_rps, 1)
    assert result.objective_usd >= least * 730.0 * (1 - 1e-9)
    # What the rows take for granted may cost more than the least, but not without bound.
    assert result.objective_usd <= 2.0 * least * 730.0


def test_pooled_workloads_survive_together():
    demand = worlds.demand({"chat": [1.0], "code": [2.0]})
    options = worlds.option_set(
        [worlds.option("o", accelerators=2)],
        [worlds.capacity("chat", "o", 2.0), worlds.capacity("code", "o", 4.0)],
        [worlds.offer("n4", 4.0, accelerators=4)],
        pools={"chat": "p", "code": "p"},
    )

    result = solve(demand, options, spare_nodes=1)

    # A load of 1 replica and the 2 of a node: 3 replicas on 2 nodes.
    assert [r.replicas for r in result.decisions.replicas] == [3]


def decided(replicas, nodes):
    return Decisions(
        (ReplicaDecision("chat", "o", 0, 0, replicas, 1),),
        (FlowDecision("chat", "o", 0, 0, 1.0),),
        (),
        tuple(NodeDecision(offer, 0, 0, n) for offer, n in nodes.items()),
    )


@pytest.mark.parametrize(
    ("replicas", "nodes", "fine"),
    [
        (5, {"n4": 2}, True),
        (4, {"n4": 2}, False),
        (2, {"n1": 2}, True),
        (2, {"n1": 1, "n4": 1}, False),
        (1, {"n1": 1}, False),
    ],
)
def test_the_check_knows_which_nodes_are_there(replicas, nodes, fine):
    demand, options = world({"o": (1, 1.0)}, [(4, 4.0), (1, 1.0)], 1.0)
    if fine:
        verify_decisions(demand, options, Limits(spare_nodes=1), decided(replicas, nodes))
        return
    with pytest.raises(InternalError, match="pool chat does not survive a loss in period 0"):
        verify_decisions(demand, options, Limits(spare_nodes=1), decided(replicas, nodes))


def test_a_day_of_blocks_keeps_the_spare_nodes_in_each():
    demand = worlds.demand({"chat": [1.0, 3.0, 0.0, 2.0]})
    options = worlds.option_set(
        [worlds.option("o", accelerators=2)],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("n4", 4.0, accelerators=4), worlds.offer("n2", 2.4, accelerators=2)],
    )

    result = solve(demand, options, spare_nodes=1)

    # On nodes of 2: load + 1 replicas. On nodes of 4: load + 2, which pays from 3 on.
    assert {r.block: r.replicas for r in result.decisions.replicas} == {0: 2, 1: 4, 3: 3}
