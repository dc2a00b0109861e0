"""Ranges near the optimum hold every fleet that trying everything finds within the cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.milp import BudgetLimit, Limits, build_program, solve_program
from planner.milp.near_optimal import NearOptimal
from planner.milp.winning_price import WinningPrices
from planner.options.staff_records import HostingStaff
from tests import worlds
from tests.truth.enumeration import World, accelerators_within
from tests.truth.test_enumeration import EXACT, MOST_NODES, random_world

WITHIN = 0.3
ONE_BLOCK = [
    seed for seed in range(80) if random_world(seed).demand.workloads[0].planned_rps.shape[1] == 1
]


def with_budget(world: World, room: float) -> World:
    """Return a world with a budget of what its best plan spends, times some room."""
    program = build_program(world.demand, world.options, world.limits)
    result = solve_program(program, EXACT)
    if result.decisions is None:
        return world
    budget = BudgetLimit("cash", None, room * result.objective_usd)
    limits = replace(world.limits, budgets=(*world.limits.budgets, budget))
    return replace(world, limits=limits)


def near(world: World, within: float):
    program = build_program(world.demand, world.options, world.limits)
    result = solve_program(program, EXACT)
    if result.decisions is None:
        return None, None
    most_usd = result.objective_usd * (1 + within)
    return NearOptimal(program, result.decisions, most_usd, EXACT), most_usd


@pytest.mark.parametrize("seed", ONE_BLOCK)
def test_ends_are_those_of_trying_everything(seed):
    world = random_world(seed)
    plans, most_usd = near(world, WITHIN)
    if plans is None:
        return
    assert plans.is_begun
    fleets = accelerators_within(world, MOST_NODES, most_usd * (1 + 1e-9))

    for hardware in fleets[0]:
        used = [fleet[hardware] for fleet in fleets]
        found = plans.range_of(hardware)

        assert found.least == pytest.approx(min(used), abs=1e-6)
        assert found.most >= max(used) - 1e-6
        assert found.least_proven == pytest.approx(found.least, abs=1e-6)
        assert found.most_proven == pytest.approx(found.most, abs=1e-6)
        if all(fleet[hardware] < MOST_NODES for fleet in fleets):
            assert found.most == pytest.approx(max(used), abs=1e-6)


def test_there_are_worlds_with_a_choice():
    assert len(ONE_BLOCK) > 15


def test_a_range_by_hand():
    # Four replicas on nodes of 1.00 or 1.05 USD an hour: each dear one costs 0.05 of 4.00 more.
    options = [worlds.option("o0", "gpu", 1), worlds.option("o1", "npu", 1)]
    capacities = [worlds.capacity("chat", "o0", 1.0), worlds.capacity("chat", "o1", 1.0)]
    offers = [worlds.offer("a", 1.0, "gpu", 1), worlds.offer("b", 1.05, "npu", 1)]
    world = World(
        worlds.demand({"chat": [4.0]}), worlds.option_set(options, capacities, offers), Limits()
    )

    two_percent, _ = near(world, 0.02)
    five_percent, _ = near(world, 0.05)

    dear = two_percent.range_of("npu")
    assert (dear.least, dear.most) == (pytest.approx(0), pytest.approx(1))
    dear = five_percent.range_of("npu")
    assert (dear.least, dear.most) == (pytest.approx(0), pytest.approx(4))
    assert five_percent.range_of("gpu").least == pytest.approx(0)


@pytest.mark.parametrize("room", [None, 1.02, 1.3])
@pytest.mark.parametrize("dear_usd", [1.05, 1.5, 4.0])
def test_an_offer_wins_at_the_price_of_its_rival(dear_usd, room):
    # Nodes that are alike: the dear one wins when it costs no more than the other.
    options = [worlds.option("o0", "gpu", 1), worlds.option("o1", "npu", 1)]
    capacities = [worlds.capacity("chat", "o0", 1.0), worlds.capacity("chat", "o1", 2.0)]
    offers = [worlds.offer("a", 1.0, "gpu", 1), worlds.offer("b", 2 * dear_usd, "npu", 1)]
    demand, limits = worlds.demand({"chat": [4.0]}), Limits()
    world = World(demand, worlds.option_set(options, capacities, offers), limits)
    if room is not None:
        # The dear one breaks it at its list price, and keeps it at the price at which it wins.
        world = with_budget(world, room)
    program = build_program(demand, world.options, world.limits)
    plan = solve_program(program, EXACT).decisions

    won = WinningPrices(program, plan, EXACT).of(1)

    assert won.factor == pytest.approx(1 / dear_usd)
    assert won.proven


@pytest.mark.parametrize("room", [None, 1.02, 1.3])
@pytest.mark.parametrize("is_reserved", [False, True])
def test_an_offer_wins_at_the_price_that_leaves_room_for_its_people(is_reserved, room):
    # Two nodes at half the price of the rival's four, less what their people cost.
    options = [worlds.option("o0", "gpu", 1), worlds.option("o1", "npu", 1)]
    capacities = [worlds.capacity("chat", "o0", 1.0), worlds.capacity("chat", "o1", 2.0)]
    dear = worlds.offer("b", 2.1, "npu", 1)
    if is_reserved:
        dear = worlds.reserved("b", 2.1, "npu", 1, term_months=1)
    offers = [worlds.offer("a", 1.0, "gpu", 1), replace(dear, staff_usd_per_hour=0.4)]
    demand, limits = worlds.demand({"chat": [4.0]}), Limits()
    staff = HostingStaff(rented_usd_per_month=100.0)
    world = World(
        demand, replace(worlds.option_set(options, capacities, offers), staff=staff), limits
    )
    if room is not None:
        world = with_budget(world, room)
    program = build_program(demand, world.options, world.limits)
    plan = solve_program(program, EXACT).decisions

    won = WinningPrices(program, plan, EXACT).of(1)

    assert won.factor == pytest.approx(1.6 / 2.1)
    assert won.proven


@pytest.mark.parametrize("seed", ONE_BLOCK)
def test_at_the_winning_price_of_tokens_a_plan_with_them_costs_no_more(seed):
    world = random_world(seed)
    # Tokens that are too dear to be part of any plan, whatever else there is.
    dear = tuple(
        replace(api, usd_per_request=tuple(tuple(50 * usd for usd in row) for row in prices))
        for api in world.options.api
        if (prices := api.usd_per_request)
    )
    world = replace(world, options=replace(world.options, api=dear))
    program = build_program(world.demand, world.options, world.limits)
    result = solve_program(program, EXACT)
    if result.decisions is None or result.decisions.api_flows:
        return
    for name in sorted({api.id for api in dear}):
        won = WinningPrices(program, result.decisions, EXACT).of(name)
        if won.factor is None:
            continue

        for share, wins in ((0.999, True), (1.01, False)):
            cheaper = tuple(
                replace(
                    api,
                    usd_per_request=tuple(
                        tuple(usd * won.factor * share for usd in row)
                        for row in api.usd_per_request
                    ),
                )
                if api.id == name
                else api
                for api in dear
            )
            options = replace(world.options, api=cheaper)
            again = solve_program(build_program(world.demand, options, world.limits), EXACT)
            gain = result.objective_usd - again.objective_usd
            if wins or won.proven:
                assert (gain > 1e-7 * result.objective_usd) == wins


@pytest.mark.parametrize("room", [None, 1.0, 1.3])
@pytest.mark.parametrize("seed", ONE_BLOCK)
def test_at_the_winning_price_a_plan_with_the_offer_costs_no_more(seed, room):
    world = random_world(seed)
    if room is not None:
        # The dearer offer would break it at its list price, and keeps it at a lower one.
        world = with_budget(world, room)
    program = build_program(world.demand, world.options, world.limits)
    result = solve_program(program, EXACT)
    used = {node.offer_id for node in result.decisions.nodes} if result.decisions else set()
    for position, offer in enumerate(world.options.offers):
        if result.decisions is None or offer.offer_id in used:
            continue
        won = WinningPrices(program, result.decisions, EXACT).of(position)
        if won.factor is None:
            continue

        for share, wins in ((0.999, True), (1.01, False)):
            usd = tuple(p * won.factor * share for p in offer.price_usd_per_hour)
            offers = list(world.options.offers)
            offers[position] = replace(offer, price_usd_per_hour=usd)
            cheaper = solve_program(
                build_program(
                    world.demand, replace(world.options, offers=tuple(offers)), world.limits
                ),
                EXACT,
            )
            gain = result.objective_usd - cheaper.objective_usd
            if wins or won.proven:
                assert (gain > 1e-7 * result.objective_usd) == wins
