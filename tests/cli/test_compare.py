"""``planner compare`` as a user runs it."""

from __future__ import annotations

import pytest

from tests.sweep.world import REPLICA_USD, SPARES, write_day


@pytest.fixture
def plans(planner, tmp_path):
    day = write_day(tmp_path)
    planner("solve", day, "--no-compare", "-o", "a.json")
    planner("solve", day, "--no-compare", "--set", f"{SPARES}=1", "-o", "b.json")


@pytest.mark.usefixtures("plans")
def test_two_plans_stand_side_by_side(planner):
    told = planner("compare", "a.json", "b.json")
    data = planner("compare", "a.json", "b.json", "--json").json

    assert told.code == 0
    assert "B costs 1,460 USD more than A (+40.0%), discounted." in told.out
    assert "total\t\t\t\t3,650\t5,110\t+1,460" in told.out
    assert f"{SPARES}\t0\t1" in told.out
    assert data["cost"]["usd"] == pytest.approx(4 * REPLICA_USD)
    assert data["problem"] == [{"path": SPARES, "a": 0, "b": 1}]
    assert [row["b"]["nodes"][0]["nodes"] for row in data["fleet"]] == [3, 5, 3]


def test_files_that_are_no_plans_are_refused(planner):
    done = planner("compare", "a.json", "b.json")

    assert done.code == 2
    assert "2 errors, nothing was compared. Next: planner solve" in done.err
