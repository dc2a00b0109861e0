"""Capacities that differ by period: by hand, and against one program for each period."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.milp import (
    ApiLimit,
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from planner.milp.api_limits import exceeded_by, per_minute_of_rps
from planner.milp.sets import build_sets
from planner.options.supply_records import RequestTokens
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0


def by_period(workload, option_id, *rates):
    """Return a capacity with points by period: a rate, pairs of replicas and rate, or nothing."""
    found = [worlds.capacity(workload, option_id, *(r if isinstance(r, list) else [r])).points
             if r else () for r in rates]  # fmt: skip
    first = next(points for points in found if points)
    return replace(worlds.capacity(workload, option_id, 1.0), points=first, by_period=tuple(found))


def solve(demand, options, limits=None):
    limits = limits or Limits()
    found = solve_program(build_program(demand, options, limits), EXACT)
    verify_decisions(demand, options, limits, found.decisions)
    return found


def replicas(found):
    return {(r.option_id, r.period): r.replicas for r in found.decisions.replicas}


def test_twice_the_lengths_take_twice_the_replicas():
    demand = worlds.demand({"chat": [[4.0], [4.0]]})
    options = worlds.option_set(
        [worlds.option("o")], [by_period("chat", "o", 4.0, 2.0)], [worlds.offer("n", [1.0, 1.0])]
    )

    found = solve(demand, options)

    # One node in the first month, two in the second, at 1 USD an hour.
    assert replicas(found) == {("o", 0): 1, ("o", 1): 2}
    assert found.objective_usd == pytest.approx(3 * MONTH_H)


def test_a_spare_replaces_what_is_lost_in_its_period():
    demand = worlds.demand({"chat": [[4.0], [4.0]]})
    options = worlds.option_set(
        [worlds.option("a"), worlds.option("b", "other")],
        [by_period("chat", "a", 4.0, 1.0), by_period("chat", "b", 2.0, 2.0)],
        [worlds.offer("na", [1.0, 1.0]), worlds.offer("nb", [0.9, 0.9], "other")],
    )

    found = solve(demand, options, Limits(spare_replicas=1))

    # First 2 of a (2.0 USD) beat 3 of b; then 3 of b (2.7 USD) beat 5 of a.
    assert replicas(found) == {("a", 0): 2, ("b", 1): 3}
    assert found.objective_usd == pytest.approx(4.7 * MONTH_H)


def test_an_option_serves_only_in_periods_in_which_it_keeps_the_limits():
    demand = worlds.demand({"chat": [[4.0], [4.0], [4.0]]})
    options = worlds.option_set(
        [worlds.option("cheap"), worlds.option("dear", "big")],
        [
            by_period("chat", "cheap", 4.0, None, None),
            by_period("chat", "dear", 4.0, 4.0, [(3, 4.0)]),
        ],
        [worlds.offer("n", [1.0] * 3), worlds.offer("m", [5.0] * 3, "big")],
    )  # fmt: skip

    found = solve(demand, options)

    # In the last month the longest prompts keep their limit only where three share the queue.
    assert replicas(found) == {("cheap", 0): 1, ("dear", 1): 1, ("dear", 2): 3}


def test_a_period_that_nothing_can_serve_leaves_no_plan():
    demand = worlds.demand({"chat": [[4.0], [4.0]]})
    options = worlds.option_set(
        [worlds.option("o")], [by_period("chat", "o", 4.0, None)], [worlds.offer("n", [1.0] * 2)]
    )

    assert solve_program(build_program(demand, options, Limits()), EXACT).decisions is None


def random_world(seed, periods=3):
    """Return a pool of two workloads on options that some periods cannot use, with brackets."""
    rng = np.random.default_rng(seed)
    sizes = {"o1": 1, "o2": 2, "o4": 4}
    capacities = []
    for name, size in sizes.items():
        for workload in ("chat", "code"):
            rates = []
            for t in range(periods):
                mu = float(np.round(size * rng.uniform(0.7, 1.5) * 0.8**t, 2))
                some = [mu] if rng.random() < 0.5 else [(1, mu), (3, 1.3 * mu)]
                rates.append(None if t and size == 1 and rng.random() < 0.5 else some)
            capacities.append(by_period(workload, name, *rates))
    options = worlds.option_set(
        [worlds.option(name, accelerators=size) for name, size in sizes.items()],
        capacities,
        [worlds.offer("n", list(np.round(rng.uniform(0.8, 1.2, periods), 2)), accelerators=4)],
        pools={"chat": "p", "code": "p"},
    )
    rates = {w: np.round(rng.uniform(0.5, 6.0, (periods, 2)), 2) for w in ("chat", "code")}
    return worlds.demand(rates), options


def at_period(demand, options, t):
    """Return the world of one period alone."""
    alone = worlds.demand({w.workload: [w.planned_rps[t]] for w in demand.workloads})
    capacities = tuple(
        replace(c, points=points, by_period=())
        for c in options.capacities
        if (points := c.points_at(t))
    )
    offers = tuple(
        replace(o, price_usd_per_hour=(o.price_usd_per_hour[t],)) for o in options.offers
    )
    return alone, replace(options, capacities=capacities, offers=offers)


@pytest.mark.parametrize("spares", [0, 1])
@pytest.mark.parametrize("seed", range(6))
def test_periods_without_terms_cost_what_each_costs_alone(seed, spares):
    demand, options = random_world(seed)
    limits = Limits(spare_replicas=spares)

    together = solve(demand, options, limits).objective_usd

    alone = [solve(*at_period(demand, options, t), limits).objective_usd for t in range(3)]
    assert together == pytest.approx(sum(alone), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_points_that_are_alike_in_all_periods_are_the_same_program(seed):
    demand, options = random_world(seed)
    plain = [replace(c, by_period=()) for c in options.capacities]
    alike = [replace(c, by_period=(c.points,) * 3) for c in plain]

    programs = [
        build_program(demand, replace(options, capacities=tuple(cs)), Limits(spare_replicas=1))
        for cs in (plain, alike)
    ]

    first, second = (str(program.problem) for program in programs)
    assert first == second


@pytest.mark.parametrize("seed", range(4))
def test_less_capacity_in_any_period_never_costs_less(seed):
    demand, options = random_world(seed)
    rng = np.random.default_rng(seed)
    shorter = []
    for c in options.capacities:
        factors = rng.uniform(0.6, 1.0, 3)
        points = tuple(
            tuple(replace(p, planned_rps=p.planned_rps * f) for p in of_period)
            for of_period, f in zip(c.by_period, factors, strict=True)
        )
        shorter.append(replace(c, by_period=points))

    usual = solve(demand, options).objective_usd

    assert solve(demand, replace(options, capacities=tuple(shorter))).objective_usd >= usual - 1e-6


def test_a_higher_bracket_stays_where_it_is_the_first_that_serves():
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = worlds.option_set(
        [worlds.option("o")], [by_period("chat", "o", 2.0, [(4, 2.0)])],
        [worlds.offer("n", [1.0, 1.0])],
    )  # fmt: skip

    sets = build_sets(demand, options, Limits())

    assert [c.min_replicas for c in sets.columns] == [1, 4]
    assert [dict(rates) for (rates,) in sets.columns[0].mu_rps] == [{0: 2.0}, {}]
    assert sets.n_max[:, :, 0].tolist() == [[1, 0], [0, 4]]


def test_rate_limits_and_units_count_the_tokens_of_the_dearer_end():
    api = replace(
        worlds.api("chat", 1e-6, "api"),
        usd_per_request=((1e-6,), (1e-6,)),
        planned_tokens=(RequestTokens(100, 10, 0), RequestTokens(200, 10, 0)),
        usage_tokens=(RequestTokens(90, 10, 0), RequestTokens(180, 10, 0)),
    )
    limit = ApiLimit("api", None, api.mode, "tokens", 12_600.0)

    assert per_minute_of_rps(limit, api, 0) == 60 * 110
    assert per_minute_of_rps(limit, api, 1) == 60 * 210
    assert exceeded_by(Limits(api_limits=(limit,)), api, 1.0, 1) is None
    assert exceeded_by(Limits(api_limits=(limit,)), api, 1.1, 1) == limit
    assert exceeded_by(Limits(api_limits=(limit,)), api, 1.1, 0) is None
