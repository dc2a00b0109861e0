"""Capacity blocks from the problem to the audit: their window, price, number and payments."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.capacity_blocks import capacity_blocks
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, one_more, report
from tests.verify.conftest import MEASURED, solved

MONTH_H = 730.0
BLOCK = {
    "name": "spring", "provider": "cloud", "hardware": "gpu-a", "accelerators_per_node": 1,
    "since": "2027-03", "until": "2027-07", "max_nodes": 3, "usd_per_node_hour": 1.0,
}  # fmt: skip
LISTED = row(
    "offers", tenure="capacity_block", price_usd_per_hour=0.9, commits="capacity",
    upfront_fraction=1.0, notes="in whole days",
)  # fmt: skip


def asked(*blocks, finance=None, supply=None, rate=20.0):
    return problem(
        workload("chat", arrival={"mean_rate_rps": rate, "peak_factor_in_hour": 1.0}),
        horizon={"start": "2027-01", "periods": 3, "months_per_period": 2},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        finance=finance or {"discount_rate_per_year": 0.1},
        supply={"tenures": ["on_demand"], "capacity_blocks": list(blocks)} | (supply or {}),
        policy={"spare_replicas": 0, "max_utilization": 1.0},
    )


def solve(problem_, *offers):
    facts = catalog(offers=[row("offers", elastic_max_nodes=50), *offers])
    return solved(problem_, facts, [MEASURED | {"workload": "chat"}])


def test_a_block_by_hand():
    # 20 requests/s on nodes of 5: four nodes at 2 USD/h; three of them cost 1 USD/h from March to
    # June, all of it on the first of March.
    world = solve(asked(BLOCK))

    (taken,) = world.plan.commitments
    assert (taken.nodes, taken.start_month, taken.end_month) == (3, "2027-03", "2027-07")
    assert taken.usd == pytest.approx(3 * 4 * MONTH_H)
    paid = [line for line in world.plan.cost_lines if line.category == "lease"]
    assert [line.period for line in paid] == [1]
    assert paid[0].discounted_usd == pytest.approx(taken.usd * 1.1 ** (-2 / 12))
    assert world.plan.tco_usd == pytest.approx((3 * 4 + 2 * (4 * 2 + 1 * 4)) * MONTH_H)
    assert {(r.period, r.nodes) for r in world.plan.fleet if r.tenure == "capacity_block"} == {
        (1, 3), (2, 3)
    }  # fmt: skip
    assert report(world, world.plan) == []


@pytest.mark.parametrize(("price", "nodes"), [(1.9, 3), (2.1, 0)])
def test_a_block_is_taken_only_below_the_price_of_renting(price, nodes):
    world = solve(
        asked(BLOCK | {"usd_per_node_hour": price}, finance={"discount_rate_per_year": 0.0})
    )

    assert sum(c.nodes for c in world.plan.commitments) == nodes


def test_a_window_is_paid_beyond_the_horizon_or_cut():
    long = BLOCK | {"until": "2028-03", "usd_per_node_hour": 0.5}
    full = solve(asked(long))
    cut = solve(
        asked(long, finance={"discount_rate_per_year": 0.1, "commitment_tail": "pro_rata"})
    )

    assert report(full, full.plan) == report(cut, cut.plan) == []
    assert full.plan.commitments[0].usd == pytest.approx(3 * 12 * 0.5 * MONTH_H)
    assert cut.plan.commitments[0].usd == pytest.approx(3 * 4 * 0.5 * MONTH_H)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_what_is_not_paid_upfront_is_paid_by_month(share):
    world = solve(asked(BLOCK | {"upfront_share": share}))

    assert report(world, world.plan) == []
    (taken,) = world.plan.commitments
    assert taken.usd_per_month == pytest.approx((1 - share) * 3 * MONTH_H)


def test_the_price_of_the_catalogue_counts_without_one_of_your_own():
    listed = {k: v for k, v in BLOCK.items() if k != "usd_per_node_hour"}
    supply = {"price_change_per_year": {"reserved": -0.1}}

    world = solve(asked(listed, supply=supply), LISTED)

    (taken,) = world.plan.commitments
    assert taken.offer_id == "cloud:one:north:capacity_block:spring"
    assert taken.usd_per_node_hour == pytest.approx(0.9 * 0.9 ** (2 / 12))
    assert taken.price_source == "a test"
    assert report(world, world.plan) == []


def test_blocks_with_an_old_price_or_of_other_providers_are_rejected():
    listed = {k: v for k, v in BLOCK.items() if k != "usd_per_node_hour"}
    old = row("offers", tenure="capacity_block", commits="capacity", as_of="2025-01")
    facts = catalog(offers=[old])

    def rejected(one):
        grid = time_grid(one)
        nodes, refused = capacity_blocks(one, facts, grid)
        assert nodes == []
        return refused[0]

    assert rejected(asked(listed)).reason == "price_age"
    assert "2025-01" in rejected(asked(listed)).detail
    assert rejected(asked(BLOCK, supply={"providers": ["other"]})).reason == "provider"


def test_baselines_by_the_hour_have_no_blocks():
    world = solve(asked(BLOCK))

    assert {c.tenure for c in world.plan.commitments} == {"capacity_block"}


@pytest.fixture(scope="module")
def block():
    return solve(asked(BLOCK | {"upfront_share": 0.5}))


def test_every_single_change_of_a_plan_with_a_block_is_reported(block):
    missed = {
        (table, field)
        for table, field, plan in every_change(block.plan)
        if not report(block, plan)
    }

    assert missed <= {("fleet", "note"), ("energy", "note")}  # words, no figures


def test_more_nodes_than_can_be_had_are_reported(block):
    more = changed(block.plan, "commitments", nodes=one_more)

    assert any("4 nodes, 3 can be had" in line for line in report(block, more))


def test_a_block_that_the_problem_does_not_state_is_reported(block):
    other = changed(
        block.plan, "commitments", offer_id="cloud:block:any:capacity_block:autumn"
    )  # fmt: skip

    assert any("the tables have no such commitment" in line for line in report(block, other))
