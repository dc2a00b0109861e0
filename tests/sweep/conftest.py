from __future__ import annotations

import pytest

from tests.sweep.world import write_day


@pytest.fixture
def day(tmp_path):
    """The path of the problem."""
    return write_day(tmp_path)
