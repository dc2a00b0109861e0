"""Provisioned units: by hand, and against the least cost by trying every number of units.

A month has 730 h, so one request/s is 2.628 million requests a month. A request counts 100 tokens,
and a unit of 6,000 tokens a minute carries one request/s.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from planner.diagnosis import diagnose_program
from planner.errors import InternalError
from planner.milp import (
    BudgetLimit,
    Limits,
    SolverSettings,
    build_program,
    by_parts,
    solve_program,
    verify_decisions,
)
from planner.milp.bridge import to_arrays
from planner.milp.start import complete_start
from planner.options.builds import Build, monthly_payments, served_until
from planner.options.restrict import committed_units
from planner.options.supply_records import PROVISIONED, ProvisionedUnits
from planner.plan.records import UnitDecision
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0
MONTH_S = MONTH_H * 3_600.0
UNIT_USD = 1.0


def units(periods=1, term=1, least=1, step=1, most=None, usd=UNIT_USD, rise=1.0):
    """Return units of one request/s at `usd` an hour, for terms of so many months.

    The price rises by a factor from month to month.
    """
    times = worlds.grid(periods)
    builds = tuple(
        Build(
            start=t,
            end=served_until(times, t, term),
            order_month=t,
            term_months=term,
            payments=tuple(monthly_payments(times, "api", usd * rise**t * MONTH_H, (t, t + term))),
            usd_per_node_hour=usd * rise**t,
            price_date="2027-01",
            source="a test",
        )
        for t in range(periods)
    )
    return ProvisionedUnits(f"{PROVISIONED}:ptu", "api", "api", 6_000.0, least, step, most, builds)


def out_of(pool, workload="chat", counted=100.0):
    """Return tokens of a workload that come out of units."""
    periods = len(pool.builds)
    base = worlds.api(workload, [0.0] * periods)
    return replace(
        base, id=pool.id, mode=PROVISIONED, units_id=pool.id, counted_tokens=counted
    )  # fmt: skip


def world(rates, pool, usd_per_request, others=(), mean_share=1.0):
    """Return demand of chat and options: its units, and tokens paid by use."""
    demand = worlds.demand({"chat": rates}, mean_share=mean_share)
    by_use = [worlds.api("chat", [usd_per_request] * len(pool.builds))] if usd_per_request else []
    options = worlds.option_set([], [], [], [out_of(pool), *by_use, *others])
    return demand, replace(options, provisioned=(pool,))


def solve(demand, options, limits=Limits()):  # noqa: B008
    return solve_program(build_program(demand, options, limits), EXACT)


def test_units_are_paid_for_the_whole_month_and_the_rest_spills_over():
    # A unit costs 730 USD; one request/s by use 2,628 USD where it is asked, 657 in a quarter day.
    demand, options = world([1.0, 1.0, 3.0, 1.0], units(), 1e-3)

    found = solve(demand, options)

    # One unit: 730 + 2 requests/s x 657. A second or third unit would save only 657 for 730.
    assert found.objective_usd == pytest.approx(730 + 2 * 657)
    assert found.decisions.units == (UnitDecision("provisioned:ptu", 0, 1),)
    assert found.proof.status == "optimal"


def test_units_come_in_increments():
    demand, options = world([4.5], units(step=2), 1e-3)

    # 2, 4 and 6 units leave 2.5, 0.5 and 0 requests/s at 2,628 USD.
    assert solve(demand, options).objective_usd == pytest.approx(4 * 730 + 0.5 * 2_628)


@pytest.mark.parametrize(("rate", "usd"), [(2.0, 2 * 2_628.0), (3.0, 10 * 730.0)])
def test_a_deployment_has_a_minimum_or_is_not_there(rate, usd):
    demand, options = world([rate], units(least=10, step=5), 1e-3)

    assert solve(demand, options).objective_usd == pytest.approx(usd)


def test_there_are_no_more_than_max_units():
    demand, options = world([4.5], units(most=3), 1e-3)

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx(3 * 730 + 1.5 * 2_628)
    (price,) = [p for p in found.shadow_prices if p.what == "provisioned_units"]
    assert price.where == "provisioned:ptu, period 0"
    assert price.usd_per_unit == pytest.approx(2_628 - 730)


def test_units_are_the_same_in_every_block_and_may_differ_by_period():
    demand, options = world([[1.0, 3.0], [4.0, 4.0]], units(periods=2), 1e-2)

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx((3 + 4) * 730)
    assert found.decisions.units == (
        UnitDecision("provisioned:ptu", 0, 3), UnitDecision("provisioned:ptu", 1, 4),
    )  # fmt: skip


def test_a_term_holds_units_and_is_paid_beyond_the_horizon():
    pool = units(periods=2, term=3)
    demand, options = world([[2.0], [1.0]], pool, 1e-2)

    found = solve(demand, options)

    # Two units from the start, three months each, although one would do in the second.
    assert found.objective_usd == pytest.approx(2 * 3 * 730)
    assert found.decisions.units == (UnitDecision("provisioned:ptu", 0, 2),)


def test_units_of_a_later_period_are_taken_on_early_where_their_price_rises():
    pool = units(periods=3, term=2, rise=3.0)
    demand, options = world([[2.0], [2.0], [2.0]], pool, 1.0)

    found = solve(demand, options)

    # Two months at 1, and two at 3 from the second on; not at 9 from the third on.
    assert found.objective_usd == pytest.approx(2 * 730 * 2 * (1 + 3))
    assert [(u.build, u.units) for u in found.decisions.units] == [(0, 2), (1, 2)]


@pytest.mark.parametrize(("rate_rps", "taken"), [(0.5, 3), (4.0, 4)])
def test_units_that_were_ordered_before_are_there_and_more_where_it_pays(rate_rps, taken):
    pool = units()
    ordered = replace(pool, builds=(replace(pool.builds[0], least_nodes=3),))
    demand, options = world([rate_rps], ordered, 1.0)

    found = solve(demand, options)

    assert [row.units for row in found.decisions.units] == [taken]
    assert found.objective_usd == pytest.approx(taken * MONTH_H)
    wrong = replace(found.decisions, units=(UnitDecision(pool.id, 0, 2),))
    with pytest.raises(InternalError, match=r"2 units of provisioned:ptu, 3 were ordered"):
        verify_decisions(demand, options, Limits(), wrong)
    (kept,) = committed_units(options)
    assert [(b.least_nodes, b.most_nodes) for b in kept.builds] == [(3, 3)]
    assert committed_units(replace(options, provisioned=(pool,))) == ()


def test_workloads_share_units():
    pool = units()
    demand = worlds.demand({"chat": [0.5], "code": [0.25]})
    options = worlds.option_set(
        [], [], [], [out_of(pool), out_of(pool, "code", counted=200.0)]
    )  # fmt: skip

    found = solve(demand, replace(options, provisioned=(pool,)))

    # 0.5 x 100 and 0.25 x 200 tokens fill one unit.
    assert found.objective_usd == pytest.approx(730)


def test_units_carry_the_planned_rate_and_tokens_by_use_cost_the_mean():
    demand, options = world([2.0], units(), 1e-3, mean_share=0.5)

    # By use a planned request/s costs 1,314 USD.
    assert solve(demand, options).objective_usd == pytest.approx(2 * 730)
    demand, options = world([2.0], units(usd=1.9), 1e-3, mean_share=0.5)
    assert solve(demand, options).objective_usd == pytest.approx(2 * 1_314)


def test_budgets_count_units():
    demand, options = world([3.0], units(), 1e-3)
    budget = Limits(budgets=(BudgetLimit("opex", 0, 2_189.0),))

    assert solve(demand, options, budget).proof.status == "infeasible"
    exact = Limits(budgets=(BudgetLimit("opex", 0, 2_190.0), BudgetLimit("capex", 0, 0.0)))
    assert solve(demand, options, exact).objective_usd == pytest.approx(2_190)


def test_too_few_units_are_named_as_the_cause():
    demand, options = world([3.0], units(most=2), None)

    lines = diagnose_program(demand, options, Limits(), EXACT)

    assert "without the max_units of provisioned units there is a plan" in lines


@pytest.mark.parametrize(
    ("bought", "message"),
    [
        ({0: 2}, r"300 .* .*tokens per minute on 2 units|18000 counted tokens per minute on 2"),
        ({0: 1}, r"1 units of provisioned:ptu in period 0"),
        ({0: 6}, r"6 units of provisioned:ptu in period 0"),
        ({0: 3}, r"3 units of provisioned:ptu in period 0"),
    ],
)
def test_decisions_that_break_a_row_are_refused(bought, message):
    demand, options = world([3.0], units(least=2, step=2, most=4), None)
    found = solve(demand, options)
    other = tuple(UnitDecision("provisioned:ptu", s, n) for s, n in bought.items())

    assert found.decisions.units == (UnitDecision("provisioned:ptu", 0, 4),)
    with pytest.raises(InternalError, match=message):
        verify_decisions(demand, options, Limits(), replace(found.decisions, units=other))


def test_units_do_not_pass_for_free_tokens_in_the_start():
    demand, options = world([3.0] * 4, units(), None)
    node = worlds.offer("node", 1.0)
    options = replace(
        options, options=(worlds.option("o"),), capacities=(worlds.capacity("chat", "o", 1.0),),
        offers=(node,),
    )  # fmt: skip
    program = build_program(demand, options, Limits())

    arrays = to_arrays(program.problem)
    start = complete_start(program.model, arrays, np.full(arrays.cost.size, np.nan))

    replicas = [start[arrays.column_names.index(v.name)] for v in program.model.n.values()]
    assert replicas == [3.0] * 4


def least_usd(rates, pool, prices, node_usd):
    """Return the least cost of chat by trying every purchase and every number of nodes.

    What units do not carry goes to one-request/s nodes by the block and to tokens paid by use.
    """
    periods, blocks = len(rates), len(rates[0])
    most = math.ceil(max(map(max, rates)) / pool.increment_units) + pool.min_units
    sizes = range(0, most * pool.increment_units + 1, pool.increment_units)
    best = math.inf
    for bought in itertools.product(sizes, repeat=periods):
        usd = sum(n * b.discounted_usd for n, b in zip(bought, pool.builds, strict=True))
        for t in range(periods):
            there = sum(n for n, b in zip(bought, pool.builds, strict=True) if b.serves(t))
            too_many = pool.max_units is not None and there > pool.max_units
            if there and (there < pool.min_units or too_many):
                usd = math.inf
            for rate in rates[t]:
                left = max(rate - there, 0.0)
                usd += min(
                    n * node_usd * MONTH_H / blocks
                    + max(left - n, 0.0) * prices * MONTH_S / blocks
                    for n in range(math.ceil(left) + 1)
                )
        best = min(best, usd)
    return best


@pytest.mark.parametrize("by_blocks", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_equals_the_least_cost_by_trying_everything(seed, by_blocks, monkeypatch):
    if by_blocks:  # bounds from single blocks, which small programs do without
        monkeypatch.setattr(by_parts, "_SMALLEST_PROGRAM", 0)
    rng = np.random.default_rng(seed)
    periods, blocks = int(rng.integers(1, 4)), int(rng.choice([1, 4]))
    rates = np.round(rng.uniform(0.2, 3.5, (periods, blocks)), 2).tolist()
    step = int(rng.choice([1, 2]))
    least = step * int(rng.choice([1, 2]))
    pool = units(
        periods, term=int(rng.choice([1, 2, 3])), least=least, step=step,
        most=int(rng.choice([0, least + step])) or None, usd=float(rng.uniform(0.5, 2)),
        rise=float(rng.choice([0.6, 1.0, 1.8])),
    )  # fmt: skip
    price, node_usd = float(rng.uniform(2e-4, 1.5e-3)), float(rng.uniform(1, 3))
    demand, options = world(rates, pool, price)
    options = replace(
        options, options=(worlds.option("o"),), capacities=(worlds.capacity("chat", "o", 1.0),),
        offers=(worlds.offer("node", [node_usd] * periods),),
    )  # fmt: skip

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx(least_usd(rates, pool, price, node_usd), rel=1e-7)
    assert found.proof.status == "optimal"
