"""A plan with spares survives the loss of its largest replicas, tried one by one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.milp import Limits, SolverSettings, build_program, solve_program
from tests import worlds


def mixed_world(seed, workloads=("chat",)):
    rng = np.random.default_rng(seed)
    sizes = {"small": 1, "middle": 2, "large": 4}
    mu_rps = {(w, o): size * rng.uniform(0.5, 1.5) for w in workloads for o, size in sizes.items()}
    demand = worlds.demand({w: [rng.uniform(1.0, 6.0)] for w in workloads})
    options = worlds.option_set(
        [worlds.option(o, accelerators=size) for o, size in sizes.items()],
        [worlds.capacity(w, o, mu) for (w, o), mu in mu_rps.items()],
        [worlds.offer("node", rng.uniform(2, 4), accelerators=4)],
        pools=dict.fromkeys(workloads, "pool"),
    )
    return demand, options, mu_rps


@pytest.mark.parametrize("spare_replicas", [1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_one_workload_is_served_after_any_loss(seed, spare_replicas):
    demand, options, mu_rps = mixed_world(seed)
    limits = Limits(spare_replicas=spare_replicas)

    result = solve_program(build_program(demand, options, limits), SolverSettings(gap=0.0))

    running = [r.option_id for r in result.decisions.replicas for _ in range(r.replicas)]
    planned_rps = float(demand.workloads[0].planned_rps[0, 0])
    for lost in itertools.combinations(range(len(running)), spare_replicas):
        left_rps = sum(mu_rps["chat", o] for i, o in enumerate(running) if i not in lost)
        assert left_rps >= planned_rps * (1 - 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_two_pooled_workloads_are_served_after_any_loss(seed):
    demand, options, mu_rps = mixed_world(seed, ("chat", "code"))

    result = solve_program(
        build_program(demand, options, Limits(spare_replicas=1)), SolverSettings(gap=0.0)
    )

    running = {r.option_id: r.replicas for r in result.decisions.replicas}
    planned = [float(w.planned_rps[0, 0]) for w in demand.workloads]
    for lost in running:
        left = {o: n - (o == lost) for o, n in running.items()}
        assert can_serve(left, mu_rps, planned)


def can_serve(replicas, mu_rps, planned):
    """Say whether replicas carry two rates, by comparative advantage."""
    order = sorted(replicas, key=lambda o: mu_rps["code", o] / mu_rps["chat", o])
    chat_left, code_rps = planned[0], 0.0
    for option in order:
        whole_rps = replicas[option] * mu_rps["chat", option]
        share = min(chat_left / whole_rps, 1.0) if whole_rps > 0 else 0.0
        chat_left -= share * whole_rps
        code_rps += (1 - share) * replicas[option] * mu_rps["code", option]
    return chat_left <= 1e-6 and code_rps >= planned[1] * (1 - 1e-6)


def test_a_spare_of_another_kind_must_replace_the_largest():
    # One large replica carries all; its spare is four small ones or a second large one.
    demand = worlds.demand({"chat": [4.0]})
    options = worlds.option_set(
        [worlds.option("large", "gpu", 4), worlds.option("small", "npu", 1)],
        [worlds.capacity("chat", "large", 4.0), worlds.capacity("chat", "small", 1.0)],
        [worlds.offer("g", 4.0, "gpu", 4), worlds.offer("n", 1.1, "npu", 1)],
    )

    result = solve_program(
        build_program(demand, options, Limits(spare_replicas=1)), SolverSettings(gap=0.0)
    )

    # Five small ones survive the loss of one of themselves, which is cheaper than both.
    assert {r.option_id: r.replicas for r in result.decisions.replicas} == {"small": 5}


def test_idle_replicas_that_cannot_run_a_workload_are_no_spare():
    demand = worlds.demand({"a": [1.0], "b": [1.0]})
    options = worlds.option_set(
        [worlds.option("both"), worlds.option("only")],
        [
            worlds.capacity("a", "both", 2.0),
            worlds.capacity("b", "both", 2.0),
            worlds.capacity("a", "only", 2.0),
        ],
        [worlds.offer("node", 1.0)],
        pools={"a": "p", "b": "p"},
    )

    result = solve_program(
        build_program(demand, options, Limits(spare_replicas=1)), SolverSettings(gap=0.0)
    )

    assert {r.option_id: r.replicas for r in result.decisions.replicas} == {"both": 2}


def test_idle_replicas_that_may_not_run_a_workload_in_a_block_are_no_spare_there():
    # By hand: what runs on one cheap replica has the other as its spare, but not in block 1.
    demand = worlds.demand({"a": [1.0, 1.0], "b": [1.0, 1.0]})
    cheap = [worlds.capacity("a", "cheap", 2.0), worlds.capacity("b", "cheap", 2.0)]
    barred = replace(cheap[1], barred=frozenset({(0, 1)}))
    options = worlds.option_set(
        [worlds.option("cheap"), worlds.option("dear", "npu")],
        [cheap[0], barred, worlds.capacity("a", "dear", 1.0), worlds.capacity("b", "dear", 2.0)],
        [worlds.offer("node", 1.0), worlds.offer("other", 3.0, "npu")],
        pools={"a": "p", "b": "p"},
    )

    result = solve_program(
        build_program(demand, options, Limits(spare_replicas=1)), SolverSettings(gap=0.0)
    )

    found = {(r.block, r.option_id): r.replicas for r in result.decisions.replicas}
    # Block 1: `cheap` is no spare for b on `dear`, which needs a second one; that one also carries
    # a when `cheap` is lost. A spare of `cheap` instead would cost less: 5 USD an hour, not 7.
    assert found == {(0, "cheap"): 2, (1, "cheap"): 1, (1, "dear"): 2}
