"""Nodes that are there in given hours: what they save, by hand and by trying everything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import Limits, SolverSettings, build_program, solve_program, verify_decisions
from planner.options.builds import Build, monthly_payments
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0


def lent(nodes, blocks, usd_per_day_hour=0.0, periods=1):
    """Return nodes that are there in some blocks of the day, paid whatever the plan decides."""
    times = worlds.grid(periods)
    payments = tuple(monthly_payments(times, "lease", usd_per_day_hour * HOURS, (0, periods)))
    build = Build(
        0, periods, 0, periods, payments, usd_per_day_hour, "2027-01", "a test", fixed_nodes=nodes
    )
    node = worlds.offer("lent", [usd_per_day_hour] * periods, provider="lender")
    return replace(node, tenure="reserved_1y", builds=(build,), blocks_of_day=frozenset(blocks))


def world(lender, rate_rps=1.0, price=2.0):
    return worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", rate_rps)],
        [worlds.offer("node", price), lender],
    )


def solve(demand, options, **limits):
    return solve_program(build_program(demand, options, Limits(**limits)), EXACT)


def nodes_of(result, name):
    return {(r.period, r.block): r.nodes for r in result.decisions.nodes if r.offer_id == name}


def test_lent_nodes_carry_the_night_and_rented_ones_the_day():
    # 3 requests/s all day: by day 3 rented nodes, by night 1 beside the 2 that are lent.
    demand = worlds.demand({"chat": [3.0] * 4})

    result = solve(demand, world(lent(2, {0, 3}, usd_per_day_hour=0.5)))

    assert nodes_of(result, "lent") == {(0, 0): 2, (0, 3): 2}
    assert nodes_of(result, "node") == {(0, 0): 1, (0, 1): 3, (0, 2): 3, (0, 3): 1}
    assert result.objective_usd == pytest.approx((1 + 3 + 3 + 1) * 2.0 * HOURS / 4 + 2 * 365.0)


def test_every_type_of_day_has_the_hours():
    demand = worlds.demand({"chat": [1.0] * 4})
    week = replace(
        demand.grid, day_types=(worlds_day("weekday", 5 / 7), worlds_day("weekend", 2 / 7)),
        block_h=12.0,
    )  # fmt: skip

    result = solve(replace(demand, grid=week), world(lent(1, {1})))

    assert nodes_of(result, "lent") == {(0, 1): 1, (0, 3): 1}
    assert result.objective_usd == pytest.approx(2.0 * HOURS / 2)


def worlds_day(name, share):
    from planner.demand.records import DayType

    return DayType(name, share)


def test_spares_may_stand_on_lent_nodes():
    demand = worlds.demand({"chat": [1.0] * 2})

    result = solve(demand, world(lent(1, {0})), spare_replicas=1)

    assert nodes_of(result, "node") == {(0, 0): 1, (0, 1): 2}


def test_nodes_outside_their_hours_are_a_fault():
    demand = worlds.demand({"chat": [1.0] * 2})
    options = world(lent(1, {0}))
    decisions = solve(demand, options).decisions
    row = next(r for r in decisions.nodes if r.offer_id == "lent")
    more = (*decisions.nodes, replace(row, block=1))

    with pytest.raises(
        InternalError, match="nodes of lent in period 0 are not the 1 of its builds"
    ):
        verify_decisions(demand, options, Limits(), replace(decisions, nodes=more))


@pytest.mark.parametrize("seed", range(30))
def test_the_optimum_is_the_least_cost_by_trying_everything(seed):
    rng = np.random.default_rng(seed)
    blocks = 4
    hours = frozenset(np.flatnonzero(rng.random(blocks) < 0.5).tolist()) or frozenset({2})
    nodes, mu, price = int(rng.integers(1, 4)), float(rng.uniform(0.5, 1.5)), 2.0
    rates = rng.uniform(0.2, 4.0, blocks)
    spares = int(rng.random() < 0.5)
    demand = worlds.demand({"chat": rates.tolist()}, mean_share=0.5)
    paid = float(rng.uniform(0.0, 1.0))
    options = world(lent(nodes, hours, paid), mu, price)
    options = replace(
        options, offers=(replace(options.offers[0], startup_h=0.0), options.offers[1])
    )

    result = solve(demand, options, spare_replicas=spares)

    rented = [
        max(int(np.ceil(rate / mu - 1e-9)) + spares - (nodes if b in hours else 0), 0)
        for b, rate in enumerate(rates.tolist())
    ]
    expected = sum(rented) * price * HOURS / blocks + nodes * paid * HOURS
    assert result.objective_usd == pytest.approx(expected, rel=1e-7)


def test_programs_large_enough_for_bounds_of_slots_know_the_hours():
    demand = worlds.demand({f"w{i}": [1.5 + 0.1 * i] * 24 for i in range(4)})
    options = worlds.option_set(
        [worlds.option("o"), worlds.option("p", accelerators=2)],
        [
            worlds.capacity(f"w{i}", name, rate)
            for i in range(4)
            for name, rate in (("o", 1.0), ("p", 2.5))
        ],
        [worlds.offer("node", 4.0, accelerators=2), lent(0, set())],
    )
    lender = replace(lent(3, set(range(8)), 0.2), accelerators_per_node=2)
    options = replace(options, offers=(options.offers[0], lender))

    result = solve(demand, options)

    assert {b for _, b in nodes_of(result, "lent")} == set(range(8))
    by_day = nodes_of(result, "node")
    assert all(by_day.get((0, b), 0) == by_day[0, 12] - 3 for b in range(8))
