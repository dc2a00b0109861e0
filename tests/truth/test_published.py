"""Instances that others published, solved to their known optimum."""

from __future__ import annotations

import pytest

from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.units import HOURS_PER_MONTH

EXACT = SolveSettings(gap=0.0, compare=False)


@pytest.fixture(scope="module")
def solved():
    def solve(name, **changes):
        return solve_prepared(prepare(name, **changes), EXACT)

    return solve


def _fleet(plan):
    return {row.instance: row.nodes for row in plan.fleet}


@pytest.mark.parametrize(
    ("name", "usd_per_hour", "fleet"),
    [
        ("published/melange_readme", 4.68, {"A10G": 1, "A100-80GB": 1}),  # printed: 6.70
        ("published/melange_april_2024", 5.05, {"A10G": 5}),
        ("published/llmd_autoscaling_1251", 6.0, {"variant-b": 1}),  # greedy: 10
    ],
)
def test_published_instance_reaches_its_optimum(solved, name, usd_per_hour, fleet):
    plan = solved(name)

    assert plan.status == "optimal"
    assert plan.cost_usd / HOURS_PER_MONTH == pytest.approx(usd_per_hour, abs=1e-9)
    assert plan.bound_usd == pytest.approx(plan.cost_usd, abs=1e-6)
    assert _fleet(plan) == fleet


def test_melange_readme_with_one_gpu_type_costs_two_a100(solved):
    """30 requests/s need 6/20 + 3/20 + 15/40 + 6/20 = 1.125 A100, so two: 7.34 USD/h."""
    plan = solved("published/melange_readme", assignments=["candidates.hardware=[A100-80GB]"])

    assert plan.cost_usd / HOURS_PER_MONTH == pytest.approx(2 * 3.67, abs=1e-9)


def test_llmd_counter_example_switches_to_a_when_it_is_needed(solved):
    """At 150 requests/s one A (10) beats two B (12)."""
    plan = solved(
        "published/llmd_autoscaling_1251",
        assignments=["workloads.traffic.arrival.mean_rate_rps=150"],
    )

    assert plan.cost_usd / HOURS_PER_MONTH == pytest.approx(10.0, abs=1e-9)
    assert _fleet(plan) == {"variant-a": 1}


def test_max_utilization_caps_a_measured_capacity(solved):
    """At 90 % one B carries 90 of the 100 requests/s: one A (180) for 10 is cheaper than two B."""
    plan = solved("published/llmd_autoscaling_1251", assignments=["policy.max_utilization=0.9"])

    assert plan.cost_usd / HOURS_PER_MONTH == pytest.approx(10.0, abs=1e-9)


def test_one_spare_replica_doubles_the_single_node(solved):
    """Two B: one may be lost and 100 requests/s are still carried."""
    plan = solved("published/llmd_autoscaling_1251", assignments=["policy.spare_replicas=1"])

    assert plan.cost_usd / HOURS_PER_MONTH == pytest.approx(12.0, abs=1e-9)
    assert _fleet(plan) == {"variant-b": 2}
