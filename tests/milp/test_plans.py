"""Plans of hand-computed worlds: what each family does to the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.milp import (
    Limits,
    Quota,
    SolverSettings,
    build_program,
    relative_gap,
    solve_program,
)
from tests import worlds

EXACT = SolverSettings(gap=0.0)
MONTH_H = 730.0


def solve(demand, options, limits=None, settings=EXACT):
    return solve_program(build_program(demand, options, limits or Limits()), settings)


def nodes_by_block(result, offer_id="node", blocks=4, period=0):
    rows = {
        r.block: r.nodes
        for r in result.decisions.nodes
        if r.offer_id == offer_id and r.period == period
    }
    return [rows.get(b, 0) for b in range(blocks)]


def with_offer(options, **changes):
    return replace(options, offers=tuple(replace(o, **changes) for o in options.offers))


def test_hourly_nodes_follow_the_planned_rate(day, one_gpu):
    result = solve(day, one_gpu)

    assert nodes_by_block(result) == [1, 3, 4, 2]
    assert result.objective_usd == pytest.approx(10 * 2.0 * MONTH_H / 4)


def test_static_nodes_are_those_of_the_busiest_block(day, one_gpu):
    result = solve(day, one_gpu, Limits(scaling="static"))

    assert nodes_by_block(result) == [4, 4, 4, 4]
    assert result.objective_usd == pytest.approx(4 * 2.0 * MONTH_H)


def test_a_start_is_paid_every_day_of_the_period(day, one_gpu):
    result = solve(day, with_offer(one_gpu, startup_h=0.5))

    starts_a_day = 3  # 1 -> 3 -> 4, and from 2 in the last block down to 1
    assert nodes_by_block(result) == [1, 3, 4, 2]
    assert result.objective_usd == pytest.approx(
        2.0 * (10 * MONTH_H / 4 + starts_a_day * 0.5 * MONTH_H / 24)
    )


def test_nodes_stay_when_starting_again_costs_more_than_waiting():
    demand = worlds.demand({"chat": [2.0, 1.0, 2.0, 1.0]})
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("node", 2.0, startup_h=7.0)],
    )

    result = solve(demand, options)

    assert nodes_by_block(result) == [2, 2, 2, 2]


def test_minimum_billing_keeps_started_nodes_for_a_second_block(one_gpu):
    demand = worlds.demand({"chat": [1.0, 3.0, 1.0, 1.0]})

    result = solve(demand, with_offer(one_gpu, min_billing_h=12.0))

    assert nodes_by_block(result) == [1, 3, 2, 1]


def test_elasticity_bounds_the_difference_between_blocks(day, one_gpu):
    result = solve(day, with_offer(one_gpu, elastic_max_nodes=2))

    assert nodes_by_block(result) == [2, 3, 4, 2]


def test_one_spare_replica_is_one_more_of_the_only_kind(day, one_gpu):
    result = solve(day, one_gpu, Limits(spare_replicas=1))

    assert nodes_by_block(result) == [2, 4, 5, 3]


def test_two_spare_replicas_are_two_more_of_the_only_kind(day, one_gpu):
    result = solve(day, one_gpu, Limits(spare_replicas=2))

    assert nodes_by_block(result) == [3, 5, 6, 4]


def test_a_pool_on_tokens_alone_pays_no_spares(day, one_gpu):
    cheap = replace(one_gpu, api=(worlds.api("chat", 1e-9),))

    result = solve(day, cheap, Limits(spare_replicas=1))

    assert result.decisions.nodes == ()
    assert result.decisions.replicas == ()


def test_tokens_are_paid_by_the_mean_rate(day, one_gpu):
    options = replace(one_gpu, offers=(), api=(worlds.api("chat", 1e-3),))

    result = solve(day, options)

    planned_rps_blocks = 10.0
    seconds = MONTH_H / 4 * 3600.0
    assert result.objective_usd == pytest.approx(planned_rps_blocks * 0.5 * seconds * 1e-3)


def test_tokens_take_the_peak_that_a_node_is_too_dear_for(day, one_gpu):
    # A node block costs 365 USD, a planned request/s of tokens 197 USD; 3.3 = 3 nodes + 0.3.
    demand = worlds.demand({"chat": [3.3]})
    options = replace(one_gpu, api=(worlds.api("chat", 6e-4),))

    result = solve(demand, options)

    assert nodes_by_block(result, blocks=1) == [3]
    assert result.decisions.api_flows[0].planned_rps == pytest.approx(0.3)


def test_capacity_of_four_replicas_is_claimed_only_with_four():
    demand = worlds.demand({"chat": [5.0]})
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", (1, 1.0), (4, 1.5))],
        [worlds.offer("node", 1.0)],
    )

    result = solve(demand, options)

    assert [(r.replicas, r.min_replicas) for r in result.decisions.replicas] == [(4, 4)]


def test_pooled_workloads_share_a_replica():
    demand = worlds.demand({"a": [0.5], "b": [0.4]})
    capacities = [worlds.capacity("a", "o", 1.0), worlds.capacity("b", "o", 1.0)]
    parts = ([worlds.option("o")], capacities, [worlds.offer("node", 1.0)])

    apart = solve(demand, worlds.option_set(*parts))
    together = solve(demand, worlds.option_set(*parts, pools={"a": "p", "b": "p"}))

    assert apart.objective_usd == pytest.approx(2 * MONTH_H)
    assert together.objective_usd == pytest.approx(MONTH_H)


def test_replicas_of_two_pools_share_a_node():
    demand = worlds.demand({"a": [1.0], "b": [1.0]})
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("a", "o", 1.0), worlds.capacity("b", "o", 1.0)],
        [worlds.offer("node", 1.0, accelerators=2)],
    )

    result = solve(demand, options)

    assert nodes_by_block(result, blocks=1) == [1]


def test_a_replica_of_four_does_not_run_on_nodes_of_six():
    demand = worlds.demand({"chat": [1.0]})
    options = worlds.option_set(
        [worlds.option("o", accelerators=4)],
        [worlds.capacity("chat", "o", 1.0)],
        [
            worlds.offer("six", 1.0, accelerators=6),
            worlds.offer("eight", 9.0, accelerators=8),
        ],
    )

    result = solve(demand, options)

    assert [r.offer_id for r in result.decisions.nodes] == ["eight"]


def test_small_replicas_fill_what_large_ones_leave():
    # Twelve holds 4 + 4 + 2 + 2; six holds no replica of four.
    demand = worlds.demand({"a": [2.0], "b": [5.0]})
    options = worlds.option_set(
        [worlds.option("four", accelerators=4), worlds.option("two", accelerators=2)],
        [worlds.capacity("a", "four", 1.0), worlds.capacity("b", "two", 1.0)],
        [
            worlds.offer("twelve", 12.0, accelerators=12),
            worlds.offer("six", 6.0, accelerators=6),
        ],
    )

    result = solve(demand, options)

    assert {r.offer_id: r.nodes for r in result.decisions.nodes} == {"twelve": 1, "six": 1}


def test_a_quota_moves_the_rest_to_the_dearer_region():
    demand = worlds.demand({"chat": [5.0]})
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("near", 1.0, region="near"), worlds.offer("far", 2.0, region="far")],
    )

    result = solve(demand, options, Limits(quotas=(Quota("gpu", 3, region="near"),)))

    assert {r.offer_id: r.nodes for r in result.decisions.nodes} == {"near": 3, "far": 2}


def test_at_most_one_model_is_used_when_only_one_is_allowed():
    demand = worlds.demand({"a": [1.0], "b": [1.0]})
    options = worlds.option_set(
        [worlds.option("x", model="mx"), worlds.option("y", model="my")],
        [
            worlds.capacity("a", "x", 1.0),
            worlds.capacity("a", "y", 0.5),
            worlds.capacity("b", "y", 1.0),
        ],
        [worlds.offer("node", 1.0)],
    )

    free = solve(demand, options)
    capped = solve(demand, options, Limits(max_models=1))

    assert free.objective_usd == pytest.approx(2 * MONTH_H)
    assert capped.objective_usd == pytest.approx(3 * MONTH_H)
    assert {r.option_id for r in capped.decisions.replicas} == {"y"}


def test_a_model_bought_as_tokens_counts_as_a_model():
    demand = worlds.demand({"a": [1.0], "b": [1.0]})
    options = worlds.option_set(
        [worlds.option("x", model="mx")],
        [worlds.capacity("a", "x", 1.0), worlds.capacity("b", "x", 0.1)],
        [worlds.offer("node", 1.0)],
        [worlds.api("b", 1e-6, model="tokens")],
    )

    capped = solve(demand, options, Limits(max_models=1))

    assert capped.decisions.api_flows == ()


def test_hardware_that_is_not_used_has_no_nodes():
    demand = worlds.demand({"a": [1.0], "b": [1.0]})
    options = worlds.option_set(
        [worlds.option("g", "gpu"), worlds.option("n", "npu")],
        [
            worlds.capacity("a", "g", 1.0),
            worlds.capacity("b", "g", 0.3),
            worlds.capacity("b", "n", 1.0),
        ],
        [worlds.offer("gn", 1.0, "gpu"), worlds.offer("nn", 1.0, "npu")],
    )

    result = solve(demand, options, Limits(max_hardware_types=1))

    assert {r.offer_id: r.nodes for r in result.decisions.nodes} == {"gn": 5}


def test_an_offer_has_no_nodes_in_a_period_without_a_price():
    demand = worlds.demand({"chat": [[1.0], [1.0]]})
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("old", [1.0, None]), worlds.offer("new", [5.0, 5.0])],
    )

    result = solve(demand, options)

    assert [(r.offer_id, r.period) for r in result.decisions.nodes] == [("old", 0), ("new", 1)]


def test_later_periods_are_discounted():
    demand = worlds.demand({"chat": [[1.0], [1.0]]}, discount_per_period=0.5)
    options = worlds.option_set(
        [worlds.option("o")],
        [worlds.capacity("chat", "o", 1.0)],
        [worlds.offer("node", [1.0, 1.0])],
    )

    result = solve(demand, options)

    assert result.objective_usd == pytest.approx(1.5 * MONTH_H)


def test_a_workload_that_nothing_serves_is_infeasible(day):
    result = solve(day, worlds.option_set([], [], []))

    assert result.proof.status == "infeasible"
    assert result.decisions is None
    assert result.objective_usd is None


def test_a_quota_below_the_need_is_infeasible(day, one_gpu):
    result = solve(day, one_gpu, Limits(quotas=(Quota("gpu", 3),)))

    assert result.proof.status == "infeasible"


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_the_size_of_a_workload_does_not_change_its_plan(day, one_gpu, scale):
    rates = {"chat": [scale * r for r in (1.0, 3.0, 4.0, 2.0)]}
    options = replace(one_gpu, capacities=(worlds.capacity("chat", "o", scale),))

    result = solve(worlds.demand(rates), options)

    assert nodes_by_block(result) == [1, 3, 4, 2]


def test_flows_meet_the_planned_rate_exactly(day, one_gpu):
    options = replace(one_gpu, api=(worlds.api("chat", 5e-4),))

    result = solve(day, options)

    for block, planned_rps in enumerate((1.0, 3.0, 4.0, 2.0)):
        rows = (*result.decisions.flows, *result.decisions.api_flows)
        served_rps = sum(r.planned_rps for r in rows if r.block == block)
        assert served_rps == pytest.approx(planned_rps, rel=1e-9)


def test_every_plan_states_bound_size_and_solver(day, one_gpu):
    result = solve(day, one_gpu)

    assert result.proof.status == "optimal"
    assert relative_gap(result.objective_usd, result.proof.bound_usd) <= 2e-9
    assert result.proof.solver == "highs"
    assert result.proof.solver_version.count(".") == 2
    assert result.proof.variables > 0
    assert result.proof.constraints > 0
