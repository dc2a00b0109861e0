"""Promises of spending and units of tokens that are taken on go on in later budget runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.verify.audit import audit
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


def test_a_promise_adds_to_the_tier_that_runs_from_an_earlier_run(folder):
    _, text = solve(folder, IN_TIERS)
    (folder / "tier.json").write_text(text, encoding="utf-8")

    plan, _ = solve(folder, [*IN_TIERS, "horizon.start=2027-07"], folder / "tier.json")

    # 6.5 USD an hour run until 2028, and eight nodes at 0.65 of 2 USD are 10.4: alone 3.9 USD
    # would be less than the 4 from which the tier is sold.
    more = next(r for r in plan.spend_commitments if not r.is_existing)
    assert (more.start_month, more.commitment_id, more.discount) == ("2027-07", "spend:sp/4", 0.35)
    assert more.usd_per_hour == pytest.approx(3.9)
    ready = prepare(
        folder / "budget.yaml", None, [*IN_TIERS, "horizon.start=2027-07"],
        incumbent=folder / "tier.json",
    )  # fmt: skip
    rows = tuple(
        row if row.is_existing else replace(row, commitment_id="spend:sp/1")
        for row in plan.spend_commitments
    )
    found = audit(replace(plan, spend_commitments=rows), ready.loaded.problem, ready.catalog)
    assert any("at once, of which sp allows one" in violation for violation in found)


def test_no_other_tier_is_used_beside_one_that_runs(folder):
    there = (
        "{name: old, provider: me, discount: 0.2, committed_usd_per_hour: 1.5, until: 2027-07, "
        "tiers_of: sp}"
    )
    half_a_year = IN_TIERS[1].replace("term_months: 12", "term_months: 6").removesuffix("]")

    plan, _ = solve(folder, [IN_TIERS[0], f"{half_a_year}, {there}]"])

    rows = [r for r in plan.spend_commitments if not r.is_existing]
    early = [r for r in rows if r.start_month < "2027-07"]
    assert {r.commitment_id for r in early} == {"spend:sp/1"}
    assert sum(r.usd_per_hour for r in early) == pytest.approx(4.0 - 1.5, abs=1e-4)
    assert {r.commitment_id for r in rows if r.start_month >= "2027-07"} == {"spend:sp/4"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"tiers_of": "none"}, "`none` is no item with `tiers`; there are `sp`"),
        ({"provider": "other"}, "`sp` is of me, not of other"),
        ({"discount": 0.21}, r"accepted: 0\.2, 0\.35"),
        ({"committed_usd_per_hour": None, "until": None, "term_months": 12}, "promised already"),
    ],
)
def test_what_runs_is_of_a_tier_of_an_item(folder, changes, text):
    entry = {
        "name": "old", "provider": "me", "discount": 0.2, "committed_usd_per_hour": 1.5,
        "until": "2027-07", "tiers_of": "sp",
    } | changes  # fmt: skip
    known = {k: v for k, v in entry.items() if v is not None}
    supply = IN_TIERS[1].removesuffix("]") + f", {json.dumps(known)}]"

    with pytest.raises(InputError, match=text) as caught:
        prepare(folder / "budget.yaml", None, [IN_TIERS[0], supply])

    assert "supply.spend_commitments.old.tiers_of" in {fault.path for fault in caught.value.faults}


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


LATER = "horizon.start=2027-04"
HALF_YEARS = [PROMISE[0], PROMISE[1].replace("term_months: 12", "term_months: 6")]
HALF_YEAR_UNITS = [
    "supply.tenures=[api]",
    UNITS[1],
    UNITS[2].replace("term_months: 12", "term_months: 6"),
]


def first_of(folder, assignments):
    """Return what a first run orders from April on, and the file of it."""
    plan, text = solve(folder, assignments)
    (folder / "first.json").write_text(text, encoding="utf-8")
    return plan, folder / "first.json"


def ordered(rows, month):
    return [r for r in rows if r.start_month >= month and not r.is_existing]


def test_orders_of_promises_are_noted_and_kept_where_that_is_asked_for(folder):
    first, path = first_of(folder, HALF_YEARS)
    orders = ordered(first.spend_commitments, "2027-04")
    less = [*HALF_YEARS, LATER, "workloads.chat.arrival.mean_rate_rps=10"]

    again, _ = solve(folder, less, path)
    kept, text = solve(folder, less, path, keep_orders=True)

    words = ", ".join(
        f"{r.usd_per_hour:.6g} USD/h of spend:sp from {r.start_month}" for r in orders
    )
    what = "orders of first.json that are not signed before this horizon"
    assert orders
    assert f"{what} are decided again: {words}; --keep-orders keeps them" in again.warnings
    assert f"{what} are kept (--keep-orders): {words}" in kept.warnings
    usd = [sum(r.usd_per_hour for r in ordered(p.spend_commitments, "2027-04"))
           for p in (again, kept)]  # fmt: skip
    assert usd[0] < usd[1]
    for order in orders:
        (row,) = [r for r in ordered(kept.spend_commitments, "2027-04")
                  if r.start_month == order.start_month]  # fmt: skip
        assert row.usd_per_hour == pytest.approx(order.usd_per_hour)
        assert row.usd_per_hour_kept == pytest.approx(order.usd_per_hour)
    assert "kept_spend" in text


def test_a_larger_need_adds_to_orders_that_stand(folder):
    first, path = first_of(folder, HALF_YEARS)
    (order, *_) = ordered(first.spend_commitments, "2027-04")

    more = [*HALF_YEARS, "horizon.start=2027-07", "workloads.chat.arrival.mean_rate_rps=60"]
    kept, _ = solve(folder, more, path, keep_orders=True, commitments=True)

    row = next(r for r in ordered(kept.spend_commitments, "2027-04")
               if r.start_month == order.start_month)  # fmt: skip
    assert row.usd_per_hour > order.usd_per_hour
    new = row.usd_per_hour - order.usd_per_hour
    due = next(o for o in kept.order_calendar if o.order_month == row.start_month)
    assert f"{new:.6g} USD/h of spend:sp" in due.orders


def test_orders_of_units_are_noted_and_kept_where_that_is_asked_for(folder):
    first, path = first_of(folder, HALF_YEAR_UNITS)
    orders = ordered(first.provisioned, "2027-04")
    less = [*HALF_YEAR_UNITS, LATER, "workloads.chat.arrival.mean_rate_rps=1"]

    again, _ = solve(folder, less, path)
    kept, _ = solve(folder, less, path, keep_orders=True, compare=True)

    words = ", ".join(f"{r.units} x provisioned:ptu from {r.start_month}" for r in orders)
    assert orders
    assert any(f"decided again: {words}; --keep-orders" in note for note in again.warnings)
    assert any(f"are kept (--keep-orders): {words}" in note for note in kept.warnings)
    units = [sum(r.units for r in ordered(p.provisioned, "2027-04")) for p in (again, kept)]
    assert units[0] < units[1]
    found = {r.start_month: (r.units, r.units_kept) for r in ordered(kept.provisioned, "2027-04")}
    assert found == {r.start_month: (r.units, r.units) for r in orders}
    # Every baseline pays for them too: 0.05 USD an hour for six months each.
    due = sum(r.units * 0.05 * 6 * 730 for r in orders)
    solved = [b for b in kept.baselines if b.cost_usd is not None]
    assert solved
    assert all(b.cost_usd >= due - 0.01 for b in solved)


def test_orders_that_cannot_be_had_any_more_are_named_together(folder):
    _, path = first_of(folder, HALF_YEARS)
    content = json.loads(path.read_text(encoding="utf-8"))
    may = {"start_month": "2027-05", "end_month": "2027-11", "is_existing": False}
    unit = {"units_id": "provisioned:pta", "units": 2, "usd_per_unit_hour": 0.05} | may
    content |= {
        "provisioned": [unit],
        "spend_commitments": [r | may for r in content["spend_commitments"][:1]],
    }
    (folder / "gone.json").write_text(json.dumps(content), encoding="utf-8")
    both = [HALF_YEARS[1], UNITS[0], HALF_YEAR_UNITS[2]]

    with pytest.raises(InputError) as error:
        solve(folder, [*both, LATER], folder / "gone.json", keep_orders=True)

    places = {fault.path: fault.message for fault in error.value.faults}
    assert (
        "`provisioned:pta` is not on offer in this problem any more"
        in (places["provisioned.0.units_id"])
    )
    assert "begins in 2027-05, within a period" in places["spend_commitments.0.commitment_id"]


def test_a_plan_that_drops_orders_that_stand_fails_its_audit(folder):
    _, path = first_of(folder, HALF_YEARS)
    ready = prepare(
        folder / "budget.yaml", None, [*HALF_YEARS, LATER], incumbent=path, keep_orders=True
    )
    plan = solve_prepared(ready, SolveSettings(gap=0.0, compare=False))
    record = plan.options["incumbent"]
    more = [r | {"usd_per_hour": r["usd_per_hour"] + 1e3} for r in record["kept_spend"]]
    gone = [{"units_id": "provisioned:ptu", "start_period": 1, "units": 2}]
    broken = replace(
        plan,
        options=plan.options | {"incumbent": record | {"kept_spend": more, "kept_units": gone}},
    )

    found = audit(broken, ready.loaded.problem, ready.catalog)

    assert any(
        re.search(r"USD/h of spend:sp from period .*an earlier plan has 1", t) for t in found
    )
    assert any("2 x provisioned:ptu from period 1 of an earlier plan are not kept" in t
               for t in found)  # fmt: skip


def test_a_plan_with_promises_that_stand_is_solved_again_from_its_file(folder, planner):
    _, path = first_of(folder, HALF_YEARS)
    less = "workloads.chat.arrival.mean_rate_rps=10"
    kept = ("--set", HALF_YEARS[0], "--set", HALF_YEARS[1], "--set", LATER, "--set", less)
    done = planner("solve", folder / "budget.yaml", *kept, "--incumbent", path, "--keep-orders",
                   "--no-compare", "-o", folder / "kept.json")  # fmt: skip
    cost = json.loads((folder / "kept.json").read_text(encoding="utf-8"))["cost_usd"]

    explained = planner("explain", folder / "kept.json", "--json")

    assert (done.code, explained.code) == (0, 0)
    assert json.loads(explained.out)["cost_usd"] == pytest.approx(cost)
