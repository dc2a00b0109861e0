"""Volume tiers: by hand, and against the least cost over every order and every split of tokens."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import BudgetLimit, Limits, SolverSettings, build_program, solve_program
from planner.options.held import hold
from planner.options.purchases import hold_purchases
from planner.options.supply_records import VolumeDiscount
from planner.options.volumes import at_reached_tiers, with_tiers
from planner.plan.commitments import commitment_rows, taken_on
from planner.plan.purchases import taken_purchases
from planner.plan.volumes import volume_rows
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0
MTOK_PER_RPS = 110 * MONTH_H * 3600 / 1e6
"""Millions of tokens of a month of one request/s, of 100 tokens in and 10 out."""


def solve(demand, options, limits=Limits()):  # noqa: B008 - immutable
    return solve_program(build_program(demand, options, limits), EXACT)


def terms(*tiers, **changes):
    """Return a volume discount on the nodes of terms that start together."""
    pairs = tuple((float(nodes), off) for nodes, off in tiers)
    asked = {"provider": "cloud", "tenures": ("reserved_1y",)} | changes
    return VolumeDiscount("terms", tiers=pairs, unit="nodes", on_all=True, **asked)


def leased(rates, volume, *leases, rent=2.0):
    """Return demand by month, and options: nodes of one replica of one request/s each."""
    periods = len(rates)
    demand = worlds.demand({"chat": [[rate] for rate in rates]})
    reserved = [
        worlds.reserved(name, usd, accelerators=1, periods=periods, term_months=months)
        for name, usd, months in leases
    ]
    options = worlds.option_set(
        [worlds.option("r")],
        [worlds.capacity("chat", "r", 1.0)],
        [worlds.offer("rent", [rent] * periods), *with_tiers(reserved, [volume])],
    )
    return demand, replace(options, volumes=(volume,))


@pytest.mark.parametrize(
    ("nodes", "usd", "tier"),
    [
        (7, 7 * 1.0, None),  # 8 at 0.95 would be 7.6
        (8, 8 * 0.95, 8),
        (29, 32 * 0.8, 32),  # 3 idle nodes are cheaper than 29 at 0.95
        (40, 40 * 0.8, 32),
    ],
)
def test_the_tier_that_is_reached_holds_for_all_nodes(nodes, usd, tier):
    demand, options = leased([float(nodes)], terms((8, 0.05), (32, 0.2)), ("lease", 1.0, 1))

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx(usd * MONTH_H)
    (row,) = commitment_rows(demand, options, found.decisions)
    assert row.tier_from_nodes == tier
    assert row.usd == pytest.approx(usd * MONTH_H)
    assert found.proof.status == "optimal"


def test_terms_of_different_offers_count_together_and_those_of_others_do_not():
    wide = leased([4.0], terms((4, 0.5)), ("one", 1.0, 1))
    other = replace(worlds.reserved("far", 0.4, accelerators=1, term_months=1), provider="far")
    demand, options = wide
    options = replace(options, offers=(*options.offers, other))

    found = solve(demand, options)

    # Four nodes at half the price are dearer than four of the other provider.
    assert found.objective_usd == pytest.approx(4 * 0.4 * MONTH_H)


def test_terms_that_start_later_do_not_count_together():
    demand, options = leased([2.0, 4.0], terms((4, 0.5)), ("lease", 1.0, 1), rent=9.0)

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx((2 + 4 * 0.5) * MONTH_H)


def least_usd_of_terms(rates, leases, volume, rent):
    """Return the least cost over all orders, with rent for what they leave."""
    most = range(int(max(*rates, volume.tiers[-1][0])) + 1)
    places = [(lease, start) for lease in leases for start in range(len(rates))]
    least = np.inf
    for counts in itertools.product(most, repeat=len(places)):
        orders = list(zip(places, counts, strict=True))
        usd = 0.0
        for start in range(len(rates)):
            together = sum(n for (_, s), n in orders if s == start)
            off = max((d for at, d in volume.tiers if together >= at), default=0.0)
            usd += sum(
                n * price * (1 - off) * months
                for ((_, price, months), s), n in orders
                if s == start
            )
        for month, rate in enumerate(rates):
            held = sum(n for ((_, _, months), s), n in orders if s <= month < s + months)
            usd += rent * max(rate - held, 0)
        least = min(least, usd)
    return least * MONTH_H


@pytest.mark.parametrize("seed", range(20))
def test_the_least_cost_over_all_orders_is_found(seed):
    draw = np.random.default_rng(seed)
    rates = draw.integers(1, 5, 2).astype(float).tolist()
    leases = [
        ("short", float(draw.uniform(0.6, 2.0)), 1),
        ("long", float(draw.uniform(0.4, 1.2)), 2),
    ]
    starts, offs = np.sort(draw.choice(np.arange(2, 6), 2, replace=False)), draw.uniform(0, 0.4, 2)
    volume = terms(*zip(starts.tolist(), np.sort(offs).tolist(), strict=True))
    rent = float(draw.uniform(0.8, 2.2))

    found = solve(*leased(rates, volume, *leases, rent=rent))

    assert found.objective_usd == pytest.approx(least_usd_of_terms(rates, leases, volume, rent))
    assert found.proof.status == "optimal"


def test_what_is_taken_on_can_be_held_in_either_way():
    demand, options = leased([4.0, 5.0], terms((4, 0.5)), ("lease", 1.0, 2), rent=0.9)
    found = solve(demand, options)
    taken = taken_on(options, found.decisions)
    assert taken == {("lease", 0): 4}

    by_key = solve(demand, hold(options, taken, free_from=2))
    kept = solve(demand, hold(options, taken, free_from=0))
    purchases = taken_purchases(options, demand.grid, found.decisions)
    by_purchase = solve(demand, hold_purchases(options, demand.grid, purchases))

    for again in (by_key, kept, by_purchase):
        assert again.objective_usd == pytest.approx(found.objective_usd)
    (lease,) = at_reached_tiers(options, taken).offers[1:]
    assert [(b.start, b.tier) for b in lease.builds] == [(0, 1), (1, 0)]


def test_what_is_held_below_a_tier_has_the_price_without_it():
    demand, options = leased([4.0], terms((4, 0.5)), ("lease", 1.0, 1), rent=1.5)

    found = solve(demand, hold(options, {("lease", 0): 3}, free_from=1))

    assert found.objective_usd == pytest.approx((3 * 1.0 + 1.5) * MONTH_H)


def test_a_budget_counts_the_price_of_the_tier():
    demand, options = leased([4.0], terms((4, 0.5)), ("lease", 1.0, 1))

    def status(usd):
        limits = Limits(budgets=(BudgetLimit("cash", 0, usd),))
        return solve(demand, options, limits).proof.status

    assert status(2.0 * MONTH_H + 1) == "optimal"
    assert status(2.0 * MONTH_H - 1) == "infeasible"


def tokens(volume, usd, **rates):
    """Return demand and options: tokens that count, and others at one USD for 1,000 requests."""
    demand = worlds.demand({name: [rate] for name, rate in rates.items()})
    counted = [worlds.api(name, mine, "mass") for name, mine in usd.items()]
    counted = [replace(a, input_tokens=100.0 * (1 + i)) for i, a in enumerate(counted)]
    others = [worlds.api(name, 1e-3, "other") for name in usd]
    options = worlds.option_set([], [], [], [*counted, *others])
    return demand, replace(options, volumes=(volume,))


def mass(*tiers, unit="mtok", on_all=True):
    return VolumeDiscount("mass", "mass", ("api",), tuple(tiers), unit, on_all=on_all)


PER_RPS = 3600 * MONTH_H
"""Requests of a month of one request/s."""


@pytest.mark.parametrize(
    ("rate", "usd_per_request"),
    [
        (0.9, 0.9 * 1e-3),  # below the threshold the other tokens are cheaper
        (1.0, 1.0 * 1.1e-3 * 0.8),  # reached exactly
        (3.0, 3.0 * 1.1e-3 * 0.8),
    ],
)
def test_a_tier_of_tokens_holds_for_all_of_them(rate, usd_per_request):
    volume = mass((MTOK_PER_RPS, 0.2))
    demand, options = tokens(volume, {"chat": 1.1e-3}, chat=rate)

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx(usd_per_request * PER_RPS)
    rows = volume_rows(demand, options, found.decisions)
    assert len(rows) == (rate >= 1)
    for row in rows:
        assert (row.unit, row.applies_to, row.discount) == ("mtok_per_month", "all", 0.2)
        assert row.volume == pytest.approx(rate * MTOK_PER_RPS)
        assert row.tier_from == MTOK_PER_RPS


def test_a_tier_of_spending_on_tokens_holds_for_the_part_above_it():
    month_usd = 1e-3 * PER_RPS
    volume = mass((month_usd, 0.5), unit="usd", on_all=False)
    demand, options = tokens(volume, {"chat": 1e-3}, chat=3.0)

    found = solve(demand, options)

    assert found.objective_usd == pytest.approx((1.0 + 2.0 * 0.5) * month_usd)


def test_tokens_of_every_period_reach_their_own_tier():
    volume = mass((2 * MTOK_PER_RPS, 0.5))
    demand = worlds.demand({"chat": [[1.0], [2.0]]})
    options = worlds.option_set([], [], [], [worlds.api("chat", [1e-3] * 2, "mass")])

    found = solve(demand, replace(options, volumes=(volume,)))

    assert found.objective_usd == pytest.approx((1.0 + 2.0 * 0.5) * 1e-3 * PER_RPS)


def test_rent_and_tokens_count_together_in_one_contract():
    volume = VolumeDiscount("edp", "cloud", ("on_demand", "api"), ((1_000.0, 0.5),))
    demand = worlds.demand({"chat": [1.0], "code": [1.0]})
    code = worlds.api("code", 1e-3, "cloud")
    options = worlds.option_set(
        [worlds.option("r")],
        [worlds.capacity("chat", "r", 1.0)],
        [worlds.offer("node", 2.0)],
        [code],
    )

    found = solve(demand, replace(options, volumes=(volume,)))

    spent = 2.0 * MONTH_H + 1e-3 * PER_RPS
    assert found.objective_usd == pytest.approx(spent - 0.5 * (spent - 1_000))


def test_idle_nodes_are_rented_where_they_reach_a_tier_for_everything():
    # Four nodes at 60 % cost less than three at the list price.
    volume = VolumeDiscount(
        "edp", "cloud", ("on_demand",), ((4 * 2.0 * MONTH_H, 0.4),), on_all=True
    )
    demand = worlds.demand({"chat": [3.0]})
    options = worlds.option_set(
        [worlds.option("r")], [worlds.capacity("chat", "r", 1.0)], [worlds.offer("node", 2.0)]
    )

    found = solve(demand, replace(options, volumes=(volume,)))

    assert found.objective_usd == pytest.approx(4 * 2.0 * 0.6 * MONTH_H)


def test_a_budget_counts_what_is_taken_off_tokens():
    volume = mass((MTOK_PER_RPS, 0.2))
    demand, options = tokens(volume, {"chat": 1e-3}, chat=2.0)
    due_usd = 2.0 * 0.8e-3 * PER_RPS

    def status(usd):
        limits = Limits(budgets=(BudgetLimit("opex", 0, usd),))
        return solve(demand, replace(options, api=options.api[:1]), limits).proof.status

    assert status(due_usd + 0.01) == "optimal"
    assert status(due_usd - 0.01) == "infeasible"


def cost_of(volume, counted, other):
    """Return what tokens cost, pairs of USD and Mtok of a month; written without the program."""
    usd, mtok = (sum(column) for column in zip(*counted, strict=True))
    amount = usd if volume.unit == "usd" else mtok
    if volume.on_all:
        off = max((d for at, d in volume.tiers if amount >= at * (1 - 1e-9)), default=0.0)
        return usd * (1 - off) + other
    ends = [at for at, _ in volume.tiers[1:]] + [np.inf]
    parts = zip(volume.tiers, ends, strict=True)
    return usd + other - sum(d * max(min(usd, end) - at, 0) for (at, d), end in parts)


@pytest.mark.parametrize("seed", range(30))
def test_the_least_cost_over_all_splits_of_tokens_is_found(seed):
    """Costs are linear in a tier: a corner of the box, or where an edge meets a threshold."""
    draw = np.random.default_rng(100 + seed)
    rates = dict(zip(("chat", "code"), draw.uniform(0.5, 3, 2), strict=True))
    prices = dict(zip(rates, draw.uniform(0.8e-3, 1.6e-3, 2), strict=True))
    unit, on_all = [("mtok", True), ("usd", True), ("usd", False)][seed % 3]
    size = 600.0 if unit == "mtok" else 6_000.0
    starts, offs = np.sort(draw.uniform(0.1, 1.5, 2)) * size, np.sort(draw.uniform(0.02, 0.6, 2))
    volume = mass(*zip(starts, offs, strict=True), unit=unit, on_all=on_all)

    found = solve(*tokens(volume, prices, **rates))

    per_rps = {
        name: (prices[name] * PER_RPS, (100.0 * (1 + i) + 10) * PER_RPS / 1e6)
        for i, name in enumerate(rates)
    }
    column = 0 if unit == "usd" else 1
    first, second = rates
    points = set(itertools.product((0.0, rates[first]), (0.0, rates[second])))
    for start in starts:
        for a, b, swap in ((first, second, False), (second, first, True)):
            for at in (0.0, rates[a]):
                left = (start - at * per_rps[a][column]) / per_rps[b][column]
                if 0 <= left <= rates[b]:
                    points.add((left, at) if swap else (at, left))
    least = min(
        cost_of(
            volume,
            [(x * usd, x * mtok) for x, (usd, mtok) in zip(point, per_rps.values(), strict=True)],
            sum(r - x for x, r in zip(point, rates.values(), strict=True)) * 1e-3 * PER_RPS,
        )
        for point in points
    )
    assert found.objective_usd == pytest.approx(least, rel=2e-6)
    assert found.proof.status == "optimal"


@pytest.mark.parametrize("seed", range(3))
def test_another_solver_finds_the_same_optimum(seed):
    draw = np.random.default_rng(seed)
    rates = draw.integers(2, 7, 2).astype(float).tolist()
    world = leased(rates, terms((3, 0.2), (5, 0.4)), ("lease", 1.0, 2), rent=1.3)
    bought = tokens(mass((500.0, 0.1), (900.0, 0.4)), {"chat": 1.2e-3, "code": 1e-3},
                    chat=draw.uniform(0.5, 3), code=draw.uniform(0.5, 3))  # fmt: skip

    for demand, options in (world, bought):
        program = build_program(demand, options, Limits())
        cbc = solve_program(program, replace(EXACT, solver="cbc"))
        assert cbc.objective_usd == pytest.approx(solve(demand, options).objective_usd)


def test_no_coefficient_is_out_of_the_range_that_solvers_like():
    demand, options = leased([40.0] * 3, terms((8, 0.05), (32, 0.1)), ("lease", 1.0, 3))
    counted = [
        VolumeDiscount("edp", "cloud", ("on_demand",), ((1e4, 0.1), (5e4, 0.2))),
        VolumeDiscount("mass", "api", ("api",), ((1e3, 0.1), (2e4, 0.2)), "mtok", on_all=True),
    ]
    chat = replace(worlds.api("chat", [1e-3] * 3), input_tokens=3_000.0)
    options = replace(options, api=(chat,), volumes=(*options.volumes, *counted))

    program = build_program(demand, options, Limits())

    rows = program.problem.constraints()
    found = [abs(c) for row in rows for c in row.expr.values()] if rows else []
    assert found
    assert all(program.names.values())
    assert min(found) >= 1e-3
    assert max(found) <= 1e4
