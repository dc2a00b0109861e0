"""Moves of workloads between models: when they pay, and against trying everything."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import (
    BudgetLimit,
    Limits,
    Quota,
    SolverSettings,
    build_program,
    decisions_usd,
    solve_program,
    verify_decisions,
)
from planner.plan.moves import SMALLEST_MODEL_SHARE, moves
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS, SECONDS = 730.0, 730.0 * 3600.0


def solve(demand, options, limits=Limits()):  # noqa: B008 - immutable
    return solve_program(build_program(demand, options, limits), EXACT)


def tokens(move_usd, **prices):
    """Return token offers of models by name, with prices per 1,000 requests by period."""
    apis = [
        worlds.api("chat", [p / 1_000 for p in usd], name=model, model=model)
        for model, usd in prices.items()
    ]
    return replace(worlds.option_set([], [], [], apis), switching_usd_per_move=move_usd)


def listed(options, result):
    return [(m.period, m.workload, m.model) for m in moves(options, result.decisions)]


@pytest.mark.parametrize(("move_usd", "moved"), [(1_313.0, True), (1_315.0, False)])
def test_a_workload_moves_when_the_saving_is_more_than_the_move(move_usd, moved):
    # The cheaper model of the second month saves 0.5 USD for each of 2,628 thousand requests.
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = tokens(move_usd, a=[1.0, 1.0], b=[2.0, 0.5])

    result = solve(demand, options)

    assert listed(options, result) == ([(1, "chat", "b")] if moved else [])
    assert result.objective_usd == pytest.approx(
        SECONDS / 1_000 * (1.5 if moved else 2.0) + move_usd * moved
    )


def test_a_move_is_discounted_from_the_start_of_its_period():
    demand = worlds.demand({"chat": [[1.0], [1.0]]}, discount_per_period=0.9)
    demand = replace(demand, grid=replace(demand.grid, discount_rate_per_year=0.2))
    options = tokens(100.0, a=[1.0, 1.0], b=[2.0, 0.5])

    result = solve(demand, options)

    usage = SECONDS / 1_000 * (1.0 + 0.9 * 0.5)
    assert result.objective_usd == pytest.approx(usage + 100.0 * 1.2 ** (-1 / 12))


def test_bringing_a_model_in_at_the_start_saves_no_move():
    # 1 % of the first month on b would cost 26 USD, less than any move; but it is one itself.
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = tokens(1_000.0, a=[1.0, 1.0], b=[2.0, 0.5])

    assert listed(options, solve(demand, options)) == [(1, "chat", "b")]


def test_a_second_model_of_the_first_period_is_a_move():
    # One node carries half; the rest is bought of another model.
    own = worlds.option_set(
        [worlds.option("o", model="own")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("node", [0.1])],
    )
    demand = worlds.demand({"chat": [[2.0]]})
    options = replace(own, api=tokens(0.0, a=[1.0]).api, switching_usd_per_move=70.0)
    one = Limits(quotas=(Quota("gpu", 1),))

    mixed = solve(demand, options, one)
    dear = solve(demand, replace(options, switching_usd_per_move=3_000.0), one)

    assert listed(options, mixed) == [(0, "chat", "own")]
    assert mixed.objective_usd == pytest.approx(73.0 + SECONDS / 1_000 + 70.0)
    assert listed(options, dear) == []
    assert dear.objective_usd == pytest.approx(2 * SECONDS / 1_000)


def test_keeping_a_model_at_a_share_of_the_requests_saves_the_way_back():
    # A month with 1 % on a model that is dear then costs 263 USD more, a move back 300.
    demand = worlds.demand({"chat": [[1.0]] * 3})
    options = tokens(300.0, a=[1.0, 11.0, 1.0], b=[11.0, 1.0, 11.0])

    result = solve(demand, options)

    assert listed(options, result) == [(1, "chat", "b")]
    kept = {f.supply_id: f.planned_rps for f in result.decisions.api_flows if f.period == 1}
    assert kept["a-chat"] == pytest.approx(SMALLEST_MODEL_SHARE)


def test_every_return_is_a_move():
    demand = worlds.demand({"chat": [[1.0]] * 4})
    options = tokens(1.0, a=[1.0, 9.0, 1.0, 9.0], b=[9.0, 1.0, 9.0, 1.0])

    result = solve(demand, options)

    assert listed(options, result) == [(1, "chat", "b"), (2, "chat", "a"), (3, "chat", "b")]


def test_an_idle_spare_of_a_model_is_no_move():
    # Both options carry the pool; with one node each, one of them stands by.
    own = [worlds.option("o", "gpu", 1, "a"), worlds.option("p", "npu", 1, "b")]
    capacities = [worlds.capacity("chat", name, 1.0) for name in ("o", "p")]
    nodes = [worlds.offer("gpu", [1.0, 1.0]), worlds.offer("npu", [1.1, 1.1], "npu")]
    options = replace(worlds.option_set(own, capacities, nodes), switching_usd_per_move=1e6)
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    decisions = solve(demand, options, Limits(spare_replicas=1)).decisions
    standing_by = replace(
        decisions,
        replicas=(*decisions.replicas, replace(decisions.replicas[0], option_id="p", period=1)),
    )

    assert moves(options, standing_by) == ()


def test_a_budget_counts_a_move_in_its_period():
    # The second month costs 1,314 USD with the cheaper model, and a move to it 1,000.
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = tokens(1_000.0, a=[1.0, 1.0], b=[2.0, 0.5])

    kept = solve(demand, options, Limits(budgets=(BudgetLimit("opex", 1, 2_315.0),)))
    before = solve(demand, options, Limits(budgets=(BudgetLimit("cash", 1, 2_313.0),)))
    low = Limits(budgets=(BudgetLimit("cash", 1, 2_313.0), BudgetLimit("cash", 0, 3_600.0)))

    assert listed(options, kept) == [(1, "chat", "b")]
    assert listed(options, before) == [(0, "chat", "b")]
    assert solve(demand, options, low).proof.status == "infeasible"


def test_a_model_that_serves_too_little_is_a_fault():
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = tokens(1_000.0, a=[1.0, 1.0], b=[2.0, 0.5])
    decisions = solve(demand, options).decisions
    first = decisions.api_flows[0]
    wrong = replace(
        decisions,
        api_flows=(
            replace(first, planned_rps=0.995),
            replace(first, supply_id="b-chat", planned_rps=0.005),
            *decisions.api_flows[1:],
        ),
    )

    with pytest.raises(InternalError, match=r"b serves 5\.00e-03 of the requests of chat"):
        verify_decisions(demand, options, Limits(), wrong)


def least_usd(prices, rates, node_usd, move_usd, before=None):
    """Return the least cost over everything that may serve in each month.

    Tokens of models a and b, and a replica of 1 request/s of model c; a month has one block. What
    served before is known, or one model of the first month is free.
    """
    periods = range(len(rates))
    names = ("a", "b", "c")
    sets = [frozenset(some) for n in (1, 2, 3) for some in itertools.combinations(names, n)]
    best = np.inf
    for chosen in itertools.product(sets, repeat=len(rates)):
        usd = sum(_month_usd(chosen[t], prices, rates[t], node_usd[t], t) for t in periods)
        begun = sum(len(chosen[t] - chosen[t - 1]) for t in periods if t > 0)
        begun += len(chosen[0]) - 1 if before is None else len(chosen[0] - before)
        best = min(best, usd + begun * move_usd)
    return best


def _month_usd(chosen, prices, rate, node_usd, t):
    least = SMALLEST_MODEL_SHARE * rate
    bought = sorted(chosen & {"a", "b"}, key=lambda m: prices[m][t])
    best = np.inf
    for nodes in range(1, int(np.ceil(rate)) + 1) if "c" in chosen else [0]:
        own = min(float(nodes), rate - least * len(bought))
        left = rate - own
        if (not bought and left > 1e-9) or (nodes and own < least):
            continue
        sent = dict.fromkeys(bought, least)
        if bought:
            sent[bought[0]] = left - least * (len(bought) - 1)
        usd = sum(r * SECONDS * prices[m][t] / 1_000 for m, r in sent.items())
        best = min(best, usd + nodes * HOURS * node_usd)
    return best


@pytest.mark.parametrize(
    ("seed", "before"),
    [
        *((seed, None) for seed in range(40)),
        *zip(range(40, 54), ["a", "b", "c", "ab", "bc", "d", "cd"] * 2, strict=True),
    ],
)
def test_the_optimum_is_the_least_cost_by_trying_everything(seed, before):
    # Model d is on offer no more.
    rng = np.random.default_rng(seed)
    prices = {m: rng.uniform(0.3, 1.2, 3).round(3).tolist() for m in "ab"}
    node_usd = rng.uniform(1.0, 5.0, 3).round(2).tolist()
    rates = rng.uniform(0.6, 2.6, 3).round(2).tolist()
    move_usd = float(rng.uniform(0.0, 1_500.0))
    own = worlds.option_set(
        [worlds.option("o", model="c")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("node", node_usd)],
    )
    options = replace(tokens(move_usd, **prices), **{
        field: getattr(own, field) for field in ("options", "capacities", "offers", "pool_of")
    })  # fmt: skip
    options = replace(options, served_before=frozenset(("chat", m, 0) for m in before or ()))
    demand = worlds.demand({"chat": [[r] for r in rates]})

    result = solve(demand, options)

    served = None if before is None else set(before)
    assert result.objective_usd == pytest.approx(
        least_usd(prices, rates, node_usd, move_usd, served), rel=1e-7
    )
    again_usd = decisions_usd(demand, options, Limits(), result.decisions)
    assert again_usd == result.objective_usd


def test_random_worlds_do_move():
    moved = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        prices = {m: rng.uniform(0.3, 1.2, 3).round(3).tolist() for m in "ab"}
        options = tokens(200.0, **prices)
        result = solve(worlds.demand({"chat": [[1.0]] * 3}), options)
        moved += bool(moves(options, result.decisions))

    assert moved >= 3


@pytest.mark.parametrize(("served_before", "paid"), [("b", 0.0), ("a", 100.0)])
def test_a_model_that_serves_already_begins_without_a_move(served_before, paid):
    # Nothing was asked in the first month; something outside of the decisions served then.
    demand = worlds.demand({"chat": [[0.0], [1.0]]})
    options = replace(
        tokens(100.0, a=[9.0, 9.0], b=[2.0, 0.5]),
        served_before=frozenset({("chat", served_before, 1)}),
    )

    result = solve(demand, options)

    assert result.objective_usd == pytest.approx(SECONDS / 1_000 * 0.5 + paid)
    assert sum(m.usd for m in moves(options, result.decisions)) == paid


@pytest.mark.parametrize(
    ("served", "first", "move_usd"),
    [("a", "b", 3_941.0), ("a", "a", 3_943.0), ("ab", "b", 9_000.0), ("c", "b", 9_000.0)],
)
def test_what_served_before_the_horizon_is_left_for_a_move(served, first, move_usd):
    # On b every month saves 0.5 USD for each of 2,628 thousand requests, 3,942 USD in all.
    demand = worlds.demand({"chat": [[1.0]] * 3, "new": [[1.0]] * 3})
    new = worlds.api("new", [0.001] * 3, name="a", model="a")
    options = tokens(move_usd, a=[1.0] * 3, b=[0.5] * 3)
    options = replace(
        options,
        api=(*options.api, new),
        served_before=frozenset(("chat", model, 0) for model in served) | {("gone", "a", 0)},
    )

    result = solve(demand, options)

    moved = first not in served
    assert listed(options, result) == ([(0, "chat", first)] if moved else [])
    price = {"a": 1.0, "b": 0.5}[first]
    assert result.objective_usd == pytest.approx(
        3 * SECONDS / 1_000 * (1.0 + price) + move_usd * moved
    )


def test_a_budget_counts_a_move_of_the_first_period():
    # Moving to b takes 1,314 USD and 1,000 for the move in the first month, going on with a 2,628.
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = replace(
        tokens(1_000.0, a=[1.0, 1.0], b=[0.5, 0.5]), served_before=frozenset({("chat", "a", 0)})
    )

    enough = solve(demand, options, Limits(budgets=(BudgetLimit("cash", 0, 2_315.0),)))
    short = solve(demand, options, Limits(budgets=(BudgetLimit("cash", 0, 2_313.0),)))

    assert listed(options, enough) == [(0, "chat", "b")]
    assert short.proof.status == "infeasible"
