"""Settings of all tests."""

from __future__ import annotations

import os

# Before numpy is loaded, here and in the workers that inherit it: a worker has one core, and more
# threads of a linear algebra library only take turns on it.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
