"""Settings of all tests."""

from __future__ import annotations

import gc
import os

# Before numpy is loaded, here and in the workers that inherit it: a worker has one core, and more
# threads of a linear algebra library only take turns on it.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through ten thousand tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
