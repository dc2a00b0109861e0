"""Promises of spending and units of tokens that are taken on go on in later budget runs."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from tests.finance.budget import solve

PROMISE = [
    "supply.tenures=[on_demand]",
    "supply.spend_commitments=[{name: sp, provider: me, term_months: 12, discount: 0.3}]",
]


def test_a_promise_of_spending_goes_on_in_later_runs(folder):
    first, text = solve(folder, PROMISE)
    (folder / "promise.json").write_text(text, encoding="utf-8")
    second, text = solve(folder, [*PROMISE, "horizon.start=2027-07"], folder / "promise.json")
    (folder / "again.json").write_text(text, encoding="utf-8")
    third, _ = solve(folder, [*PROMISE, "horizon.start=2027-10"], folder / "again.json")

    (signed,) = [r for r in first.spend_commitments if r.start_period == 0]
    for plan, months in ((second, 6), (third, 3)):
        row = next(r for r in plan.spend_commitments if r.commitment_id == "spend:sp-2027-01")
        assert row.is_existing
        assert row.usd_per_hour == pytest.approx(signed.usd_per_hour)
        assert row.end_month == signed.end_month == "2028-01"
        assert row.usd == pytest.approx(months * signed.usd_per_month)


IN_TIERS = [
    PROMISE[0],
    "supply.spend_commitments=[{name: sp, provider: me, term_months: 12, tiers: "
    "[{from_usd_per_hour: 1.0, discount: 0.2}, {from_usd_per_hour: 4.0, discount: 0.35}]}]",
]


def test_a_promise_of_a_tier_keeps_its_discount_in_later_runs(folder):
    first, text = solve(folder, IN_TIERS)
    (folder / "tier.json").write_text(text, encoding="utf-8")
    second, text = solve(folder, [*IN_TIERS, "horizon.start=2027-07"], folder / "tier.json")
    (folder / "again.json").write_text(text, encoding="utf-8")
    third, _ = solve(folder, [*IN_TIERS, "horizon.start=2027-10"], folder / "again.json")

    (signed,) = [r for r in first.spend_commitments if r.start_period == 0]
    assert (signed.commitment_id, signed.discount) == ("spend:sp/4", 0.35)
    for plan in (second, third):
        row = next(r for r in plan.spend_commitments if r.commitment_id == "spend:sp-2027-01")
        assert (row.is_existing, row.discount, row.tier_from_usd_per_hour) == (True, 0.35, None)
        assert row.usd_per_hour == pytest.approx(signed.usd_per_hour)


def test_a_promise_without_rates_in_the_new_problem_is_refused(folder):
    _, text = solve(folder, PROMISE)
    (folder / "promise.json").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=r"spend:sp` is promised until 2028-01.*has no rates"):
        solve(folder, ["horizon.start=2027-07"], folder / "promise.json")


UNITS = [
    "supply.tenures=[on_demand, api]",
    "workloads.chat.lengths={isl_tokens: {mean: 1000}, osl_tokens: {mean: 100}}",
    "supply.provisioned=[{name: ptu, provider: me, model: llama-3.1-8b-instruct, "
    "usd_per_unit_hour: 0.05, tokens_per_minute_per_unit: 300000.0, term_months: 12}]",
]


def test_provisioned_units_go_on_in_later_runs(folder):
    first, text = solve(folder, UNITS)
    (folder / "units.json").write_text(text, encoding="utf-8")
    second, text = solve(folder, [*UNITS, "horizon.start=2027-07"], folder / "units.json")
    (folder / "again.json").write_text(text, encoding="utf-8")
    third, _ = solve(folder, [*UNITS, "horizon.start=2027-10"], folder / "again.json")

    signed = [r for r in first.provisioned if r.start_month < "2027-07"]
    assert signed
    for plan in (second, third):
        there = [r for r in plan.provisioned if r.is_existing]
        assert sum(r.units for r in there if r.end_month == "2028-01") == sum(
            r.units for r in signed if r.end_month == "2028-01"
        )
        assert {r.usd_per_unit_hour for r in there} == {0.05}


def test_units_of_an_item_that_is_gone_are_refused(folder):
    _, text = solve(folder, UNITS)
    (folder / "units.json").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=r"provisioned:ptu` is taken on until 2028-01.*does not"):
        solve(folder, ["horizon.start=2027-07"], folder / "units.json")
