"""Cash, present value and amortised cost by period, and the three costs of a workload, by hand."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from planner.finance.workload_costs import WorkloadCosts
from planner.pipeline import SolveSettings, solver_settings
from planner.report.finance_text import write_workload_costs
from planner.verify.audit import audit
from tests.finance.world import MEASURED, RENT_USD, asked, facts, prepared, solved
from tests.options.world import problem, row, workload
from tests.verify.changes import changed, report, slightly_more
from tests.verify.conftest import Audited


def by_period(plan):
    return {r.period: r for r in plan.money_by_period}


def test_a_server_is_paid_at_once_and_amortised_over_its_service():
    # 12 rents, 60 % of it left after 24 of 60 months: 4.8 rents over 8 quarters
    plan = solved(asked(rate_per_year=0.1), facts(12 * RENT_USD), compare=False)
    rows = by_period(plan)

    assert [rows[t].cash_usd for t in range(8)] == pytest.approx([12 * RENT_USD, *[0.0] * 7])
    assert rows[7].terminal_value_usd == pytest.approx(-7.2 * RENT_USD)
    assert [rows[t].amortised_usd for t in range(8)] == pytest.approx([0.6 * RENT_USD] * 8)
    assert rows[0].discounted_usd == pytest.approx(12 * RENT_USD)
    assert rows[7].discounted_usd == pytest.approx(-7.2 * RENT_USD / 1.1**2)


def test_a_lease_paid_half_upfront_is_amortised_over_its_term_after_the_horizon_too():
    lease = row(
        "offers", tenure="reserved_1y", commits="both", term_months=12, upfront_fraction=0.5,
        price_usd_per_hour=0.5,
    )  # fmt: skip
    terms = {"months": 6, "tenures": ("on_demand", "reserved_1y")}

    plan = solved(asked(**terms), facts(1.0, offers=[lease]), compare=False)
    rows = by_period(plan)

    month = 0.5 * 730
    assert [rows[t].cash_usd for t in range(4)] == pytest.approx(
        [6 * month + 1.5 * month, *[1.5 * month] * 3]
    )
    assert [rows[t].amortised_usd for t in range(4)] == pytest.approx([3 * month] * 4)


def test_all_views_add_up_to_the_cost_lines_to_the_cent(terms):
    rows = terms.plan.money_by_period

    assert sum(r.cash_usd + r.terminal_value_usd for r in rows) == pytest.approx(
        terms.plan.tco_usd, abs=0.005
    )
    assert sum(r.amortised_usd for r in rows) == pytest.approx(terms.plan.tco_usd, abs=0.005)
    assert sum(r.discounted_usd for r in rows) == pytest.approx(terms.plan.cost_usd, abs=0.005)


def test_the_price_of_unserved_requests_is_no_cash():
    # A node carries 5 of 8 requests/s, and no other may be rented.
    chat = workload(
        arrival={"mean_rate_rps": 8.0, "peak_factor_in_hour": 1.0},
        unserved_penalty_usd_per_request=0.001,
    )
    few = problem(
        chat,
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={
            "tenures": ["on_demand"], "quotas": [{"hardware": "gpu-a", "max_accelerators": 1}]
        },
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        finance={"discount_rate_per_year": 0.0},
    )  # fmt: skip
    known = facts(1e6)

    plan = solved(few, known, compare=False)

    (row,) = plan.money_by_period
    assert row.cash_usd == pytest.approx(RENT_USD)
    assert row.unserved_usd == pytest.approx(3.0 * 730 * 3_600 * 0.001)
    assert row.amortised_usd == pytest.approx(row.cash_usd + row.unserved_usd)
    assert audit(plan, few, prepared(few, known).catalog) == []
    wrong = changed(plan, "money_by_period", 0, unserved_usd=slightly_more)
    found = audit(wrong, few, prepared(few, known).catalog)
    assert any("period 0: unserved" in line for line in found), found


@pytest.mark.parametrize(
    "field", ["cash_usd", "terminal_value_usd", "discounted_usd", "amortised_usd"]
)
def test_changed_view_is_reported(terms, field):
    place = 1 if field == "terminal_value_usd" else 0

    found = report(terms, changed(terms.plan, "money_by_period", place, **{field: slightly_more}))

    assert any(f"period {place}: {field[:-4].replace('_', ' ')}" in line for line in found), found


def two_workloads(chat_rps, code_rps):
    base = {"peak_factor_in_hour": 1.0}
    return problem(
        workload("chat", pool="one", arrival=base | {"mean_rate_rps": chat_rps}),
        workload("code", pool="one", arrival=base | {"mean_rate_rps": code_rps}),
        horizon={"start": "2027-01", "periods": 1, "months_per_period": 1},
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        finance={"discount_rate_per_year": 0.0},
    )


@pytest.fixture(scope="module")
def shared():
    """3 + 4 requests/s on replicas of 5: two nodes together, one each alone."""
    problem_asked, known = two_workloads(3.0, 4.0), facts(1.0)
    measured = [MEASURED, MEASURED | {"workload": "code"}]
    plan = solved(problem_asked, known, measured, compare=False, unit_costs="full")
    return Audited(plan, problem_asked, prepared(problem_asked, known, measured).catalog)


def test_incremental_and_stand_alone_cost_of_workloads_that_share_nodes(shared):
    chat, code = shared.plan.workload_costs

    assert shared.plan.tco_usd == pytest.approx(2 * RENT_USD)
    assert chat.average_usd == pytest.approx(2 * RENT_USD * 3 / 7)
    for cost, rate in ((chat, 3.0), (code, 4.0)):
        assert cost.incremental_usd == pytest.approx(RENT_USD)
        assert cost.stand_alone_usd == pytest.approx(RENT_USD)
        assert cost.stand_alone_usd_per_request == pytest.approx(RENT_USD / (rate * 730 * 3600))
        assert cost.incremental_discounted_low_usd <= cost.incremental_discounted_usd
        assert cost.why_not is None
    assert report(shared, shared.plan) == []


def test_what_the_plan_may_be_above_its_bound_is_taken_off_the_least_that_a_workload_adds(shared):
    measured = [MEASURED, MEASURED | {"workload": "code"}]
    ready = prepared(shared.problem, facts(1.0), measured)
    costs = WorkloadCosts(
        ready.loaded, ready.catalog, ready.limits, solver_settings(SolveSettings(gap=0.0))
    )

    # Two nodes, as if no more were known than that no plan costs less than 1,360 USD of 2,920;
    # one node without the workload is the optimum, so no more is added than the plan says.
    chat, _ = costs.rows(replace(shared.plan, bound_usd=1_360.0), ready.demand)

    assert chat.incremental_discounted_usd == pytest.approx(2_920.0 - 1_460.0)
    assert chat.incremental_discounted_low_usd == pytest.approx(1_360.0 - 1_460.0)
    assert chat.incremental_discounted_high_usd == pytest.approx(1_460.0)


@pytest.mark.parametrize("gap", [0.0, 0.9])
def test_what_a_workload_adds_to_the_optimum_is_within_the_limits_of_any_gap(shared, gap):
    measured = [MEASURED, MEASURED | {"workload": "code"}]
    plan = solved(shared.problem, facts(1.0), measured, compare=False, unit_costs="full", gap=gap)

    for found, best in zip(plan.workload_costs, shared.plan.workload_costs, strict=True):
        assert found.incremental_discounted_low_usd <= best.incremental_discounted_usd + 1e-6
        assert found.incremental_discounted_high_usd >= best.incremental_discounted_usd - 1e-6


def test_limits_of_what_workloads_add_are_printed_beside_it(shared):
    out = io.StringIO()
    limits = {"incremental_discounted_low_usd": 1_234.0, "incremental_discounted_high_usd": None}

    write_workload_costs(out, changed(shared.plan, "workload_costs", **limits))

    lines = out.getvalue().splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("The same discounted"))
    assert [line.split("\t") for line in lines[head + 1 : head + 4]] == [
        ["workload", "incremental USD", "at least", "at most", "alone USD", "at least"],
        ["chat", "1,460", "1,234", "-", "1,460", "1,460"],
        ["code", "1,460", "1,460", "1,460", "1,460", "1,460"],
    ]


def test_a_small_workload_that_fits_the_idle_rest_adds_nothing():
    measured = [MEASURED, MEASURED | {"workload": "code"}]
    plan = solved(two_workloads(4.0, 1.0), facts(1.0), measured, compare=False, unit_costs="full")
    _, code = plan.workload_costs

    assert code.incremental_usd == pytest.approx(0.0)
    assert code.stand_alone_usd == pytest.approx(RENT_USD)
    assert code.average_usd == pytest.approx(RENT_USD / 5)


def test_the_only_workload_adds_everything_but_what_is_paid_anyway():
    there = {
        "hardware": "gpu-a", "tenure": "owned", "nodes": 1, "accelerators_per_node": 1,
        "usd_per_node_hour": 0.25,
    }  # fmt: skip
    plan = solved(
        asked(8.0, months=3, tenures=("on_demand",), supply={"existing": [there]}),
        facts(1.0), compare=False, unit_costs="full",
    )  # fmt: skip
    (chat,) = plan.workload_costs

    assert plan.tco_usd == pytest.approx(3 * RENT_USD + 3 * 730 * 0.25)
    assert chat.incremental_usd == pytest.approx(3 * RENT_USD)
    assert chat.stand_alone_usd == pytest.approx(plan.tco_usd)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"average_usd": slightly_more}, "its cost lines add up to"),
        ({"incremental_usd_per_request": slightly_more}, "incremental of .* does not follow"),
        ({"stand_alone_usd": None}, "stand-alone of .* does not follow"),
        ({"incremental_discounted_low_usd": slightly_more}, "the bound of the plan gives 1460"),
        ({"incremental_discounted_low_usd": None}, "the bound of the plan gives 1460"),
        ({"incremental_discounted_usd": slightly_more}, "the bound of the plan gives 1460.14"),
        ({"incremental_discounted_high_usd": 0.0}, "is outside its limit"),
        ({"stand_alone_discounted_low_usd": 1e9}, "is below its bound"),
        ({"stand_alone_discounted_usd": None}, "not solved, without a reason"),
        (
            {"incremental_discounted_usd": 1e9, "incremental_discounted_high_usd": 1e9},
            "more than the whole plan",
        ),
    ],
)
def test_changed_cost_of_a_workload_is_reported(shared, changes, text):
    found = report(shared, changed(shared.plan, "workload_costs", **changes))

    assert any(re.search(text, line) for line in found), found
