"""Plans with few kinds of replicas: a start where models load before their blocks."""

from __future__ import annotations

import time

import numpy as np
import pytest

from planner.milp.blocks import Bounded
from planner.milp.bridge import to_arrays
from planner.milp.few_kinds import plan_of_few_kinds
from planner.milp.highs import relaxed, solve_arrays
from planner.milp.records import SolverSettings
from planner.pipeline import program_of
from planner.preparation import prepare


@pytest.fixture(scope="module")
def asked():
    program = program_of(prepare("chatbot_1m"))
    arrays, settings = to_arrays(program.problem), SolverSettings(time_limit_s=60.0)
    relaxation = solve_arrays(relaxed(arrays), settings)
    return program.model, Bounded(arrays, relaxation, relaxation.bound), settings


def test_it_is_a_plan_of_the_whole_program(asked):
    model, program, settings = asked
    arrays = program.arrays

    plan = plan_of_few_kinds(model, program, settings, 20.0)

    rows = np.zeros(len(arrays.row_names))
    for row, (first, last) in enumerate(zip(arrays.start[:-1], arrays.start[1:], strict=True)):
        columns = arrays.index[first:last]
        rows[row] = arrays.value[first:last] @ plan[columns]
    assert np.all(rows >= arrays.row_lower - 1e-6)
    assert np.all(rows <= arrays.row_upper + 1e-6)
    assert np.all((plan >= arrays.lower - 1e-6) & (plan <= arrays.upper + 1e-6))
    whole = plan[arrays.integer]
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-5)


def test_it_costs_no_less_than_the_bound_and_uses_few_options(asked):
    model, program, settings = asked

    plan = plan_of_few_kinds(model, program, settings, 20.0)

    place = {name: i for i, name in enumerate(program.arrays.column_names)}
    used = {
        (model.sets.columns[c].pool, model.sets.columns[c].option)
        for (c, *_), variable in model.n.items()
        if plan[place[variable.name]] > 0.5
    }
    pools = {pool for pool, _ in used}
    assert float(program.arrays.cost @ plan) >= program.bound * (1 - 1e-9)
    assert len(used) <= 4 * len(pools)


def test_without_time_there_is_none(asked):
    model, program, _ = asked
    began = time.perf_counter()

    plan = plan_of_few_kinds(model, program, SolverSettings(time_limit_s=0.0), 20.0)

    assert plan is None
    assert time.perf_counter() - began < 10
