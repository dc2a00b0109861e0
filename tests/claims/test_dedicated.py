"""Fleets for inference alone beside those of a training cluster: by hand, and as planned."""

from __future__ import annotations

import pytest

from planner.claims.dedicated import C12, saving
from planner.claims.records import Case
from planner.claims.runs import ClaimsSettings, solve_cases
from planner.claims.specialised import ratio_within_gaps
from tests.claims.world import plan

PROBLEM = "claims/dedicated"


def test_the_cheaper_fleet_of_training_nodes_is_the_baseline():
    costs = {"specialised": 60.0, "training_grade": 100.0, "shared": 80.0}

    assert saving(costs) == pytest.approx(0.25)
    assert saving({**costs, "training_grade": 50.0}) == pytest.approx(-0.2)


@pytest.fixture(scope="module")
def fleets():
    """Plans by scenario."""
    cases = {name: Case(PROBLEM, name) for name in (None, "training_grade", "shared")}
    found = solve_cases(cases.values(), (), ClaimsSettings(), lambda _done, _all: None)
    return {name: found.plans[case] for name, case in cases.items()}


def test_a_shared_fleet_uses_nodes_taken_from_training_and_idle_ones(fleets):
    used = {(row.provider, row.tenure) for row in fleets["shared"].fleet if row.nodes}

    assert used == {("training", "on_demand"), ("training", "spot")}


def test_a_fleet_kept_all_day_has_the_same_nodes_in_every_hour(fleets):
    rows = fleets["training_grade"].fleet

    assert {row.provider for row in rows} == {"training"}
    assert len({row.nodes for row in rows}) == 1


def test_specialised_fleets_take_no_node_of_training(fleets):
    assert "training" not in {row.provider for row in fleets[None].fleet if row.nodes}


def test_taking_nodes_by_the_hour_costs_less_than_keeping_them(fleets):
    assert fleets["shared"].cost_usd < fleets["training_grade"].bound_usd


def test_a_longer_time_to_take_nodes_never_makes_sharing_cheaper():
    longer = next(
        case
        for case in C12.cases
        if case.scenario == "shared"
        and len(case.factors) == 1
        and case.factors[0][0].column == "startup_minutes"
        and case.factors[0][1] > 1.0
    )
    base = Case(PROBLEM, "shared")

    found = solve_cases((base, longer), (), ClaimsSettings(), lambda _done, _all: None).plans

    assert found[longer].cost_usd >= found[base].bound_usd


def test_a_ratio_of_costs_is_as_wide_as_the_gaps_of_both_plans():
    assert ratio_within_gaps(plan(100.0, 90.0), plan(50.0, 40.0)) == pytest.approx((1.8, 2.5))
