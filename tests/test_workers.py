"""Workers end with whoever started them."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from planner.workers import worker_pool


def _interrupted():
    with worker_pool(1) as pool:
        assert pool.submit(len, "ab").result() == 2
        pool.submit(time.sleep, 3600.0)
        raise KeyboardInterrupt


def test_a_pool_that_fails_does_not_wait_for_its_work():
    with pytest.raises(KeyboardInterrupt):
        _interrupted()

    assert multiprocessing.active_children() == []
