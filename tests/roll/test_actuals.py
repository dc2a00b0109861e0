"""The file of what came: what it means, and everything that can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.catalog.dates import parse_partial_date
from planner.catalog.load import load_catalog
from planner.demand.grid import time_grid
from planner.errors import InputError
from planner.problem.load import load_problem
from planner.roll.actuals_file import read_actuals
from planner.roll.paths import actuals_on_path
from planner.roll.records import Actuals
from planner.roll.run import RollSettings, run_roll
from tests.roll.world import HEADER, LEASE_USD, RENT_USD, write_actuals, write_quarters


def write(folder, *lines, header=HEADER):
    path = folder / "came.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def factors(folder, *lines):
    found = run_roll(
        write_quarters(folder),
        write(folder, *lines),
        settings=RollSettings(gap=0.0, policies=()),
    )
    return found.world.actuals


def test_requests_per_day_are_held_against_what_the_problem_says(tmp_path):
    # 10 requests/s are 864,000 a day.
    found = factors(tmp_path, "0,chat,864000,,,,,,,", "1,chat,1296000,,,,,,,")

    assert found.rates["chat"] == pytest.approx((1.0, 1.5))
    assert found.prices == {}


def test_periods_may_be_named_by_their_first_month(tmp_path):
    found = factors(tmp_path, "2027-01,chat,,1.1,,,,,,", "2027-04,chat,,1.2,,,,,,")

    assert found.rates["chat"] == (1.1, 1.2)


def test_a_price_holds_until_the_next_row(tmp_path):
    demand = ["0,chat,,1,,,,,,", "1,chat,,1,,,,,,"]

    found = factors(tmp_path, *demand, "0,,,,,,,on_demand,3,", "1,,,,me,box,,reserved_1y,,0.5")

    assert found.prices == {
        "me:one:here:on_demand": pytest.approx((1.5, 1.5)),
        "me:one:here:reserved_1y": pytest.approx((1.0, 0.5)),
    }


def test_every_fault_is_told_at_once_with_its_line(tmp_path):
    lines = [
        "0,chat,,1,,,,,,",
        "2027-01,chat,,2,,,,,,",
        "0,chatt,,1,,,,,,",
        "2027-05,chat,,1,,,,,,",
        "1,,,,,h200,,on_demand,3,",
        "1,,,,,,,on_demand,,",
        "1,,,,,,,,3,",
        "9,chat,,1,,,,,,",
        "1,chat,100,1,,,,,,",
        "1,,,,,,,api,3,",
        "1,,,,me,,,on_demand,3,",
        "1,,,,,box,,on_demand,4,",
        "0,chat,,-1,,,,,,",
    ]

    with pytest.raises(InputError) as refused:
        run_roll(write_quarters(tmp_path), write(tmp_path, *lines))

    told = {fault.line: fault.message for fault in refused.value.faults}
    columns = {fault.line: fault.column for fault in refused.value.faults}
    assert [columns[line] for line in (3, 4, 5, 6, 7)] == [1, 2, 1, 8, 10]
    assert sorted(told) == [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]
    assert "is stated in line 2 already" in told[3]
    assert "did you mean `chat`?" in told[4]
    assert "every 3 months from 2027-01" in told[5]
    assert "it may use me:one:here:on_demand" in told[6]
    assert "it has neither" in told[7]
    assert "neither a workload nor the tenure" in told[8]
    assert "use a number from 0 to 1" in told[9]
    assert "it has requests_per_day, rate_factor" in told[10]
    assert "tokens have no hardware" in told[11]
    assert "and so is line 12" in told[13]
    assert "-1" in told[14]


@pytest.mark.parametrize(
    ("assignments", "places"),
    [
        # Refused by the schema, so that the file is held against what is left.
        (["policy.spare_replicas=-1"], ["--set policy.spare_replicas=-1", 3, 4, 5]),
        # Nobody knows the periods, so that rows are told what is wrong with them in themselves.
        (["horizon.periods=0", "limits.x=1"], ["--set horizon.periods=0", "--set limits.x=1", 5]),
        (["workloads.chatt.pool=x"], ["--set workloads.chatt.pool=x", 5]),
        # No hardware of that name in the catalogue.
        (["candidates.hardware=[h9]"], ["--set candidates.hardware=[h9]", 3, 4, 5]),
        # A problem that is right, but cannot be replayed.
        (["policy.max_models=1"], ["--set policy.max_models=1", 3, 4, 5]),
    ],
)
def test_faults_of_the_problem_and_of_the_file_are_told_together(tmp_path, assignments, places):
    lines = ["0,chat,,1,,,,,,", "9,chat,,1,,,,,,", "1,chatt,,1,,,,,,", "1,chat,5,1,,,,,,"]

    with pytest.raises(InputError) as refused:
        run_roll(write_quarters(tmp_path), write(tmp_path, *lines), assignments=assignments)

    found = [fault.file if fault.line is None else fault.line for fault in refused.value.faults]
    assert found == places


def test_a_missing_file_is_told_beside_a_wrong_problem(tmp_path):
    with pytest.raises(InputError) as refused:
        run_roll(write_quarters(tmp_path), tmp_path / "none.csv", assignments=["name=3"])

    assert [fault.file for fault in refused.value.faults] == [
        "--set name=3",
        str(tmp_path / "none.csv"),
    ]


def test_demand_is_never_guessed(tmp_path):
    with pytest.raises(InputError, match=r"no demand of `chat` in period 1; add a row"):
        factors(tmp_path, "0,chat,,1,,,,,,")


def test_an_unknown_column_is_refused(tmp_path):
    path = write(tmp_path, "0,chat,1", header="period,workload,requests\n")

    with pytest.raises(InputError, match="requests"):
        run_roll(write_quarters(tmp_path), path)


def test_what_ties_periods_together_is_refused(tmp_path):
    with pytest.raises(InputError) as refused:
        run_roll(
            write_quarters(tmp_path),
            write_actuals(tmp_path, 1, 1),
            assignments=("limits.budget_usd=5", "policy.max_models=1"),
        )

    assert [f.path for f in refused.value.faults] == [
        "policy.max_models",
        "limits.budget_usd",
    ]


def test_finished_policies_come_from_the_store(tmp_path, monkeypatch):
    file, actuals = write_quarters(tmp_path), write_actuals(tmp_path, 1, 2)
    settings = RollSettings(gap=0.0, paths=2, store=tmp_path / "runs.sqlite")
    first = run_roll(file, actuals, settings=settings)

    def never(_task):
        raise AssertionError

    monkeypatch.setattr("planner.roll.tasks.solve", never)
    again = run_roll(file, actuals, settings=settings)

    assert [[o.as_data for o in p.outcomes] for p in again.paths] == [
        [o.as_data for o in p.outcomes] for p in first.paths
    ]
    assert first.paths[0].of("rolling").cost_usd == pytest.approx(4 * LEASE_USD + 2 * RENT_USD)


def test_other_prices_are_another_question_for_the_store(tmp_path):
    file, store = write_quarters(tmp_path), tmp_path / "runs.sqlite"
    settings = RollSettings(gap=0.0, policies=("all_on_demand",), store=store)
    run_roll(file, write_actuals(tmp_path, 1, 1), settings=settings)

    dearer = write_actuals(tmp_path, 1, 1, prices=[(0, "on_demand", 4.0)])
    again = run_roll(file, dearer, settings=settings)

    assert again.paths[0].of("all_on_demand").cost_usd == pytest.approx(8 * RENT_USD)


def test_the_same_file_gives_the_same_outcome_in_other_processes(tmp_path):
    file, actuals = write_quarters(tmp_path), write_actuals(tmp_path, 1, 2)

    here, there = (
        run_roll(file, actuals, settings=RollSettings(gap=0.0, paths=2, jobs=jobs)).paths
        for jobs in (1, 2)
    )

    assert here == there


def test_random_paths_are_walks_of_mean_one_around_the_file():
    stated = Actuals({"a": (1.0, 2.0), "b": (1.0, 1.0)}, {"node": (1.0, 0.9)})

    drawn = [actuals_on_path(stated, k, 0.2, seed=7) for k in range(4_000)]

    assert drawn[0] is stated
    assert drawn[5] == actuals_on_path(stated, 5, 0.2, seed=7)
    assert drawn[5] != actuals_on_path(stated, 5, 0.2, seed=8)
    assert all(d.prices == stated.prices for d in drawn)
    rates = np.array([d.rates["a"] for d in drawn[1:]])
    assert rates.mean(axis=0) == pytest.approx([1.0, 2.0], rel=0.02)
    steps = np.log(rates / np.array([1.0, 2.0]))
    assert steps.std(axis=0) == pytest.approx([0.2, 0.2 * 2**0.5], rel=0.05)
    assert drawn[5].rates["a"][0] != drawn[5].rates["b"][0]


def test_the_shipped_backtest_is_read_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = load_problem("backtest_h100").problem

    for name in ("backtest_h100_actuals.csv", "problems/backtest_h100_actuals.csv"):
        read = read_actuals(Path(name), problem)

        assert read.faults == ()
        assert len(read.demand) == problem.horizon.periods == 10


def test_rents_of_the_shipped_backtest_are_readings_of_the_catalogue():
    readings = {
        (p.item, p.seller, p.date): p.usd
        for p in load_catalog().price_paths
        if p.series == "rental"
    }
    starts = time_grid(load_problem("backtest_h100").problem).period_start
    file = read_actuals(Path("backtest_h100_actuals.csv"), load_problem("backtest_h100").problem)

    rents = [r for r in file.prices if r.row.tenure == "on_demand"]
    for read in rents:
        hardware, seller, date = read.row.notes.removeprefix("price_paths.csv: rental ").split()
        assert read.row.usd_per_accelerator_hour == readings[hardware, seller, date]
        # One seller has no earlier reading than a month into the first quarter.
        known = parse_partial_date(date) <= starts[read.period]
        assert known or (read.period == 0 and date == "2024-07-27")
    assert len(rents) == 11
