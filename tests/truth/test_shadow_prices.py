"""Shadow prices are what the linear program says when its limits really move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import build_program, solve_program
from planner.milp.bridge import to_arrays
from planner.milp.highs import relaxed, solve_arrays
from planner.milp.records import Quota
from tests.truth.test_enumeration import EXACT, random_world

STEP = 1e-5
SEEDS = range(40)


def moved(arrays, weights, step):
    """Return the arrays with the right-hand sides of some rows changed by a step."""
    lower, upper = arrays.row_lower.copy(), arrays.row_upper.copy()
    for row, name in enumerate(arrays.row_names):
        lower[row] += step * weights.get(name, 0.0)
        upper[row] += step * weights.get(name, 0.0)
    return replace(arrays, row_lower=lower, row_upper=upper)


def lp_usd(program, arrays):
    outcome = solve_arrays(arrays, EXACT)
    return None if outcome.values is None else outcome.bound * program.money_unit_usd


def slopes(program, arrays, priced, step):
    """Return the cost of a unit more and of a unit less, by solving the linear program again."""
    now = lp_usd(program, arrays)
    more = lp_usd(program, moved(arrays, priced.weights, step))
    less = lp_usd(program, moved(arrays, priced.weights, -step))
    above = np.inf if more is None else (more - now) / step
    below = -np.inf if less is None else (now - less) / step
    return below, above


def tightened(world):
    """Return a world with half the accelerators of its best plan."""
    best = solve_program(build_program(world.demand, world.options, world.limits), EXACT)
    if best.decisions is None:
        return world
    size = {
        o.offer_id: o.accelerators_per_node for o in world.options.offers if o.hardware == "gpu"
    }
    used = [n.nodes * size.get(n.offer_id, 0) for n in best.decisions.nodes]
    quota = Quota("gpu", max(max(used, default=0) // 2, 1))
    return replace(world, limits=replace(world.limits, quotas=(quota,)))


@pytest.mark.parametrize("seed", SEEDS)
def test_shadow_prices_are_between_the_slopes_of_the_linear_program(seed):
    # The least cost is convex in a limit: where both slopes agree, they are the price.
    world = tightened(random_world(seed))
    program = build_program(world.demand, world.options, world.limits)
    arrays = relaxed(to_arrays(program.problem))
    shown = {
        (p.what, p.where): p.usd_per_unit for p in solve_program(program, EXACT).shadow_prices
    }
    if lp_usd(program, arrays) is None:
        assert not shown
        return

    for priced in program.model.priced:
        if not priced.weights:
            continue
        size = max(
            (abs(arrays.row_lower[r]) for r, name in enumerate(arrays.row_names)
             if name in priced.weights and np.isfinite(arrays.row_lower[r])),
            default=1.0,
        )  # fmt: skip
        below, above = slopes(program, arrays, priced, STEP * max(size, 1.0))
        price = shown.get((priced.what, priced.where), 0.0)
        low, high = sorted((abs(below), abs(above)))

        slack = 1e-4 * max(price, 1.0)
        assert low - slack <= price <= high + slack, (priced.what, below, above, price)


def test_the_worlds_have_prices_of_several_kinds():
    kinds = set()
    for seed in SEEDS:
        world = tightened(random_world(seed))
        program = build_program(world.demand, world.options, world.limits)
        kinds |= {p.what for p in solve_program(program, EXACT).shadow_prices}

    assert {"demand", "quota"} <= kinds, kinds
