"""Caps on models and hardware types: the detour through easier programs changes no answer."""

from __future__ import annotations

import numpy as np
import pytest

from planner.milp import (
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    solve_within_caps,
)
from tests import worlds

EXACT = SolverSettings(gap=0.0)
CAPS = [
    {"max_models": 1},
    {"max_models": 2},
    {"max_hardware_types": 1},
    {"max_models": 1, "max_hardware_types": 1},
]


def random_world(seed):
    """Two workloads, three models on two hardware types, tokens of one model; two blocks."""
    rng = np.random.default_rng(seed)
    rates = {name: rng.uniform(1, 8, 2).round(1).tolist() for name in ("a", "b")}
    options, capacities = [], []
    for model in ("small", "large", "other"):
        for hardware in ("cheap", "fast"):
            name = f"{model}-{hardware}"
            options.append(worlds.option(name, hardware, model=model))
            capacities += [
                worlds.capacity(workload, name, round(rng.uniform(1, 4), 1))
                for workload in ("a", "b")
            ]
    offers = [
        worlds.offer("c", round(rng.uniform(1, 3), 1), "cheap"),
        worlds.offer("f", round(rng.uniform(1, 3), 1), "fast"),
    ]
    apis = [
        worlds.api(workload, float(rng.uniform(1e-4, 1e-3)), name=f"api-{workload}", model="large")
        for workload in ("a", "b")
    ]
    return worlds.demand(rates), worlds.option_set(options, capacities, offers, apis)


@pytest.mark.parametrize("caps", CAPS, ids=str)
@pytest.mark.parametrize("seed", range(6))
def test_the_answer_is_that_of_the_whole_program(seed, caps):
    demand, options = random_world(seed)
    limits = Limits(**caps)

    whole = solve_program(build_program(demand, options, limits), EXACT)
    found = solve_within_caps(demand, options, limits, EXACT)

    assert found.proof.status == whole.proof.status == "optimal"
    assert found.objective_usd == pytest.approx(whole.objective_usd, rel=1e-7)
    assert found.proof.bound_usd == pytest.approx(found.objective_usd, rel=1e-7)


def test_workloads_without_a_common_model_are_infeasible_under_one_model():
    demand = worlds.demand({"a": [1.0], "b": [1.0]})
    options = worlds.option_set(
        [worlds.option("x", model="one"), worlds.option("y", model="two")],
        [worlds.capacity("a", "x", 2.0), worlds.capacity("b", "y", 2.0)],
        [worlds.offer("o")],
    )

    found = solve_within_caps(demand, options, Limits(max_models=1), EXACT)

    assert found.proof.status == "infeasible"
    assert found.decisions is None


def test_without_caps_the_program_is_solved_as_it_is():
    demand, options = random_world(0)

    plain = solve_program(build_program(demand, options, Limits()), EXACT)
    found = solve_within_caps(demand, options, Limits(), EXACT)

    assert found.decisions == plain.decisions
