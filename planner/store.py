"""Solved runs on record: one SQLite file, a row for every different question.

A row is written when its run is done, in a transaction of its own, so that whatever ends the
program leaves every finished run and nothing else. The key is a digest of all that decides the
answer (problem, catalogue, options, software), so a row is an answer to the same question
whenever and wherever it is asked again. Plans are stored as the text of a plan file.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

APPLICATION_ID = 0x706C616E
"""Marks a file as ours: ``plan`` in ASCII."""
SCHEMA_VERSION = 1
_BUSY_S = 60.0
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    key TEXT PRIMARY KEY,
    finished_at TEXT NOT NULL,
    problem TEXT NOT NULL,
    asked TEXT NOT NULL CHECK (json_valid(asked)),
    status TEXT NOT NULL,
    cost_usd REAL,
    bound_usd REAL,
    outcome TEXT NOT NULL CHECK (json_valid(outcome)),
    plan TEXT NOT NULL CHECK (json_valid(plan))
) STRICT
"""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A finished run.

    Parameters
    ----------
    key
        Digest of all that decides the answer.
    problem
        Name of the problem.
    asked
        Scenario, assignments, digests, options: for people who read the store.
    outcome
        What came out, as its writer needs it to come back.
    plan_json
        Text of the plan file.
    """

    key: str
    problem: str
    asked: Mapping[str, object]
    outcome: Mapping[str, object]
    plan_json: str


class RunStore:
    """An open file of finished runs; a context manager.

    Parameters
    ----------
    path
        File to open; made when it is missing.

    Raises
    ------
    InputError
        When the file cannot be made, is no store, or belongs to another version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._refusing():
            self._database = sqlite3.connect(path, timeout=_BUSY_S)
        try:
            with self._refusing():
                self._begin()
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def outcome(self, key: str) -> dict[str, object] | None:
        """Return what came out of a finished run, ``None`` when it is not there."""
        found = self._value("outcome", key)
        if found is None:
            return None
        outcome: dict[str, object] = json.loads(found)
        return outcome

    def plan_json(self, key: str) -> str | None:
        """Return the text of the plan file of a finished run, ``None`` when it is not there."""
        return self._value("plan", key)

    def __len__(self) -> int:
        with self._refusing():
            (count,) = self._database.execute("SELECT count(*) FROM runs").fetchone()
        return int(count)

    def add(self, run: StoredRun) -> None:
        """Write a finished run, in the place of an earlier one of the same key."""
        row = (
            run.key,
            dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            run.problem,
            json.dumps(run.asked, sort_keys=True),
            run.outcome["status"],
            run.outcome["cost_usd"],
            run.outcome["bound_usd"],
            json.dumps(run.outcome, allow_nan=False),
            run.plan_json,
        )
        with self._refusing(), self._database:
            self._database.execute("INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?,?)", row)

    def _value(self, column: str, key: str) -> str | None:
        query = f"SELECT {column} FROM runs WHERE key = ?"
        with self._refusing():
            row = self._database.execute(query, (key,)).fetchone()
        return None if row is None else str(row[0])

    def _begin(self) -> None:
        (is_used,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if is_used and application != APPLICATION_ID:
            message = "is a database of another program; name another file"
            raise self._fault(message)
        if is_used and version != SCHEMA_VERSION:
            message = (
                f"is a store of version {version}, and this planner reads {SCHEMA_VERSION}; name "
                "another file"
            )
            raise self._fault(message)
        with self._database:
            self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._database.execute(_TABLE)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            message = f"cannot be used as a store of runs: {error}"
            raise self._fault(message) from error

    def _fault(self, message: str) -> InputError:
        return InputError([Fault(str(self._path), None, None, "", message)])
