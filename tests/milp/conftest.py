from __future__ import annotations

import pytest

from tests import worlds


@pytest.fixture
def day():
    """One workload over four blocks of 6 h: a quiet night and a busy day."""
    return worlds.demand({"chat": [1.0, 3.0, 4.0, 2.0]}, mean_share=0.5)


@pytest.fixture
def one_gpu():
    """One option of 1 request/s on nodes of one accelerator for 2 USD/h."""
    return worlds.option_set(
        [worlds.option("o")], [worlds.capacity("chat", "o", 1.0)], [worlds.offer("node", 2.0)]
    )
