"""Status, proof, determinism, settings and what happens when the solver stops early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import Limits, Quota, SolverSettings, build_program, relative_gap, solve_program
from planner.milp.bridge import to_arrays
from planner.milp.draft import round_integers
from planner.milp.highs import solve_arrays
from tests import worlds


def hard_world(hours=24, seed=0):
    """A day with several options, brackets and spares on nodes of eight: long to prove."""
    rng = np.random.default_rng(seed)
    hardware = {f"h{i}": (2, 4, 8) if i % 2 else (1, 2, 4) for i in range(5)}
    options = [worlds.option(f"{h}-{g}", h, g) for h, sizes in hardware.items() for g in sizes]
    worth = dict(zip(hardware, rng.uniform(0.5, 3.0, len(hardware)), strict=True))
    capacities = []
    for option in options:
        mu_rps = worth[option.hardware] * option.accelerators * rng.uniform(0.6, 1.4)
        points = [(1, 0.5 * mu_rps), (2, 0.7 * mu_rps), (4, 0.85 * mu_rps), (8, mu_rps)]
        capacities.append(worlds.capacity("chat", option.id, *points))
    offers = [
        worlds.offer(f"{h}-{g}", worth[h] * g * rng.uniform(0.8, 1.2), h, g, startup_h=0.2)
        for h in hardware
        for g in (8, 4)
    ]
    swing = 1 + 0.7 * np.sin(np.arange(hours) / hours * 2 * np.pi)
    demand = worlds.demand({"chat": 30.0 * swing * rng.uniform(0.9, 1.1)}, mean_share=0.7)
    return demand, worlds.option_set(options, capacities, offers), Limits(spare_replicas=1)


def test_a_day_of_whole_large_nodes_is_solved_to_one_percent():
    program = build_program(*hard_world(hours=6))

    result = solve_program(program, SolverSettings(time_limit_s=180))

    assert result.proof.status == "optimal"
    assert relative_gap(result.objective_usd, result.proof.bound_usd) <= 0.01 + 1e-9


def test_without_time_a_plan_is_simple_but_checked():
    result = solve_program(build_program(*hard_world()), SolverSettings(time_limit_s=0.0))

    assert result.proof.status == "feasible"
    assert result.objective_usd > 0


def test_without_time_and_with_a_quota_in_the_way_there_is_no_solution():
    demand, options, limits = hard_world()
    quotas = tuple(Quota(f"h{i}", 8) for i in range(3))
    program = build_program(demand, options, replace(limits, quotas=quotas))

    result = solve_program(program, SolverSettings(time_limit_s=0.0))

    assert result.proof.status == "no_solution"
    assert result.decisions is None
    assert result.objective_usd is None


def test_a_plan_outside_the_gap_is_feasible_not_optimal():
    settings = SolverSettings(gap=0.0, time_limit_s=1.0)

    result = solve_program(build_program(*hard_world()), settings)

    assert result.proof.status == "feasible"
    assert relative_gap(result.objective_usd, result.proof.bound_usd) > 2e-9


def test_the_bound_never_exceeds_the_cost_of_an_exact_solve(day, one_gpu):
    result = solve_program(build_program(day, one_gpu, Limits()), SolverSettings(gap=0.0))

    assert result.proof.bound_usd <= result.objective_usd * (1 + 1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_day_solved_twice_gives_identical_decisions(seed):
    demand, options, limits = hard_world(hours=2)
    settings = SolverSettings(seed=seed)

    first = solve_program(build_program(demand, options, limits), settings)
    second = solve_program(build_program(demand, options, limits), settings)

    assert first.decisions == second.decisions


def test_threads_can_change_between_solves(day, one_gpu):
    program = build_program(day, one_gpu, Limits())

    costs = [
        solve_program(program, SolverSettings(gap=0.0, threads=threads)).objective_usd
        for threads in (1, 2, 1)
    ]

    assert costs[0] == pytest.approx(costs[1])
    assert costs[0] == pytest.approx(costs[2])


def test_the_log_goes_to_standard_error(day, one_gpu, capfd):
    solve_program(build_program(day, one_gpu, Limits()), SolverSettings(log=True))

    captured = capfd.readouterr()
    assert "HiGHS" in captured.err or "Presolv" in captured.err
    assert captured.out == ""


def test_a_quiet_solve_writes_nothing(day, one_gpu, capfd):
    solve_program(build_program(day, one_gpu, Limits()), SolverSettings())

    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


@pytest.mark.parametrize(
    ("cost", "bound", "gap"), [(100.0, 99.0, 0.01), (100.0, 101.0, 0.0), (0.5, 0.0, 0.5)]
)
def test_gap_is_relative_to_the_cost_but_at_least_to_one_dollar(cost, bound, gap):
    assert relative_gap(cost, bound) == pytest.approx(gap)


def test_fractional_integers_are_refused(day, one_gpu):
    arrays = to_arrays(build_program(day, one_gpu, Limits()).problem)
    values = np.zeros(arrays.cost.size)
    values[np.flatnonzero(arrays.integer)[0]] = 0.4

    with pytest.raises(InternalError, match=r"returned 0\.4 for integer N_0_0_0"):
        round_integers(arrays, values)


def test_nearly_whole_integers_are_rounded(day, one_gpu):
    arrays = to_arrays(build_program(day, one_gpu, Limits()).problem)
    values = np.where(arrays.integer, 3.000001, 0.25)

    whole = round_integers(arrays, values)

    assert set(whole[arrays.integer]) == {3.0}
    assert set(whole[~arrays.integer]) == {0.25}


def test_arrays_hold_what_the_problem_says():
    demand = worlds.demand({"chat": [2.0]})
    options = worlds.option_set(
        [worlds.option("o", accelerators=2)],
        [worlds.capacity("chat", "o", 4.0)],
        [worlds.offer("node", 2.0, accelerators=8)],
    )

    arrays = to_arrays(build_program(demand, options, Limits()).problem)

    assert arrays.column_names == ("N_0_0_0", "f_0_0_0_0", "n_0_0_0_0")
    assert arrays.integer.tolist() == [True, False, True]
    rows = {
        name: dict(
            zip(
                arrays.index[arrays.start[r] : arrays.start[r + 1]].tolist(),
                arrays.value[arrays.start[r] : arrays.start[r + 1]].tolist(),
                strict=True,
            )
        )
        for r, name in enumerate(arrays.row_names)
    }
    assert rows["demand_0_0_0"] == {1: 1.0}
    assert rows["capacity_0_0_0_0"] == {1: 0.25, 2: -1.0}
    assert rows["tighten_0_0_0_0"] == {1: 1.0, 2: -2.0}
    assert rows["packing_0_0_0_0"] == {0: -8.0, 2: 2.0}
    assert arrays.row_upper[arrays.row_names.index("capacity_0_0_0_0")] == 0.0
    assert np.isneginf(arrays.row_lower[arrays.row_names.index("capacity_0_0_0_0")])


def test_a_problem_without_columns_is_judged_by_its_rows():
    demand = worlds.demand({"chat": [1.0]})
    arrays = to_arrays(build_program(demand, worlds.option_set([], [], []), Limits()).problem)

    assert arrays.cost.size == 0
    assert solve_arrays(arrays, SolverSettings()).status == "infeasible"


def test_a_problem_without_demand_costs_nothing(one_gpu):
    result = solve_program(
        build_program(worlds.demand({"chat": [0.0]}), one_gpu, Limits()), SolverSettings()
    )

    assert result.proof.status == "optimal"
    assert result.objective_usd == 0.0
    assert result.decisions.nodes == ()


def test_cbc_states_its_version_and_a_bound(day, one_gpu):
    settings = SolverSettings(gap=0.0, solver="cbc")

    result = solve_program(build_program(day, one_gpu, Limits()), settings)

    assert result.proof.solver == "cbc"
    assert result.proof.solver_version[0].isdigit()
    assert result.proof.bound_usd <= result.objective_usd * (1 + 1e-6)


def test_cbc_says_infeasible(day, one_gpu):
    limits = Limits(quotas=(Quota("gpu", 1),))

    result = solve_program(build_program(day, one_gpu, limits), SolverSettings(solver="cbc"))

    assert result.proof.status == "infeasible"
    assert result.decisions is None


def test_cbc_stopped_on_time_is_not_called_optimal():
    settings = SolverSettings(gap=0.0, time_limit_s=1.0, solver="cbc")

    result = solve_program(build_program(*hard_world()), settings)

    assert result.proof.status in {"feasible", "no_solution"}


def test_an_exact_solve_of_a_day_agrees_with_a_solve_within_the_gap():
    demand, options, limits = hard_world(hours=2, seed=9)
    program = build_program(demand, options, limits)

    exact = solve_program(program, SolverSettings(gap=0.0, time_limit_s=30))
    near = solve_program(program, SolverSettings(gap=0.05))

    assert near.proof.bound_usd <= exact.objective_usd * (1 + 1e-9)
    assert near.objective_usd >= exact.objective_usd * (1 - 1e-9)


def test_bounds_of_single_blocks_do_not_cut_off_the_optimum():
    demand, options, limits = hard_world(hours=2, seed=12)
    program = build_program(demand, options, limits)
    arrays = to_arrays(program.problem)
    settings = SolverSettings(gap=1e-3, time_limit_s=30)

    plain = solve_arrays(arrays, settings)
    helped = solve_program(program, settings)

    plain_usd = float(plain.values @ arrays.cost) * program.money_unit_usd
    assert helped.proof.bound_usd <= plain_usd * (1 + 1e-9)
    assert helped.objective_usd == pytest.approx(plain_usd, rel=3e-3)
    assert arrays.cost.size > 400  # small programs get no bounds of single blocks
