from __future__ import annotations

import sqlite3

import pytest

from planner.errors import InputError
from planner.store import RunStore, StoredRun

OUTCOME = {"status": "optimal", "cost_usd": 1.5, "bound_usd": 1.25}


def _run(key="k", plan='{"a": 1}', **outcome):
    return StoredRun(key, "day", {"set": ["a=1"]}, OUTCOME | outcome, plan)


def test_what_is_written_is_there_when_the_file_is_opened_again(tmp_path):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(_run())

    with RunStore(tmp_path / "runs.sqlite") as store:
        assert store.outcome("k") == OUTCOME
        assert store.plan_json("k") == '{"a": 1}'
        assert store.outcome("other") is None
        assert len(store) == 1


def test_a_key_has_one_row(tmp_path):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(_run())
        store.add(_run(cost_usd=2.5))

        assert len(store) == 1
        assert store.outcome("k") == OUTCOME | {"cost_usd": 2.5}


def test_a_row_can_be_read_without_the_planner(tmp_path):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(_run())

    found = sqlite3.connect(tmp_path / "runs.sqlite").execute(
        "SELECT problem, status, cost_usd, json_extract(asked, '$.set[0]') FROM runs"
    )
    assert found.fetchall() == [("day", "optimal", 1.5, "a=1")]


def test_a_row_that_is_no_json_leaves_the_store_as_it_was(tmp_path):
    with RunStore(tmp_path / "runs.sqlite") as store:
        store.add(_run())

        with pytest.raises(InputError, match="CHECK constraint failed"):
            store.add(_run("broken", plan="not json"))

        assert len(store) == 1


def test_two_may_write_to_one_store(tmp_path):
    path = tmp_path / "runs.sqlite"
    with RunStore(path) as one, RunStore(path) as other:
        one.add(_run("a"))
        other.add(_run("b"))

        assert len(one) == len(other) == 2


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database, and long enough to be looked at as one\n" * 30)
    before = file.read_bytes()

    with pytest.raises(InputError, match=r"notes\.txt\n.*file is not a database"):
        RunStore(file)

    assert file.read_bytes() == before


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "other.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE runs (key TEXT)")
    before = file.read_bytes()

    with pytest.raises(InputError, match="is a database of another program"):
        RunStore(file)

    assert file.read_bytes() == before


def test_a_store_of_another_version_is_refused(tmp_path):
    with RunStore(tmp_path / "runs.sqlite"):
        pass
    with sqlite3.connect(tmp_path / "runs.sqlite") as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(InputError, match="is a store of version 99"):
        RunStore(tmp_path / "runs.sqlite")


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(InputError, match="unable to open database file"):
        RunStore(tmp_path / "nowhere" / "runs.sqlite")
