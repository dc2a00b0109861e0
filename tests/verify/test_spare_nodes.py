"""The audit takes nodes away by itself: a plan with too few spares is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.options.world import catalog, problem, row, workload
from tests.verify.changes import fewer_replicas, report
from tests.verify.conftest import MEASURED, solved


@pytest.fixture(scope="module")
def spared():
    """Return one block of nodes of 4 with a spare node."""
    asked = problem(
        workload("chat", arrival={"mean_rate_rps": 12.0}),
        time_blocks=1,
        performance="table.csv",
        candidates={"quantizations": ["bf16"], "tensor_parallel": [1]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, "spare_nodes": 1},
    )
    facts = catalog(offers=[row("offers", accelerators=4)])
    return solved(asked, facts, [MEASURED | {"workload": "chat"}])


def test_a_spare_node_is_planned_and_passes(spared):
    # 14.4 planned requests/s need 4 replicas of 4.5, and 4 more may stand on one node.
    assert spared.plan.allocations[0].replicas == 8
    assert report(spared, spared.plan) == []


def test_a_missing_replica_is_reported(spared):
    found = report(spared, fewer_replicas(spared.plan, 1))

    assert any("left after losing 1 node," in line for line in found), found


def test_more_spare_nodes_than_planned_for_are_reported(spared):
    policy = spared.problem.policy.model_copy(update={"spare_nodes": 2})
    asked = spared.problem.model_copy(update={"policy": policy})

    found = report(replace(spared, problem=asked), spared.plan)

    assert any("0/s left after losing 2 nodes, 14.4/s planned" in line for line in found), found
