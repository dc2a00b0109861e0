"""``planner hedge`` as a user runs it, and its plans through ``planner verify``."""

from __future__ import annotations

import json

import pytest

from tests.hedge.world import scenario, write_halves

UP = [1.0, 2.0, 1.5, 1.0]


@pytest.fixture
def halves(tmp_path):
    return write_halves(tmp_path, [scenario("low", 0.5, 1.0), scenario("high", 0.5, UP)])


def test_a_hedge_prints_orders_regret_and_what_it_is_worth(planner, halves):
    done = planner("hedge", halves, "--gap", 0, "--jobs", 1)

    assert done.code == 0
    assert "halves: 2 scenarios hedged, optimal" in done.out
    assert "expected cost 22,380 USD" in done.out
    assert "Decide now, the same in every scenario" in done.out
    assert "1.00 nodes\towned:box-1x:bare:owned\t0\t0\tlow, high\n" in done.out
    assert "high\t2 nodes\towned:box-1x:bare:owned\t2027-07\t2028-01\n" in done.out
    assert "high\t0.5\t1\t35,760\t27,000\t8,760\t27,000\t" in done.out
    assert "value of waiting (to order no earlier than needed): 4,380, proven" in done.out
    assert done.err == ""


def test_plans_of_scenarios_are_files_that_verify_accepts(planner, halves, tmp_path):
    done = planner("hedge", halves, "--gap", 0, "--jobs", 1, "--no-compare", "-o", "plans")

    assert done.code == 0
    assert "value of waiting" not in done.out
    for name in ("low", "high"):
        plan = tmp_path / "plans" / f"{name}.json"
        assert planner("verify", plan, "--problem", halves).code == 0


def test_an_order_that_was_changed_in_a_plan_file_is_caught(planner, halves, tmp_path):
    planner("hedge", halves, "--gap", 0, "--jobs", 1, "--no-compare", "-o", "plans")
    path = tmp_path / "plans" / "high.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["commitments"][0]["nodes"] += 1
    path.write_text(json.dumps(data), encoding="utf-8")

    assert planner("verify", path, "--problem", halves).code == 6


def test_json_has_the_same_figures(planner, halves):
    done = planner("hedge", halves, "--gap", 0, "--jobs", 1, "--cvar-weight", 0.5, "--json")

    data = done.json
    assert data["status"] == "optimal"
    assert data["objective_usd"] == pytest.approx(
        0.5 * data["expected_usd"] + 0.5 * data["cvar_usd"]
    )
    assert data["bound_usd"] <= data["objective_usd"]
    assert [s["name"] for s in data["scenarios"]] == ["low", "high"]
    assert all(
        s["regret_usd"] == pytest.approx(s["cost_usd"] - s["perfect_foresight_usd"])
        for s in data["scenarios"]
    )


def test_two_processes_give_what_one_gives(planner, halves):
    one, two = (planner("hedge", halves, "--gap", 0, "--jobs", n, "--json").json for n in (1, 2))

    assert one | {"seconds": 0} == two | {"seconds": 0}


def test_a_file_in_place_of_the_folder_is_refused_before_anything_is_solved(planner, halves):
    done = planner("hedge", halves, "-o", halves)

    assert done.code == 2
    assert "is a file; name a folder" in done.err


def test_a_hedge_without_any_plan_says_which_scenario_has_none(planner, halves):
    done = planner("hedge", halves, "--set", "limits.budget_usd=10000", "--jobs", 1)

    assert done.code == 3
    assert "scenario `high` has no plan even alone" in done.out


def test_a_plan_says_what_its_scenarios_and_waiting_are_worth_to_it(
    planner, halves, tmp_path, monkeypatch
):
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # more processes give the same, above

    done = planner("solve", halves, "--scenario", "low", "--futures", "--gap", 0, "-o", "p.json")

    # Its one node for 9,000 serves all in one scenario, and is rented beside in the other.
    assert done.code == 0
    assert (
        "in 2 scenarios the orders of this plan cost 22,380 USD on average, those that suit all "
        "of them best 22,380 USD"
    ) in done.out
    assert (
        "value of the stochastic solution (to plan for all scenarios instead of for the one of "
        "this plan): nothing, proven"
    ) in done.out
    assert "value of waiting (to order no earlier than needed): 4,380, proven" in done.out
    noted = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["warnings"]
    assert sum("value of" in note for note in noted) == 3
    assert planner("verify", "p.json").code == 0


def test_a_plan_without_scenarios_has_nothing_to_be_worth(planner, tmp_path):
    path = write_halves(tmp_path, ["  low: {policy: {spare_replicas: 0}}"])

    done = planner("solve", path, "--futures")

    assert done.code == 2
    assert "no scenario has a probability" in done.err
    assert done.out == ""


def test_futures_and_replay_are_asked_for_one_by_one(planner, halves):
    done = planner("solve", halves, "--futures", "--verify")

    assert done.code == 2
    assert "before its replay; leave one of the two out" in done.err


def test_scenarios_outside_the_tail_count_whatever_the_weight(planner, halves):
    done = planner("hedge", halves, "--cvar-weight", 1)

    assert done.code == 2
    assert "0.99" in done.err
