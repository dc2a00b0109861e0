"""A limit on carbon: which nodes it buys, and that plans never emit more."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import Limits, SolverSettings, build_program, solve_program, verify_decisions
from planner.options.energy_records import EnergyFacts, HardwarePower, Place, PowerDraw
from planner.plan.energy import energy_rows
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0
CLEAN, DIRTY = 100.0, 600.0


def solve(demand, options, **limits):
    return solve_program(build_program(demand, options, Limits(**limits)), EXACT)


def draw(idle_w=100.0, base_w=200.0, marginal_j=50.0, host_w=100.0):
    return PowerDraw(idle_w, base_w, base_w, marginal_j, 1.0, host_w)


def two_places(**changes):
    """Return one replica kind of 1 request/s; a node of one accelerator is clean or cheap.

    An accelerator takes 200 W idle with its node, a replica 300 W and 50 J per request.
    """
    capacity = replace(worlds.capacity("chat", "o", 1.0), power=draw())
    offers = [worlds.offer("clean", 2.0), worlds.offer("dirty", 1.0)]
    places = (Place("clean", 1.0, CLEAN), Place("dirty", 1.5, DIRTY))
    options = worlds.option_set([worlds.option("o")], [capacity], offers)
    facts = EnergyFacts((HardwarePower("gpu", 200.0, 700.0),), places)
    return replace(options, energy=facts, **changes)


def kg(demand, options, decisions):
    return sum(row.carbon_kg for row in energy_rows(demand, options, decisions))


def offers(result):
    return sorted({row.offer_id for row in result.decisions.nodes})


def test_energy_is_idle_power_and_what_replicas_add():
    demand = worlds.demand({"chat": [1.0]}, mean_share=0.5)
    options = two_places()

    (row,) = energy_rows(demand, options, solve(demand, options).decisions)

    # 300 W and 50 J for each of 0.5 requests/s on one accelerator, at PUE 1.5.
    assert row.offer_id == "dirty"
    assert row.it_kwh == pytest.approx(325.0 * HOURS / 1_000)
    assert row.kwh == pytest.approx(1.5 * 325.0 * HOURS / 1_000)
    assert row.carbon_kg == pytest.approx(1.5 * 325.0 * HOURS / 1_000 * 0.6)


def test_a_starting_node_draws_idle_power():
    demand = worlds.demand({"chat": [0.0, 1.0]})
    node = worlds.offer("dirty", 1.0, startup_h=2.0)
    options = replace(two_places(), offers=(node,))

    (row,) = energy_rows(demand, options, solve(demand, options).decisions)

    assert row.it_kwh == pytest.approx((350.0 * HOURS / 2 + 200.0 * 2.0 * HOURS / 24) / 1_000)


def test_the_limit_moves_work_to_the_clean_place():
    demand = worlds.demand({"chat": [1.0]})
    options = two_places()
    dirty_kg = 350.0 * HOURS / 1_000 * 1.5 * DIRTY / 1_000
    clean_kg = 350.0 * HOURS / 1_000 * CLEAN / 1_000

    free = solve(demand, options, carbon_kg_by_period=(dirty_kg * 1.0001,))
    tight = solve(demand, options, carbon_kg_by_period=(clean_kg * 1.0001,))

    assert offers(free) == ["dirty"]
    assert offers(tight) == ["clean"]
    assert solve(demand, options, carbon_kg_by_period=(clean_kg * 0.999,)).decisions is None


def test_work_without_a_place_is_infeasible_at_no_carbon_and_free_where_tokens_do_not_count():
    demand = worlds.demand({"chat": [1.0]})
    options = two_places()
    bought = replace(options, api=(worlds.api("chat", 1.0),))

    assert solve(demand, options, carbon_kg_by_period=(0.0,)).proof.status == "infeasible"
    assert solve(demand, bought, carbon_kg_by_period=(0.0,)).decisions.nodes == ()


def test_every_period_has_its_own_limit():
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = two_places()
    twice = tuple(replace(o, price_usd_per_hour=o.price_usd_per_hour * 2) for o in options.offers)

    result = solve(demand, replace(options, offers=twice), carbon_kg_by_period=(1e6, 50.0))

    assert {(r.period, r.offer_id) for r in result.decisions.nodes} == {(0, "dirty"), (1, "clean")}


def test_replicas_of_unknown_power_count_with_the_rated_one():
    demand = worlds.demand({"chat": [1.0]})
    options = two_places(capacities=(worlds.capacity("chat", "o", 1.0),))

    (row,) = energy_rows(demand, options, solve(demand, options).decisions)

    assert row.it_kwh == pytest.approx(700.0 * HOURS / 1_000)


def test_a_plan_that_emits_more_is_a_fault():
    demand = worlds.demand({"chat": [1.0]})
    options = two_places()
    decisions = solve(demand, options).decisions

    with pytest.raises(InternalError, match=r"229\.95 kg of carbon in period 0, limit 200"):
        verify_decisions(demand, options, Limits(carbon_kg_by_period=(200.0,)), decisions)


def test_the_shadow_price_is_what_a_kilogram_saves():
    # Each request/s moved to the clean place costs 730 USD and saves 229.95 - 25.55 kg; the
    # relaxation takes parts of nodes.
    demand = worlds.demand({"chat": [1.0]})

    result = solve(demand, two_places(), carbon_kg_by_period=(150.0,))

    (price,) = [p for p in result.shadow_prices if p.what == "carbon"]
    assert price.usd_per_unit > 0


def least_usd(options, rate, mean, limit):
    """Try all numbers of nodes of each kind in a block; each kind has a place of its own."""
    best = np.inf
    for counts in itertools.product(range(4), repeat=2):
        usd = sum(n * o.price_usd_per_hour[0] for n, o in zip(counts, options.offers, strict=True))
        if usd * HOURS >= best:
            continue
        # All the rate that the kind with less carbon per request can carry.
        for first in (0, 1):
            sent = [0.0, 0.0]
            sent[first] = min(rate, counts[first] * 1.0)
            sent[1 - first] = min(rate - sent[first], counts[1 - first] * 1.0)
            if sum(sent) < rate - 1e-9:
                continue
            emitted = 0.0
            for k in (0, 1):
                power = options.capacities[k].power
                used = int(np.ceil(sent[k] - 1e-9))
                idle = options.energy.power[k].idle_w
                base = max(power.base_w + power.host_w, idle)
                watts = counts[k] * idle + used * (base - idle)
                watts += power.marginal_energy_per_request_j * sent[k] * mean / rate
                emitted += watts * HOURS * options.energy.places[k].kg_per_wh
            if emitted <= limit:
                best = usd * HOURS
    return best


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_the_least_cost_by_trying_everything(seed):
    rng = np.random.default_rng(seed)
    rate = round(float(rng.uniform(0.5, 3.0)), 2)
    options = worlds.option_set(
        [worlds.option("o0", "gpu"), worlds.option("o1", "npu")],
        [
            replace(
                worlds.capacity("chat", f"o{k}", 1.0),
                power=draw(*rng.uniform([50, 150, 10, 20], [150, 400, 300, 120])),
            )
            for k in (0, 1)
        ],
        [
            worlds.offer("a", round(float(rng.uniform(1, 3)), 2), "gpu"),
            worlds.offer("b", round(float(rng.uniform(1, 3)), 2), "npu"),
        ],
    )
    power = tuple(
        HardwarePower(name, c.power.idle_w + c.power.host_w, 900.0)
        for name, c in zip(("gpu", "npu"), options.capacities, strict=True)
    )
    places = tuple(Place(name, 1.2, float(rng.uniform(20, 700))) for name in ("a", "b"))
    options = replace(options, energy=EnergyFacts(power, places))
    demand = worlds.demand({"chat": [rate]}, mean_share=0.8)
    most_kg = kg(demand, options, solve(demand, options).decisions)
    limit = float(most_kg * rng.uniform(0.2, 1.1))

    result = solve(demand, options, carbon_kg_by_period=(limit,))

    expected = least_usd(options, rate, 0.8 * rate, limit)
    if np.isinf(expected):
        assert result.proof.status == "infeasible"
    else:
        assert result.objective_usd == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("seed", range(15))
def test_plans_over_several_places_never_emit_more_than_allowed(seed):
    rng = np.random.default_rng(seed)
    offers = [
        worlds.offer(f"n{k}", float(rng.uniform(1, 3)), accelerators=int(rng.choice([1, 2, 4])))
        for k in range(3)
    ]
    capacities = [
        replace(worlds.capacity("chat", "small", 1.0), power=draw()),
        replace(worlds.capacity("chat", "large", 2.3), power=draw(200.0, 420.0, 80.0, 200.0)),
    ]
    options = worlds.option_set(
        [worlds.option("small"), worlds.option("large", accelerators=2)], capacities, offers
    )
    places = tuple(Place(o.offer_id, 1.1, float(rng.uniform(10, 700))) for o in offers)
    facts = EnergyFacts((HardwarePower("gpu", 200.0, 700.0),), places)
    options = replace(options, energy=facts)
    demand = worlds.demand({"chat": rng.uniform(0.5, 6.0, 4).tolist()}, mean_share=0.7)
    free_kg = kg(demand, options, solve(demand, options).decisions)
    limit = float(free_kg * rng.uniform(0.3, 1.0))

    result = solve(demand, options, carbon_kg_by_period=(limit,))

    if result.decisions is not None:
        assert kg(demand, options, result.decisions) <= limit * (1 + 1e-6)
        assert result.objective_usd >= solve(demand, options).objective_usd * (1 - 1e-9)


def test_hosts_of_bought_servers_differ_from_those_of_their_kind():
    # A kind of 700 W a node, 200 W idle; servers of 600 W draw 100 W less, busy or not, and never
    # more idle than they are taken to draw all the time, nor less than nothing.
    kind = (HardwarePower("gpu", 200.0, 700.0),)

    def idle_w(assumed_w, rated_w):
        place = Place("own", 1.0, CLEAN, assumed_w=assumed_w, rated_w=rated_w)
        facts = EnergyFacts(kind, (place, Place("rented", 1.0, CLEAN)))
        assert facts.idle_w("rented", "gpu") == 200.0
        assert facts.own_power("own", "gpu").beyond_w == assumed_w - facts.idle_w("own", "gpu")
        return facts.idle_w("own", "gpu")

    assert idle_w(500.0, 600.0) == 100.0
    assert idle_w(900.0, 900.0) == 400.0
    assert idle_w(150.0, 700.0) == 150.0
    assert idle_w(300.0, 400.0) == 0.0
