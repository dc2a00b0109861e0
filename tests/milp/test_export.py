"""Files, names, shadow prices, and the plan's freedom from idle things."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import highspy
import numpy as np
import pytest
from pulp.apis.coin_api import PULP_CBC_CMD

from planner.milp import (
    Limits,
    Quota,
    SolverSettings,
    build_program,
    solve_program,
    write_lp,
    write_mps,
)
from planner.milp.costs import starts, still_billed
from planner.milp.draft import Draft
from planner.milp.sets import build_sets
from planner.milp.trim import trim
from tests import worlds


@pytest.mark.parametrize(("write", "suffix"), [(write_lp, "lp"), (write_mps, "mps")])
def test_a_file_read_elsewhere_has_the_same_optimum(day, one_gpu, tmp_path, write, suffix):
    program = build_program(day, one_gpu, Limits(spare_replicas=1))
    path = tmp_path / f"plan.{suffix}"

    write(program, path)

    reader = highspy.Highs()
    reader.setOptionValue("output_flag", False)
    reader.readModel(str(path))
    reader.run()
    result = solve_program(program, SolverSettings(gap=0.0))
    usd = reader.getInfo().objective_function_value * program.money_unit_usd
    assert usd == pytest.approx(result.objective_usd)


def test_cbc_finds_the_same_optimum_in_the_file(tmp_path):
    demand = worlds.demand({"chat": [[3.0, 9.0], [4.0, 12.0]]})
    options = worlds.option_set(
        [worlds.option("o"), worlds.option("p", "other")],
        [worlds.capacity("chat", "o", (1, 1.0), (4, 1.5)), worlds.capacity("chat", "p", 2.0)],
        [
            worlds.offer("rent", [2.0, 1.9], "gpu", 2, 0.1),
            worlds.offer("far", [3.9, 4.1], "other", 1, 0.1),
            worlds.reserved("term", 1.3, "gpu", 2, 2, 2),
        ],
    )
    program = build_program(demand, options, Limits(spare_replicas=1))
    path = tmp_path / "plan.mps"
    write_mps(program, path)

    cbc = [PULP_CBC_CMD.pulp_cbc_path, str(path), "ratio", "0", "solve", "solution", "found.txt"]
    subprocess.run(cbc, cwd=tmp_path, check=True, capture_output=True)

    told = (tmp_path / "found.txt").read_text().splitlines()[0]
    status, _, value = told.partition("objective value")
    result = solve_program(program, SolverSettings(gap=0.0))
    assert status.startswith("Optimal")
    assert float(value) * program.money_unit_usd == pytest.approx(result.objective_usd, rel=1e-6)


def test_a_file_replaces_the_old_one_and_leaves_nothing_beside_it(day, one_gpu, tmp_path):
    path = tmp_path / "plan.lp"
    path.write_text("old")

    write_lp(build_program(day, one_gpu, Limits()), path)

    assert path.read_text().startswith("\\* plan *\\")
    assert [p.name for p in tmp_path.iterdir()] == ["plan.lp"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(day, one_gpu, tmp_path):
    program = build_program(day, one_gpu, Limits())
    folder = tmp_path / "missing"

    with pytest.raises(FileNotFoundError, match="missing"):
        write_lp(program, folder / "plan.lp")


def test_every_name_has_a_sentence(day, one_gpu):
    limits = Limits(
        spare_replicas=1, max_models=1, max_hardware_types=1, quotas=(Quota("gpu", 9, "cloud"),)
    )
    options = replace(
        one_gpu,
        capacities=(worlds.capacity("chat", "o", (1, 1.0), (2, 1.5)),),
        offers=(worlds.offer("node", 2.0, startup_h=0.5, min_billing_h=12.0),),
        api=(worlds.api("chat", 1.0),),
    )

    names = build_program(day, options, limits).names

    assert names["n_0_1_0_2"] == (
        "replicas of o (from 2 replicas) in pool chat, period 0, block 2"
    )
    assert names["demand_0_0_3"] == "the planned rate of chat is served, period 0, block 3"
    assert names["quota_0_0_1"] == ("quota 9 accelerators of gpu at cloud, period 0, block 1")
    assert len(set(names.values())) == len(names)


def test_names_of_a_static_program_have_sentences(day, one_gpu):
    names = build_program(day, one_gpu, Limits(scaling="static")).names

    assert names["samenodes_0_0_1"] == "nodes of node are equal all day, period 0, block 1"


def test_the_shadow_price_of_demand_is_the_cost_of_one_more_at_the_peak():
    demand = worlds.demand({"chat": [2.0, 4.0]})
    options = worlds.option_set(
        [worlds.option("o")], [worlds.capacity("chat", "o", 1.0)], [worlds.offer("node", 2.0)]
    )

    prices = solve_program(
        build_program(demand, options, Limits()), SolverSettings()
    ).shadow_prices

    assert [(p.what, p.where, p.unit) for p in prices] == [
        ("demand", "chat", "requests/s at the peak")
    ]
    assert prices[0].usd_per_unit == pytest.approx(2.0 * 365.0 * (1.0 + 0.5))


def test_the_shadow_price_of_a_quota_is_what_one_more_accelerator_saves():
    demand = worlds.demand({"chat": [4.0]})
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("near", 1.0, region="near"), worlds.offer("far", 3.0, region="far")],
    )
    limits = Limits(quotas=(Quota("gpu", 2, region="near"), Quota("gpu", 90)))

    prices = solve_program(build_program(demand, options, limits), SolverSettings()).shadow_prices

    quotas = {p.where: p.usd_per_unit for p in prices if p.what == "quota"}
    assert quotas == {"2 accelerators of gpu at near": pytest.approx(2.0 * 730.0)}


def test_coefficients_stay_in_range(day, one_gpu):
    rates = {"chat": [1e4 * r for r in (1.0, 3.0, 4.0, 2.0)], "rare": [1e-4] * 4}
    capacities = (worlds.capacity("chat", "o", 50.0), worlds.capacity("rare", "o", 2e-4))
    program = build_program(
        worlds.demand(rates), replace(one_gpu, capacities=capacities), Limits(spare_replicas=1)
    )

    coefficients = [
        abs(value) for row in program.problem.constraints() for value in row.expr.values()
    ]

    assert min(coefficients) >= 1e-3
    assert max(coefficients) <= 1e4


def draft_of(sets, replicas, nodes, flow):
    return Draft(
        np.array([[replicas]], dtype=np.int64),
        np.array([[nodes]], dtype=np.int64),
        np.zeros((1, 1, len(nodes)), dtype=np.int64),
        {(0, 0, 0, b): rate for b, rate in enumerate(flow)},
        {},
        {},
    )


def test_idle_replicas_and_nodes_are_removed(day, one_gpu):
    sets = build_sets(day, one_gpu, Limits())
    draft = draft_of(sets, [2, 3, 4, 4], [3, 3, 4, 5], [1.0, 3.0, 4.0, 2.0])

    trimmed = trim(sets, draft)

    assert trimmed.replicas[0, 0].tolist() == [1, 3, 4, 2]
    assert trimmed.nodes[0, 0].tolist() == [1, 3, 4, 2]


def test_spares_are_not_trimmed(day, one_gpu):
    sets = build_sets(day, one_gpu, Limits(spare_replicas=1))
    draft = draft_of(sets, [2, 4, 7, 3], [2, 4, 7, 3], [1.0, 3.0, 4.0, 2.0])

    trimmed = trim(sets, draft)

    assert trimmed.replicas[0, 0].tolist() == [2, 4, 5, 3]


def test_nodes_that_minimum_billing_keeps_are_not_trimmed(one_gpu):
    demand = worlds.demand({"chat": [1.0, 3.0, 1.0, 1.0]})
    offers = (worlds.offer("node", 2.0, min_billing_h=12.0),)
    sets = build_sets(demand, replace(one_gpu, offers=offers), Limits())

    trimmed = trim(sets, draft_of(sets, [1, 3, 1, 1], [1, 3, 3, 2], [1.0, 3.0, 1.0, 1.0]))

    assert trimmed.nodes[0, 0].tolist() == [1, 3, 2, 1]


def test_a_static_day_is_trimmed_as_a_whole(day, one_gpu):
    sets = build_sets(day, one_gpu, Limits(scaling="static"))

    trimmed = trim(sets, draft_of(sets, [5] * 4, [6] * 4, [1.0, 3.0, 4.0, 2.0]))

    assert trimmed.replicas[0, 0].tolist() == [4] * 4
    assert trimmed.nodes[0, 0].tolist() == [4] * 4


def test_every_type_of_day_is_followed_by_a_day_of_its_own():
    nodes = np.array([1, 2, 5, 4], dtype=np.int64)

    assert starts(nodes, 2).tolist() == [0, 1, 1, 0]
    assert still_billed(starts(nodes, 2), 2, 2).tolist() == [1, 1, 1, 1]


def test_starts_wrap_around_the_day():
    nodes = np.array([3, 1, 1, 2], dtype=np.int64)

    assert starts(nodes, 4).tolist() == [1, 0, 0, 1]
