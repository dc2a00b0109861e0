"""Commitments against the rent of what they are needed for: by hand, and where plans turn.

Nodes cost 2 USD an hour on demand and carry 5 requests/s. Where a figure says that a fall of that
rent makes a commitment wrong, the problem is solved again just before and just behind it.
"""

from __future__ import annotations

import pytest

from planner.verify.audit import audit
from tests.finance.world import RENT_USD, asked, facts, prepared, solved
from tests.options.world import problem, row, workload

HOURS_OF_YEAR = 8_760.0
DAY = [1.0] * 12 + [3.0] * 12


def lease(usd_per_hour, term_months):
    return row(
        "offers", tenure="reserved_3y", commits="both", term_months=term_months,
        price_usd_per_hour=usd_per_hour,
    )  # fmt: skip


def falling(fall):
    """Return a supply section in which on-demand prices are lower from the start on."""
    step = {"since": "2027-01", "factor": 1.0 - fall}
    return {"price_paths": [{"name": "fall", "tenure": "on_demand", "steps": [step]}]}


def plan_of(problem_asked, known):
    plan = solved(problem_asked, known, compare=False)
    assert audit(plan, problem_asked, prepared(problem_asked, known).catalog) == []
    return plan


def nodes(plan):
    return sum(c.nodes for c in plan.commitments if not c.is_existing)


def year_asked(tail, supply=None):
    return asked(
        50.0, months=12, tenures=("on_demand", "reserved_3y"), supply=supply or {},
        finance={"commitment_tail": tail},
    )  # fmt: skip


@pytest.mark.parametrize(("tail", "months_paid"), [("full", 36), ("pro_rata", 12)])
def test_a_term_beyond_the_horizon_counts_as_the_plan_pays_it(tail, months_paid):
    known = facts(1e6, offers=[lease(0.6, 36)])
    plan = plan_of(year_asked(tail), known)

    (figures,) = plan.commitment_figures
    paid, rent = 10 * 0.6 * months_paid * 730, 10 * 12 * RENT_USD
    assert figures.counted_discounted_usd == pytest.approx(paid)
    assert figures.alternative_discounted_usd == pytest.approx(rent)
    assert figures.break_even_used_share == pytest.approx(paid / rent)
    assert figures.alternative_price_fall == pytest.approx(1 - paid / rent)
    for fall, count in ((-0.001, 10), (0.001, 0)):
        prices = falling(figures.alternative_price_fall + fall)
        assert nodes(plan_of(year_asked(tail, prices), known)) == count


def test_hours_in_which_nothing_comes_are_paid_and_not_needed():
    known = facts(1e6, offers=[lease(0.6, 12)])
    arrival = {"mean_rate_rps": 25.0, "profile": [0.0] * 12 + [1.0] * 12}
    by_day = problem(
        workload(arrival=arrival | {"peak_factor_in_hour": 1.0}),
        horizon={"start": "2027-01", "periods": 4, "months_per_period": 3},
        time_blocks=4, performance="table.csv", candidates={"quantizations": ["bf16"]},
        finance={"discount_rate_per_year": 0.0},
        supply={"tenures": ["on_demand", "reserved_3y"]},
        policy={"spare_replicas": 0, "max_utilization": 1.0},
    )  # fmt: skip
    plan = plan_of(by_day, known)

    (figures,) = plan.commitment_figures
    assert figures.needed_share == pytest.approx(0.5)
    assert figures.used_share == pytest.approx(0.5)
    assert figures.utilization == pytest.approx(0.5)
    paid, rent = 10 * 0.6 * 12 * 730, 10 * 12 * RENT_USD / 2
    assert figures.alternative_discounted_usd == pytest.approx(rent)
    assert figures.break_even_used_share == pytest.approx(0.5 * paid / rent)


def test_money_of_both_sides_is_discounted_to_its_dates():
    known = facts(1e6, offers=[lease(0.6, 36)])
    plan = plan_of(
        asked(50.0, months=12, tenures=("on_demand", "reserved_3y"), rate_per_year=0.1), known
    )

    (figures,) = plan.commitment_figures
    quarters = [1.1 ** -((q + 0.5) / 4) for q in range(12)]
    assert figures.break_even_used_share == pytest.approx(
        0.6 * sum(quarters) / (2.0 * sum(quarters[:4]))
    )


def staged(supply=None):
    """Return two years of one and three nodes by night and day, then of two and five."""
    arrival = {"mean_rate_rps": 6.0, "profile": DAY, "peak_factor_in_hour": 1.0}
    return problem(
        workload(arrival=arrival, growth_per_period=5 / 3),
        horizon={"start": "2027-01", "periods": 2, "months_per_period": 12},
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "reserved_3y"]} | (supply or {}),
        policy={"spare_replicas": 0, "max_utilization": 1.0},
        finance={"discount_rate_per_year": 0.0, "commitment_tail": "pro_rata"},
    )


def test_lots_that_come_one_after_the_other_are_needed_for_what_the_others_leave():
    known = facts(1e6, offers=[lease(0.9, 24)])
    plan = plan_of(staged(), known)

    first, second = plan.commitment_figures
    assert [c.nodes for c in plan.commitments] == [3, 2]
    # Without the first: 1 and 3 nodes, then 0 and 3, as the second has two. Half of the time each.
    assert first.needed_share == pytest.approx((1 + 3 + 0 + 3) / 4 / 3)
    assert first.counted_discounted_usd == pytest.approx(3 * 0.9 * 2 * HOURS_OF_YEAR)
    assert first.alternative_discounted_usd == pytest.approx(2.0 * 3.5 * HOURS_OF_YEAR)
    assert first.alternative_price_fall == pytest.approx(1 - 5.4 / 7.0)
    assert first.break_even_used_share == pytest.approx(0.45)
    # Without the second: none by night, two by day.
    assert second.needed_share == pytest.approx(0.5)
    assert second.alternative_price_fall == pytest.approx(0.1)
    # The last node of either serves by day only.
    assert first.last_node_price_fall == second.last_node_price_fall == pytest.approx(0.1)
    for fall, still in ((0.099, True), (0.101, False)):
        assert (nodes(plan_of(staged(falling(fall)), known)) == 5) is still


def one_node_there(supply=None, **more):
    entry = {
        "hardware": "gpu-a", "tenure": "owned", "nodes": 1, "accelerators_per_node": 1,
        "usd_per_node_hour": 0.5,
    }  # fmt: skip
    return asked(
        4.0, months=12, months_per_period=12, tenures=("on_demand",),
        supply={"existing": [entry | more]} | (supply or {}),
    )  # fmt: skip


def test_nodes_that_can_be_sold_cost_what_they_would_bring():
    resale = {"usd_per_node": 10_000.0, "change_per_year": -0.6}
    plan = plan_of(one_node_there(resale=resale), facts(1e6))

    (figures,) = plan.commitment_figures
    kept_usd = 0.5 * HOURS_OF_YEAR + 10_000 - 4_000
    assert figures.counted_discounted_usd == pytest.approx(kept_usd)
    assert figures.alternative_price_fall == pytest.approx(1 - kept_usd / (12 * RENT_USD))
    assert figures.break_even_used_share == pytest.approx(kept_usd / (12 * RENT_USD))
    for fall, month in ((-0.001, None), (0.001, "2027-01")):
        prices = falling(figures.alternative_price_fall + fall)
        (kept,) = plan_of(one_node_there(prices, resale=resale), facts(1e6)).commitments
        assert kept.sold_month == month
    # What is sold at once is done without: nothing of it counts.
    (sold,) = plan_of(one_node_there(falling(0.5), resale=resale), facts(1e6)).commitment_figures
    assert (sold.counted_discounted_usd, sold.alternative_price_fall) == (0.0, None)


def test_what_is_due_whatever_is_decided_does_not_count():
    plan = plan_of(one_node_there(), facts(1e6))

    (figures,) = plan.commitment_figures
    assert figures.usd_per_accelerator_hour == pytest.approx(0.5)
    assert figures.counted_discounted_usd == 0.0
    assert (figures.break_even_used_share, figures.alternative_price_fall) == (0.0, 1.0)


def test_people_of_nodes_are_on_both_sides_and_only_the_rent_falls():
    staff = {
        "usd_per_fte_year": HOURS_OF_YEAR, "owned": {"fte": 0.0, "fte_per_node": 0.4},
        "rented": {"fte": 0.0, "fte_per_node": 0.1},
    }  # fmt: skip

    def of(prices):
        return asked(50.0, supply={"staff": staff} | prices)

    known = facts(13 * RENT_USD)
    (figures,) = plan_of(of({}), known).commitment_figures
    own, people = 5.2 * RENT_USD + 0.4 * 24 * 730, 0.1 * 24 * 730
    assert figures.counted_discounted_usd == pytest.approx(10 * own)
    assert figures.break_even_used_share == pytest.approx(own / (24 * RENT_USD + people))
    assert figures.alternative_price_fall == pytest.approx(1 - (own - people) / (24 * RENT_USD))


SPEND = {
    "name": "plan", "provider": "cloud", "term_months": 24,
    "covers": [{"hardware": "gpu-a", "usd_per_node_hour": 0.8}],
}  # fmt: skip


def promise_asked(supply=None, **more):
    return asked(
        50.0, months=12, tenures=("on_demand",),
        supply={"spend_commitments": [SPEND | more]} | (supply or {}),
    )  # fmt: skip


def test_a_promise_counts_its_term_beyond_the_horizon():
    plan = plan_of(promise_asked(), facts(1e6))

    (promise,) = plan.spend_commitments
    assert (promise.needed_share, promise.used_share) == pytest.approx((1.0, 1.0))
    assert promise.discounted_usd == pytest.approx(8.0 * 24 * 730)
    assert promise.alternative_discounted_usd == pytest.approx(10 * 12 * RENT_USD)
    assert promise.break_even_used_share == pytest.approx(0.8)
    assert promise.alternative_price_fall == pytest.approx(0.2)
    for fall, is_taken in ((0.199, True), (0.201, False)):
        again = plan_of(promise_asked(falling(fall)), facts(1e6))
        assert bool(again.spend_commitments) is is_taken


def test_what_was_promised_before_is_due_and_does_not_count():
    plan = plan_of(
        promise_asked(committed_usd_per_hour=4.0, until="2028-01", term_months=None), facts(1e6)
    )

    (promise,) = plan.spend_commitments
    assert promise.is_existing
    assert promise.alternative_discounted_usd == pytest.approx(5 * 12 * RENT_USD)
    assert (promise.break_even_used_share, promise.alternative_price_fall) == (0.0, 1.0)
