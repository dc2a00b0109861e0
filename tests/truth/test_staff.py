"""People beside rented nodes, own nodes and tokens: the optimum against enumerated costs."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import BudgetLimit, Limits, SolverSettings, build_program, solve_program
from planner.milp.costs import decisions_usd
from planner.options.staff_records import HostingStaff
from planner.options.supply_records import VolumeDiscount
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0
SECONDS = 3_600.0


def solve(demand, options, limits=Limits()):  # noqa: B008 - immutable
    result = solve_program(build_program(demand, options, limits), EXACT)
    if result.decisions is not None:
        usd = decisions_usd(demand, options, limits, result.decisions)
        assert result.objective_usd == pytest.approx(usd)
    return result


def one_gpu(offers, tokens=(), **changes):
    """Return options with one replica type of one accelerator, and tokens."""
    options = worlds.option_set(
        [worlds.option("o")], [worlds.capacity("chat", "o", 1.0)], offers, tokens
    )
    return replace(options, **changes)


def peopled(offer, usd_per_hour):
    return replace(offer, staff_usd_per_hour=usd_per_hour)


@pytest.mark.parametrize(("fixed", "is_rented"), [(1.0, True), (-1.0, False)])
def test_people_for_rented_nodes_make_tokens_win(fixed, is_rented):
    # a node at 1 USD/h and 0.5 USD/h of people; the same work in tokens costs 2 USD/h
    rent = peopled(worlds.offer("rent"), 0.5)
    tokens = worlds.api("chat", 2.0 / SECONDS)
    staff = HostingStaff(rented_usd_per_month=0.5 * HOURS - fixed)

    result = solve(worlds.demand({"chat": [1.0]}), one_gpu([rent], [tokens], staff=staff))

    assert bool(result.decisions.nodes) is is_rented
    least = 2.0 * HOURS - max(fixed, 0.0)
    assert result.objective_usd == pytest.approx(least)


def test_people_of_a_node_follow_the_hours_in_which_it_is_there():
    # 1, 1, 1 and 3 nodes in four equal blocks are 1.5 on average
    rent = peopled(worlds.offer("rent"), 0.4)

    result = solve(worlds.demand({"chat": [1.0, 1.0, 1.0, 3.0]}), one_gpu([rent]))

    assert result.objective_usd == pytest.approx(1.5 * (1.0 + 0.4) * HOURS)


def test_people_by_offer_bring_tokens_to_one_offer():
    # the second offer is cheaper for bulk by 50 USD a month, and another offer costs 60
    demand = worlds.demand({"chat": [1.0], "bulk": [1.0]})
    near = 1e-4
    less = near - 50.0 / (HOURS * SECONDS)
    first = [replace(worlds.api(w, near), id="first") for w in ("chat", "bulk")]
    second = replace(worlds.api("bulk", less, "other"), id="second")

    def used(usd):
        options = worlds.option_set([], [], [], [*first, second])
        options = replace(options, staff=HostingStaff(usd_per_offer_month=usd))
        result = solve(demand, options)
        return {flow.supply_id for flow in result.decisions.api_flows}, result.objective_usd

    whole = 2 * near * HOURS * SECONDS
    assert used(60.0) == ({"first"}, pytest.approx(whole + 60.0))
    assert used(40.0) == ({"first", "second"}, pytest.approx(whole - 50.0 + 80.0))


def test_nodes_that_are_there_need_people_as_what_they_are():
    lease = worlds.reserved("there", 1.0, accelerators=1, periods=2, term_months=2)
    lease = peopled(replace(lease, builds=(replace(lease.builds[0], fixed_nodes=2),)), 0.25)
    staff = HostingStaff(rented_usd_per_month=100.0)

    result = solve(worlds.demand({"chat": [[0.5], [0.5]]}), one_gpu([lease], staff=staff))

    assert result.objective_usd == pytest.approx(2 * (2 * 1.25 * HOURS + 100.0))


def test_own_nodes_that_are_there_are_sold_when_their_people_cost_more_than_rent():
    rack = worlds.owned("rack", 1.0, "gpu", 1, periods=2, opex_usd_per_month=100.0)
    kept = replace(rack.builds[0], payments=rack.builds[0].payments[1:3], fixed_nodes=1)
    sold = replace(kept, end=0, payments=(), sold_month=0, months_paid=0)
    there = replace(rack, builds=(kept, sold))
    rent = worlds.offer("rent", [1.0, 1.0])
    demand = worlds.demand({"chat": [[1.0], [1.0]]})

    def cost(usd, *, counts):
        staff = HostingStaff(owned_usd_per_month=usd, counts_existing=counts)
        return solve(demand, one_gpu([rent, there], staff=staff)).objective_usd

    assert cost(700.0, counts=False) == pytest.approx(200.0)
    assert cost(600.0, counts=True) == pytest.approx(200.0 + 1_200.0)
    assert cost(700.0, counts=True) == pytest.approx(2 * HOURS)


def test_idle_nodes_that_reach_a_tier_are_still_worth_their_rent():
    # half off everything from 2,100 USD a month on: three nodes for two that are needed
    half = VolumeDiscount("edp", "cloud", ("on_demand",), ((2_100.0, 0.5),), on_all=True)
    staff = HostingStaff(rented_usd_per_month=100.0)
    rent = peopled(worlds.offer("rent"), 0.01)

    result = solve(worlds.demand({"chat": [2.0]}), one_gpu([rent], staff=staff, volumes=(half,)))

    assert result.objective_usd == pytest.approx(3 * (0.5 + 0.01) * HOURS + 100.0)


def test_budgets_count_people():
    rent = peopled(worlds.offer("rent"), 0.5)
    options = one_gpu([rent], staff=HostingStaff(rented_usd_per_month=100.0))
    demand, due = worlds.demand({"chat": [1.0]}), 1.5 * HOURS + 100.0

    for kind in ("cash", "opex"):
        kept = solve(demand, options, Limits(budgets=(BudgetLimit(kind, 0, due),)))
        broken = solve(demand, options, Limits(budgets=(BudgetLimit(kind, 0, due - 1.0),)))
        assert kept.proof.status == "optimal"
        assert broken.proof.status == "infeasible"


def random_world(seed):
    """Return two months of two blocks with rent, a lease, a server, two offers of tokens."""
    rng = np.random.default_rng(seed)

    def price(low, high, size=2):
        return [float(usd) for usd in np.round(rng.uniform(low, high, size), 2)]

    hourly = price(0.0, 0.5, 3)
    offers = [
        worlds.offer("rent", price(0.8, 2.5)),
        worlds.reserved("lease", price(0.4, 2.0)[0], accelerators=1, periods=2, term_months=1),
        worlds.owned(
            "rack", price(300, 900)[0], "gpu", 1, periods=2, value_left_usd=100.0,
            opex_usd_per_month=price(10, 300)[0],
        ),
    ]  # fmt: skip
    offers = [peopled(o, usd) for o, usd in zip(offers, hourly, strict=True)]
    tokens = [
        worlds.api("chat", [usd / SECONDS for usd in price(0.8, 3.0)], name)
        for name in ("first", "second")
    ]
    staff = HostingStaff(*price(0.0, 600.0, 3), price(0.0, 200.0)[0])
    rates = np.round(rng.uniform(0.1, 1.9, (2, 2)), 2)
    return worlds.demand({"chat": rates.tolist()}), one_gpu(offers, tokens, staff=staff)


def enumerated_usd(demand, options, most=2):
    """Return the least cost by trying every purchase, and every kind of hosting in a month."""
    _, lease, rack = options.offers
    builds = [(o, b) for o in (lease, rack) for b in o.builds]
    best = np.inf
    for counts in itertools.product(range(most + 1), repeat=len(builds)):
        taken = [(n, o, b) for n, (o, b) in zip(counts, builds, strict=True)]
        usd = sum(n * b.usd for n, _, b in taken)
        for t in range(demand.grid.periods):
            serving = [(n, o) for n, o, b in taken if b.serves(t)]
            usd += _least_of_month(demand, options, serving, t)
        best = min(best, usd)
    return best


def _least_of_month(demand, options, serving, t):
    rent, staff, ways = options.offers[0], options.staff, []
    there = sum(n for n, _ in serving)
    usd = sum(n * o.staff_usd_per_hour * HOURS for n, o in serving)
    if any(n for n, o in serving if o.tenure == "owned"):
        usd += staff.owned_usd_per_month
    leased = any(n for n, o in serving if o.tenure != "owned")
    rates = demand.workloads[0].planned_rps[t]
    for offers in ((), (0,), (1,), (0, 1)):
        price = min((options.api[i].usd_per_request[t][0] for i in offers), default=np.inf)
        people = staff.api_usd_per_month * bool(offers) + staff.usd_per_offer_month * len(offers)
        for most in range(3 if rent.price_usd_per_hour[t] else 1):
            cost = people + staff.rented_usd_per_month * (leased or most > 0)
            for rate in rates:
                cost += min(_slot_usd(rate - there, n, rent, t, price) for n in range(most + 1))
            ways.append(cost)
    return usd + min(ways)


def _slot_usd(left, nodes, rent, t, token_usd):
    hours = HOURS / 2
    usd = nodes * hours * (rent.price_usd_per_hour[t] + rent.staff_usd_per_hour)
    rest = max(left - nodes, 0.0)
    return usd + (rest * token_usd * SECONDS * hours if rest > 0 else 0.0)


@pytest.mark.parametrize("seed", range(8))
def test_optimum_equals_the_least_cost_by_trying_everything(seed):
    demand, options = random_world(seed)

    result = solve(demand, options)

    assert result.proof.status == "optimal"
    assert result.objective_usd == pytest.approx(enumerated_usd(demand, options), rel=1e-6)
