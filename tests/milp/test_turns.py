"""Models load before the block in which they serve: by hand, and against every plan there is."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from planner.demand.deferral import Deferral
from planner.errors import InternalError
from planner.milp import Limits, Quota, SolverSettings, build_program, solve_program
from planner.milp.check import verify_decisions
from tests import worlds

EXACT = SolverSettings(gap=0.0)
HOURLY = Limits(changeover_h=0.5)
HOURS, DAYS = worlds.HOURS_PER_MONTH / 2, worlds.HOURS_PER_MONTH / 24


def two_models(offers, chat=(1.0, 2.0), code=(2.0, 1.0), size=1):
    """Chat and code need replicas of their own, of different models on the same hardware."""
    demand = worlds.demand({"chat": list(chat), "code": list(code)})
    options = worlds.option_set(
        [worlds.option("a", "gpu", size, "m-a"), worlds.option("b", "gpu", size, "m-b")],
        [worlds.capacity("chat", "a", 1.0), worlds.capacity("code", "b", 1.0)],
        offers,
    )
    return demand, options


def solved(world, limits=HOURLY):
    return solve_program(build_program(*world, limits), EXACT)


def test_nodes_of_a_term_hold_both_models_at_the_turn():
    """3 accelerators run 1 + 2 and 2 + 1 replicas; to change one of them a fourth is needed."""
    world = two_models([worlds.reserved("lease", 1.0, accelerators=1)])

    at_once, side_by_side = solved(world, Limits()), solved(world)

    assert at_once.objective_usd / 12 == pytest.approx(3 * worlds.HOURS_PER_MONTH)
    assert side_by_side.objective_usd / 12 == pytest.approx(4 * worlds.HOURS_PER_MONTH)


def test_a_rented_node_gives_way_to_a_new_one_for_its_start():
    """3 nodes all day, and at each turn one that starts half an hour before the other ends."""
    world = two_models([worlds.offer("node", 1.0, startup_h=0.5)])

    result = solved(world)

    assert result.objective_usd == pytest.approx(3 * worlds.HOURS_PER_MONTH + 2 * 0.5 * DAYS)
    assert [(row.nodes, row.replaced) for row in result.decisions.nodes] == [(3, 1), (3, 1)]


def test_a_node_that_gives_way_is_there_beside_the_new_one():
    """Where no more than 3 can be had at a time, tokens are the only way."""
    offers = [worlds.offer("node", 1.0, startup_h=0.5)]
    quota = replace(HOURLY, quotas=(Quota("gpu", 3),))

    assert solved(two_models(offers), quota).proof.status == "infeasible"
    assert solved(two_models(offers), replace(quota, quotas=(Quota("gpu", 4),))).objective_usd


def test_elasticity_counts_the_node_that_gives_way():
    few = worlds.offer("node", 1.0, startup_h=0.5, elastic_max_nodes=0)

    result = solved(two_models([few]))

    assert result.objective_usd == pytest.approx(4 * worlds.HOURS_PER_MONTH)


def test_nothing_changes_with_one_model_or_one_block_or_static_scaling():
    lease = [worlds.reserved("lease", 1.0, accelerators=1)]
    demand, options = two_models(lease)
    same = replace(options, pool_of=(("chat", "both"), ("code", "both")))
    capacities = tuple(replace(c, option_id="a") for c in options.capacities)

    for world, limits in (
        ((demand, replace(same, capacities=capacities)), HOURLY),
        (two_models(lease, (1.0,), (2.0,)), HOURLY),
        ((demand, options), replace(HOURLY, scaling="static")),
    ):
        program = build_program(*world, limits)
        assert not program.model.turn_groups


def test_decisions_without_room_are_refused():
    demand, options = two_models([worlds.offer("node", 1.0, startup_h=0.5)])
    decisions = solved((demand, options)).decisions
    bare = tuple(replace(row, replaced=0) for row in decisions.nodes)

    verify_decisions(demand, options, HOURLY, decisions)
    with pytest.raises(InternalError, match="accelerators are missing when block"):
        verify_decisions(demand, options, HOURLY, replace(decisions, nodes=bare))


def random_world(rng):
    size = rng.choice([1, 2])
    lease = worlds.reserved("lease", rng.uniform(0.4, 1.1), accelerators=2, term_months=1)
    node = worlds.offer(
        "node", rng.uniform(1.0, 2.0), "gpu", 2, startup_h=rng.choice([0.1, 1.0, 3.0]),
        elastic_max_nodes=rng.choice([0, 1, 2, 1000]),
    )  # fmt: skip
    rates = [[rng.choice([0.5, 1.0, 1.9, 2.5]) for _ in range(2)] for _ in range(2)]
    demand, options = two_models([lease, node], *rates, size)
    # Chat may run on the model of code too, at a rate of its own.
    shared = worlds.capacity("chat", "b", rng.choice([0.4, 0.9]))
    return demand, replace(options, capacities=(*options.capacities, shared)), size


def cheapest_usd(demand, options, size):
    """Return the least cost over all numbers of replicas and nodes."""
    mu = {(c.workload, c.option_id): c.points[0].planned_rps for c in options.capacities}
    lease, node = options.offers
    chat, code = (rates.planned_rps[0] for rates in demand.workloads)
    ways = [
        [
            (a, b, k)
            for a, b, k in itertools.product(range(4), range(8), range(4))
            if a * mu["chat", "a"] + b * mu["chat", "b"] >= chat[block] - 1e-9
            and k * mu["code", "b"] >= code[block] - 1e-9
        ]
        for block in range(2)
    ]
    needs = {
        (
            size * sum(first),
            size * sum(then),
            # Replicas of chat and code with the model of code are of one kind.
            size * (max(first[0], then[0]) + max(sum(first[1:]), sum(then[1:]))),
        )
        for first, then in itertools.product(*ways)
    }
    best = math.inf
    for held, early, late in itertools.product(range(7), range(7), range(7)):
        nodes, more = (early, late), node.elastic_max_nodes
        if abs(early - late) > more:
            continue
        for first, then, both in needs:
            if first > 2 * (held + early) or then > 2 * (held + late):
                continue
            extra = max(0, math.ceil((both - 2 * (held + max(nodes))) / 2))
            started = [max(nodes[b] - nodes[1 - b], 0) + extra for b in range(2)]
            if any(started[b] > nodes[b] for b in range(2)):
                continue
            if extra and any(nodes[1 - b] + started[b] > min(nodes) + more for b in range(2)):
                continue
            usd = held * lease.builds[0].discounted_usd
            price = node.price_usd_per_hour[0]
            usd += price * (HOURS * sum(nodes) + DAYS * node.startup_h * sum(started))
            best = min(best, usd)
    return best


@pytest.mark.parametrize("seed", range(25))
def test_the_plan_is_the_cheapest_of_all(seed):
    demand, options, size = random_world(random.Random(seed))

    result = solved((demand, options))

    assert result.objective_usd == pytest.approx(cheapest_usd(demand, options, size), rel=1e-6)


def with_documents(rng):
    """Return two models by day and by night, and documents that may wait and use either."""
    demand, options, _ = random_world(rng)
    deferral = Deferral("docs", 24.0, None, np.ones(1))
    (docs,) = worlds.demand({"docs/deferred": [rng.choice([0.4, 1.0]), 0.5]}).workloads
    more = worlds.capacity("docs/deferred", rng.choice(["a", "b"]), 1.0)
    return (
        replace(demand, workloads=(*demand.workloads, replace(docs, deferral=deferral))),
        replace(options, capacities=(*options.capacities, more)),
    )


@pytest.mark.parametrize("seed", range(12))
def test_batches_give_way_and_room_never_costs_less(seed):
    """Every plan is checked turn by turn, kind by kind; the rule only takes plans away."""
    world = with_documents(random.Random(seed))
    program = build_program(*world, HOURLY)
    rows = [r.name for r in program.problem.constraints() if r.name.startswith("turn")]
    assert any(name.startswith("turnafter") for name in rows)

    ruled, free = solved(world), solved(world, replace(HOURLY, changeover_h=0.0))

    assert ruled.proof.status == "optimal"
    verify_decisions(*world, HOURLY, ruled.decisions)
    assert ruled.objective_usd >= free.objective_usd - 1e-6


def test_nodes_that_a_batch_leaves_hold_the_models_of_the_next_block():
    """By night a batch has the third of 3 accelerators, by day the second replica of chat."""
    demand, options = two_models(
        [worlds.reserved("lease", 1.0, accelerators=1)], chat=(1.0, 2.0), code=(1.0, 1.0)
    )
    (docs,) = worlds.demand({"docs/deferred": [0.4, 0.0]}).workloads
    deferral = Deferral("docs", 24.0, None, np.ones(1))
    world = (
        replace(demand, workloads=(*demand.workloads, replace(docs, deferral=deferral))),
        replace(
            options,
            capacities=(*options.capacities, worlds.capacity("docs/deferred", "a", 1.0)),
        ),
    )

    assert solved(world).objective_usd / 12 == pytest.approx(3 * worlds.HOURS_PER_MONTH)
