"""People beside rented nodes, own nodes and tokens: a plan by hand, its figures and its audit."""

from __future__ import annotations

from collections import defaultdict

import pytest

from planner.demand.grid import time_grid
from planner.finance.idle import idle_cost
from planner.options.existing import existing_nodes
from planner.options.staff import hosting_staff, with_people
from planner.verify.audit import audit
from planner.verify.incurred.run import incurred_cost
from planner.verify.replay.run import ReplaySettings, world_of
from tests.options.test_terms import sites
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.changes import changed, every_change, report
from tests.verify.conftest import MEASURED, solved

STAFF = {
    "usd_per_fte_year": 120_000.0,
    "owned": {"fte": 0.5, "fte_per_node": 0.25},
    "rented": {"fte": 0.2, "fte_per_node": 0.1},
    "api": {"fte": 0.1, "fte_per_offer": 0.05},
}
MONEY = {"cost_lines", "commitment_figures"}
THERE = {"hardware": "gpu-a", "nodes": 1, "accelerators_per_node": 1}


def asked(staff, **changes):
    """Return 8 requests/s by night and 12 by day, 5 to a node; a node of each kind is there."""
    half = [0.8] * 12 + [1.2] * 12
    arrival = {"mean_rate_rps": 10.0, "profile": half, "peak_factor_in_hour": 1.0}
    return problem(
        workload("chat", arrival=arrival),
        workload("bulk", arrival={"mean_rate_rps": 0.01}),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        finance={"discount_rate_per_year": 0.0},
        supply={
            "tenures": ["on_demand", "api"],
            "existing": [
                THERE | {"tenure": "reserved_1y", "usd_per_node_hour": 1.0},
                THERE | {"tenure": "owned", "usd_per_node_hour": 0.5},
            ],
            "staff": staff,
        }
        | changes,
        policy={"spare_replicas": 0, "max_utilization": 1.0},
    )


def solve(staff, **changes):
    facts = catalog(offers=[row("offers", elastic_max_nodes=50)], sites=sites())
    return solved(asked(staff, **changes), facts, [MEASURED | {"workload": "chat"}])


@pytest.fixture(scope="module")
def people():
    return solve(STAFF)


def paid(plan):
    """Return USD a month of the category by workload, hardware and tenure."""
    sums = defaultdict(float)
    for line in plan.cost_lines:
        if line.category == "staff":
            sums[line.workload, line.hardware, line.tenure] += line.usd / 12
    return {key: round(usd, 6) for key, usd in sums.items()}


def test_people_of_every_kind_are_paid_to_the_cent(people):
    # 10,000 USD a person and month; half a rented node by the hour, on average
    assert paid(people.plan) == {
        ("chat", "", "owned"): 5_000.0,
        ("chat", "gpu-a", "owned"): 2_500.0,
        ("chat", "", "rented"): 2_000.0,
        ("chat", "gpu-a", "reserved_1y"): 1_000.0,
        ("chat", "gpu-a", "on_demand"): 500.0,
        ("bulk", "", "api"): 1_500.0,
    }
    assert report(people, people.plan) == []


def test_people_add_to_what_the_same_plan_costs_without(people):
    without = solve({})

    assert paid(without.plan) == {}
    assert people.plan.cost_usd - without.plan.cost_usd == pytest.approx(12 * 12_500.0)
    assert any(note.startswith("people for tokens: 18,000 USD") for note in people.plan.warnings)
    assert not any("people for" in note for note in without.plan.warnings)


def test_unit_costs_and_views_hold_people(people):
    plan = people.plan
    bulk = next(u for u in plan.unit_costs if u.workload == "bulk")
    tokens = sum(item.usd for item in plan.api)

    assert bulk.usd_per_request * 0.01 * 8_760 * 3_600 == pytest.approx(tokens + 18_000.0)
    for money in (plan.money_by_period, plan.cash_flows):
        name = "amortised_usd" if money is plan.money_by_period else "usd"
        assert sum(getattr(r, name) for r in money) == pytest.approx(plan.tco_usd)


def test_figures_of_commitments_hold_people_of_the_node_and_of_what_it_is_compared_with(people):
    leased, owned = sorted(people.plan.commitment_figures, key=lambda f: f.offer_id, reverse=True)
    by_node = 12_000.0 / 8_760.0

    assert owned.usd_per_accelerator_hour == pytest.approx(1.0 + by_node)
    assert leased.usd_per_accelerator_hour == pytest.approx(0.5 + 2.5 * by_node)
    for figures in (owned, leased):  # both were there, and cannot be sold
        assert figures.alternative_discounted_usd == pytest.approx((2.0 + by_node) * 8_760)
        assert (figures.break_even_used_share, figures.alternative_price_fall) == (0.0, 1.0)


def test_every_single_change_of_its_money_is_reported(people):
    missed = {
        (table, field)
        for table, field, plan in every_change(people.plan)
        if table in MONEY and not report(people, plan)
    }

    assert missed == set()


def test_people_that_are_left_out_are_reported(people):
    for place, line in enumerate(people.plan.cost_lines):
        if line.category == "staff":
            plan = changed(people.plan, "cost_lines", place, usd=0.0, discounted_usd=0.0)
            assert any("'staff'" in text for text in report(people, plan))


@pytest.mark.parametrize("hosting", ["owned", "rented", "api"])
def test_a_plan_for_other_people_is_reported(people, hosting):
    for field in STAFF[hosting]:
        other = STAFF | {hosting: STAFF[hosting] | {field: 0.3}}

        found = audit(people.plan, asked(other), people.catalog)

        assert any("'staff'" in text for text in found)


def test_a_site_states_people_whatever_the_number_of_nodes():
    rows = [row("sites", id="default", quantity="staff_fte", case=c, value=v)
            for c, v in (("rented", 0.2), ("api", 0.1))]  # fmt: skip
    facts = catalog(offers=[row("offers", elastic_max_nodes=50)], sites=[*sites(), *rows])

    world = solved(asked({}), facts, [MEASURED | {"workload": "chat"}])

    assert paid(world.plan) == {("chat", "", "rented"): 2_000.0, ("bulk", "", "api"): 1_000.0}
    assert report(world, world.plan) == []


def test_stated_people_of_own_nodes_are_by_accelerator_as_at_the_site_where_not_said_otherwise():
    world = solve(STAFF | {"owned": {"fte": 0.0}, "rented": {}, "api": None})

    assert paid(world.plan) == {("chat", "gpu-a", "owned"): 0.5 / 8 * 10_000.0}


def test_a_replay_pays_people_as_planned(people):
    world = world_of(
        people.plan, loaded(people.problem), people.catalog, ReplaySettings(traces={})
    )

    lines = [line for line in incurred_cost(world, 0, 1).lines if line.category == "staff"]

    assert sum(line.money.usd for line in lines) == pytest.approx(12 * 12_500.0)


@pytest.mark.parametrize(
    ("usd_per_month", "usd"), [(0.0, -60_000.0), (1_000.0, -48_000.0), (5_000.0, -20_000.0)]
)
def test_idle_nodes_are_kept_as_long_as_they_gain_more_than_their_people_cost(usd_per_month, usd):
    resale = {"usd_per_node": [10_000.0, 20_000.0, 30_000.0]}
    node = THERE | {"tenure": "owned", "usd_per_node_hour": 0.0, "resale": resale}
    staff = {"usd_per_fte_year": 12.0 * usd_per_month, "owned": {"fte": 1.0, "fte_per_node": 0.0}}
    base, facts = asked(staff, existing=[node, node]), catalog(sites=sites())
    nodes = with_people(existing_nodes(base, time_grid(base)), base, facts)

    found = idle_cost(nodes, hosting_staff(base, facts), time_grid(base))

    assert found == pytest.approx((usd, usd))
