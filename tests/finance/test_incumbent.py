"""A budget run each quarter: what was signed stays, at what is still due, and the solver goes on.

Growing demand over a year, on rent at 2 USD an hour, a lease for a year with a quarter of it
upfront, and servers that take half a year to come.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planner.diagnosis import Source
from planner.finance.incumbent import read_incumbent
from planner.options.volumes import kept_nodes
from planner.pipeline import SolveSettings, solve_prepared
from planner.preparation import prepare
from planner.verify.audit import audit
from tests.finance.budget import solve

NEXT = ["horizon.start=2027-04"]


@pytest.fixture(scope="module")
def first(folder):
    plan, text = solve(folder)
    (folder / "q1.json").write_text(text, encoding="utf-8")
    return plan


def taken(plan, tenure):
    return [c for c in plan.commitments if c.tenure == tenure]


def test_the_first_quarter_buys_and_leases(first):
    begins = {(c.tenure, c.start_month) for c in first.commitments}

    assert {tenure for tenure, _ in begins} == {"owned", "reserved_1y"}
    assert ("reserved_1y", "2027-01") in begins
    assert any(month > "2027-01" for _, month in begins)


def test_what_has_begun_stays_at_what_is_still_due(folder, first):
    plan, _ = solve(folder, NEXT, folder / "q1.json")

    begun = [c for c in first.commitments if c.start_month < "2027-04"]
    there = [c for c in plan.commitments if c.is_existing and c.start_month == "2027-04"]
    assert begun
    assert [(c.hardware, c.tenure, c.nodes, c.provider) for c in there] == [
        (c.hardware, c.tenure, c.nodes, c.provider) for c in begun
    ]
    for now, before in zip(there, begun, strict=True):
        assert now.usd_per_month == pytest.approx(before.usd_per_month)
        if before.tenure == "reserved_1y":
            # a quarter was paid upfront; nine months are left of twelve
            assert now.end_month == before.end_month
            assert now.usd == pytest.approx(before.nodes * 0.75 * 1.1 * 730 * 9)
        else:
            monthly = 0.06 * 24_000 / 12 + 100 + 1.5 * 730 * 0.1
            assert now.usd == pytest.approx(before.nodes * monthly * 12)


def test_orders_within_the_horizon_are_kept_where_that_is_asked_for(folder, first):
    later = [c for c in first.commitments if c.order_month >= "2027-04"]
    assert later
    plan, _ = solve(folder, NEXT, folder / "q1.json", keep_orders=True)

    kept = {(c.offer_id, c.start_month): c for c in plan.commitments if c.nodes_kept}
    assert {(c.offer_id, c.start_month): c.nodes for c in later} == {
        key: c.nodes_kept for key, c in kept.items()
    }
    assert all(c.nodes >= c.nodes_kept for c in kept.values())


def test_orders_that_nobody_has_signed_are_decided_again(folder, first):
    less = [*NEXT, "workloads.chat.arrival.mean_rate_rps=1"]
    later = [c for c in first.commitments if c.order_month >= "2027-04"]

    plan, _ = solve(folder, less, folder / "q1.json")
    kept, _ = solve(folder, less, folder / "q1.json", keep_orders=True)

    # The replica that the least demand needs runs on what was taken on in the first quarter.
    assert all(c.is_existing for c in plan.commitments)
    assert sum(c.nodes_kept for c in kept.commitments) == sum(c.nodes for c in later)
    new = [c for c in kept.commitments if not c.is_existing]
    assert kept.cost_usd - plan.cost_usd == pytest.approx(sum(c.usd for c in new))
    orders = ", ".join(f"{c.nodes} x {c.offer_id} from {c.start_month}" for c in later)
    what = "orders of q1.json that are not signed before this horizon"
    assert f"{what} are decided again: {orders}; --keep-orders keeps them" in plan.warnings
    assert f"{what} are kept (--keep-orders): {orders}" in kept.warnings


def test_a_plan_with_orders_that_stand_is_explained_with_them(folder, first, planner):
    changes = ("--set", "horizon.start=2027-04", "--set", "workloads.chat.arrival.mean_rate_rps=1")
    kept = ("--incumbent", folder / "q1.json", "--keep-orders", "--no-compare")
    solved = planner("solve", folder / "budget.yaml", *changes, *kept, "-o", folder / "k.json")

    done = planner("explain", folder / "k.json", "--json")

    assert (solved.code, done.code) == (0, 0)
    saved = json.loads((folder / "k.json").read_text(encoding="utf-8"))
    assert json.loads(done.out)["cost_usd"] == pytest.approx(saved["cost_usd"], rel=1e-6)


def test_orders_stand_with_an_earlier_plan_only(folder, planner):
    done = planner("solve", folder / "budget.yaml", "--keep-orders")

    assert done.code == 2
    assert "add --incumbent PLAN.json, or leave it out" in done.err


def test_servers_that_are_paid_but_not_there_yet_come_and_cost_only_their_running(folder, first):
    (ordered,) = (c for c in first.commitments if c.order_month < "2027-04" <= c.start_month)
    plan, _ = solve(folder, NEXT, folder / "q1.json")

    (coming,) = (c for c in plan.commitments if c.is_existing and c.tenure == "owned")
    assert (ordered.start_month, ordered.tenure) == ("2027-07", "owned")
    assert (coming.start_month, coming.nodes) == ("2027-07", ordered.nodes)
    # three quarters from 2027-07 on lie within the horizon
    monthly = 0.06 * 24_000 / 12 + 100 + 1.5 * 730 * 0.1
    assert coming.usd == pytest.approx(coming.nodes * monthly * 9)
    again = sum(line.usd for line in plan.cost_lines if line.category == "capex")
    assert again == 24_000 * sum(
        c.nodes for c in plan.commitments if c.tenure == "owned" and not c.is_existing
    )
    assert {f.period for f in plan.fleet if f.offer_id == coming.offer_id} == {1, 2, 3}


def test_the_same_problem_again_keeps_every_commitment_and_its_cost(folder, first):
    plan, _ = solve(folder, (), folder / "q1.json", keep_orders=True)

    assert plan.cost_usd == pytest.approx(first.cost_usd)
    assert [(c.offer_id, c.start_period, c.nodes, c.nodes_kept) for c in plan.commitments] == [
        (c.offer_id, c.start_period, c.nodes, c.nodes) for c in first.commitments
    ]


def test_purchases_stay_although_demand_is_gone(folder, first):
    plan, _ = solve(
        folder, ["workloads.chat.arrival.mean_rate_rps=1"], folder / "q1.json", keep_orders=True
    )

    assert sum(c.nodes for c in plan.commitments) == sum(c.nodes for c in first.commitments)
    free, _ = solve(folder, ["workloads.chat.arrival.mean_rate_rps=1"])
    assert plan.cost_usd > free.cost_usd


def test_baselines_bear_what_was_signed_before_too(folder, first):
    plan, _ = solve(folder, (), folder / "q1.json", keep_orders=True, compare=True)

    rent = next(b for b in plan.baselines if b.name == "all_on_demand")
    signed = sum(c.discounted_usd for c in plan.commitments)
    assert rent.cost_usd >= signed
    assert plan.paybacks == ()  # nothing new was ordered


def test_a_third_quarter_carries_on_what_the_second_had_carried(folder, first):
    _, text = solve(folder, NEXT, folder / "q1.json")
    (folder / "q2.json").write_text(text, encoding="utf-8")

    plan, _ = solve(folder, ["horizon.start=2027-07"], folder / "q2.json")

    begun = [c for c in first.commitments if c.start_month < "2027-07" < c.end_month]
    there = [c for c in plan.commitments if c.is_existing]
    assert sum(c.nodes for c in there) >= sum(c.nodes for c in begun)
    leases = [c for c in there if c.tenure == "reserved_1y"]
    old = [c for c in begun if c.tenure == "reserved_1y" and c.start_month == "2027-01"]
    assert sorted(c.end_month for c in old) == sorted(
        c.end_month for c in leases if c.end_month == "2028-01"
    )


def test_a_term_that_is_over_is_left_out(folder, first):
    incumbent = read_incumbent(folder / "q1.json")

    entries = incumbent.carried("2028-01")

    assert {e["tenure"] for e in entries} == {
        c.tenure for c in first.commitments if c.end_month > "2028-01"
    }
    assert all(e["until"] > "2028-01" for e in entries)


def test_the_plan_records_what_it_began_from(folder, first):
    plan, _ = solve(folder, NEXT, folder / "q1.json", keep_orders=True)

    record = plan.options["incumbent"]
    assert record["file"] == "q1.json"
    assert any(text.startswith("supply.existing=") for text in plan.problem["set"])
    assert len(record["carried"]) + len(record["kept"]) == len(first.commitments)


def test_a_plan_that_drops_what_was_kept_fails_its_audit(folder, first):
    ready = prepare(
        folder / "budget.yaml", None, (), incumbent=folder / "q1.json", keep_orders=True
    )
    plan = solve_prepared(ready, SolveSettings(gap=0.0, compare=False))
    fewer = [replace(c, nodes_kept=c.nodes_kept + 1) for c in plan.commitments]

    found = audit(replace(plan, commitments=tuple(fewer)), ready.loaded.problem, ready.catalog)
    gone = audit(replace(plan, commitments=()), ready.loaded.problem, ready.catalog)

    assert any("an earlier plan has" in line for line in found)
    assert any("of an earlier plan are not kept" in line for line in gone)


def broken(folder, **changes):
    content = json.loads((folder / "q1.json").read_text(encoding="utf-8"))
    for path, value in changes.items():
        place = content
        *parents, last = path.split("__")
        for key in parents:
            place = place[int(key) if key.isdigit() else key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "q.json:1:2\n    is not JSON: Expecting property name"),
        ("", "q.json:1:1\n    is not JSON: Expecting value"),
        ("[1]", "its content is not an object"),
        ('{"a": 1}', "is not a plan file: it has no schema_version or no allocations"),
        ('{"schema_version": 9, "allocations": []}', "a plan of schema 9; this version reads"),
        ("\ufeff{}", "is not a plan file"),
        ("[" * 100_000, "is not"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(folder, planner, tmp_path, text, says):
    (tmp_path / "q.json").write_text(text, encoding="utf-8")

    done = planner("solve", folder / "budget.yaml", "--incumbent", "q.json")

    assert done.code == 2
    assert says in done.err
    assert "planner solve PROBLEM -o PLAN.json" in done.err


def test_bytes_that_are_no_text_and_a_missing_file_are_refused(folder, planner, tmp_path):
    (tmp_path / "q.json").write_bytes(b"\x80\x81")

    binary = planner("solve", folder / "budget.yaml", "--incumbent", "q.json")
    missing = planner("solve", folder / "budget.yaml", "--incumbent", "none.json")

    assert (binary.code, missing.code) == (2, 2)
    assert "byte 1 is not UTF-8 text" in binary.err
    assert "none.json\n    cannot be read: No such file or directory" in missing.err


def test_every_bad_row_is_named_at_once(folder, first, planner, tmp_path):
    changes = {
        "commitments__0__nodes": 0,
        "commitments__0__end_month": "soon",
        "commitments__0__usd_per_month": ...,
        "fleet__3__nodes": "many",
        "problem__horizon__periods": 2.5,
    }
    (tmp_path / "q.json").write_text(broken(folder, **changes), encoding="utf-8")

    done = planner("solve", folder / "budget.yaml", "--incumbent", "q.json")

    assert done.code == 2
    for place in ("commitments.0.nodes", "commitments.0.end_month", "fleet.3.nodes",
                  "commitments.0.usd_per_month", "problem.horizon.periods"):  # fmt: skip
        assert f"q.json  {place}" in done.err
    assert 'not "many"' in done.err
    assert "5 errors, nothing was solved" in done.err


def test_offers_that_are_gone_are_named_with_their_rows(folder, first, planner, tmp_path):
    text = (folder / "q1.json").read_text(encoding="utf-8").replace("me:one:here", "me:one:gone")
    (tmp_path / "q.json").write_text(text, encoding="utf-8")

    done = planner("solve", folder / "budget.yaml", "--incumbent", "q.json", "--keep-orders")

    gone = [i for i, c in enumerate(first.commitments) if c.tenure == "reserved_1y"]
    assert gone
    assert done.code == 2
    for number in gone:
        assert f"q.json  commitments.{number}.offer_id" in done.err
    assert "is not on offer in this problem any more; did you mean `me:one:here" in done.err


def test_a_commitment_that_begins_within_a_period_is_named(folder, first, planner):
    months = ["--set", "horizon.start=2026-12", "--set", "horizon.periods=4"]

    done = planner(
        "solve",
        folder / "budget.yaml",
        *months,
        "--incumbent",
        folder / "q1.json",
        "--keep-orders",
    )

    assert done.code == 2
    assert "within a period of this problem" in done.err


def test_a_record_without_a_plan_is_refused(folder, planner, tmp_path):
    planner(
        "solve", folder / "budget.yaml", "--set", "limits.budget_usd=1", "-o", "q.json",
    )  # fmt: skip

    done = planner("solve", folder / "budget.yaml", "--incumbent", "q.json")

    assert done.code == 2
    assert "holds no plan to begin from: its status is infeasible" in done.err


def test_the_plan_to_begin_from_is_not_overwritten(folder, first, planner):
    q1 = folder / "q1.json"

    done = planner("solve", folder / "budget.yaml", "--incumbent", q1, "-o", q1)

    assert done.code == 2
    assert "would overwrite the plan to begin from" in done.err


def test_an_order_that_was_placed_before_a_minimum_stands(folder, first):
    minimums = "supply.order_minimums=[{name: all, min_nodes: 50, tenures: [reserved_1y, owned]}]"

    plan, _ = solve(folder, [minimums], folder / "q1.json", keep_orders=True)

    assert [(c.offer_id, c.start_period, c.nodes) for c in plan.commitments] == [
        (c.offer_id, c.start_period, c.nodes) for c in first.commitments
    ]


def test_reasons_of_a_failed_run_try_older_prices_beside_what_was_signed(folder, first):
    # Prices are of 2026-12-01, 121 days before the new start; demand grows beyond what is there.
    old = [*NEXT, "supply.tenures=[on_demand]", "supply.max_price_age_days=120"]

    ready = prepare(folder / "budget.yaml", None, old, incumbent=folder / "q1.json")
    plan = solve_prepared(ready, SolveSettings(compare=False))
    enough = [*old[:-1], "supply.max_price_age_days=121"]

    assert plan.status == "infeasible"
    assert plan.diagnosis[1:] == ("with supply.max_price_age_days: 121 there is a plan",)
    assert solve(folder, enough, folder / "q1.json")[0].cost_usd is not None


def test_what_a_failed_run_tries_keeps_the_orders_that_stand(folder, first):
    again = {"incumbent": folder / "q1.json", "keep_orders": True}
    ready = prepare(folder / "budget.yaml", None, NEXT, **again)
    later = {
        (c.offer_id, c.start_period - 1): c.nodes
        for c in first.commitments
        if c.order_month >= "2027-04"
    }

    source = Source(ready.loaded, ready.catalog, ready.incumbent)
    tried = source.with_supply(ready.demand, max_price_age_days=1_000)

    assert later
    assert later == {k: n for k, n in kept_nodes(tried).items() if n}
