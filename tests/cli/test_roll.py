"""``planner roll`` as a user runs it."""

from __future__ import annotations

import csv
import io

import pytest

from tests.roll.world import LEASE_USD, RENT_USD, write_actuals, write_quarters

POLICIES = (
    "perfect_foresight",
    "rolling",
    "hedged",
    "plan_once",
    "all_on_demand",
    "all_reserved_1y",
)


@pytest.fixture
def files(tmp_path):
    return write_quarters(tmp_path), write_actuals(tmp_path, 1, 2)


def test_the_table_shows_cost_regret_and_missed_demand(planner, files):
    problem, actuals = files

    done = planner("roll", problem, "--actuals", actuals, "--gap", 0, "--jobs", 1, "--paths", 2)

    assert done.code == 0
    assert "two-quarters: 6 policies over 2 periods from 2027-01, 2 paths of demand" in done.out
    assert "rolling\t19,272\t+22.2%\t+22.2%\t19,272\t0\t0.000%\t2\t\n" in done.out
    assert "no policy can cost less than 15,768 USD with this demand: proven, and" in done.out
    assert "0\t2\tnodes\tme:one:here:reserved_1y\t2027-01\t2028-01\t1.20\n" in done.out
    assert "paid to the end of the horizon only (finance.commitment_tail: pro_rata)" in done.out
    assert "a missed request of chat is priced at 1 USD (--unserved-penalty)" in done.out
    assert "Cost above perfect foresight on all paths" in done.out
    assert done.err == ""


def test_everything_is_there_as_json_and_every_period_as_csv(planner, files):
    problem, actuals = files
    call = ("roll", problem, "--actuals", actuals, "--gap", 0, "--jobs", 1)

    data = planner(*call, "--json").json
    rows = list(csv.DictReader(io.StringIO(planner(*call, "--csv").out)))

    found = {p["policy"]: p for p in data["paths"][0]["policies"]}
    assert tuple(found) == POLICIES
    assert found["rolling"]["cost_usd"] == pytest.approx(4 * LEASE_USD + 2 * RENT_USD)
    assert found["rolling"]["above_foresight"] == pytest.approx(
        (4 * LEASE_USD + 2 * RENT_USD) / (6 * LEASE_USD) - 1
    )
    assert found["rolling"]["orders"][0]["nodes"] == 2
    assert data["rate_factors"] == {"chat": [1.0, 2.0]}
    assert len(rows) == len(POLICIES) * 2
    rolling = [row for row in rows if row["policy"] == "rolling"]
    assert [float(row["committed_usd"]) for row in rolling] == [2 * LEASE_USD] * 2
    assert [float(row["by_use_usd"]) for row in rolling] == [0.0, 2 * RENT_USD]


def test_one_policy_is_compared_with_foresight(planner, files):
    problem, actuals = files

    done = planner(
        *("roll", problem, "--actuals", actuals, "--policy", "rolling", "--jobs", 1, "--json"),
        *("--unserved-penalty", 0.5),
    )

    assert [p["policy"] for p in done.json["paths"][0]["policies"]] == [
        "perfect_foresight",
        "rolling",
    ]
    assert done.json["unserved_usd_per_request"] == 0.5


def test_a_policy_without_an_end_is_told_and_ends_with_5(planner, files):
    problem, actuals = files

    done = planner(
        *("roll", problem, "--actuals", actuals, "--jobs", 1),
        *("--set", "supply.tenures=[on_demand]"),
    )

    assert done.code == 5
    assert "period 0: no node of reserved_1y is on offer; see supply.tenures" in done.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--policy", "rollin"), "`rollin` is not a policy; use perfect_foresight or rolling"),
        (("--forecast", "best"), "`best` is not a kind of forecast; use last-seen or as-stated"),
        (("--json", "--csv"), "both go to standard output"),
        (("--set", "policy.max_models=1"), "cannot be replayed"),
    ],
)
def test_wrong_options_are_refused(planner, files, options, told):
    problem, actuals = files

    done = planner("roll", problem, "--actuals", actuals, *options)

    assert done.code == 2
    assert told in done.err


def test_a_missing_file_is_named(planner, files):
    done = planner("roll", files[0], "--actuals", "none.csv")

    assert done.code == 2
    assert "none.csv" in done.err
    assert "No such file" in done.err
