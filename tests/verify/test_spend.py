"""Plans with spend commitments: the audit computes what they cover and what is paid again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from planner.plan.finance_rows import SpendRow
from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import changed, every_change, one_more, report, slightly_more
from tests.verify.conftest import MEASURED, solved

MONTH_H = 730.0
DAY = [0.5] * 12 + [1.5] * 12
PLAN = {"name": "plan", "provider": "cloud", "term_months": 8, "discount": 0.6,
        "upfront_share": 0.25, "max_usd_per_hour": 2.0}  # fmt: skip
OFFERS = [
    row("offers", elastic_max_nodes=50),
    row("offers", instance="big", accelerators=4, price_usd_per_hour=7.5, elastic_max_nodes=50),
]


def asked(*stated, periods=3, **sections):
    arrival = {"mean_rate_rps": 20.0, "profile": DAY, "peak_factor_in_hour": 1.0}
    return problem(
        workload("chat", arrival=arrival),
        workload("code", arrival=arrival | {"mean_rate_rps": 9.0}),
        **(
            {
                "horizon": {"start": "2027-01", "periods": periods, "months_per_period": 2},
                "time_blocks": 4,
                "performance": "table.csv",
                "finance": {"discount_rate_per_year": 0.1},
                "supply": {
                    "tenures": ["on_demand"],
                    "spend_commitments": list(stated),
                    "price_change_per_year": {"on_demand": -0.05},
                },
            }
            | sections
        ),
    )


def solve(problem_, offers=tuple(OFFERS)):
    table = [MEASURED | {"workload": name} for name in ("chat", "code")]
    return solved(problem_, catalog(offers=list(offers)), table)


LISTED = PLAN | {
    "name": "listed", "discount": 0.2, "upfront_share": 0.0, "term_months": 2,
    "max_usd_per_hour": 2.5, "min_usd_per_hour": 1.0,
    "covers": [{"instance": "big", "discount": 0.45}, {"hardware": "gpu-a"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def spending():
    return solve(asked(PLAN, LISTED))


def test_the_audit_agrees_with_plans_of_promised_spending(spending):
    found = {r.commitment_id for r in spending.plan.spend_commitments}

    assert found == {"spend:plan", "spend:listed"}
    assert any(0 < r.covered_nodes < r.nodes for r in spending.plan.fleet)
    assert any(r.usd_after_horizon > 0 for r in spending.plan.spend_commitments)
    assert report(spending, spending.plan) == []


ROWS = [
    ({"commitment_id": "spend:other"}, "the problem has no such commitment"),
    ({"usd_per_hour": slightly_more}, "the problem gives|nodes covered by commitments"),
    ({"usd": slightly_more}, " USD, the problem gives"),
    ({"discounted_usd": slightly_more}, "USD discounted, the problem gives"),
    ({"usd_after_horizon": one_more}, "USD after the horizon, the problem gives"),
    ({"usd_per_month": slightly_more}, "USD per month, the problem gives"),
    ({"provider": "other"}, "provider other, expected cloud"),
    ({"start_month": "2027-02"}, "start 2027-02, expected 2027-01"),
    ({"end_month": "2030-01"}, "end 2030-01, expected"),
    ({"start_period": 9}, "commitment of period 9 is outside the horizon"),
    ({"used_share": slightly_more}, "used share"),
    ({"coverage": slightly_more}, "coverage"),
    ({"break_even_used_share": slightly_more}, "break-even"),
    ({"alternative_price_fall": slightly_more}, "price fall"),
    ({"price_source": "a page"}, "price source a page, expected the problem"),
    ({"is_existing": True}, "is_existing True, the problem says otherwise"),
    ({"discount": 0.7}, "discount 0.7, expected"),
    ({"tier_from_usd_per_hour": 2.0}, "tier 2.0, expected None"),
    ({"needed_share": slightly_more}, "needed share"),
    ({"alternative_discounted_usd": slightly_more}, "USD by the hour"),
    ({"usd_per_hour_kept": 1.0}, "1 of them kept, an earlier plan has 0"),
]


@pytest.mark.parametrize(("changes", "text"), ROWS, ids=[next(iter(c)) for c, _ in ROWS])
def test_a_changed_figure_of_a_promise_is_reported(spending, changes, text):
    found = report(spending, changed(spending.plan, "spend_commitments", **changes))

    assert any(re.search(text, line) for line in found), found


def test_all_fields_of_the_row_have_a_mutation():
    assert {next(iter(changes)) for changes, _ in ROWS} == set(SpendRow.__slots__)


def test_every_single_change_of_such_a_plan_is_reported(spending):
    missed = {
        (table, field)
        for table, field, plan in every_change(spending.plan)
        if not report(spending, plan)
    }

    assert missed <= {("fleet", "note"), ("energy", "note")}  # words, no figures


@pytest.mark.parametrize("by", [0.1, -0.1])
def test_nodes_that_are_covered_otherwise_are_reported(spending, by):
    place = next(i for i, r in enumerate(spending.plan.fleet) if r.covered_nodes)
    item = spending.plan.fleet[place]
    usd = item.usd - by * item.price_usd_per_hour * item.hours
    other = changed(
        spending.plan, "fleet", place, covered_nodes=item.covered_nodes + by, usd=usd
    )  # fmt: skip

    assert any("nodes covered by commitments" in line for line in report(spending, other))


def test_missing_promises_are_reported(spending):
    found = report(spending, replace(spending.plan, spend_commitments=()))

    assert any("nodes covered by commitments, 0 are" in line for line in found)
    assert any("'spend')" in line and "cost line" in line for line in found)


def test_a_promise_above_the_stated_most_is_reported(spending):
    supply = spending.problem.supply
    first, second = supply.spend_commitments
    most = first.model_copy(update={"max_usd_per_hour": 1.0})
    tighter = supply.model_copy(update={"spend_commitments": [most, second]})
    world = replace(spending, problem=spending.problem.model_copy(update={"supply": tighter}))

    assert any("which the problem does not allow" in line for line in report(world, world.plan))


def test_a_promise_by_hand():
    # 29 requests/s on nodes of 5 at 2 USD/h. With 40 % off a promise pays from 60 % of the hours.
    world = solve(
        asked(
            {"name": "plan", "provider": "cloud", "term_months": 2, "discount": 0.4},
            periods=1,
            finance={"discount_rate_per_year": 0.0},
            policy={"spare_replicas": 0, "max_utilization": 1.0},
        ),
        OFFERS[:1],
    )

    night, day = sorted({(r.block < 2, r.nodes) for r in world.plan.fleet}, reverse=True)
    (promise,) = world.plan.spend_commitments
    assert promise.usd_per_hour == pytest.approx(night[1] * 1.2)
    extra = (day[1] - night[1]) * 2.0 / 2
    assert promise.usd == pytest.approx(night[1] * 1.2 * 2 * MONTH_H)
    starts = sum(r.startup_node_hours for r in world.plan.fleet) * 2.0
    assert world.plan.tco_usd == pytest.approx(promise.usd + extra * 2 * MONTH_H + starts)
    assert (promise.used_share, promise.break_even_used_share) == pytest.approx((1.0, 0.6))
    assert promise.alternative_price_fall == pytest.approx(0.4)
    assert promise.coverage == pytest.approx(night[1] / ((night[1] + day[1]) / 2))


def test_payments_after_the_horizon_can_be_cut():
    stated = PLAN | {"term_months": 12, "discount": 0.7}
    full = solve(asked(stated))
    finance = {"discount_rate_per_year": 0.1, "commitment_tail": "pro_rata"}
    cut = solve(asked(stated, finance=finance))

    assert report(full, full.plan) == report(cut, cut.plan) == []
    first = next(r for r in full.plan.spend_commitments if r.start_period == 0)
    assert first.usd == pytest.approx(12 * MONTH_H * first.usd_per_hour)
    assert first.usd_after_horizon > 0
    assert {r.usd_after_horizon for r in cut.plan.spend_commitments} == {0.0}


def test_all_paid_upfront_is_audited():
    world = solve(asked(PLAN | {"upfront_share": 1.0}))

    assert world.plan.spend_commitments
    assert report(world, world.plan) == []


def test_a_fixed_rate_covers_until_the_price_falls_below_it():
    rate = {"name": "plan", "provider": "cloud", "term_months": 2,
            "covers": [{"instance": "one", "usd_per_node_hour": 1.0}]}  # fmt: skip
    cheap = [*OFFERS[:1], row("offers", valid_from="2027-03", price_usd_per_hour=0.9)]

    world = solve(asked(rate), cheap)

    assert report(world, world.plan) == []
    assert {r.start_period for r in world.plan.spend_commitments} == {0}
    assert {r.period for r in world.plan.fleet if r.covered_nodes} == {0}


THERE = {"name": "there", "provider": "cloud", "discount": 0.5, "committed_usd_per_hour": 2.0,
         "until": "2027-05", "usd_per_month": 500.0}  # fmt: skip


@pytest.fixture(scope="module")
def running():
    return solve(asked(THERE))


def test_what_is_promised_already_is_paid_and_used_while_it_lasts(running):
    (row,) = running.plan.spend_commitments

    assert (row.is_existing, row.start_month, row.end_month) == (True, "2027-01", "2027-05")
    assert (row.usd, row.usd_per_month, row.usd_after_horizon) == (2_000.0, 500.0, 0.0)
    assert {r.period for r in running.plan.fleet if r.covered_nodes} == {0, 1}
    assert report(running, running.plan) == []


@pytest.mark.parametrize(
    "changes",
    [{"usd_per_hour": slightly_more}, {"usd": slightly_more}, {"end_month": "2027-06"},
     {"usd_per_month": slightly_more}, {"is_existing": False}, {"start_period": 1}],
)  # fmt: skip
def test_a_changed_figure_of_what_is_promised_already_is_reported(running, changes):
    assert report(running, changed(running.plan, "spend_commitments", **changes))


def test_what_is_promised_already_must_be_in_the_plan(running):
    found = report(running, replace(running.plan, spend_commitments=()))

    assert any("is promised already, and not in the plan" in line for line in found)


def test_what_is_promised_already_is_paid_where_it_covers_nothing():
    useless = THERE | {"covers": [{"instance": "none"}], "until": "2031-01"}
    world = solve(asked(useless))

    (row,) = world.plan.spend_commitments
    assert (row.usd, row.used_share) == (6 * 500.0, 0.0)
    assert report(world, world.plan) == []


def test_a_plan_without_any_nodes_pays_what_is_promised_already():
    tokens = {"tenures": ["api"], "spend_commitments": [THERE]}
    world = solve(asked(supply=tokens))

    assert world.plan.tco_usd == pytest.approx(2_000.0 + sum(r.usd for r in world.plan.api))
    assert report(world, world.plan) == []
