from __future__ import annotations

import sys

import pytest

from planner.errors import InputError
from planner.sweep.run import SweepSettings, run_sweep
from tests.sweep.world import RATE


def test_without_the_extra_the_message_says_how_to_install_it(day, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(InputError, match=r"pip install 'inference-planner\[dask\]'"):
        run_sweep(day, [f"{RATE}=5,10"], settings=SweepSettings(dask="tcp://127.0.0.1:1"))
