"""What holds for every course of demand and prices, in worlds drawn at random."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from planner.demand.build import build_demand
from planner.milp import SolverSettings
from planner.options.purchases import Purchase
from planner.roll.policies import POLICIES, Decision
from planner.roll.records import Actuals
from planner.roll.replay import replay
from planner.roll.run import RollSettings, run_roll
from planner.roll.world import World
from tests.finance.world import asked, facts, prepared
from tests.roll.world import HOURS, PROBLEM, write_actuals, write_quarters

PERIODS = 6
LONG = PROBLEM.replace("periods: 2", f"periods: {PERIODS}")
EXACT = SolverSettings(gap=0.0, time_limit_s=60.0)


def drawn(seed):
    """Return rates, and prices by the hour and for a year, by period."""
    random = np.random.default_rng(seed)
    rates = np.exp(np.cumsum(random.normal(0, 0.3, PERIODS))).round(3).tolist()
    rent = random.uniform(1.2, 2.5, PERIODS).round(2).tolist()
    lease = random.uniform(0.8, 1.8, PERIODS).round(2).tolist()
    return rates, rent, lease


def rows(rent, lease):
    return [
        *((t, "on_demand", usd) for t, usd in enumerate(rent)),
        *((t, "reserved_1y", usd) for t, usd in enumerate(lease)),
    ]


def replay_drawn(folder, rates, rent, lease, **settings):
    file = write_quarters(folder, LONG)
    actuals = write_actuals(folder, *rates, prices=rows(rent, lease))
    return run_roll(file, actuals, settings=RollSettings(gap=0.0, **settings)).paths[0]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a function that replays the drawn course of a seed, each once."""
    return cache(lambda seed: replay_drawn(tmp_path_factory.mktemp("course"), *drawn(seed)))


@pytest.mark.parametrize("seed", range(6))
def test_cost_follows_from_the_orders_and_foresight_is_never_beaten(course, seed):
    rates, rent, lease = drawn(seed)

    path = course(seed)

    least = path.of("perfect_foresight").bound_usd
    for outcome in path.outcomes:
        needed = [math.ceil(10 * rate / 5 - 1e-9) for rate in rates]
        there = [0] * PERIODS
        usd = 0.0
        for order in outcome.orders:
            for t in range(order.ordered_in, min(order.ordered_in + 4, PERIODS)):
                there[t] += order.nodes
                usd += order.nodes * lease[order.ordered_in] * HOURS
        for t in range(PERIODS):
            usd += max(needed[t] - there[t], 0) * rent[t] * HOURS
        assert outcome.cost_usd == pytest.approx(usd), outcome.policy
        assert outcome.cost_usd >= least * (1 - 1e-9)
        assert outcome.missed_requests == 0
    assert path.of("perfect_foresight").cost_usd == pytest.approx(least)


@pytest.mark.parametrize("seed", range(4))
def test_orders_do_not_depend_on_what_comes_later(course, tmp_path, seed):
    rates, rent, lease = drawn(seed)
    other_rates, other_rent, other_lease = drawn(seed + 100)
    known = 3

    one = course(seed)
    two = replay_drawn(
        tmp_path,
        rates[:known] + other_rates[known:],
        rent[: known + 1] + other_rent[known + 1 :],
        lease[: known + 1] + other_lease[known + 1 :],
    )

    # Prices are known on the first day of a period, demand when it is over.
    for policy in ("rolling", "hedged", "plan_once", "all_reserved_1y"):
        first, second = (
            [
                (o.ordered_in, o.offer_id, o.nodes)
                for o in p.of(policy).orders
                if o.ordered_in <= known
            ]
            for p in (one, two)
        )
        if policy == "plan_once":  # its orders are made on the first day, at later prices
            first, second = sorted(first), sorted(second)
        assert first == second


def test_orders_never_change_after_they_are_signed(tmp_path, monkeypatch):
    rates, rent, lease = drawn(1)
    seen = []
    rolling = POLICIES["rolling"]

    def watched(stage):
        seen.append(dict(stage.signed))
        return rolling(stage)

    monkeypatch.setitem(POLICIES, "rolling", watched)

    outcome = replay_drawn(tmp_path, rates, rent, lease, policies=("rolling",)).of("rolling")

    assert len(outcome.orders) > 1
    for before, after in pairwise(seen):
        assert before.items() <= after.items()
    last = {Purchase("nodes", o.offer_id, o.ordered_in): o.nodes for o in outcome.orders}
    assert seen[-1].items() <= last.items()


CHANGES = "price_change_per_year: {on_demand: -0.2, reserved: -0.3}"
PATHS = (
    "price_paths: [{name: rent, hardware: box, change_per_year: -0.2}, {name: lease, "
    "offer: 'me:one:here:reserved_1y', steps: [{since: 2027-07, factor: 0.6}]}]"
)


@pytest.mark.parametrize(("growth", "prices"), [(1.3, PATHS), (0.8, CHANGES)])
def test_rolling_is_foresight_when_all_comes_as_the_problem_says(tmp_path, growth, prices):
    problem = LONG.replace(
        "peak_factor_in_hour: 1.0}", f"peak_factor_in_hour: 1.0}}\n    growth_per_period: {growth}"
    ).replace(
        "providers: [me]}",
        f"providers: [me], {prices}}}",
    )
    file = write_quarters(tmp_path, problem)
    actuals = write_actuals(tmp_path, *[1] * PERIODS)

    path = run_roll(file, actuals, settings=RollSettings(gap=0.0)).paths[0]

    best = path.of("perfect_foresight").cost_usd
    assert path.of("rolling").cost_usd == pytest.approx(best)
    assert path.of("plan_once").cost_usd == pytest.approx(best)
    assert path.of("all_on_demand").cost_usd > best


def test_servers_are_ordered_their_lead_time_before_they_serve():
    problem = asked(8.0, months=24, tenures=["on_demand", "owned"])
    ready = prepared(problem, facts(capex_usd=2_000.0, lead_time_weeks=13.0))
    world = World(ready, Actuals({"chat": (1.0,) * 8}, {}))

    outcome = replay(world, "rolling", EXACT)

    assert outcome.orders[0].ordered_in == 0
    assert {o.tenure for o in outcome.orders} == {"owned"}
    build = [b for o in ready.options.offers for b in o.builds if b.start == 2]
    assert [world.ordered_in(b) for b in build] == [1]
    # Nothing is discounted: of the cost only what servers are worth at the end is no cash.
    left_usd = sum(period.value_left_usd for period in outcome.periods)
    assert left_usd < 0
    assert outcome.cash_usd == pytest.approx(outcome.cost_usd - left_usd)


def test_another_policy_is_one_function(tmp_path, monkeypatch):
    def two_at_once(stage):
        offers = [o.offer_id for o in stage.world.options.offers if o.builds]
        return Decision({} if stage.period else {Purchase("nodes", offers[0], 0): 2})

    monkeypatch.setitem(POLICIES, "two_at_once", two_at_once)
    file = write_quarters(tmp_path, PROBLEM)

    found = run_roll(
        file,
        write_actuals(tmp_path, 1, 1),
        settings=RollSettings(gap=0.0, policies=("two_at_once",)),
    )

    assert found.policies == ("perfect_foresight", "two_at_once")
    assert found.paths[0].regret("two_at_once") == pytest.approx(0.0)


def test_the_day_keeps_its_shape_and_periods_that_are_over_have_no_demand():
    problem = asked(8.0, months=6)
    ready = prepared(problem, facts(capex_usd=1e9))
    world = World(ready, Actuals({"chat": (1.5, 0.5)}, {}))
    stated = build_demand(ready.loaded, ready.catalog).workloads[0]

    came, expected = world.demand.workloads[0], world.expected_demand(1).workloads[0]

    assert came.mean_rps == pytest.approx(stated.mean_rps * [[1.5], [0.5]])
    assert came.planned_rps == pytest.approx(stated.planned_rps * [[1.5], [0.5]])
    assert expected.planned_rps == pytest.approx(stated.planned_rps * [[0.0], [1.5]])
    as_stated = replace(world, forecast="as-stated").expected_demand(1).workloads[0]
    assert as_stated.planned_rps == pytest.approx(stated.planned_rps * [[0.0], [1.0]])
