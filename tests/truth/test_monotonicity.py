"""At gap 0 the cost moves the right way when the problem does, and never for no reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.milp import Limits, Quota, SolverSettings, build_program, solve_program
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
ROUNDING = 1e-7
FEW = settings(max_examples=12, deadline=None, derandomize=True)
SEEDS = st.integers(min_value=0, max_value=10_000)


def world(seed):
    """Two options of different size, nodes of two shapes, tokens, two blocks."""
    rng = np.random.default_rng(seed)
    mu_rps = rng.uniform(0.5, 1.5, 4)
    demand = worlds.demand({"chat": rng.uniform(0.2, 3.0, 2), "code": rng.uniform(0.2, 2.0, 2)})
    options = worlds.option_set(
        [worlds.option("small", "gpu", 1, "m0"), worlds.option("large", "npu", 2, "m1")],
        [
            worlds.capacity("chat", "small", (1, mu_rps[0]), (2, 1.3 * mu_rps[0])),
            worlds.capacity("code", "small", mu_rps[1]),
            worlds.capacity("chat", "large", 2 * mu_rps[2]),
            worlds.capacity("code", "large", (1, 2 * mu_rps[3]), (3, 2.5 * mu_rps[3])),
        ],
        [
            worlds.offer("gpu-2", rng.uniform(2, 3), "gpu", 2, startup_h=0.5),
            worlds.offer("npu-2", rng.uniform(2, 3), "npu", 2, elastic_max_nodes=1),
        ],
        [worlds.api("chat", 3e-3), worlds.api("code", 3e-3)],
    )
    return demand, options, Limits(spare_replicas=int(rng.integers(2)))


def cost_usd(demand, options, limits, solver_settings=EXACT):
    result = solve_program(build_program(demand, options, limits), solver_settings)
    assert result.proof.status == "optimal"
    return result.objective_usd


def scaled(demand, factor):
    rows = tuple(
        replace(w, planned_rps=factor * w.planned_rps, mean_rps=factor * w.mean_rps)
        for w in demand.workloads
    )
    return replace(demand, workloads=rows)


def priced(options, factor, offers=True, apis=True):
    by = factor if offers else 1.0
    nodes = tuple(
        replace(o, price_usd_per_hour=tuple(by * p for p in o.price_usd_per_hour))
        for o in options.offers
    )
    by = factor if apis else 1.0
    tokens = tuple(
        replace(
            a, usd_per_request=tuple(tuple(by * p for p in prices) for prices in a.usd_per_request)
        )
        for a in options.api
    )
    return replace(options, offers=nodes, api=tokens)


def slowed(options, factor):
    capacities = tuple(
        replace(
            c,
            points=tuple(replace(p, planned_rps=factor * p.planned_rps) for p in c.points),
        )
        for c in options.capacities
    )
    return replace(options, capacities=capacities)


@FEW
@given(SEEDS, st.floats(1.0, 2.0))
def test_more_demand_never_costs_less(seed, factor):
    demand, options, limits = world(seed)

    more = cost_usd(scaled(demand, factor), options, limits)

    assert more >= cost_usd(demand, options, limits) * (1 - ROUNDING)


@FEW
@given(SEEDS, st.integers(0, 6))
def test_a_quota_never_costs_less(seed, most):
    demand, options, limits = world(seed)

    limited = cost_usd(demand, options, replace(limits, quotas=(Quota("gpu", most),)))

    assert limited >= cost_usd(demand, options, limits) * (1 - ROUNDING)


@FEW
@given(SEEDS, st.floats(0.3, 1.0))
def test_less_capacity_never_costs_less(seed, factor):
    demand, options, limits = world(seed)

    slow = cost_usd(demand, slowed(options, factor), limits)

    assert slow >= cost_usd(demand, options, limits) * (1 - ROUNDING)


@FEW
@given(SEEDS, st.floats(0.2, 1.0), st.booleans())
def test_a_lower_price_never_costs_more(seed, factor, offers):
    demand, options, limits = world(seed)

    cheap = cost_usd(demand, priced(options, factor, offers, not offers), limits)

    assert cheap <= cost_usd(demand, options, limits) * (1 + ROUNDING)


@FEW
@given(SEEDS)
def test_doubling_all_prices_doubles_the_cost(seed):
    demand, options, limits = world(seed)

    doubled = cost_usd(demand, priced(options, 2.0), limits)

    assert doubled == pytest.approx(2 * cost_usd(demand, options, limits), rel=ROUNDING)


@FEW
@given(SEEDS)
def test_the_order_of_rows_does_not_change_the_cost(seed):
    demand, options, limits = world(seed)

    turned = replace(
        options,
        options=options.options[::-1],
        capacities=options.capacities[::-1],
        offers=options.offers[::-1],
        api=options.api[::-1],
    )
    other = cost_usd(replace(demand, workloads=demand.workloads[::-1]), turned, limits)

    assert other == pytest.approx(cost_usd(demand, options, limits), rel=ROUNDING)


@FEW
@given(SEEDS)
def test_pooling_with_equal_capacities_never_costs_more(seed):
    demand, options, _ = world(seed)
    pooled = replace(options, pool_of=(("chat", "both"), ("code", "both")))

    together = cost_usd(demand, pooled, Limits())

    assert together <= cost_usd(demand, options, Limits()) * (1 + ROUNDING)


@FEW
@given(SEEDS)
def test_spares_never_cost_less(seed):
    demand, options, _ = world(seed)

    spared = cost_usd(demand, options, Limits(spare_replicas=1))

    assert spared >= cost_usd(demand, options, Limits()) * (1 - ROUNDING)


@FEW
@given(SEEDS)
def test_static_scaling_never_costs_less(seed):
    demand, options, limits = world(seed)

    static = cost_usd(demand, options, replace(limits, scaling="static"))
    free = priced(options, 1.0)
    started = tuple(replace(o, startup_h=0.0) for o in free.offers)
    hourly = cost_usd(demand, replace(free, offers=started), limits)

    assert static >= hourly * (1 - ROUNDING)


@FEW
@given(SEEDS, st.sampled_from(["max_models", "max_hardware_types"]))
def test_a_cap_on_kinds_never_costs_less(seed, cap):
    demand, options, limits = world(seed)

    capped = cost_usd(demand, options, replace(limits, **{cap: 1}))

    assert capped >= cost_usd(demand, options, limits) * (1 - ROUNDING)


@pytest.mark.parametrize("seed", range(6))
def test_the_same_problem_twice_gives_identical_decisions(seed):
    demand, options, limits = world(seed)

    first = solve_program(build_program(demand, options, limits), EXACT)
    second = solve_program(build_program(demand, options, limits), EXACT)

    assert first.decisions == second.decisions
    assert first.proof.bound_usd == second.proof.bound_usd


@pytest.mark.parametrize("seed", range(8))
def test_highs_and_cbc_agree(seed):
    demand, options, limits = world(seed)
    program = build_program(demand, options, limits)

    by_cbc = solve_program(program, replace(EXACT, solver="cbc"))

    assert by_cbc.proof.solver == "cbc"
    assert by_cbc.objective_usd == pytest.approx(cost_usd(demand, options, limits), rel=1e-6)
