"""Processes that work for this one, and end with it.

Loading the planner takes a second or two of processor time. Where the system can fork, one process
loads it once, does nothing else and has no threads, and every worker is a fork of that process;
elsewhere a worker is a new interpreter. Either way it has nothing of this process but what it is
sent, and a script that starts workers needs the usual ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerContext, SpawnContext

    WorkerContext: TypeAlias = ForkServerContext | SpawnContext

_SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def worker_pool(processes: int, module: str) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool whose workers end when this process is gone, fails or is interrupted.

    Parameters
    ----------
    processes
        How many, >= 1.
    module
        What they need loaded: the module of the functions that they call.
    """
    context = worker_context(module)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=begin_worker) as pool:
        try:
            yield pool
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.kill()
            raise


def worker_context(module: str) -> WorkerContext:
    """Return how workers are started.

    Parameters
    ----------
    module
        What they need loaded; the first one asked for is loaded once for all of them.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    _start_server()
    return context


def _start_server() -> None:
    """Start the process that workers are forks of, unless it runs.

    It must not take a module from the folder that the user happens to be in.
    """
    from multiprocessing import forkserver  # noqa: PLC0415  (not on every system)

    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def begin_worker() -> None:
    """Let this worker end with its parent, and at Ctrl-C without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the terminal sends Ctrl-C to workers as well
    # A pool of the standard library does not notice that its parent is gone.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
