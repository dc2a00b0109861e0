"""Workers end with whoever started them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time

import pytest

from planner.workers import worker_context, worker_pool


def _interrupted():
    with worker_pool(1, __name__) as pool:
        assert pool.submit(len, "ab").result() == 2
        pool.submit(time.sleep, 3600.0)
        raise KeyboardInterrupt


def test_a_pool_that_fails_does_not_wait_for_its_work():
    with pytest.raises(KeyboardInterrupt):
        _interrupted()

    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="workers are new interpreters here")
def test_modules_of_workers_are_never_those_of_the_folder_that_one_is_in(monkeypatch):
    """Started with `-c`, Python looks into the current folder first, unless told not to."""
    seen = []
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr(
        "multiprocessing.forkserver.ensure_running",
        lambda: seen.append(os.environ["PYTHONSAFEPATH"]),
    )

    worker_context(__name__)

    assert seen == ["1"]
    assert "PYTHONSAFEPATH" not in os.environ
