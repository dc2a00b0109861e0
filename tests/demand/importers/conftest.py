from __future__ import annotations

import pytest

from planner.demand.importers import read_format
from planner.demand.importers.record import Settings


@pytest.fixture
def read(tmp_path):
    """Read content (text or bytes) as a format and return the workload."""

    def reader(name, content, file="trace.csv"):
        path = tmp_path / file
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
        return read_format(name, path, Settings("chat", "2026-03"))

    return reader
