"""Rent, reserve or buy: the optimum against hand-computed and enumerated costs."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import BudgetLimit, Limits, SolverSettings, build_program, solve_program
from planner.options.staff_records import HostingStaff
from planner.options.supply_records import ModelCost, VolumeDiscount
from planner.options.volumes import with_tiers
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0


def solve(demand, options, limits=Limits()):  # noqa: B008 - immutable
    return solve_program(build_program(demand, options, limits), EXACT)


def one_gpu(*offers, capacity_rps=1.0, **changes):
    """Return options with one replica type of one accelerator."""
    return worlds.option_set(
        [worlds.option("o")], [worlds.capacity("chat", "o", capacity_rps)], offers, **changes
    )


def year(*rates):
    """Return a demand of twelve months with the same rates by block."""
    return worlds.demand({"chat": [list(rates)] * 12})


@pytest.mark.parametrize(("hourly", "is_reserved"), [(0.59, False), (0.61, True)])
def test_a_term_is_taken_on_exactly_when_renting_costs_more_over_its_use(hourly, is_reserved):
    options = one_gpu(
        worlds.offer("rent", [hourly] * 12),
        worlds.reserved("lease", 0.6, accelerators=1, periods=12),
    )

    result = solve(year(1.0), options)

    assert bool(result.decisions.builds) is is_reserved
    assert result.objective_usd == pytest.approx(min(hourly, 0.6) * HOURS * 12)


def test_a_term_pays_for_its_base_load_and_rent_for_the_peak():
    # one node all day, two more in one block of four: 25 % of the day at 2 USD is cheaper
    options = one_gpu(
        worlds.offer("rent", [2.0] * 12),
        worlds.reserved("lease", 1.0, accelerators=1, periods=12),
    )

    result = solve(year(1.0, 1.0, 1.0, 3.0), options)

    assert [b.nodes for b in result.decisions.builds] == [1]
    assert result.objective_usd == pytest.approx((1.0 + 2 * 2.0 / 4) * HOURS * 12)


def test_a_three_year_term_is_not_bought_for_a_short_need():
    # three months of need: 36 months at 0.3 cost more than three at 2
    options = one_gpu(
        worlds.offer("rent", [2.0] * 3),
        worlds.reserved("lease", 0.3, accelerators=1, periods=3, term_months=36),
    )
    demand = worlds.demand({"chat": [[1.0]] * 3})

    result = solve(demand, options)

    assert result.decisions.builds == ()
    assert result.objective_usd == pytest.approx(2.0 * HOURS * 3)


def test_servers_and_their_people_are_bought_when_they_pay():
    rent = worlds.offer("rent", [4.0] * 6)
    rack = worlds.owned(
        "rack", 9_000, "gpu", 1, periods=6, opex_usd_per_month=100, value_left_usd=3_000
    )
    own_usd = 9_000 - 3_000 + 6 * 100
    demand = worlds.demand({"chat": [[1.0]] * 6})
    rent_usd = 4.0 * HOURS * 6
    dear = (rent_usd - own_usd) / 6

    bought = solve(demand, replace(one_gpu(rent, rack), staff=HostingStaff(dear - 1)))
    rented = solve(demand, replace(one_gpu(rent, rack), staff=HostingStaff(dear + 1)))

    assert [b.nodes for b in bought.decisions.builds] == [1]
    assert bought.objective_usd == pytest.approx(own_usd + 6 * (dear - 1))
    assert rented.decisions.builds == ()
    assert rented.objective_usd == pytest.approx(rent_usd)


def test_nodes_that_are_there_are_used_first_and_paid_anyway():
    lease = worlds.reserved("there", 1.0, accelerators=1, periods=2)
    there = replace(lease, builds=(replace(lease.builds[0], fixed_nodes=2),))
    options = one_gpu(worlds.offer("rent", [3.0] * 2), there)

    idle = solve(worlds.demand({"chat": [[0.5], [0.5]]}), options)
    busy = solve(worlds.demand({"chat": [[3.0], [3.0]]}), options)

    paid = 2 * 12 * HOURS
    assert idle.objective_usd == pytest.approx(paid)
    assert busy.objective_usd == pytest.approx(paid + 2 * 3.0 * HOURS)


def test_work_that_stays_at_home_uses_bought_nodes_only():
    rent = worlds.offer("rent", 0.1)
    rack = worlds.owned("rack", 9_000, "gpu", 1)
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0), worlds.capacity("free", "o", 1.0)],
        [rent, rack],
    )
    home = replace(options, barred=frozenset({("chat", "rent")}))
    demand = worlds.demand({"chat": [1.0], "free": [1.0]})

    anywhere, kept = solve(demand, options), solve(demand, home)

    assert anywhere.objective_usd == pytest.approx(2 * 0.1 * HOURS)
    assert kept.objective_usd == pytest.approx(9_000 + 500 - 2_000 + 0.1 * HOURS)


def test_a_budget_holds_in_its_period_and_is_worth_what_it_saves():
    # a server saves money over the year, but not within a capital budget of less than its price
    rent = worlds.offer("rent", [4.0] * 6)
    rack = worlds.owned("rack", 9_000, "gpu", 1, periods=6, opex_usd_per_month=100)
    demand = worlds.demand({"chat": [[1.0]] * 6})
    options = one_gpu(rent, rack)
    tight = Limits(budgets=tuple(BudgetLimit("capex", t, 8_999.0) for t in range(6)))
    enough = Limits(budgets=tuple(BudgetLimit("capex", t, 9_000.0) for t in range(6)))

    assert solve(demand, options, tight).objective_usd == pytest.approx(4.0 * HOURS * 6)
    assert solve(demand, options, enough).objective_usd == pytest.approx(9_000 - 2_000 + 600)
    for usd, cost_usd in ((8_999.0, 4.0 * HOURS * 6), (9_000.0, 9_000 - 2_000 + 600)):
        whole = Limits(budgets=(BudgetLimit("capex", None, usd),))
        assert solve(demand, options, whole).objective_usd == pytest.approx(cost_usd)


@pytest.mark.parametrize(
    ("kind", "period"), [("cash", 1), ("opex", 1), ("cash", None), ("opex", None)]
)
def test_a_budget_that_nothing_keeps_is_infeasible(kind, period):
    options = one_gpu(worlds.offer("rent", [2.0] * 2))
    least = 2.0 * HOURS * (2 if period is None else 1)
    demand = worlds.demand({"chat": [[1.0], [1.0]]})

    kept = solve(demand, options, Limits(budgets=(BudgetLimit(kind, period, least),)))
    broken = solve(demand, options, Limits(budgets=(BudgetLimit(kind, period, least * 0.99),)))

    assert kept.proof.status == "optimal"
    assert broken.proof.status == "infeasible"


def test_power_bounds_what_is_bought():
    rack = worlds.owned("rack", 10.0, "gpu", 1, power_kw=10.0, value_left_usd=0.0)
    options = one_gpu(worlds.offer("rent", 5.0), rack)
    demand = worlds.demand({"chat": [3.0]})

    free = solve(demand, options)
    bound = solve(demand, options, Limits(power_kw=25.0))

    assert free.objective_usd == pytest.approx(3 * 510.0)
    assert bound.objective_usd == pytest.approx(2 * 510.0 + 5.0 * HOURS)


def test_a_model_is_paid_for_once_and_in_every_period_that_uses_it():
    # the tuned model is cheaper to serve by 1 USD an hour, and costs 1,000 and 100 a month
    options = worlds.option_set(
        [worlds.option("tuned", model="tuned"), worlds.option("plain", "big", model="plain")],
        [worlds.capacity("chat", "tuned", 1.0), worlds.capacity("chat", "plain", 1.0)],
        [worlds.offer("rent", [1.0] * 3), worlds.offer("rent-big", [2.0] * 3, "big")],
    )
    demand = worlds.demand({"chat": [[1.0]] * 3})
    saved = 3 * HOURS

    for usd, is_tuned in ((saved - 301, True), (saved - 299, False)):
        costs = (ModelCost("tuned", usd, 100.0),)
        result = solve(demand, replace(options, model_costs=costs))
        used = {r.option_id for r in result.decisions.replicas}
        assert used == ({"tuned"} if is_tuned else {"plain"})
        assert result.objective_usd == pytest.approx(
            3 * HOURS + usd + 300 if is_tuned else 6 * HOURS
        )


def test_tokens_of_a_model_pay_for_it_too():
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("rent", 2.0)],
        [worlds.api("chat", 1e-4, model="tuned")],
    )
    paid = replace(options, model_costs=(ModelCost("tuned", 500.0, 0.0),))
    demand = worlds.demand({"chat": [1.0]})
    tokens_usd = HOURS * 3600 * 1e-4

    assert solve(demand, options).objective_usd == pytest.approx(tokens_usd)
    assert solve(demand, paid).objective_usd == pytest.approx(tokens_usd + 500.0)


def random_world(seed):
    """Return a growing demand over months with rent, a lease and a server."""
    rng = np.random.default_rng(seed)
    periods, blocks = 3, int(rng.integers(1, 3))
    rates = np.cumsum(rng.uniform(0.0, 0.8, (periods, 1)), axis=0) + rng.uniform(
        0.1, 1.2, (periods, blocks)
    )
    offers = [
        worlds.offer("rent", list(np.round(rng.uniform(1.0, 3.0, periods), 2))),
        worlds.reserved(
            "lease", float(np.round(rng.uniform(0.4, 2.0), 2)), accelerators=1, periods=periods,
            term_months=int(rng.integers(1, 4)),
        ),
        worlds.owned(
            "rack", float(np.round(rng.uniform(500, 4_000))), "gpu", 1, periods=periods,
            opex_usd_per_month=float(np.round(rng.uniform(10, 600))),
            value_left_usd=float(np.round(rng.uniform(0, 400))),
        ),
    ]  # fmt: skip
    staff = float(rng.choice([0.0, 150.0]))
    options = replace(one_gpu(*offers), staff=HostingStaff(staff))
    return worlds.demand({"chat": rates.tolist()}), options


def enumerated_usd(demand, options, most=3):
    """Return the least cost by trying every number of nodes of every build."""

    def is_order(nodes, build):
        return nodes in {0, build.least_nodes} or nodes >= build.min_nodes

    rent, lease, rack = options.offers
    builds = [(o, b) for o in (lease, rack) for b in o.builds]
    needed = np.ceil(demand.workloads[0].planned_rps - 1e-9)
    blocks = demand.grid.blocks
    best = np.inf
    for counts in itertools.product(range(most + 1), repeat=len(builds)):
        if not all(is_order(n, b) for n, (_, b) in zip(counts, builds, strict=True)):
            continue
        usd = sum(n * b.usd for n, (_, b) in zip(counts, builds, strict=True))
        for t in range(demand.grid.periods):
            serving = [(n, o) for n, (o, b) in zip(counts, builds, strict=True) if b.serves(t)]
            there = sum(n for n, _ in serving)
            usd += sum(max(x - there, 0) for x in needed[t]) * (
                rent.price_usd_per_hour[t] * HOURS / blocks
            )
            if any(n for n, o in serving if o.tenure == "owned"):
                usd += options.staff.owned_usd_per_month
        best = min(best, usd)
    return best


@pytest.mark.parametrize("seed", range(30))
def test_optimum_equals_the_least_cost_by_trying_every_purchase(seed):
    demand, options = random_world(seed)

    result = solve(demand, options)

    assert result.proof.status == "optimal"
    assert result.objective_usd == pytest.approx(enumerated_usd(demand, options), rel=1e-6)


def with_minimums(options, lease, rack, kept=0):
    """Return options whose orders have at least so many nodes; of leases some were decided."""
    rent, *taken = options.offers
    offers = [
        replace(
            offer,
            builds=tuple(replace(b, min_nodes=n, least_nodes=held) for b in offer.builds),
        )
        for offer, n, held in zip(taken, (lease, rack), (kept, 0), strict=True)
    ]
    return replace(options, offers=(rent, *offers))


@pytest.mark.parametrize("seed", range(6))
def test_orders_of_a_minimum_or_none_cost_what_trying_every_order_costs(seed):
    demand, options = random_world(seed)
    options = with_minimums(options, 3, 2)

    result = solve(demand, options)

    assert result.objective_usd == pytest.approx(enumerated_usd(demand, options), rel=1e-6)
    nodes = [(b.nodes, 3 if b.offer_id == "lease" else 2) for b in result.decisions.builds]
    assert all(count >= least for count, least in nodes)


@pytest.mark.parametrize(("usd_per_hour", "ordered"), [(0.49, 4), (0.51, 0)])
def test_a_minimum_is_ordered_when_its_idle_nodes_cost_less_than_renting(usd_per_hour, ordered):
    # two nodes are needed at 1 USD an hour; four have to be taken
    lease = worlds.reserved("lease", usd_per_hour, accelerators=1, term_months=1)
    lease = replace(lease, builds=tuple(replace(b, min_nodes=4) for b in lease.builds))

    result = solve(worlds.demand({"chat": [2.0]}), one_gpu(worlds.offer("rent"), lease))

    assert sum(b.nodes for b in result.decisions.builds) == ordered
    assert result.objective_usd == pytest.approx(min(4 * usd_per_hour, 2.0) * HOURS)


def test_terms_of_one_start_reach_a_minimum_together_at_the_price_of_their_tier():
    # a quarter is off from three nodes on: four are 1.5 USD an hour, two by the hour are 2
    terms = VolumeDiscount(
        "terms", "cloud", ("reserved_1y",), ((3.0, 0.25),), "nodes", on_all=True
    )
    lease = worlds.reserved("lease", 0.5, accelerators=1, term_months=1)
    lease = replace(lease, builds=tuple(replace(b, min_nodes=4) for b in lease.builds))
    options = one_gpu(worlds.offer("rent"), *with_tiers([lease], [terms]))

    result = solve(worlds.demand({"chat": [2.0]}), replace(options, volumes=(terms,)))

    assert [b.nodes for b in result.decisions.builds] == [4]
    assert result.objective_usd == pytest.approx(1.5 * HOURS)


def test_a_second_order_has_its_minimum_too_and_its_people():
    # one node is needed, then five: two orders of four, of which three stand idle
    lease = worlds.reserved("lease", 0.1, accelerators=1, periods=2, term_months=2)
    lease = replace(lease, builds=tuple(replace(b, min_nodes=4) for b in lease.builds))
    options = one_gpu(worlds.offer("rent", [9.0, 9.0]), lease)
    people = replace(options, staff=HostingStaff(rented_usd_per_month=100.0))
    demand = worlds.demand({"chat": [[1.0], [5.0]]})

    result = solve(demand, people)

    # all of the first order's nodes are there in both months; five in the first cost less
    assert [b.nodes for b in result.decisions.builds] == [5]
    late = replace(lease, builds=(replace(lease.builds[0], most_nodes=4), lease.builds[1]))
    result = solve(demand, replace(people, offers=(options.offers[0], late)))
    assert [b.nodes for b in result.decisions.builds] == [4, 4]
    assert result.objective_usd == pytest.approx(8 * 0.1 * 2 * HOURS + 200.0)


def test_what_was_decided_before_stands_below_a_minimum_and_more_has_to_reach_it():
    lease = worlds.reserved("lease", 0.5, accelerators=1, term_months=1)

    def ordered(kept, needed):
        build = replace(lease.builds[0], min_nodes=4, least_nodes=kept)
        options = one_gpu(worlds.offer("rent"), replace(lease, builds=(build,)))
        result = solve(worlds.demand({"chat": [needed]}), options)
        return sum(b.nodes for b in result.decisions.builds)

    assert ordered(kept=1, needed=1.0) == 1
    assert ordered(kept=1, needed=2.0) == 1  # one more by the hour is cheaper than three more
    assert ordered(kept=1, needed=3.0) == 4
    assert ordered(kept=5, needed=1.0) == 5


@pytest.mark.parametrize("seed", range(6))
def test_one_offer_at_half_price_never_costs_more(seed):
    demand, options = random_world(seed)
    before = solve(demand, options).objective_usd

    for position, offer in enumerate(options.offers):
        builds = tuple(
            replace(b, payments=tuple(replace(p, usd=p.usd / 2) for p in b.payments))
            for b in offer.builds
        )
        prices = tuple(p / 2 for p in offer.price_usd_per_hour)
        cheap = replace(offer, builds=builds, price_usd_per_hour=prices)
        offers = [cheap if i == position else o for i, o in enumerate(options.offers)]
        after = solve(demand, replace(options, offers=tuple(offers))).objective_usd
        assert after <= before * (1 + 1e-9)
