"""Options that a table of measured capacities defines alone."""

from __future__ import annotations

import pytest

from planner.demand.grid import time_grid
from planner.options.measured import measured_options
from planner.options.nodes import rentable_nodes
from planner.problem.performance import MeasuredCapacity
from tests.options.world import catalog, problem, row

ROW = {
    "workload": "chat",
    "model": "any",
    "quantization": "any",
    "hardware": "gpu-a",
    "tensor_parallel": 1,
    "engine": "any",
    "capacity_rps": 4.0,
}


def options(*rows, max_utilization=1.0, **candidates):
    asked = problem(candidates=candidates)
    facts = catalog(offers=[row("offers"), row("offers", instance="two", accelerators=2)])
    nodes, _ = rentable_nodes(asked, facts, time_grid(asked))
    table = [MeasuredCapacity.model_validate(ROW | r) for r in rows or [{}]]
    return measured_options(table, asked.candidates, nodes, max_utilization)


def test_row_defines_option_and_capacity():
    (option,), (capacity,), rejected = options({"ttft_ms": 250, "tpot_ms": 20})

    assert option.id == "any/any/any/gpu-a/tp1"
    assert capacity.points[0].planned_rps == 4.0
    assert capacity.points[0].ttft_p99_s == 0.25
    assert capacity.points[0].tpot_mean_s == 0.02
    assert capacity.origin == "measured"
    assert capacity.power is None
    assert rejected == []


def test_max_utilization_caps_what_is_planned():
    _, (capacity,), _ = options(max_utilization=0.75)

    assert capacity.points[0].planned_rps == 3.0
    assert capacity.points[0].nominal_rps == 4.0


def test_rows_of_two_workloads_are_one_option():
    found, capacities, _ = options({}, {"workload": "code", "capacity_rps": 2.0})

    assert len(found) == 1
    assert [c.workload for c in capacities] == ["chat", "code"]


@pytest.mark.parametrize(
    "candidates",
    [
        {"models": ["other"]},
        {"quantizations": ["other"]},
        {"hardware": ["other"]},
        {"engines": ["other"]},
        {"tensor_parallel": [2]},
    ],
)
def test_row_outside_the_candidates_is_rejected(candidates):
    found, _, rejected = options(**candidates)

    assert found == []
    assert rejected[0].reason == "candidate"
    assert "is not among the candidates" in rejected[0].detail


def test_hardware_without_a_price_is_rejected():
    _, _, rejected = options({"hardware": "gpu-z"})

    assert rejected[0].reason == "no_price"
    assert "no usable price of gpu-z" in rejected[0].detail


def test_parallelism_that_divides_no_node_is_rejected():
    _, _, rejected = options({"tensor_parallel": 4})

    assert rejected[0].reason == "no_node"
    assert "(1, 2 accelerators) divides by 4" in rejected[0].detail
