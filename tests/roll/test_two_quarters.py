"""Costs of every policy that can be counted by hand."""

from __future__ import annotations

import pytest

from tests.roll.world import HOURS, LEASE_USD, PROBLEM, RENT_USD

SECONDS = HOURS * 3600
TOKENS = """\
provider,model,model_ref,mode,input_usd_per_mtok,cached_input_usd_per_mtok,output_usd_per_mtok,valid_from,source,as_of
me,llama-3.1-8b-instruct,small,standard,1,1,1,2026-12,quote,2026-12
"""


def costs(path):
    return {o.policy: o.cost_usd for o in path.outcomes}


def ordered(path, policy):
    return [(o.ordered_in, o.nodes, o.usd_per_node_hour) for o in path.of(policy).orders]


def test_demand_that_comes_as_forecast_costs_what_foresight_costs(replayed):
    path = replayed(1, 1)

    assert costs(path) == pytest.approx(
        {
            "perfect_foresight": 4 * LEASE_USD,
            "rolling": 4 * LEASE_USD,
            "hedged": 4 * LEASE_USD,
            "plan_once": 4 * LEASE_USD,
            "all_on_demand": 4 * RENT_USD,
            "all_reserved_1y": 4 * LEASE_USD,
        }
    )


def test_demand_that_doubles_is_met_at_the_rent_of_the_day(replayed):
    path = replayed(1, 2)

    # Nobody knows of the second quarter before it comes, so two nodes are rented in it.
    assert costs(path) == pytest.approx(
        {
            "perfect_foresight": 6 * LEASE_USD,
            "rolling": 4 * LEASE_USD + 2 * RENT_USD,
            "hedged": 4 * LEASE_USD + 2 * RENT_USD,
            "plan_once": 4 * LEASE_USD + 2 * RENT_USD,
            "all_on_demand": 6 * RENT_USD,
            "all_reserved_1y": 4 * LEASE_USD + 2 * RENT_USD,
        }
    )
    assert ordered(path, "perfect_foresight") == [(0, 2, 1.2), (1, 2, 1.2)]


def test_what_is_ordered_is_paid_whether_used_or_not(replayed):
    path = replayed(1, 0.1)

    assert costs(path) == pytest.approx(
        {
            "perfect_foresight": 2 * LEASE_USD + RENT_USD,
            "rolling": 4 * LEASE_USD,
            "hedged": 4 * LEASE_USD,
            "plan_once": 4 * LEASE_USD,
            "all_on_demand": 3 * RENT_USD,
            "all_reserved_1y": 4 * LEASE_USD,
        }
    )


def test_a_later_order_costs_the_price_of_its_day_and_an_earlier_one_its_own(replayed):
    prices = [(0, "on_demand", 1.0), (1, "on_demand", 2.0), (1, "reserved_1y", 1.5)]

    path = replayed(1, 1, prices=prices)

    # Rent of 1 USD is less than the lease of 1.2 USD, and is expected to stay; then it doubles.
    assert ordered(path, "rolling") == [(1, 2, 1.5)]
    assert path.of("rolling").cost_usd == pytest.approx(2 * 1.0 * HOURS + 2 * 1.5 * HOURS)
    assert ordered(path, "perfect_foresight") == [(0, 2, 1.2)]
    assert path.of("all_on_demand").cost_usd == pytest.approx(2 * (1.0 + 2.0) * HOURS)


def test_forecasts_as_stated_ignore_what_came(replayed):
    prices = [(0, "on_demand", 1.0)]

    seen = replayed(1, 1, prices=prices)
    stated = replayed(1, 1, prices=prices, forecast="as-stated")

    # The problem says 2 USD for the second quarter: 1 now and 1.2 then is less than 1.2 twice.
    assert ordered(seen, "rolling") == []
    assert ordered(stated, "rolling") == []
    assert ordered(stated, "plan_once") == [(1, 2, 1.2)]
    assert stated.of("plan_once").cost_usd == pytest.approx(2 * HOURS * (1.0 + 1.2))


def test_demand_that_nothing_can_serve_is_missed_and_counted(replayed):
    quota = "supply.quotas=[{hardware: box, max_accelerators: 2}]"

    path = replayed(1, 2, assignments=(quota,), unserved_usd_per_request=0.01)

    missed = 10 * SECONDS
    for outcome in path.outcomes:
        assert outcome.missed_requests == pytest.approx(missed)
        assert outcome.missed_share == pytest.approx(10 / 30)
        assert [p.missed_requests for p in outcome.periods] == pytest.approx([0, missed])
        assert outcome.cost_usd == pytest.approx(outcome.cash_usd + 0.01 * missed)
    assert path.of("rolling").cash_usd == pytest.approx(4 * LEASE_USD)


def test_whole_terms_are_paid_and_discounted_alike_for_every_policy(replayed):
    problem = PROBLEM.replace(
        "discount_rate_per_year: 0.0, commitment_tail: pro_rata", "discount_rate_per_year: 0.1"
    )
    lease = {f"supply.quotas=[{{hardware: box, max_accelerators: {n}}}]" for n in (9,)}

    path = replayed(1, 1, problem=problem, assignments=tuple(lease))

    # Four quarters of a lease are due, two after the horizon, each in the middle of its quarter.
    whole = 2 * LEASE_USD * sum(1.1 ** (-(k + 0.5) / 4) for k in range(4))
    rent = 2 * RENT_USD * sum(1.1 ** (-(k + 0.5) / 4) for k in range(2))
    naive = path.of("all_reserved_1y")
    assert naive.cost_usd == pytest.approx(whole)
    assert naive.cash_usd == pytest.approx(8 * LEASE_USD)
    assert [p.committed_usd for p in naive.periods] == pytest.approx(
        [2 * LEASE_USD, 2 * LEASE_USD, 4 * LEASE_USD]
    )
    assert path.of("rolling").cost_usd == pytest.approx(min(rent, whole))
    assert path.of("perfect_foresight").cost_usd == pytest.approx(min(rent, whole))


def test_reservations_are_renewed_when_they_end(replayed):
    problem = PROBLEM.replace("periods: 2", "periods: 6")

    path = replayed(1, 1, 2, 2, 1, 1, problem=problem)

    # The rise of the third quarter is seen in the fourth; the first term ends after four quarters,
    # when what is left of the second one (2 nodes) is all that is needed until it ends too.
    assert ordered(path, "all_reserved_1y") == [(0, 2, 1.2), (3, 2, 1.2), (4, 2, 1.2)]
    assert path.of("all_reserved_1y").cost_usd == pytest.approx(
        (2 * 4 + 2 * 3 + 2 * 2) * LEASE_USD + 2 * RENT_USD
    )


def test_a_policy_without_a_plan_says_why(replayed):
    path = replayed(1, 1, assignments=("supply.tenures=[on_demand]",))

    naive = path.of("all_reserved_1y")
    assert naive.cost_usd is None
    assert "no node of reserved_1y is on offer" in naive.why_not
    assert path.of("rolling").cost_usd == pytest.approx(4 * RENT_USD)


def test_a_model_that_stays_is_brought_in_and_paid_for_once(replayed):
    costly = (
        "policy.switching_cost_usd_per_move=1000",
        "one_off_costs=[{model: m, usd: 500, usd_per_period: 10}]",
    )

    path = replayed(1, 2, assignments=costly)

    # The first model is free, and goes on in the second quarter without a move.
    assert path.of("rolling").cost_usd == pytest.approx(4 * LEASE_USD + 2 * RENT_USD + 520)
    assert path.of("all_on_demand").cost_usd == pytest.approx(6 * RENT_USD + 520)


def test_a_policy_without_tokens_goes_on_where_tokens_have_served(replayed, tmp_path):
    # 1 request/s more than reserved is served by tokens, 1 USD a million, and the next quarter,
    # which is expected to be like it, has a third node.
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "api_offers.csv").write_text(TOKENS, encoding="utf-8")
    problem = PROBLEM.replace("[on_demand, reserved_1y]", "[on_demand, reserved_1y, api]").replace(
        "peak_factor_in_hour: 1.0}",
        "peak_factor_in_hour: 1.0}\n"
        "    lengths: {isl_tokens: {mean: 100}, osl_tokens: {mean: 100}}",
    )

    outcome = replayed(1.1, 1, problem=problem).of("all_reserved_1y")

    tokens_usd = SECONDS * 1.0 * (100 + 100) / 1e6
    assert tokens_usd < RENT_USD
    assert outcome.cost_usd == pytest.approx(5 * LEASE_USD + tokens_usd)


def test_a_peak_that_reservations_cannot_carry_stops_the_policy(replayed):
    quota = "supply.quotas=[{hardware: box, max_accelerators: 1}]"

    path = replayed(1, 1, assignments=(quota,))

    assert path.of("all_reserved_1y").why_not == (
        "period 0: infeasible: reserved_1y alone cannot carry the expected peak within all limits"
    )
    assert path.of("rolling").missed_share == pytest.approx(0.5)


def test_orders_that_start_together_have_the_price_of_their_tier(replayed):
    half = (
        "supply.volume_discounts=[{name: terms, provider: me, tenures: [reserved_1y], "
        "applies_to: all, "
        "tiers: [{from_nodes: 2, discount: 0.25}, {from_nodes: 3, discount: 0.5}]}]"
    )

    path = replayed(1, 2, assignments=[half])

    # Three nodes at half the price cost no more than two at three quarters.
    assert costs(path) == pytest.approx(
        {
            "perfect_foresight": 2 * 3 * LEASE_USD / 2 + LEASE_USD,
            "rolling": 2 * 3 * LEASE_USD / 2 + RENT_USD,
            "hedged": 2 * 3 * LEASE_USD / 2 + RENT_USD,
            "plan_once": 2 * 3 * LEASE_USD / 2 + RENT_USD,
            "all_on_demand": 6 * RENT_USD,
            "all_reserved_1y": 2 * 3 * LEASE_USD / 2 + RENT_USD,
        }
    )
    assert (0, 3, 0.6) in ordered(path, "rolling")


def test_people_are_paid_in_every_quarter_that_has_their_nodes(replayed):
    # 3,000 USD a quarter with any rented node, and 1,500 for each of them, busy or not
    staff = "supply.staff={usd_per_fte_year: 12000, rented: {fte: 1, fte_per_node: 0.5}}"
    policies = ("perfect_foresight", "rolling", "all_on_demand")

    path = replayed(1, 0.1, assignments=(staff,), policies=policies)

    assert costs(path) == pytest.approx(
        {
            "perfect_foresight": 2 * LEASE_USD + RENT_USD + 2 * 3_000 + 3 * 1_500,
            "rolling": 4 * LEASE_USD + 2 * 3_000 + 4 * 1_500,
            "all_on_demand": 3 * RENT_USD + 2 * 3_000 + 3 * 1_500,
        }
    )
    for outcome in path.outcomes:
        assert outcome.cash_usd == pytest.approx(outcome.cost_usd)


def test_an_order_has_its_minimum_where_its_idle_nodes_cost_less_than_rent(replayed):
    # three at 1.2 USD for two nodes that are needed cost less than renting these
    least = "supply.order_minimums=[{name: terms, min_nodes: 3}]"

    path = replayed(1, 1, assignments=(least,), policies=("rolling", "all_reserved_1y"))

    assert list(costs(path).values()) == pytest.approx(3 * [6 * LEASE_USD])
    assert ordered(path, "rolling") == [(0, 3, 1.2)]
