from __future__ import annotations

import pytest

from planner.catalog.load import load_catalog


@pytest.fixture(scope="session")
def catalog():
    """The shipped catalogue."""
    return load_catalog(())
