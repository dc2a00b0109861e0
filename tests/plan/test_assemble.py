"""The plan as a whole: cost, bound, gap, status, and what it records."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.options.records import Rejection
from planner.plan.assemble import option_counts, plan_without_allocations
from planner.plan.records import relative_gap
from tests.options.world import catalog
from tests.plan.small import SETTINGS, decisions, flow, loaded, nodes, plan, proof, replicas
from tests.worlds import capacity, demand, offer, option, option_set

ASKED = demand({"w": [2.0]})
OPTIONS = option_set([option("o")], [capacity("w", "o", 2.0)], [offer("n")], pools={"w": "w"})
DECIDED = decisions([replicas("o", 1)], [flow("o", 2.0)], [nodes("n", 1)])


def test_cost_is_the_discounted_sum_and_tco_the_plain_one():
    asked = demand({"w": [[2.0], [2.0]]}, discount_per_period=0.5)
    options = option_set(
        [option("o")], [capacity("w", "o", 2.0)], [offer("n", (1.0, 1.0))], pools={"w": "w"}
    )
    decided = decisions(
        [replicas("o", 1, period=t) for t in (0, 1)],
        [flow("o", 2.0, period=t) for t in (0, 1)],
        [nodes("n", 1, period=t) for t in (0, 1)],
    )

    found = plan(asked, options, decided)

    assert found.cost_usd == pytest.approx(730 * 1.5)
    assert found.tco_usd == pytest.approx(1460)


@pytest.mark.parametrize(
    ("bound_usd", "status"), [(730.0, "optimal"), (722.7, "optimal"), (722.0, "feasible")]
)
def test_plan_is_optimal_within_the_gap_asked_for(bound_usd, status):
    found = plan(ASKED, OPTIONS, DECIDED, bound_usd, gap=0.01)

    assert found.status == status
    assert found.gap == pytest.approx((730 - bound_usd) / 730)


def test_plan_without_a_bound_is_feasible_with_unknown_gap():
    found = plan(ASKED, OPTIONS, DECIDED, None)

    assert (found.status, found.gap, found.bound_usd) == ("feasible", None, None)


def test_bound_above_the_cost_by_rounding_becomes_the_cost():
    found = plan(ASKED, OPTIONS, DECIDED, 730.0001)

    assert (found.bound_usd, found.gap) == (730.0, 0.0)


def test_bound_that_is_really_above_the_cost_is_left_for_the_audit():
    assert plan(ASKED, OPTIONS, DECIDED, 731.0).bound_usd == 731.0


def test_gap_of_a_free_plan_is_in_dollars():
    assert relative_gap(0.0, 0.0) == 0.0
    assert relative_gap(0.5, 0.0) == 0.5


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_gap_is_never_negative(cost_usd, bound_usd):
    assert relative_gap(cost_usd, bound_usd) >= 0


def test_oldest_price_is_the_oldest_that_is_used():
    offers = [
        offer("n"),
        replace(offer("old"), price_date="2020-01-01"),
        replace(offer("new"), price_date="2026-12-01"),
    ]
    options = option_set([option("o")], [capacity("w", "o", 2.0)], offers, pools={"w": "w"})
    decided = decisions([replicas("o", 1)], [flow("o", 2.0)], [nodes("n", 1), nodes("new", 1)])

    assert plan(ASKED, options, decided).catalog["oldest_price_date"] == "2026-01-01"


def test_plan_records_problem_settings_seed_and_versions():
    found = plan(ASKED, OPTIONS, DECIDED)

    assert found.problem["name"] == "small"
    assert found.problem["text"] == "text"
    assert found.catalog["sha256"] == catalog().sha256
    assert found.seed == SETTINGS["seed"]
    assert found.options == SETTINGS
    assert {"pulp", "highspy", "numpy", "python"} <= set(found.versions)


def test_warnings_of_demand_and_options_are_kept():
    asked, options = replace(ASKED, warnings=("first",)), replace(OPTIONS, warnings=("second",))

    assert plan(asked, options, DECIDED).warnings == ("first", "second")


def test_problem_without_a_plan_has_a_status_and_reasons_but_no_cost():
    found = plan_without_allocations(
        loaded(),
        catalog(),
        options=OPTIONS,
        proof=proof(None, "infeasible"),
        settings=SETTINGS,
        diagnosis=("because",),
        warnings=("a note",),
    )

    assert (found.status, found.cost_usd, found.gap, found.tco_usd) == (
        "infeasible", None, None, None,
    )  # fmt: skip
    assert found.diagnosis == ("because",)
    assert found.warnings == ("a note",)
    assert found.allocations == ()


def test_option_counts_add_up_when_workloads_reject_one_by_one():
    rejections = (
        Rejection("option", "o", "other", "quality", ""),  # serves w all the same
        Rejection("option", "p", "w", "memory", ""),
        Rejection("option", "p", "other", "memory", ""),
        Rejection("option", "q", "w", "quality", ""),
        Rejection("option", "q", "other", "ttft_ms", ""),
        Rejection("option", "gpu-z", "", "no_price", "", count=4),
        Rejection("offer", "x", "", "tenure", ""),
    )
    options = replace(
        OPTIONS, rejections=rejections, considered=8, dominated=(option("d"),),
        pruned=(Rejection("option", "d", "", "dominated", ""),),
    )  # fmt: skip

    counts = option_counts(options)

    assert counts["rejected"] == {"memory": 1, "no_price": 4, "quality": 1}
    assert counts["considered"] == counts["feasible"] + sum(counts["rejected"].values())
    assert (counts["in_program"], counts["dominated"]) == (1, 1)
