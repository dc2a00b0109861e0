"""Settings of all tests."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
from pathlib import Path

import pytest

# Before numpy is loaded, here and in the workers that inherit it: a worker has one core, and more
# threads of a linear algebra library only take turns on it.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_collection(session: pytest.Session) -> None:
    """Begin with other test modules in every worker, so that each module is compiled once.

    Every worker collects all modules, and compiles those (with what a failed assertion shows of
    its values) that no other has written yet. In the same order all would compile all of them.
    """
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not number or session.config.args != session.config.getini("testpaths"):
        return
    folder = Path(__file__).parent
    modules = [
        ".".join(file.relative_to(folder.parent).with_suffix("").parts)
        for file in sorted(folder.rglob("test_*.py"))
    ]
    first = int(number) * len(modules) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for name in modules[first:] + modules[:first]:
        # Collection comes to what cannot be imported, and reports it.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through ten thousand tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
