"""Types of day: each is planned for itself, and what is there all the time is shared by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.demand.records import DayType
from planner.milp import Limits, SolverSettings, build_program, solve_program
from planner.verify.audit import audit
from tests import worlds
from tests.options.world import catalog, problem, row, workload
from tests.verify.conftest import solved

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0
WEEK = {"weekday": 5 / 7, "weekend": 2 / 7}


def split(demand, shares=WEEK):
    """Return a demand whose blocks are those of types of day with these shares."""
    types = tuple(DayType(name, share) for name, share in shares.items())
    grid = replace(demand.grid, day_types=types, block_h=24.0 * len(types) / demand.grid.blocks)
    return replace(demand, grid=grid)


def cost_usd(demand, options, limits=Limits()):  # noqa: B008 - immutable
    return solve_program(build_program(demand, options, limits), EXACT).objective_usd


def one_gpu(*offers, apis=()):
    return worlds.option_set(
        [worlds.option("o")], [worlds.capacity("chat", "o", 1.0)], offers, apis
    )


def test_blocks_of_a_rare_day_are_few_hours():
    grid = split(worlds.demand({"chat": [1.0] * 4}), {"usual": 353 / 365, "peak": 12 / 365}).grid

    assert grid.block_h == 12.0
    assert grid.hours_in_period(3) == pytest.approx(HOURS * 12 / 365 / 2)
    assert grid.days_in_period(0) == pytest.approx(HOURS / 24 * 353 / 365)
    assert grid.shares_of_period.sum() == pytest.approx(1.0)
    assert [grid.after(b) for b in range(4)] == [1, 0, 3, 2]
    assert [grid.before(b) for b in range(4)] == [1, 0, 3, 2]


def test_rented_nodes_follow_the_type_of_day():
    # 4 nodes on weekdays, 1 at weekends, one block each
    usd = cost_usd(split(worlds.demand({"chat": [4.0, 1.0]})), one_gpu(worlds.offer("rent", 2.0)))

    assert usd == pytest.approx(2.0 * HOURS * (4 * 5 / 7 + 1 * 2 / 7))


def test_nodes_of_a_term_are_there_on_every_day():
    # the fourth node works 5 days of 7: rented at 1.3 USD/h it costs 0.93 of the lease
    demand = split(worlds.demand({"chat": [[4.0, 3.0]] * 12}))
    lease = worlds.reserved("lease", 1.0, accelerators=1, periods=12)

    for hourly, leased in ((1.3, 3), (1.5, 4)):
        options = one_gpu(worlds.offer("rent", [hourly] * 12), lease)
        result = solve_program(build_program(demand, options, Limits()), EXACT)

        assert [b.nodes for b in result.decisions.builds] == [leased]
        rented = (4 - leased) * 5 / 7 * hourly
        assert result.objective_usd == pytest.approx(12 * HOURS * (leased + rented))


def test_a_day_starts_its_nodes_after_a_day_of_its_own_type():
    # two blocks of 12 h: weekdays start one node a day, weekends none
    demand = split(worlds.demand({"chat": [1.0, 2.0, 1.0, 1.0]}))

    usd = cost_usd(demand, one_gpu(worlds.offer("rent", 2.0, startup_h=0.5)))

    node_hours = HOURS * (5 / 7 * 1.5 + 2 / 7)
    assert usd == pytest.approx(2.0 * (node_hours + 0.5 * HOURS / 24 * 5 / 7))


@pytest.mark.parametrize("seed", range(12))
def test_types_of_day_that_nothing_couples_cost_their_weighted_sum(seed):
    rng = np.random.default_rng(seed)
    share = float(rng.uniform(0.1, 0.9))
    days = rng.uniform(0.2, 6.0, size=(2, 3)).round(2)
    tokens = [worlds.api("chat", float(rng.uniform(1e-4, 1e-3)))]
    options = one_gpu(
        worlds.offer("rent", 2.0, startup_h=0.4, min_billing_h=float(rng.choice([0.0, 16.0]))),
        apis=tokens,
    )
    limits = Limits(spare_replicas=int(rng.integers(0, 2)))

    alone = [cost_usd(worlds.demand({"chat": list(day)}), options, limits) for day in days]
    both = split(worlds.demand({"chat": list(days.ravel())}), {"a": share, "b": 1 - share})

    expected = share * alone[0] + (1 - share) * alone[1]
    assert cost_usd(both, options, limits) == pytest.approx(expected, rel=1e-6)


def test_static_nodes_serve_the_busiest_type_of_day():
    limits = Limits(scaling="static")

    usd = cost_usd(
        split(worlds.demand({"chat": [4.0, 1.0]})), one_gpu(worlds.offer("rent", 2.0)), limits
    )

    assert usd == pytest.approx(2.0 * HOURS * 4)


def test_the_range_that_an_offer_can_follow_holds_across_types_of_day():
    offer = worlds.offer("rent", 2.0, elastic_max_nodes=1)

    usd = cost_usd(split(worlds.demand({"chat": [4.0, 1.0]})), one_gpu(offer))

    assert usd == pytest.approx(2.0 * HOURS * (4 * 5 / 7 + 3 * 2 / 7))


DAYS = {
    "weekday": {"days_per_year": 260.0},
    "weekend": {"days_per_year": 105.0, "factor": 0.4, "profile": [1.0] * 12 + [3.0] * 12},
}


def week_world(**changes):
    arrival = {"mean_rate_rps": 20.0, "peak_factor_in_hour": 1.0, "day_types": DAYS}
    asked = problem(
        workload(arrival=arrival | changes),
        workload("bulk", arrival={"mean_rate_rps": 4.0}),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 12},
        finance={"discount_rate_per_year": 0.0},
        time_blocks=4,
        supply={"tenures": ["api"]},
    )
    return solved(asked, catalog(api_offers=[row("api_offers")]))


def test_a_problem_with_types_of_day_is_paid_by_their_days_and_audited():
    world = week_world()

    # one request costs 650 USD per million; bulk states no days and is the same on all
    requests_m = (20 * (260 + 0.4 * 105) + 4 * 365) * 86_400 / 1e6
    assert world.plan.tco_usd == pytest.approx(650 * requests_m * 8_760 / (365 * 24))
    assert [t.day_type for t in world.plan.time_blocks] == ["weekday"] * 4 + ["weekend"] * 4
    assert [t.start_h for t in world.plan.time_blocks] == [0, 6, 12, 18] * 2
    weekend = [r.rate_rps for r in world.plan.api if r.workload == "chat" and r.block >= 4]
    assert weekend == pytest.approx([4.0, 4.0, 12.0, 12.0])
    assert audit(world.plan, world.problem, world.catalog) == []


@pytest.mark.parametrize(
    "changes",
    [{"day_type": "weekend"}, {"start_h": 1.0}, {"end_h": 7.0}, {"hours_per_period": 1.0}],
    ids=lambda changes: next(iter(changes)),
)
def test_the_audit_sees_a_wrong_table_of_blocks(changes):
    world = week_world()
    first, *rest = world.plan.time_blocks
    plan = replace(world.plan, time_blocks=(replace(first, **changes), *rest))

    assert any("block 0" in text for text in audit(plan, world.problem, world.catalog))


def test_equal_types_of_day_change_nothing():
    same = {"a": {"days_per_year": 100.0}, "b": {"days_per_year": 265.0}}

    assert week_world(day_types=same).plan.tco_usd == pytest.approx(
        week_world(day_types=None).plan.tco_usd
    )
