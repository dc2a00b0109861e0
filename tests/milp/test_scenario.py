"""Programs of scenarios that are joined: purchases that are held, and provisioned units."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, scenario, solve_program
from planner.milp.highs import solve_arrays
from planner.milp.joint import Part, Risk, Tie, join, solve_joint
from planner.milp.scenario import bound_scenario, worth_having
from planner.options.purchases import Purchase, decided_in, hold_purchases, purchases
from planner.plan.purchases import taken_purchases
from tests import worlds
from tests.milp.test_provisioned import units, world

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
POOL = units(periods=2, term=2, step=2)
NOW = Purchase("units", POOL.id, 0)
RATES = ([[1.5], [1.5]], [[5.5], [7.5]])
PROBABILITIES = (0.6, 0.4)
WORLDS = [world(rates, POOL, 1e-3) for rates in RATES]


def held_usd(count):
    """Return the mean cost with so many units taken on now, and the most units that are there."""
    total = 0.0
    for share, (demand, options) in zip(PROBABILITIES, WORLDS, strict=True):
        held = hold_purchases(options, demand.grid, {NOW: count})
        found = solve_program(build_program(demand, held, Limits()), EXACT)
        if found.objective_usd is None:
            return math.inf
        taken = taken_purchases(options, demand.grid, found.decisions)
        assert taken.get(NOW, 0) == count, "units that are held are kept, needed or not"
        total += share * found.objective_usd
    return total


def joint_usd():
    wanted: dict[str, float] = {}
    for demand, options in WORLDS:
        for name, most in worth_having(demand, options, Limits()).items():
            wanted[name] = max(wanted.get(name, 0), most)
    programs = [
        bound_scenario(demand, options, Limits(), elsewhere=wanted, settings=EXACT)
        for demand, options in WORLDS
    ]
    parts = [
        Part(a.arrays, a.money_unit_usd, p) for a, p in zip(programs, PROBABILITIES, strict=True)
    ]
    tie = Tie(tuple((s, a.columns[NOW][0]) for s, a in enumerate(programs)))
    joint = join(parts, [tie], Risk())
    outcome = solve_arrays(joint.arrays, EXACT)
    step = programs[0].columns[NOW][1]
    return outcome.bound * joint.money_unit_usd, step * round(outcome.values[joint.tied][0])


def test_units_that_scenarios_share_are_the_best_of_every_number():
    """The scenario of little demand takes on more units than it has any use for."""
    by_count = {count: held_usd(count) for count in range(0, 12, 2)}

    usd, count = joint_usd()

    assert usd == pytest.approx(min(by_count.values()), rel=1e-7)
    assert by_count[count] == pytest.approx(usd, rel=1e-7)
    assert count > 2


def test_held_purchases_leave_the_others_open_and_builds_in_their_places():
    reserved = worlds.reserved("year", periods=3, term_months=2)
    options = worlds.option_set([worlds.option("o")], [worlds.capacity("chat", "o", 1.0)],
                                [reserved], [])  # fmt: skip
    grid = worlds.grid(3)

    held = hold_purchases(options, grid, {Purchase("nodes", "year", 1): 4})

    bounds = [(b.least_nodes, b.most_nodes) for b in held.offers[0].builds]
    assert bounds == [(0, None), (4, 4), (0, None)]
    assert purchases(held, grid) == purchases(options, grid)
    assert [decided_in(b, grid) for b in reserved.builds] == [0, 1, 2]


@pytest.mark.parametrize("world_", WORLDS, ids=["small", "large"])
def test_a_scenario_by_itself_is_solved_to_its_optimum(world_):
    demand, options = world_
    best = solve_program(build_program(demand, options, Limits()), EXACT)

    found = alone(demand, options)

    assert found.proof.status == "optimal"
    assert found.objective_usd == pytest.approx(best.objective_usd)
    assert found.proof.bound_usd <= best.objective_usd * (1 + 1e-9)


def test_purchases_that_are_no_good_prove_nothing(monkeypatch):
    """With the purchases held a plan is proven the best with them, and not the best of all."""
    demand, options = WORLDS[0]
    best = solve_program(build_program(demand, options, Limits()), EXACT)

    def too_many(joint, settings):
        outcome = solve_joint(joint, settings)
        bought = [n.startswith("s0_buy_") for n in joint.arrays.column_names]
        return replace(outcome, values=np.where(bought, outcome.values + 2, outcome.values))

    monkeypatch.setattr(scenario, "solve_joint", too_many)

    found = alone(demand, options)

    assert found.proof.status == "optimal"
    assert found.objective_usd == pytest.approx(best.objective_usd)

    monkeypatch.setattr(scenario, "solve_joint", lambda *a: replace(too_many(*a), bound=None))
    assert alone(demand, options).objective_usd == pytest.approx(best.objective_usd)


def alone(demand, options):
    program = bound_scenario(demand, options, Limits(), elsewhere={}, settings=EXACT)
    return scenario.solve_scenario(
        demand, options, Limits(), program=program, elsewhere={}, settings=EXACT
    )
