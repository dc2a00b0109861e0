from __future__ import annotations

import io
import json
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest

from planner.cli import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def planner(tmp_path, monkeypatch):
    """Run the command in an empty folder; an exception that would be a traceback fails the test.

    Commands run in this process, as starting Python takes longer than most of them; a process of
    its own is for what needs one (`tests/test_distribution.py`, pipes, Ctrl-C).
    """

    def run(*arguments: object) -> Done:
        out, err = io.StringIO(), io.StringIO()
        interrupt = signal.getsignal(signal.SIGINT)
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["planner", *(str(a) for a in arguments)])
            try:
                main.run()
                code = 0
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            finally:
                signal.signal(signal.SIGINT, interrupt)
        return Done(code, out.getvalue(), err.getvalue())

    return run
