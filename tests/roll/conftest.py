from __future__ import annotations

import pytest

from planner.roll.run import RollSettings, run_roll
from tests.roll.world import PROBLEM, write_actuals, write_quarters


@pytest.fixture
def replayed(tmp_path):
    """Replay the two quarters, or a variation of them, and return the path of the file."""

    def run(*rates, prices=(), problem=PROBLEM, assignments=(), **settings):
        file = write_quarters(tmp_path, problem)
        actuals = write_actuals(tmp_path, *rates, prices=prices)
        found = run_roll(
            file, actuals, assignments=assignments, settings=RollSettings(gap=0.0, **settings)
        )
        return found.paths[0]

    return run
