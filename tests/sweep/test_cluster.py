"""The same sweep on a real Dask scheduler with two workers on loopback, one of another process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.pipeline import SolveSettings
from planner.sweep.run import SweepSettings, run_sweep
from tests.sweep.world import BUDGET, RATE, untimed

distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
GRID = SweepSettings(design="grid", solve=SolveSettings(gap=0.0))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers, of which one is a process of its own."""
    code = "import sys; from distributed.cli.dask_worker import main; sys.exit(main())"
    local = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--no-dashboard"]
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:  # fmt: skip
        address = cluster.scheduler_address
        other = subprocess.Popen(
            [sys.executable, "-c", code, address, *local],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with distributed.Client(address, timeout=30, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=30)
            yield address
        finally:
            other.kill()
            other.wait()


def _timeless(sweep):
    return [(r.number, r.values, untimed(r.outcome)) for r in sweep.runs]


def test_answers_of_a_cluster_are_those_of_this_machine(day, scheduler, tmp_path):
    ask = (day, [f"{RATE}=5,10,20", f"{BUDGET}=4000,null"])
    store = tmp_path / "runs.sqlite"

    there = run_sweep(*ask, settings=replace(GRID, dask=scheduler, store=store))
    here = run_sweep(*ask, settings=GRID)
    again = run_sweep(*ask, settings=replace(GRID, store=store))

    assert _timeless(there) == _timeless(here)
    assert (there.solved, again.solved) == (6, 0)
    assert {run.outcome.status for run in there.runs} == {"optimal", "infeasible"}


def test_a_scheduler_that_does_not_answer_is_told(day, monkeypatch):
    monkeypatch.setattr("planner.sweep.cluster._TIMEOUT_S", 0.5)
    address = f"tcp://127.0.0.1:{_free_port()}"
    started = time.monotonic()

    with pytest.raises(InputError, match=f"--dask {address}\n.*no scheduler answers"):
        run_sweep(day, [f"{RATE}=5,10"], settings=replace(GRID, dask=address))

    assert time.monotonic() - started < 20


@pytest.mark.parametrize("address", ["nonsense", "nonsense:what", "no://scheme:1"])
def test_an_address_that_is_none_is_told_and_no_client_is_made_for_it(day, monkeypatch, address):
    def never(*_arguments, **_options):
        raise AssertionError

    monkeypatch.setattr(distributed, "Client", never)
    with pytest.raises(InputError, match=f"--dask {address}\n.*is no address of a scheduler"):
        run_sweep(day, [f"{RATE}=5,10"], settings=replace(GRID, dask=address))
