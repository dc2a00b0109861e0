"""Nodes that can be rented: which price applies, who is left out, and what is assumed."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.nodes import barred_nodes, rentable_nodes, unwanted_nodes
from tests.options.world import catalog, problem, row, workload

TWO_QUARTERS = {"horizon": {"start": "2027-01", "periods": 2, "months_per_period": 3}}


def nodes(*offers, **changes):
    workloads = changes.pop("workloads", [workload()])
    asked = problem(*workloads, **changes)
    return rentable_nodes(asked, catalog(offers=list(offers)), time_grid(asked))


def test_newest_row_that_is_valid_at_the_start_of_each_period_counts():
    kept, _ = nodes(
        row("offers", valid_from="2026", price_usd_per_hour=2),
        row("offers", valid_from="2026-06", price_usd_per_hour=3),
        row("offers", valid_from="2027-04", price_usd_per_hour=4),
        row("offers", valid_from="2027-05", price_usd_per_hour=5),
        **TWO_QUARTERS,
    )

    assert kept[0].price_usd_per_hour == (3, 4)


def test_price_that_ends_leaves_the_later_period_without_one():
    kept, _ = nodes(row("offers", valid_from="2026", valid_to="2027-03"), **TWO_QUARTERS)

    assert kept[0].price_usd_per_hour == (2, None)


def test_every_period_carries_the_date_of_its_own_price():
    kept, _ = nodes(
        row("offers", valid_from="2026", as_of="2026-02-01"),
        row("offers", valid_from="2027-04", as_of="2026-12-01"),
        **TWO_QUARTERS,
    )

    assert [kept[0].price_date_at(t) for t in (0, 1)] == ["2026-02-01", "2026-12-01"]
    assert kept[0].price_date == "2026-12-01"


def test_offer_that_starts_after_the_horizon_has_no_price():
    kept, rejected = nodes(row("offers", valid_from="2028"))

    assert kept == []
    assert rejected[0].reason == "no_price"
    assert "2027-01-01" in rejected[0].detail


@pytest.mark.parametrize(("as_of", "is_kept"), [("2026-01-01", True), ("2025-12-31", False)])
def test_price_may_be_just_as_old_as_the_limit_at_the_start_of_the_horizon(as_of, is_kept):
    kept, rejected = nodes(row("offers", as_of=as_of))  # 2026-01-01 is 365 days before

    assert bool(kept) == is_kept
    assert bool(rejected) != is_kept


def test_too_old_price_is_rejected_with_both_figures():
    _, rejected = nodes(row("offers", as_of="2025-12-31"))

    assert rejected[0].reason == "price_age"
    assert "price of 2025-12-31 is 366 days old" in rejected[0].detail
    assert "supply.max_price_age_days = 365" in rejected[0].detail


def test_too_old_price_is_missing_only_where_it_applies():
    kept, rejected = nodes(
        row("offers", valid_from="2026", as_of="2026-06-01", price_usd_per_hour=2),
        row("offers", valid_from="2027-04", as_of="2024-01-01", price_usd_per_hour=1),
        **TWO_QUARTERS,
    )

    assert kept[0].price_usd_per_hour == (2, None)
    assert rejected == []


def test_age_limit_of_the_problem_counts():
    kept, _ = nodes(row("offers", as_of="2020"), supply={"max_price_age_days": 3000})

    assert len(kept) == 1


def test_provider_outside_the_list_is_left_out():
    supply = {"providers": ["cloud"]}

    kept, rejected = nodes(row("offers"), row("offers", provider="other"), supply=supply)

    assert [n.provider for n in kept] == ["cloud"]
    assert rejected[0].detail == "provider other is not among supply.providers"


def test_tenure_that_is_not_asked_for_is_left_out():
    _, rejected = nodes(row("offers", tenure="spot"))

    assert rejected[0].detail == "tenure spot is not among supply.tenures"


def test_spot_nodes_that_are_asked_for_are_there():
    kept, rejected = nodes(row("offers", tenure="spot"), supply={"tenures": ["spot"]})

    assert [node.tenure for node in kept] == ["spot"]
    assert rejected == []


def test_region_outside_the_residency_is_unwanted():
    workloads = [workload(residency=["south"])]
    kept, _ = nodes(row("offers"), row("offers", region="south"), workloads=workloads)
    asked = problem(*workloads)

    (rejected,) = unwanted_nodes(asked, kept, barred_nodes(asked, kept))

    assert rejected.subject == "cloud:one:north:on_demand"
    assert rejected.reason == "residency"
    assert "region north (on_demand) is outside the residency of every" in rejected.detail


def test_a_pool_is_kept_off_the_nodes_that_one_of_its_workloads_may_not_use():
    workloads = [
        workload("chat", pool="talk", residency=["north", "south"]),
        workload("code", pool="talk", residency=["south", "west"]),
        workload("books", residency="on_prem_only"),
        workload("free"),
    ]
    kept, _ = nodes(
        *(row("offers", region=r) for r in ("north", "south", "west")), workloads=workloads
    )

    barred = barred_nodes(problem(*workloads), kept)

    assert {pool: {r for p, r in barred if p == pool} for pool, _ in barred} == {
        "talk": {"cloud:one:north:on_demand", "cloud:one:west:on_demand"},
        "books": {n.offer_id for n in kept},
    }


def test_start_up_and_elasticity_are_assumed_when_the_offer_states_none():
    (node,), _ = nodes(row("offers"))

    assert node.startup_h == pytest.approx(10 / 60)
    assert node.elastic_max_nodes == 8
    assert node.min_billing_h == 0.0


def test_stated_start_up_billing_and_elasticity_win():
    (node,), _ = nodes(
        row("offers", startup_minutes=0, min_billing_minutes=90, elastic_max_nodes=3)
    )

    assert (node.startup_h, node.min_billing_h, node.elastic_max_nodes) == (0.0, 1.5, 3)


def test_every_offer_is_kept_or_rejected_once():
    offers = [
        row("offers"),
        row("offers", instance="old", as_of="2020"),
        row("offers", instance="spot", tenure="spot"),
        row("offers", instance="later", valid_from="2028"),
    ]

    kept, rejected = nodes(*offers)

    assert {n.instance for n in kept} == {"one"}
    assert {r.reason for r in rejected} == {"price_age", "tenure", "no_price"}
    assert len(kept) + len(rejected) == 4


@pytest.mark.parametrize(
    ("stated", "assumed"),
    [
        ({}, (True, True)),
        ({"startup_minutes": 10}, (False, True)),
        ({"startup_minutes": 11, "elastic_max_nodes": 8}, (False, False)),
        ({"elastic_max_nodes": 20}, (True, False)),
    ],
)
def test_what_is_assumed_of_an_offer_is_what_it_does_not_state(stated, assumed):
    ((node,), _) = nodes(row("offers", **stated))

    assert (node.assumes_startup, node.assumes_elastic) == assumed
