"""What a commitment carries, loses and costs when it is late, by hand.

50 requests/s need ten nodes: rented for 24 rents each over two years, or bought for 13 rents less
the 60 % of them that are left, 5.2 rents each.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from planner.report.text import write_plan
from planner.verify.audit import audit
from tests.finance.world import RENT_USD, asked, facts, prepared, solved
from tests.options.world import problem, row, workload
from tests.verify.changes import changed, one_more, report, slightly_more, twice
from tests.verify.conftest import Audited


@pytest.fixture(scope="module")
def fleet():
    problem_asked, known = asked(50.0), facts(13 * RENT_USD)
    plan = solved(problem_asked, known, compare=False, commitments=True)
    return Audited(plan, problem_asked, prepared(problem_asked, known).catalog)


def test_a_full_fleet_and_the_rent_it_is_held_against(fleet):
    (figures,) = fleet.plan.commitment_figures

    usd = 5.2 * RENT_USD / (24 * 730)
    assert figures.order_by == "2027-01-01"
    assert (figures.coverage, figures.used_share) == pytest.approx((1.0, 1.0))
    assert figures.utilization == pytest.approx(1.0)
    assert figures.usd_per_accelerator_hour == pytest.approx(usd)
    assert figures.alternative_offer_id == "cloud:one:north:on_demand"
    assert figures.alternative_usd_per_accelerator_hour == pytest.approx(2.0)
    assert figures.break_even_used_share == pytest.approx(usd / 2)
    assert figures.alternative_price_fall == pytest.approx(1 - usd / 2)


@pytest.mark.parametrize(("factor", "nodes"), [(0.8, 8), (0.6, 6)])
def test_less_demand_against_renting_and_against_hindsight(fleet, factor, nodes):
    rows = {r.offer_id: r for r in fleet.plan.commitment_losses if r.demand_factor == factor}

    (single,) = (r for name, r in rows.items() if name)
    assert single.held_usd == pytest.approx(52 * RENT_USD)
    assert single.loss_usd == pytest.approx((52 - nodes * 24) * RENT_USD)
    assert rows[""].without_usd == pytest.approx(nodes * 5.2 * RENT_USD)
    assert rows[""].loss_usd == pytest.approx((10 - nodes) * 5.2 * RENT_USD)
    for loss in rows.values():  # all plans are optimal
        assert loss.loss_low_usd == pytest.approx(loss.loss_usd)
        assert loss.loss_high_usd == pytest.approx(loss.loss_usd)


def test_limits_of_losses_and_delays_follow_from_the_gaps_of_their_plans(fleet):
    gap = 0.01
    plan = solved(fleet.problem, facts(13 * RENT_USD), gap=gap, compare=False, commitments=True)

    for loss in plan.commitment_losses:
        assert loss.loss_low_usd <= loss.loss_usd <= loss.loss_high_usd
        width = loss.loss_high_usd - loss.loss_low_usd
        assert width <= gap * (loss.held_usd + loss.without_usd) + 1.0
    assert all(x.loss_low_usd >= 0.0 for x in plan.commitment_losses if not x.offer_id)
    (order,) = plan.order_calendar
    assert 0.0 <= order.delay_low_usd <= order.delay_high_usd


POOR = {"delayed_usd": 1_798_721.0, "delay_usd": 1_722_801.0, "delay_high_usd": 1_722_828.0}


def test_a_delay_that_rests_on_a_poor_plan_is_shown_by_its_limits(fleet, capsys):
    (order,) = fleet.plan.order_calendar
    plan = changed(fleet.plan, "order_calendar", **POOR)

    text = shown(plan, capsys)

    assert f"\t{order.delay_low_usd:,.0f} to 1,722,828\t" in text
    assert "1,722,801" not in text
    assert "the difference of the best plans lies between a and b; to know it closer" in text
    assert "rerun with --time-limit 120\n" in text


def test_a_loss_against_a_plan_that_was_stopped_is_shown_by_its_limits(fleet, capsys):
    rows = tuple(
        replace(
            loss,
            without_usd=loss.without_usd * 2,
            loss_usd=loss.held_usd - loss.without_usd * 2,
            loss_low_usd=loss.held_bound_usd - loss.without_usd * 2,
        )
        for loss in fleet.plan.commitment_losses
        if loss.offer_id
    )

    text = shown(replace(fleet.plan, commitment_losses=rows), capsys)

    # with 80 %: 52 rents against 192, stopped at 384; with 60 %: against 144, stopped at 288
    assert "\t-484,720 to -204,400\t-344,560 to -134,320\t" in text


def test_a_gap_that_leaves_a_loss_open_names_a_smaller_gap(fleet, capsys):
    rows = tuple(
        replace(loss, loss_usd=0.0, loss_low_usd=-5.0, loss_high_usd=5.0)
        for loss in fleet.plan.commitment_losses
    )

    text = shown(replace(fleet.plan, commitment_losses=rows), capsys)

    assert "rerun with a smaller --gap\n" in text


def test_a_quarter_later_costs_the_rent_and_buys_less_use(fleet):
    (order,) = fleet.plan.order_calendar

    # a quarter of rent for ten nodes, then nodes that are worth 39 of 60 parts at the end
    late = 10 * (3 + 13 * 21 / 60) * RENT_USD
    assert (order.order_month, order.order_by) == ("2027-01", "2027-01-01")
    assert order.orders == ("10 x owned:box:default:owned",)
    assert order.delayed_usd == pytest.approx(late)
    assert order.delay_usd == pytest.approx(late - 52 * RENT_USD)
    assert order.delay_low_usd <= order.delay_usd <= order.delay_high_usd
    assert report(fleet, fleet.plan) == []


def test_the_last_day_to_order_is_the_lead_time_before_service():
    plan = solved(asked(50.0), facts(13 * RENT_USD, lead_time_weeks=26.0), compare=False)
    (figures,) = plan.commitment_figures

    assert figures.order_by == "2026-07-03"  # 182 days before 2027-01-01


DAY = [1.0] * 12 + [3.0] * 12


def test_the_base_is_leased_and_half_of_the_peak_nodes_are_idle_at_night():
    # 5 requests/s by night and 15 by day: one node always, two more for half of the hours
    lease = row(
        "offers", tenure="reserved_1y", commits="both", term_months=12, price_usd_per_hour=0.9,
    )  # fmt: skip
    asked_day = problem(
        workload(arrival={"mean_rate_rps": 10.0, "profile": DAY, "peak_factor_in_hour": 1.0}),
        horizon={"start": "2027-01", "periods": 4, "months_per_period": 3},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "reserved_1y"]},
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        finance={"discount_rate_per_year": 0.0},
    )

    plan = solved(asked_day, facts(1.0, offers=[lease]), compare=False, commitments=True)

    # 0.9 USD around the clock is less than 2 USD for half of it: all three are leased
    (figures,) = plan.commitment_figures
    assert [c.nodes for c in plan.commitments] == [3]
    assert figures.used_share == pytest.approx((1 / 3 + 1) / 2)
    assert figures.utilization == pytest.approx((1 / 3 + 1) / 2)
    assert figures.break_even_used_share == pytest.approx(0.45)
    assert figures.alternative_price_fall == pytest.approx(1 - 0.45 / (2 / 3))


def test_nodes_of_the_morning_carry_half_of_all_requests_and_are_always_used():
    there = {
        "hardware": "gpu-a", "tenure": "reserved_1y", "nodes": 1, "accelerators_per_node": 1,
        "usd_per_node_hour": 1.0, "region": "north", "hours": [[0, 12]],
    }  # fmt: skip
    problem_asked = asked(4.0, tenures=("on_demand",), supply={"existing": [there]}, time_blocks=4)
    known = facts(1.0)

    plan = solved(problem_asked, known, compare=False)

    (figures,) = plan.commitment_figures
    assert (figures.coverage, figures.used_share) == pytest.approx((0.5, 1.0))
    assert figures.utilization == pytest.approx(0.8)
    assert audit(plan, problem_asked, known) == []
    found = audit(changed(plan, "commitment_figures", coverage=1.0), problem_asked, known)
    assert any("coverage 1.0, the tables give 0.5" in line for line in found)


def test_work_that_may_run_nowhere_else_has_no_alternative_and_says_why():
    home = problem(
        workload(
            arrival={"mean_rate_rps": 4.0, "peak_factor_in_hour": 1.0}, residency="on_prem_only"
        ),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 6},
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "owned"]},
        policy={"spare_replicas": 0, "max_utilization": 1.0},
    )

    plan = solved(home, facts(13 * RENT_USD), compare=False, commitments=True)

    (figures,) = plan.commitment_figures
    assert figures.alternative_offer_id is None
    assert figures.break_even_used_share is None
    (single,) = (r for r in plan.commitment_losses if r.offer_id and r.demand_factor == 0.8)
    assert single.loss_usd is None
    assert single.why_not == "without it: infeasible"
    (order,) = plan.order_calendar
    assert order.delay_usd is None
    assert order.why_not == "infeasible"


@pytest.mark.parametrize(
    ("table", "changes", "text"),
    [
        ("commitment_figures", {"coverage": 0.9}, "coverage 0.9, the tables give 1"),
        ("commitment_figures", {"used_share": 0.9}, "used share 0.9, the tables give 1"),
        ("commitment_figures", {"utilization": 0.9}, "utilization 0.9, the tables give"),
        ("commitment_figures", {"order_by": "2026-12-31"}, "start less lead time is 2027-01-01"),
        ("commitment_figures", {"usd_per_accelerator_hour": twice}, "USD per accelerator-hour"),
        (
            "commitment_figures",
            {"alternative_usd_per_accelerator_hour": twice},
            "catalogue says 2",
        ),
        ("commitment_figures", {"alternative_offer_id": "other"}, "catalogue says None"),
        ("commitment_figures", {"alternative_offer_id": None}, "alternative without one"),
        (
            "commitment_figures",
            {"break_even_used_share": twice},
            "break-even used share .* recomp",
        ),
        ("commitment_figures", {"alternative_price_fall": twice}, "price fall .* recomputed"),
        ("commitment_figures", {"needed_share": 0.9}, "needed share 0.9, the tables give 1"),
        ("commitment_figures", {"counted_discounted_usd": twice}, "USD counted, the tables give"),
        ("commitment_figures", {"alternative_discounted_usd": twice}, "USD of the alternative"),
        ("commitment_figures", {"alternative_discounted_usd": None}, "alternative without one"),
        ("commitment_figures", {"last_node_price_fall": twice}, "fall for the last node .* recom"),
        ("commitment_figures", {"start_period": one_more}, "one row for every commitment"),
        ("commitment_losses", {"loss_usd": slightly_more}, "USD, the difference is"),
        ("commitment_losses", {"loss_low_usd": 1e9}, "low 1000000000.0 USD, recomputed"),
        ("commitment_losses", {"loss_high_usd": None}, "high None USD, recomputed"),
        ("commitment_losses", {"held_bound_usd": 1e9}, "is above its cost"),
        ("commitment_losses", {"demand_factor": 0.7}, "one row for every commitment, for all"),
        ("commitment_losses", {"loss_usd": None}, "needs either an amount or a reason"),
        ("order_calendar", {"orders": ()}, "needs every order of the plan"),
        ("order_calendar", {"order_month": "2027-02"}, "needs every order of the plan"),
        ("order_calendar", {"order_by": "2027-02-01"}, "another day"),
        ("order_calendar", {"delayed_usd": twice}, "USD, the difference is"),
        ("order_calendar", {"delay_low_usd": 0.0}, "low 0.0 USD, recomputed"),
        ("order_calendar", {"delay_high_usd": None}, "high None USD, recomputed"),
        ("order_calendar", {"delayed_to_month": "2027-03"}, "may be given again from 2027-04 on"),
    ],
)
def test_changed_figure_is_reported(fleet, table, changes, text):
    found = report(fleet, changed(fleet.plan, table, **changes))

    assert any(re.search(text, line) for line in found), found


def test_every_table_is_shown(fleet, capsys):
    write_plan(sys.stdout, fleet.plan, 24)
    shown = capsys.readouterr().out

    assert "What commitments carry" in shown
    assert "2027-01-01\towned:box:default:owned\t100%\t100%\t100%\t100%\t22%\t78%\t78%" in shown
    assert "demand -20%\tdemand -40%" in shown
    assert "all of them\t\t15,184\t30,368" in shown
    assert "cost of the delay USD" in shown
    length = fleet.plan.problem["horizon"]["months_per_period"]
    assert f"a delay of {max(length, 3)} months, whole periods" in shown


def shown(plan, capsys):
    write_plan(sys.stdout, plan, 24)
    return capsys.readouterr().out


def test_a_sheet_without_time_names_the_limit_and_a_longer_one(monkeypatch, capsys):
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr(
        "planner.finance.within_time.time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    plan = solved(asked(50.0), facts(13 * RENT_USD), compare=False, commitments=True)

    late = (
        "not computed within --time-limit 30, which is as long as the commitment sheet may take; "
        "rerun with --time-limit 120"
    )
    losses = [r for r in plan.commitment_losses if r.loss_usd is None]
    assert losses
    assert {r.why_not for r in losses} == {late}
    assert [(o.delay_usd, o.why_not) for o in plan.order_calendar] == [(None, late)]
    lines = shown(plan, capsys).splitlines()
    assert lines.count(f"-: {late}") == 2  # under either table, whatever columns there is room for


def test_a_plan_without_commitments_says_so_when_it_is_asked(capsys):
    plan = solved(asked(50.0), facts(100 * RENT_USD), compare=False, commitments=True)

    assert plan.commitments == ()
    assert "Nothing is taken on for a term: nothing to lose by, nothing to" in shown(plan, capsys)


def test_nothing_is_said_about_commitments_that_nobody_asks_for(capsys):
    plan = solved(asked(50.0), facts(100 * RENT_USD), compare=False)

    assert "Nothing is taken on" not in shown(plan, capsys)
