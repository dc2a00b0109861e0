"""``planner sweep`` as a user runs it, killed and interrupted ones included."""

from __future__ import annotations

import csv
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.sweep.world import BUDGET, RATE, REPLICA_USD, SPARES, write_day

MANY = f"{RATE}=" + ",".join(str(k) for k in range(1, 25))


@pytest.fixture
def day(tmp_path):
    return write_day(tmp_path)


def test_a_sweep_prints_the_tornado_and_the_frontiers(planner, day):
    done = planner("sweep", day, "--set", f"{RATE}=5,20", "--set", f"{SPARES}=0,1", "--jobs", 1)

    assert done.code == 0
    assert "day: one-at-a-time over 2 inputs, 5 runs, 4 of them solved now: 5 optimal" in done.out
    assert f"{RATE}\t10\t5\t1,825\t-1,825\t20\t6,935\t+3,285\t5,110\t5,110\n" in done.out
    assert f"Cost against {SPARES}" in done.out
    assert "20\toptimal\t6,935\t6,935\t4-7 x me one (on_demand)" in done.out
    assert done.err == ""


def test_runs_are_written_as_a_table_and_everything_as_json(planner, day, tmp_path):
    done = planner(
        *("sweep", day, "--set", f"{RATE}=5,20", "--set", f"{BUDGET}=3000", "--design", "grid"),
        *("--jobs", 1, "-o", "out.csv", "--json"),
    )

    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    runs = done.json["runs"]
    assert done.code == 0
    assert [row["status"] for row in rows] == ["optimal", "infeasible"]
    assert [row["cost_usd"] for row in rows] == [str(runs[0]["cost_usd"]), ""]
    assert runs[0]["cost_usd"] == pytest.approx(5 * REPLICA_USD)
    assert "budget of 3,000 USD" in rows[1]["status_reason"]
    assert rows[1]["status_reason"] == runs[1]["status_reason"]
    assert [p["status"] for p in done.json["frontiers"][0]["points"]] == ["optimal", "infeasible"]


def test_a_latin_hypercube_samples_ranges(planner, day):
    done = planner(
        *("sweep", day, "--set", f"{RATE}=5.0..20.0", "--set", f"{SPARES}=0..2", "--jobs", 1),
        *("--design", "latin-hypercube", "--samples", 6, "--json"),
    )

    values = [run["values"] for run in done.json["runs"]]
    assert sorted(v[SPARES] for v in values) == [0, 0, 1, 1, 2, 2]
    assert [int((v - 5) / 2.5) for v in sorted(v[RATE] for v in values)] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", f"{RATE}=1,-2", "--set", "x.y=1,2"), "3 errors, nothing was solved"),
        (("--set", f"{RATE}=1,2", "-o", "out.xlsx"), "neither .csv nor .json"),
        (("--set", f"{RATE}=1,2", "-o", "day.json", "--store", "day.json"), "another output"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(planner, day, tmp_path, arguments, message):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    done = planner("sweep", day, *arguments)

    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def _started(day, *more, jobs=2):
    command = [sys.executable, "-m", "planner", "sweep", str(day), "--set", MANY, *more]
    return subprocess.Popen(
        [*command, "--design", "grid", "--jobs", str(jobs), "--store", "runs.sqlite"],
        cwd=day.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _stored(day):
    try:
        with closing(sqlite3.connect(day.parent / "runs.sqlite")) as database:
            return dict(database.execute("SELECT key, outcome || finished_at || plan FROM runs"))
    except sqlite3.OperationalError:
        return {}


def _wait_for_runs(day, running, count):
    for _ in range(600):
        if len(_stored(day)) >= count:
            return
        assert running.poll() is None
        time.sleep(0.05)
    pytest.fail("no run was finished within half a minute")


def _descendants(pid):
    """Workers, and the process that they are forks of."""
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    if not listing.exists():
        pytest.skip("processes cannot be listed here")
    children = [int(child) for child in listing.read_text().split()]
    return [*children, *(further for child in children for further in _descendants(child))]


def _is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_for_the_end_of(pids):
    for _ in range(200):
        if not any(_is_running(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def test_a_killed_sweep_goes_on_without_solving_again_what_is_done(planner, day):
    with _started(day) as running:
        _wait_for_runs(day, running, 3)
        workers = _descendants(running.pid)
        assert len(workers) >= 2
        running.kill()
    assert _wait_for_the_end_of(workers)
    done_before = _stored(day)

    done = planner(
        *("sweep", day, "--set", MANY, "--design", "grid", "--jobs", 1, "--store", "runs.sqlite")
    )

    after = _stored(day)
    assert 3 <= len(done_before) < 24
    assert f"24 runs, {24 - len(done_before)} of them solved now: 24 optimal" in done.out
    assert {key: after[key] for key in done_before} == done_before
    assert len(after) == 24


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_the_workers_says_what_is_kept_and_leaves_the_store_whole(day, jobs):
    """A terminal sends the signal to the whole group of processes."""
    with _started(day, jobs=jobs) as running:
        _wait_for_runs(day, running, 2)
        workers = _descendants(running.pid)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=20)

    said = re.fullmatch(
        r"interrupted after (\d+) of 24 runs; they are in runs.sqlite, and the same command goes "
        r"on from there\n",
        err,
    )
    assert running.returncode == 130
    assert out == ""
    assert said
    assert len(_stored(day)) - 1 <= int(said[1]) <= len(_stored(day))
    assert _wait_for_the_end_of(workers)
    with closing(sqlite3.connect(day.parent / "runs.sqlite")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
