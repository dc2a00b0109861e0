"""The program's optimum equals the least cost by trying everything, on random tiny worlds."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from planner.milp import (
    Limits,
    Quota,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from tests import worlds
from tests.truth.enumeration import World, least_cost_usd

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
MOST_NODES = 3


def random_world(seed: int) -> World:
    """Return a world of 1-2 workloads, 2-3 options and 1-3 blocks that few nodes can serve."""
    rng = np.random.default_rng(seed)
    blocks = int(rng.integers(1, 4))
    pooled = rng.random() < 0.35
    names = ["chat", "code"] if pooled else ["chat"]
    sizes = [(1, 2), (1, 1), (2, 4), (1, 2, 2)][int(rng.integers(4))]
    hardware = ["gpu" if rng.random() < 0.7 or i == 0 else "npu" for i in range(len(sizes))]
    options = [
        worlds.option(f"o{i}", hardware[i], size, model=f"m{i % 2}")
        for i, size in enumerate(sizes)
    ]
    capacities = []
    for name in names:
        for i, size in enumerate(sizes):
            if i > 0 and rng.random() < 0.15:
                continue
            mu_rps = float(np.round(size * rng.uniform(0.8, 1.4), 2))
            points = [(1, mu_rps), (2, 1.3 * mu_rps)] if rng.random() < 0.5 else [mu_rps]
            capacities.append(worlds.capacity(name, f"o{i}", *points))
    node = max(sizes)
    offers = [
        worlds.offer(
            f"offer-{h}",
            float(np.round(rng.uniform(1.0, 2.0) * node, 2)),
            h,
            node,
            startup_h=float(rng.choice([0.0, 0.5, 9.0])),
            min_billing_h=float(rng.choice([0.0, 9.0])),
            elastic_max_nodes=int(rng.choice([0, 1, 5])),
        )
        for h in sorted(set(hardware))
    ]
    if len(offers) == 1 and node > 1 and rng.random() < 0.5:
        offers.append(worlds.offer("offer-small", float(rng.uniform(0.5, 1.5)), "gpu", 1))
    apis = [
        worlds.api(name, float(np.round(rng.uniform(4e-4, 2e-3), 6)))
        for name in names
        if rng.random() < 0.5
    ]
    rates = {name: list(np.round(rng.uniform(0.1, 1.5, blocks), 2)) for name in names}
    limits = Limits(
        scaling="static" if rng.random() < 0.25 else "hourly",
        spare_replicas=0 if pooled else int(rng.random() < 0.5),
        quotas=(Quota("gpu", 2 * node),) if rng.random() < 0.3 else (),
    )
    options_set = worlds.option_set(
        options, capacities, offers, apis, dict.fromkeys(names, "pool")
    )
    return World(worlds.demand(rates, mean_share=0.6), options_set, limits)


@pytest.mark.parametrize("seed", range(80))
def test_optimum_equals_the_least_cost_by_trying_everything(seed):
    world = random_world(seed)
    expected_usd = least_cost_usd(world, MOST_NODES)

    program = build_program(world.demand, world.options, world.limits)
    result = solve_program(program, EXACT)

    if math.isinf(expected_usd):
        assert result.proof.status == "infeasible"
    else:
        assert result.objective_usd == pytest.approx(expected_usd, rel=1e-7)
        assert result.proof.status == "optimal"


def barred_world(seed: int) -> World:
    """Return a random world in which options may not serve some workloads in some blocks."""
    world, rng = random_world(seed), np.random.default_rng([seed, 1])
    blocks = world.demand.grid.blocks
    capacities = tuple(
        replace(c, barred=frozenset((0, b) for b in range(blocks) if rng.random() < 0.35))
        for c in world.options.capacities
    )
    return replace(world, options=replace(world.options, capacities=capacities))


@cache
def barred_cost_usd(seed: int) -> float:
    """Return the least cost of such a world."""
    return least_cost_usd(barred_world(seed), MOST_NODES)


@pytest.mark.parametrize("seed", range(100, 180))
def test_options_that_may_not_serve_everywhere_are_used_where_they_may(seed):
    world, expected_usd = barred_world(seed), barred_cost_usd(seed)

    result = solve_program(build_program(world.demand, world.options, world.limits), EXACT)

    if math.isinf(expected_usd):
        assert result.proof.status == "infeasible"
        return
    assert result.objective_usd == pytest.approx(expected_usd, rel=1e-7)
    barred = {(c.workload, c.option_id, *slot) for c in world.options.capacities
              for slot in c.barred}  # fmt: skip
    assert not barred & {(f.workload, f.supply_id, f.period, f.block)
                         for f in result.decisions.flows}  # fmt: skip
    verify_decisions(world.demand, world.options, world.limits, result.decisions)


def test_barred_worlds_cost_more_and_less_than_all_day():
    dearer, cheaper = 0, 0
    for seed in range(100, 180):
        world = barred_world(seed)
        gone = tuple(c for c in world.options.capacities if not c.barred)
        free = least_cost_usd(random_world(seed), MOST_NODES)
        own = barred_cost_usd(seed)
        without = least_cost_usd(
            replace(world, options=replace(world.options, capacities=gone)), MOST_NODES
        )
        assert free <= own <= without
        dearer += free < own
        cheaper += own < without

    assert dearer > 20
    assert cheaper > 10


def test_random_worlds_cover_what_they_are_for():
    drawn = [random_world(seed) for seed in range(80)]

    assert sum(w.limits.spare_replicas > 0 for w in drawn) > 10
    assert sum(w.limits.scaling == "static" for w in drawn) > 10
    assert sum(len(w.demand.workloads) > 1 for w in drawn) > 10
    assert sum(bool(w.options.api) for w in drawn) > 10
    assert sum(any(o.min_billing_h > 0 for o in w.options.offers) for w in drawn) > 10
