"""Promised spending and provisioned units in a replay, counted by hand.

Both are made to cost what a year's lease of a node costs: 1.2 USD an hour for what carries 5
requests/s, so that every course costs what it costs with reservations.
"""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.roll.run import RollSettings, run_roll
from tests.roll.world import LEASE_USD, RENT_USD, write_actuals, write_quarters

SPEND = (
    "supply.tenures=[on_demand]",
    "supply.spend_commitments=[{name: plan, provider: me, term_months: 12, discount: 0.4}]",
)
# 1,100 tokens a request, 60 s a minute, 5 requests/s: 330,000 tokens a minute.
UNITS = (
    "supply.tenures=[on_demand, api]",
    "workloads.chat.lengths={isl_tokens: {mean: 1000}, osl_tokens: {mean: 100}}",
    "supply.provisioned=[{name: ptu, provider: me, model: llama-3.1-8b-instruct, "
    "usd_per_unit_hour: 1.2, tokens_per_minute_per_unit: 330000.0, term_months: 12}]",
)
AMOUNT = {"spend": 2 * 1.2, "units": 2}
POLICIES = ("rolling", "hedged", "plan_once")


@pytest.mark.parametrize(("kind", "stated"), [("spend", SPEND), ("units", UNITS)])
@pytest.mark.parametrize(
    ("second", "paid"),
    [(1, 4 * LEASE_USD), (2, 4 * LEASE_USD + 2 * RENT_USD), (0.1, 4 * LEASE_USD)],
)
def test_what_is_promised_is_paid_to_its_end_whatever_comes(replayed, kind, stated, second, paid):
    path = replayed(1, second, assignments=stated, policies=POLICIES)

    for policy in POLICIES:
        outcome = path.of(policy)
        assert outcome.cost_usd == pytest.approx(paid), policy
        assert [(o.ordered_in, o.kind, o.nodes) for o in outcome.orders] == [(0, kind, 0)]
        assert outcome.orders[0].amount == pytest.approx(AMOUNT[kind])
        assert sum(p.committed_usd for p in outcome.periods) == pytest.approx(4 * LEASE_USD)
        assert outcome.missed_requests == 0
    best = path.of("perfect_foresight").cost_usd
    assert best == pytest.approx(
        {1: 4 * LEASE_USD, 2: 6 * LEASE_USD, 0.1: 2 * LEASE_USD + RENT_USD}[second]
    )


@pytest.mark.parametrize("stated", [SPEND, UNITS], ids=["spend", "units"])
def test_more_is_promised_when_more_is_seen(replayed, stated):
    longer = ("horizon.periods=4", *stated)

    path = replayed(1, 2, 2, 2, assignments=longer, policies=("rolling",))

    # The second quarter takes two nodes by the hour; from the third on they are promised too.
    assert path.of("rolling").cost_usd == pytest.approx((2 * 4 + 2 * 2) * LEASE_USD + 2 * RENT_USD)
    assert [(o.ordered_in, o.amount) for o in path.of("rolling").orders] == [
        (0, pytest.approx(path.of("rolling").orders[0].amount)),
        (2, pytest.approx(path.of("rolling").orders[0].amount)),
    ]


def test_what_is_promised_already_is_paid_by_every_policy(replayed):
    there = (
        "supply.tenures=[on_demand, reserved_1y]",
        "supply.spend_commitments=[{name: old, provider: me, discount: 0.4, "
        "committed_usd_per_hour: 1.2, until: 2027-07}]",
    )

    path = replayed(1, 1, assignments=there)

    for outcome in path.outcomes:
        own = {"all_on_demand": 2 * RENT_USD, "all_reserved_1y": 4 * LEASE_USD}
        paid = own.get(outcome.policy, 2 * LEASE_USD)
        assert outcome.cost_usd == pytest.approx(2 * LEASE_USD + paid), outcome.policy


def test_other_prices_of_what_a_promise_covers_are_refused(tmp_path):
    file = write_quarters(tmp_path)
    actuals = write_actuals(tmp_path, 1, 1, prices=[(1, "on_demand", 1.5)])

    with pytest.raises(InputError, match=r"me:one:here:on_demand.*which `spend:plan` covers"):
        run_roll(file, actuals, assignments=SPEND, settings=RollSettings())


@pytest.mark.parametrize(
    "stated", ["policy.max_models=1", "limits.budget_usd=1000000"], ids=["models", "budget"]
)
def test_what_ties_periods_together_otherwise_is_refused(tmp_path, stated):
    file = write_quarters(tmp_path)

    with pytest.raises(InputError, match="cannot be replayed") as refused:
        run_roll(file, write_actuals(tmp_path, 1, 1), assignments=(stated,))

    assert stated.split("=")[0] in str(refused.value)
