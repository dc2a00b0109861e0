"""Long horizons are improved period by period: never dearer, and a plan of the whole."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, improve
from planner.milp.blocks import Bounded
from planner.milp.bridge import to_arrays
from planner.milp.highs import Outcome, solve_arrays, with_fixed_integers
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)


@pytest.fixture
def program():
    """Return three months of four blocks, with a lease that could serve all of them."""
    rates = [[1.0, 2.5, 4.2, 3.1], [2.0, 3.5, 5.2, 4.1], [3.0, 4.5, 6.2, 5.1]]
    options = worlds.option_set(
        [worlds.option("o"), worlds.option("large", accelerators=4)],
        [worlds.capacity("chat", "o", 1.0), worlds.capacity("chat", "large", 4.6)],
        [
            worlds.offer("rent", [2.0] * 3, accelerators=4, startup_h=0.5),
            worlds.reserved("lease", 1.0, accelerators=4, periods=3, term_months=3),
        ],
    )
    return build_program(worlds.demand({"chat": rates}), options, Limits(spare_replicas=1))


def wasteful(arrays):
    """Return a plan with as many replicas as there may be, on the nodes they need."""
    pinned = arrays.lower.copy()
    large = np.array([name.startswith("n_0_1") for name in arrays.column_names])
    pinned[large] = np.where(np.isfinite(arrays.upper[large]), arrays.upper[large], 2.0)
    return solve_arrays(replace(arrays, lower=pinned), EXACT).values


def unproven(arrays, bound=0.0):
    """Return the program with a bound."""
    return Bounded(arrays, Outcome("solved", bound=bound), bound)


def test_periods_hold_the_columns_of_their_own(program):
    arrays = to_arrays(program.problem)

    periods = improve._periods(arrays)

    names = [[arrays.column_names[c] for c in columns] for columns in periods]
    assert len(periods) == 3
    assert all(name.split("_")[-2] == "1" for name in names[1] if not name.startswith("base"))
    assert not any(name.startswith("B_") for group in names for name in group)


def test_a_wasteful_start_becomes_the_best_plan_with_its_nodes(program, monkeypatch):
    monkeypatch.setattr(improve, "_SMALLEST_PROGRAM", 1)
    arrays = to_arrays(program.problem)
    start = wasteful(arrays)

    better = improve.improved(unproven(arrays), start, EXACT, time.perf_counter() + 30)

    assert arrays.cost @ better < arrays.cost @ start
    fixed = solve_arrays(with_fixed_integers(arrays, better), EXACT)
    assert fixed.values is not None
    builds = [i for i, name in enumerate(arrays.column_names) if name.startswith("B_")]
    assert better[builds] == pytest.approx(start[builds])


def test_small_programs_and_single_periods_are_left_alone(program):
    arrays = to_arrays(program.problem)
    start = wasteful(arrays)

    assert improve.improved(unproven(arrays), start, EXACT, time.perf_counter() + 30) is start


def test_a_plan_that_the_bound_proves_is_returned(program, monkeypatch):
    monkeypatch.setattr(improve, "_SMALLEST_PROGRAM", 1)
    arrays = to_arrays(program.problem)
    start = wasteful(arrays)
    proven = unproven(arrays, 0.5 * float(arrays.cost @ start))

    by_s = time.perf_counter() + 30
    found = improve.improved(proven, start, SolverSettings(gap=0.6), by_s)

    assert found is start
