"""Prices of the catalogue as inputs of a sweep."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from planner.catalog.load import load_catalog
from planner.catalog.scale import Selection
from planner.errors import InputError
from planner.pipeline import SolveSettings, solve_problem
from planner.sweep.assignments import read_variables
from planner.sweep.run import SweepSettings, run_sweep
from planner.sweep.tasks import with_factors
from tests.sweep.world import OFFERS, RATE, REPLICA_USD, SPARES

GRID = SweepSettings(design="grid", solve=SolveSettings(gap=0.0))
PRICE = "offers provider=me price_usd_per_hour"


def _costs(sweep):
    return [run.outcome.cost_usd for run in sweep.runs]


@pytest.fixture(scope="module")
def shipped():
    return load_catalog()


def test_a_price_moves_the_cost_in_proportion(day):
    found = run_sweep(day, [], settings=GRID, scales=[f"{PRICE}*=0.5,1,3"])

    assert _costs(found) == pytest.approx([k * 10 * REPLICA_USD for k in (0.5, 1, 3)])
    assert found.swept == (PRICE,)


def test_a_scaled_price_is_what_an_overlay_with_that_price_gives(day, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "offers.csv").write_text(OFFERS.replace(",1,2,", ",1,3,"))

    (run, _) = run_sweep(day, [], settings=GRID, scales=[f"{PRICE}*=1.5,2"]).runs
    alone = solve_problem(day, overlays=[tmp_path / "mine"], settings=GRID.solve)

    assert run.outcome.cost_usd == pytest.approx(alone.cost_usd)
    assert json.loads(run.plan_json)["fleet"][0]["price_usd_per_hour"] == 3.0
    assert "price_usd_per_hour times 1.5 in a sweep" in run.plan_json


def test_prices_and_inputs_of_the_problem_are_swept_together(day):
    found = run_sweep(day, [f"{RATE}=10,20"], settings=GRID, scales=[f"{PRICE}*=1,2"])

    assert _costs(found) == pytest.approx([k * REPLICA_USD for k in (10, 20, 19, 38)])


def test_one_at_a_time_the_base_has_the_factor_one(day):
    settings = replace(GRID, design="one-at-a-time")

    found = run_sweep(day, [f"{SPARES}=0,1"], settings=settings, scales=[f"{PRICE}*=0.5,2"])

    assert found.base[None, PRICE] == "1"
    assert _costs(found) == pytest.approx([k * REPLICA_USD for k in (10, 10, 14, 5, 20)])


def test_scaled_runs_in_other_processes_and_in_the_store_are_the_same(day, tmp_path):
    ask = {"scales": [f"{PRICE}*=1,2"]}
    kept = replace(GRID, jobs=2, store=tmp_path / "runs.sqlite")

    here = run_sweep(day, [], settings=GRID, **ask)
    there = run_sweep(day, [], settings=kept, **ask)
    again = run_sweep(day, [], settings=replace(kept, jobs=1), scales=[f"{PRICE}*=1,2,3"])

    assert _costs(here) == _costs(there) == _costs(again)[:2]
    assert again.solved == 1


def test_only_the_rows_that_are_meant_are_scaled(day):
    found = run_sweep(
        day, [], settings=GRID, scales=["offers provider=aws price_usd_per_hour*=1,9"]
    )

    assert _costs(found) == pytest.approx([10 * REPLICA_USD] * 2)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ("offers*=1,2", "is not a scale; write the table, filters and column"),
        ("offers price_usd_per_hour=1,2", "is not a scale"),
        ("offers 'provider=me price_usd_per_hour*=1,2", "No closing quotation"),
        (f"{PRICE}*=0,1", "has to be factors above 0"),
        (f"{PRICE}*=cheap,dear", "has to be factors above 0"),
    ],
)
def test_what_is_no_scale_is_refused(scale, message):
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read_variables([], [scale], ranges=False)

    assert f"--scale {scale}" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "filters", "column", "message"),
    [
        ("offer", (), "price_usd_per_hour", "no table `offer` in the catalogue; did you mean"),
        ("offers", (), "price_usd", "no column `price_usd` in offers; did you mean"),
        ("offers", ("providr=me",), "price_usd_per_hour", "no column `providr` in offers"),
        ("offers", ("provider=you",), "price_usd_per_hour", "no row of offers matches"),
        ("offers", (), "region", "`region` of offers holds no numbers"),
    ],
)
def test_what_cannot_be_scaled_is_refused(shipped, kind, filters, column, message):
    selection = Selection(kind, filters, column)

    with pytest.raises(InputError, match=re.escape(message)) as error:
        with_factors(shipped, [(selection, 1.5)])

    assert str(error.value).startswith(f"--scale {selection}*=1.5\n")


def test_faults_of_scales_and_of_values_are_told_together_before_any_run(day, tmp_path):
    store = tmp_path / "runs.sqlite"
    scales = ["offers provider=you price_usd_per_hour*=1,2"]

    with pytest.raises(InputError) as error:
        run_sweep(day, [f"{RATE}=5,-1"], settings=replace(GRID, store=store), scales=scales)

    assert {fault.file for fault in error.value.faults} == {
        f"--set {RATE}=-1",
        "--scale offers provider=you price_usd_per_hour*=1",
        "--scale offers provider=you price_usd_per_hour*=2",
    }
    assert not store.exists()


def test_faults_of_one_factor_are_told_beside_a_bad_path_a_bad_value_and_bad_syntax(day, tmp_path):
    store = tmp_path / "runs.sqlite"
    scales = ["offers provider=you price_usd_per_hour*=2", "offers provider=me *=1"]
    stated = [f"{RATE}=-1", "nowhere.at.all=5", "workloads.chatt.pool=x", "no assignment"]

    with pytest.raises(InputError) as error:
        run_sweep(day, stated, settings=replace(GRID, store=store), scales=scales)

    assert {fault.file for fault in error.value.faults} == {
        f"--set {RATE}=-1",
        "--set nowhere.at.all=5",
        "--set workloads.chatt.pool=x",
        "--set no assignment",
        "--scale offers provider=you price_usd_per_hour*=2",
        "--scale offers provider=me*=1",
    }
    assert not store.exists()
