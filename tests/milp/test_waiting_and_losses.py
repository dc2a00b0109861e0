"""Work that waits needs no spare nodes and is not promised to survive a loss."""

from __future__ import annotations

import pytest

from planner.milp import Limits, SolverSettings, build_program, solve_program
from tests import worlds
from tests.truth.test_deferral import one_gpu, rates, waits

EXACT = SolverSettings(gap=0.0, time_limit_s=30)


def replicas(result, pool):
    return {r.block: r.replicas for r in result.decisions.replicas if r.pool == pool}


def solve(limits, *offers, batch=(1.0, 1.0), chat=(1.0, 1.0)):
    demand = waits(rates(list(batch), chat=list(chat)), 24.0)
    return solve_program(build_program(demand, one_gpu(*offers), limits), EXACT)


def test_batch_replicas_have_no_spare_nodes():
    result = solve(Limits(spare_nodes=1), worlds.offer("n2", 2.0, accelerators=2))

    # One replica for the load of chat and the two that a lost node may hold; batch has none.
    assert replicas(result, "chat") == {0: 3, 1: 3}
    assert sum(replicas(result, "batch/deferred").values()) == 2


@pytest.mark.parametrize("lost", ["provider", "region"])
def test_only_what_cannot_wait_survives(lost):
    result = solve(
        Limits(survive_loss_of=lost),
        worlds.offer("a", 1.0, provider="a", region="north"),
        worlds.offer("b", 3.0, provider="b", region="south"),
    )

    assert replicas(result, "chat") == {0: 2, 1: 2}
    stand = {(p.pool, p.offer_ids[0], p.block) for p in result.decisions.placements}
    assert {("chat", "a", 0), ("chat", "b", 0), ("chat", "a", 1), ("chat", "b", 1)} <= stand
    assert all(offer == "a" for pool, offer, _ in stand if pool == "batch/deferred")
