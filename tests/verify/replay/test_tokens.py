"""Tokens are served with the latencies that their offers state, or left open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.plan.document import ApiRow
from planner.verify.replay.cases import situations_of
from planner.verify.replay.run import ReplaySettings, replay_plan, world_of
from planner.verify.replay.tokens import token_promises
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import solved
from tests.verify.replay.test_run import solved_chat

SLO = [
    {"metric": "ttft_ms", "percentile": 95, "limit": 800},
    {"metric": "tpot_ms", "percentile": "mean", "limit": 50},
]
STATED = {"ttft_p99_ms": 700.0, "tpot_p99_ms": 20.0}


def bought(stated, slo=SLO, api_latency="require"):
    asked = problem(
        workload(slo=slo),
        time_blocks=1,
        supply={"tenures": ["api"], "api_latency": api_latency},
    )
    return solved(asked, catalog(api_offers=[row("api_offers", **stated)]))


def test_stated_latencies_within_the_limits_are_kept():
    world = bought(STATED)

    assert token_promises(world.plan, world.problem, world.catalog) == ([], {})


def test_assumed_latencies_are_left_open():
    world = bought({}, api_latency="assume_met")

    found = replay_plan(world.plan, loaded(world.problem), world.catalog, ReplaySettings(seeds=2))

    assert found.kept is found.workloads[0].kept is None
    assert "nothing is stated that ttft_ms at 95" in found.not_replayed[0].reason


def test_stated_latencies_beyond_a_limit_are_broken():
    world = bought(STATED)
    tighter = world.problem.model_copy(update={"workloads": [workload_with(world, limit=500.0)]})

    left_open, broken = token_promises(world.plan, tighter, world.catalog)

    assert left_open == []
    assert "states 700 ms for ttft_ms, promised 500 ms" in broken["chat"][0]


def workload_with(world, limit):
    (one,) = world.problem.workloads
    return one.model_copy(
        update={"slo": [one.slo[0].model_copy(update={"limit": limit}), one.slo[1]]}
    )


@pytest.mark.parametrize(("metric", "percentile"), [("ttft_ms", 99.5), ("e2e_ms", "mean")])
def test_a_limit_that_nothing_stated_speaks_of_is_left_open(metric, percentile):
    world = bought(STATED)
    (one,) = world.problem.workloads
    other = one.slo[0].model_copy(update={"metric": metric, "percentile": percentile})
    asked = world.problem.model_copy(
        update={"workloads": [one.model_copy(update={"slo": [other]})]}
    )

    left_open, broken = token_promises(world.plan, asked, world.catalog)

    assert len(left_open) == 1
    assert broken == {}


def test_requests_that_are_served_by_tokens_are_taken_out_by_chance():
    """Half of one block goes to tokens: replicas get their rate, which is half of the whole."""
    world = solved_chat()
    own = next(r for r in world.plan.allocations if r.block == 1)
    bought = ApiRow(
        0, 1, "chat", "tokens", "model-a", "standard", own.rate_rps, own.planned_rate_rps,
        1.0, 1.0, 1.0, "2026-01", None, None,
    )  # fmt: skip
    plan = replace(world.plan, api=(bought,))

    cases = situations_of(
        world_of(plan, loaded(world.problem), world.catalog, ReplaySettings())
    ).cases

    shares = {case.places: case.streams[0].source.share for case in cases}
    assert shares == {((0, 0), (0, 3)): 1.0, ((0, 1),): 0.5, ((0, 2),): 1.0}
    rates = {case.places[0]: case.streams[0].rate_rps for case in cases}
    assert rates[0, 1] == rates[0, 0] == pytest.approx(own.planned_rate_rps)
