"""Sweeps of a problem whose costs are known by hand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.pipeline import SolveSettings, solve_problem
from planner.plan.json_io import plan_json
from planner.store import RunStore
from planner.sweep.as_data import sweep_csv, sweep_data
from planner.sweep.run import SweepSettings, run_sweep
from tests.sweep.world import BUDGET, OFFERS, RATE, REPLICA_USD, SPARES, untimed

EXACT = SolveSettings(gap=0.0, compare=False)
ONE = SweepSettings(solve=EXACT)
GRID = SweepSettings(design="grid", solve=EXACT)


def _costs(sweep):
    return [run.outcome.cost_usd for run in sweep.runs]


def _timeless(sweep):
    return [(r.number, r.values, untimed(r.outcome)) for r in sweep.runs]


def test_costs_are_those_counted_by_hand(day):
    """Rates of 8, 8, 16, 8 need 10 replicas; half of that 1 + 1 + 2 + 1; twice 4 + 4 + 7 + 4."""
    found = run_sweep(day, [f"{RATE}=5,20", f"{SPARES}=1,2"], settings=ONE)

    replicas = [10, 5, 19, 10 + 4 * 1, 10 + 4 * 2]
    assert _costs(found) == pytest.approx([n * REPLICA_USD for n in replicas])


def test_every_run_is_what_a_solve_with_its_values_gives(day):
    found = run_sweep(day, [f"{RATE}=5,12", f"{SPARES}=0,1"], settings=GRID)

    for run in found.runs:
        assignments = [f"{path}={value}" for path, value in run.values]
        alone = solve_problem(day, assignments=assignments, settings=EXACT)
        assert run.outcome.cost_usd == alone.cost_usd
        assert run.outcome.bound_usd == alone.bound_usd
        stored, direct = json.loads(run.plan_json), json.loads(plan_json(alone))
        assert stored["allocations"] == direct["allocations"]
        assert stored["problem"] == direct["problem"]


def test_runs_without_a_plan_are_rows_with_a_reason(day):
    found = run_sweep(day, [f"{BUDGET}=1000,100", f"{SPARES}=0,1"], settings=GRID)

    assert [run.outcome.status for run in found.runs] == ["infeasible"] * 4
    assert _costs(found) == [None] * 4
    assert "budget of 1,000 USD" in found.runs[0].outcome.status_reason
    assert found.failed == 0


def test_a_limit_that_no_option_can_meet_is_a_row_too(day):
    """`planner solve` refuses such a problem as invalid; a frontier has to end somewhere."""
    limit = "workloads.chat.slo.0.limit"
    shipped = ("chatbot_1m", [f"{limit}=5,6", "candidates.hardware=[h100-sxm-80gb]"])

    found = run_sweep(*shipped, settings=replace(GRID, solve=SolveSettings(gap=0.5)))

    assert [run.outcome.status for run in found.runs] == ["infeasible"] * 2
    assert "time to first token" in found.runs[0].outcome.status_reason


def test_looser_limits_and_less_demand_never_cost_more(day):
    rates = run_sweep(day, [f"{RATE}=1,3,7,11,19,30"], settings=GRID)
    budgets = run_sweep(day, [f"{BUDGET}=null,1e6,5000,3700,3650"], settings=GRID)

    assert _costs(rates) == pytest.approx([n * REPLICA_USD for n in (4, 4, 9, 10, 19, 25)])
    assert _costs(budgets) == sorted(_costs(budgets))


def test_runs_that_ask_the_same_are_solved_once(day):
    found = run_sweep(day, [f"{SPARES}=0,1"], settings=ONE)

    assert len(found.runs) == 3
    assert found.solved == 2
    assert found.runs[0].outcome == found.runs[1].outcome


def test_what_comes_out_does_not_depend_on_the_number_of_processes(day):
    ask = (day, [f"{RATE}=5,10,20", f"{BUDGET}=4000,null"])

    here = run_sweep(*ask, settings=GRID)
    beside = run_sweep(*ask, settings=replace(GRID, jobs=2))

    assert _timeless(here) == _timeless(beside)
    assert {run.outcome.status for run in here.runs} == {"optimal", "infeasible"}


def test_a_scenario_is_swept_like_the_problem(day):
    found = run_sweep(day, [f"{SPARES}=0,1"], scenarios=[None, "busy"], settings=GRID)

    assert [run.scenario for run in found.runs] == [None, None, "busy", "busy"]
    assert _costs(found) == pytest.approx([n * REPLICA_USD for n in (10, 14, 19, 23)])


def test_every_fault_is_told_before_anything_is_solved(day, tmp_path):
    store = tmp_path / "runs.sqlite"
    stated = [f"{RATE}=5,-1,x", "policy.spare_replica=1,2", f"{SPARES}=0,1"]

    with pytest.raises(InputError) as error:
        run_sweep(day, stated, settings=replace(GRID, store=store))

    places = {fault.file for fault in error.value.faults}
    assert places == {
        f"--set {RATE}=-1",
        f"--set {RATE}=x",
        "--set policy.spare_replica=1",
        "--set policy.spare_replica=2",
    }
    assert not store.exists()


def test_values_that_are_wrong_only_together_are_told(day):
    shares = "workloads.chat.arrival"
    stated = [f"{shares}.requests_per_day=null,1000", f"{RATE}=5,null"]

    with pytest.raises(InputError, match="both rate fields are given"):
        run_sweep(day, stated, settings=GRID)


def test_an_assignment_that_undoes_another_is_refused(day):
    """The row would state a value that was not solved."""
    with pytest.raises(InputError, match=f"replaces what --set {RATE} has set; put it first"):
        run_sweep(day, [f"{RATE}=5,6", "workloads.chat.arrival={mean_rate_rps: 3}"], settings=ONE)
    with pytest.raises(InputError, match=f"replaces what --set {RATE} has set; leave one out"):
        run_sweep(day, [f"{RATE}=5,6", "workloads.0.arrival.mean_rate_rps=7,8"], settings=GRID)


def test_an_unknown_scenario_is_told(day):
    with pytest.raises(InputError, match="there is no scenario `bussy`; did you mean `busy`"):
        run_sweep(day, [f"{SPARES}=0,1"], scenarios=["bussy"], settings=GRID)


def test_a_second_sweep_solves_only_what_is_not_in_the_store(day, tmp_path):
    kept = replace(GRID, store=tmp_path / "runs.sqlite")

    first = run_sweep(day, [f"{RATE}=5,10"], settings=kept)
    second = run_sweep(day, [f"{RATE}=5,10,20"], settings=kept)
    third = run_sweep(day, [f"{RATE}=5,10,20"], settings=kept)

    assert (first.solved, second.solved, third.solved) == (2, 1, 0)
    assert second.runs[:2] == first.runs
    assert third.runs == second.runs


@pytest.mark.parametrize("changed", ["problem", "price", "capacity", "option"])
def test_a_stored_answer_is_not_used_for_another_question(day, tmp_path, changed):
    kept = replace(GRID, store=tmp_path / "runs.sqlite")
    first = run_sweep(day, [f"{SPARES}=0,1"], settings=kept)
    files = {
        "problem": (day, "mean_rate_rps: 10", "mean_rate_rps: 20"),
        "price": (tmp_path / "prices" / "offers.csv", ",1,2,", ",1,3,"),
        "capacity": (tmp_path / "capacities.csv", ",5", ",2.5"),
    }
    if changed == "option":
        kept = replace(kept, solve=replace(EXACT, seed=1))
    else:
        path, old, new = files[changed]
        path.write_text(path.read_text().replace(old, new))

    second = run_sweep(day, [f"{SPARES}=0,1"], settings=kept)

    assert second.solved == 2
    assert (_costs(second) == _costs(first)) == (changed == "option")


def test_a_stored_answer_of_another_planner_is_not_used(day, tmp_path, monkeypatch):
    kept = replace(GRID, store=tmp_path / "runs.sqlite")
    run_sweep(day, [f"{SPARES}=0,1"], settings=kept)
    monkeypatch.setattr("planner.sweep.tasks.software_sha256", lambda: "another")

    found = run_sweep(day, [f"{SPARES}=0,1"], settings=kept)

    assert found.solved == 2
    assert "another planner" in found.runs[0].outcome.status_reason
    assert found.failed == 2


def test_runs_that_failed_are_not_kept(day, tmp_path, monkeypatch):
    monkeypatch.setattr("planner.sweep.work.decide", lambda *_: 1 / 0)
    kept = replace(GRID, store=tmp_path / "runs.sqlite")

    found = run_sweep(day, [f"{SPARES}=0,1"], settings=kept)

    assert [run.outcome.status for run in found.runs] == ["failed"] * 2
    assert "ZeroDivisionError" in found.runs[0].outcome.status_reason
    with RunStore(tmp_path / "runs.sqlite") as store:
        assert len(store) == 0


def test_the_table_has_a_line_for_every_run_with_all_values(day):
    found = run_sweep(day, [f"{RATE}=5,20", f"{BUDGET}=1000"], settings=ONE)

    head, *lines = sweep_csv(found).splitlines()

    columns = head.split(",")
    assert columns[:4] == ["run", "scenario", "changed", RATE]
    assert {"cost_usd", "bound_usd", "gap", "status_reason", "usd_per_month"} <= set(columns)
    assert [line.split(",")[:4] for line in lines] == [
        ["0", "", "", "10"],
        ["1", "", RATE, "5"],
        ["2", "", RATE, "20"],
    ]


def test_the_fleet_of_a_run_is_summed_up(day):
    found = run_sweep(day, [f"{SPARES}=0,1"], settings=GRID)

    outcome = found.runs[0].outcome
    assert outcome.fleet == "2-4 x me one (on_demand)"
    assert outcome.serving == "m/q/e/box/tp1"
    assert outcome.peak_accelerators == 4
    assert outcome.usd_per_month == pytest.approx(10 * REPLICA_USD)


def test_unit_costs_have_a_column_for_each_workload(day):
    """10 requests/s of 100 + 20 tokens are 3,153.6 million tokens a month."""
    found = run_sweep(day, [f"{SPARES}=0,1"], settings=GRID)

    row = next(csv.DictReader(io.StringIO(sweep_csv(found))))
    usd = float(row["chat.usd_per_million_tokens"])
    assert usd == pytest.approx(10 * REPLICA_USD / 3_153.6, rel=1e-3)
    assert float(row["chat.usd_per_million_output_tokens"]) == pytest.approx(6 * usd, rel=1e-3)


def test_values_of_the_machine_form_are_numbers_where_they_are_numbers(day):
    data = sweep_data(run_sweep(day, [f"{RATE}=5,20", f"{BUDGET}=null,1e6"], settings=GRID))

    assert data["runs"][0]["values"] == {RATE: 5, BUDGET: None}
    assert data["runs"][1]["values"] == {RATE: 5, BUDGET: 1e6}
    assert json.loads(json.dumps(data, allow_nan=False))["swept"] == [RATE, BUDGET]


def test_overlays_of_the_command_are_part_of_every_run(day, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "offers.csv").write_text(OFFERS.replace(",1,2,", ",1,1,"))

    found = run_sweep(day, [f"{SPARES}=0,1"], overlays=[tmp_path / "mine"], settings=GRID)

    assert _costs(found)[0] == pytest.approx(10 * REPLICA_USD / 2)
