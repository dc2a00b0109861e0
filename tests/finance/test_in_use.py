"""A run that begins from an earlier plan pays nothing again for the models that it has in use.

A node is 10 USD an hour, 21,900 USD a quarter, and carries 8 requests/s of model m1, or 4 of m2
and later 16. A workload of 16 requests/s costs 43,800 USD a quarter on m1, and 87,600 on m2 or
later 21,900.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planner.finance.in_use import InUse
from planner.finance.incumbent import read_incumbent
from planner.finance.recorded_orders import RecordedOrders
from planner.pipeline import SolveSettings, solve_prepared
from planner.plan.json_io import plan_json
from planner.plan.limit_rows import Move
from planner.plan.plan_file import read_plan
from planner.plan.reading import PlanFile
from planner.preparation import prepare
from planner.problem.load import load_problem
from planner.verify.audit import audit
from tests.verify.changes import every_change

QUARTER = 10 * 730 * 3
PROBLEM = """\
schema_version: 1
name: tuned
horizon: {start: 2027-01, periods: 4, months_per_period: 3}
time_blocks: 1
finance: {discount_rate_per_year: 0}
catalog: [facts]
performance: rates.csv
workloads:
  - name: w
    arrival: {mean_rate_rps: 16, forecast_cv: 0, peak_factor_in_hour: 1.0}
supply:
  tenures: [on_demand]
  providers: [me]
policy: {spare_replicas: 0, max_utilization: 1.0}
"""
FUTURES = """\
scenarios:
  same: {probability: 0.5}
  more:
    probability: 0.5
    workloads:
      - name: w
        arrival: {mean_rate_rps: 24, forecast_cv: 0, peak_factor_in_hour: 1.0}
"""
HEAD = "workload,model,quantization,hardware,tensor_parallel,engine,capacity_rps\n"
RATES = HEAD + "w,m1,q,h100-sxm-80gb,1,e,8\nw,m2,q,h100-sxm-80gb,1,e,4\n"
LATER = HEAD + "w,m1,q,h100-sxm-80gb,1,e,8\nw,m2,q,h100-sxm-80gb,1,e,16\n"
WITH_V = LATER + "v,m2,q,h100-sxm-80gb,1,e,16\n"
OFFERS = """\
provider,instance,region,tenure,accelerator,accelerators,price_usd_per_hour,valid_from,source,as_of,startup_minutes,elastic_max_nodes
me,one,here,on_demand,h100-sxm-80gb,1,10,2026-12,quote,2026-12,0,100
"""
SECOND = ["horizon.start=2027-04", "horizon.periods=3"]
THIRD = ["horizon.start=2027-07", "horizon.periods=2"]
TUNED = ["one_off_costs=[{model: m1, usd: 150000, usd_per_period: 3000}]"]
NOTE = "one-off cost of m1 (150,000 USD) is not counted: by {} the model was in use before"
AND_V = [
    "performance=with_v.csv",
    "workloads=[{name: w, arrival: {mean_rate_rps: 16, forecast_cv: 0, peak_factor_in_hour: 1.0}},"
    "{name: v, arrival: {mean_rate_rps: 8, forecast_cv: 0, peak_factor_in_hour: 1.0}}]",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("tuned")
    (place / "facts").mkdir()
    files = {
        "p.yaml": PROBLEM, "f.yaml": PROBLEM + FUTURES, "rates.csv": RATES,
        "later.csv": LATER, "with_v.csv": WITH_V, "facts/offers.csv": OFFERS,
    }  # fmt: skip
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def ready(place, assignments, before=None):
    incumbent = None if before is None else place / f"{before}.json"
    return prepare(place / "p.yaml", None, assignments, incumbent=incumbent)


def solve(place, assignments, before=None, to=None, **settings):
    """Return a sound plan, and write it."""
    asked = ready(place, assignments, before)
    plan = solve_prepared(asked, SolveSettings(**{"gap": 0.0, "compare": False} | settings))
    assert plan.status == "optimal"
    assert audit(plan, asked.loaded.problem, asked.catalog) == []
    if to:
        (place / f"{to}.json").write_text(plan_json(plan), encoding="utf-8")
    return plan


def models(plan):
    return [row.model for row in sorted(plan.allocations, key=lambda row: row.period)]


@pytest.fixture(scope="module")
def tuned(place):
    return solve(place, TUNED, to="q1")


def moving(usd):
    return f"policy.switching_cost_usd_per_move={usd}"


@pytest.fixture(scope="module")
def serving(place):
    return solve(place, [moving(65_600)], to="m1")


def test_what_was_paid_before_is_not_paid_again(place, tuned):
    # As new as in the first quarter, m1 would cost 290,400 USD, and m2 262,800.
    assert tuned.cost_usd == pytest.approx(4 * (2 * QUARTER + 3_000) + 150_000)

    plan = solve(place, [*TUNED, *SECOND], "q1")

    assert models(plan) == ["m1"] * 3
    assert plan.cost_usd == pytest.approx(3 * (2 * QUARTER + 3_000))
    (note,) = plan.warnings[-1:]
    assert note.startswith(NOTE.format("q1.json"))
    assert plan.problem["set"][-1] == (
        'one_off_costs=[{"model": "m1", "usd": 0.0, "usd_per_period": 3000.0}]'
    )
    assert plan.options["incumbent"]["paid"] == [{"model": "m1", "usd": 150_000.0}]


def test_a_model_is_paid_in_the_period_in_which_a_new_horizon_begins(place, tuned):
    # Nothing lies before: what the earlier plan would pay in its first period is to be paid.
    plan = solve(place, TUNED, "q1")

    assert plan.cost_usd == pytest.approx(tuned.cost_usd)
    assert "paid" not in plan.options["incumbent"]


GROWS = "workloads.w.growth_per_period=2"


@pytest.mark.parametrize(
    ("changes", "rate_rps", "cost_usd", "charged"),
    [(SECOND, 4, 7 * QUARTER + 9_000 + 60_000, True), (THIRD, 8, 6 * QUARTER + 6_000, False)],
)
def test_a_model_that_was_only_planned_for_later_is_paid(
    place, changes, rate_rps, cost_usd, charged
):
    # 4, 8, 16 and 32 requests/s at the ends of quarters: a node of m2, then 1, 2 and 4 of m1.
    costs = ["one_off_costs=[{model: m1, usd: 60000, usd_per_period: 3000}]", GROWS]
    first = solve(place, [*costs, "workloads.w.arrival.mean_rate_rps=2"], to="grown")
    assert models(first) == ["m2", "m1", "m1", "m1"]
    assert first.cost_usd == pytest.approx(8 * QUARTER + 9_000 + 60_000)
    rate = f"workloads.w.arrival.mean_rate_rps={rate_rps}"

    plan = solve(place, [*costs, rate, *changes], "grown")

    assert plan.cost_usd == pytest.approx(cost_usd)
    assert ("paid" not in plan.options["incumbent"]) == charged
    assert any("is not counted" in note for note in plan.warnings) != charged


@pytest.mark.parametrize("rates", ["rates.csv", "later.csv"])
def test_what_was_paid_stays_paid_over_a_chain_of_runs(place, tuned, rates):
    # In the second quarter m1 serves on, or does not while m2 is planned at 21,900 USD.
    between = solve(place, [*TUNED, *SECOND, f"performance={rates}"], "q1", to="q2")
    assert models(between) == (["m1"] * 3 if rates == "rates.csv" else ["m2"] * 3)

    plan = solve(place, [*TUNED, *THIRD], "q2")

    assert models(plan) == ["m1"] * 2
    assert plan.cost_usd == pytest.approx(2 * (2 * QUARTER + 3_000))
    assert plan.warnings[-1].startswith(NOTE.format("q2.json"))


@pytest.mark.parametrize(("usd", "moves"), [(65_600, True), (65_800, False)])
def test_a_workload_leaves_what_serves_it_when_that_saves_more_than_a_move(
    place, serving, usd, moves
):
    # Three quarters on one node instead of two save 65,700 USD.
    asked = [moving(usd), *SECOND, "performance=later.csv"]

    plan = solve(place, asked, "m1")

    assert models(plan) == ["m2" if moves else "m1"] * 3
    assert plan.moves == ((Move(0, "w", "m2", usd),) if moves else ())
    paid = {line.period: line.usd for line in plan.cost_lines if line.category == "one_off"}
    assert paid == ({0: usd} if moves else {})
    assert plan.cost_usd == pytest.approx(3 * QUARTER + usd if moves else 6 * QUARTER)
    assert plan.options["incumbent"]["served"] == [{"workload": "w", "model": "m1"}]


def test_where_nothing_served_before_the_first_model_is_free(place, serving):
    # The same start, and a workload that is new.
    again = solve(place, [moving(65_800), "performance=later.csv"], "m1")
    both = solve(place, [moving(65_600), *SECOND, *AND_V], "m1")

    assert (again.moves, again.cost_usd) == ((), pytest.approx(4 * QUARTER))
    assert "served" not in again.options["incumbent"]
    assert both.moves == (Move(0, "w", "m2", 65_600),)
    assert both.cost_usd == pytest.approx(6 * QUARTER + 65_600)


def test_without_a_price_of_moves_a_plan_says_nothing_of_what_served(place, serving):
    plan = solve(place, SECOND, "m1")

    assert plan.options["incumbent"].keys() == {"file", "sha256", "carried", "kept"}


def test_every_other_program_about_the_plan_knows_what_served(place, serving):
    plan = solve(place, [moving(65_600), *SECOND, *AND_V], "m1", compare=True, unit_costs="full")

    alone = {row.workload: row.stand_alone_usd for row in plan.workload_costs}
    assert alone == pytest.approx({"w": 3 * QUARTER + 65_600, "v": 3 * QUARTER})
    (single,) = (b for b in plan.baselines if b.name == "best_single_hardware")
    assert single.cost_usd == pytest.approx(plan.cost_usd)


def test_scenarios_begin_from_the_same_plan(place, tuned, planner):
    # Two or three nodes of m1 a quarter, which is paid in both.
    changes = [text for change in (*TUNED, *SECOND) for text in ("--set", change)]
    before = ("--incumbent", place / "q1.json", "--futures", "--no-compare")

    done = planner("solve", place / "f.yaml", *changes, *before)

    assert done.code == 0
    usd = 3 * (2.5 * QUARTER + 3_000)
    assert f"in 2 scenarios the orders of this plan cost {usd:,.0f} USD on average" in done.out


def test_a_plan_is_explained_from_its_file_with_what_served_and_was_paid(place, serving, planner):
    more = ["one_off_costs=[{model: m1, usd: 150000}]", "performance=later.csv"]
    saved = solve(place, [moving(65_600), *more, *SECOND], "m1", to="m2")
    assert saved.options["incumbent"].keys() > {"served", "paid"}

    done = planner("explain", place / "m2.json", "--json")

    assert done.code == 0
    assert json.loads(done.out)["cost_usd"] == pytest.approx(3 * QUARTER + 65_600)
    recorded = RecordedOrders.of(read_plan(place / "m2.json"))
    assert recorded.in_use.served == {("w", "m1")}


@pytest.fixture(scope="module")
def moved(place, serving):
    asked = ready(place, [moving(65_600), *SECOND, "performance=later.csv"], "m1")
    plan = solve_prepared(asked, SolveSettings(gap=0.0, compare=False))
    return plan, asked


def test_the_audit_sees_what_is_wrong_with_a_move_of_the_first_period(moved):
    plan, asked = moved
    (move,) = plan.moves
    one_field = [(name, other) for table, name, other in every_change(plan) if table == "moves"]
    assert {name for name, _ in one_field} == {"period", "workload", "model", "usd"}

    def found(**changes):
        return audit(replace(plan, **changes), asked.loaded.problem, asked.catalog)

    assert found() == []
    missing = found(moves=())
    assert "period 0 w: the move to m2 is not listed" in missing
    lines = tuple(line for line in plan.cost_lines if line.category != "one_off")
    assert any("'one_off', 'w'" in text for text in found(moves=(), cost_lines=lines))
    assert any("no move to m1" in text for text in found(moves=(replace(move, model="m1"),)))
    assert [
        name for name, other in one_field if not audit(other, asked.loaded.problem, asked.catalog)
    ] == []
    serves = {**plan.options["incumbent"], "served": [{"workload": "w", "model": "m2"}]}
    told = found(options={**plan.options, "incumbent": serves})
    assert "period 0 w: no move to m2, which serves before or not at all" in told


def test_the_audit_sees_a_cost_that_was_paid_before(place, tuned):
    asked = ready(place, [*TUNED, *SECOND], "q1")
    plan = solve_prepared(asked, SolveSettings(gap=0.0, compare=False))
    problem = asked.loaded.problem
    stated = problem.model_copy(
        update={
            "one_off_costs": [c.model_copy(update={"usd": 5.0}) for c in problem.one_off_costs]
        }
    )

    assert audit(plan, problem, asked.catalog) == []
    assert "one-off cost of m1: 5.00 USD, and it was paid before" in audit(
        plan, stated, asked.catalog
    )


def test_a_plan_file_of_before_says_nothing_and_is_sound(place, moved):
    plan, asked = moved
    known = {k: v for k, v in plan.options["incumbent"].items() if k != "served"}
    older = replace(plan, moves=(), options={**plan.options, "incumbent": known})
    (place / "older.json").write_text(plan_json(older), encoding="utf-8")

    found = audit(older, asked.loaded.problem, asked.catalog)

    assert not any("move" in text for text in found)
    before = read_incumbent(place / "older.json").plan
    assert (before.served, before.paid_models) == (frozenset(), set())
    assert not RecordedOrders.of(read_plan(place / "older.json"))


def use(period, model, rate_rps):
    """Return a row of a plan file."""
    return {
        "period": period, "block": 0, "pool": "w", "workload": "w", "model": model,
        "rate_rps": rate_rps, "option_id": model, "replicas": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("start", "served", "paid"),
    [
        ("2026-10", [], []),
        ("2027-01", ["earlier"], ["m9"]),
        ("2027-02", ["m1"], ["m1", "m3", "m9"]),
        ("2027-04", ["m1"], ["m1", "m3", "m9"]),
        ("2027-05", ["m2", "m4"], ["m1", "m2", "m3", "m4", "m9"]),
        ("2028-01", ["m2", "m4"], ["m1", "m2", "m3", "m4", "m9"]),
    ],
)
def test_what_is_in_use_when_a_horizon_begins(place, start, served, paid):
    # Two quarters: m1, with m3 standing by, and then m2 with tokens of m4. A plan before paid m9.
    record = {
        "served": [{"workload": "w", "model": "earlier"}],
        "paid": [{"model": "m9", "usd": 1.0}],
    }
    horizon = {"start": "2027-01", "periods": 2, "months_per_period": 3, "time_blocks": 1}
    plan = PlanFile.model_validate(
        {
            "status": "optimal", "cost_usd": 1.0, "problem": {"name": "p", "horizon": horizon},
            "options": {"incumbent": record}, "commitments": [], "fleet": [],
            "allocations": [use(0, "m1", 8.0), use(0, "m3", 0.0), use(1, "m2", 8.0)],
            "api": [use(1, "m4", 1.0)],
        }
    )  # fmt: skip
    stated = ", ".join(f"{{model: m{i}, usd: {i}}}" for i in (1, 2, 3, 4, 5, 9))
    changes = [f"horizon.start={start}", moving(1.0), f"one_off_costs=[{stated}]"]

    found = InUse.when(load_problem(place / "p.yaml", None, changes).problem, plan)

    assert found.served == {("w", model) for model in served}
    assert found.paid_usd == {model: float(model[1:]) for model in paid}
