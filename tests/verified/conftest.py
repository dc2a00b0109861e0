"""A loop that had to add replicas."""

from __future__ import annotations

import pytest

from planner.verified import solve_verified
from tests.verified.world import QUICK, loop, prepared, steady


@pytest.fixture(scope="session")
def crowded(tmp_path_factory):
    """Return a problem whose real prompts are four times those that it states, and its answer."""
    asked = prepared(tmp_path_factory.mktemp("crowded"))
    settings = loop(chat=steady(isl=4000.0))
    return asked, settings, solve_verified(asked, QUICK, settings)
