"""Replicas that come and go at the turn of a block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.demand.records import LengthDistribution
from planner.perf.traffic import LatencyLimit
from planner.report.promise_text import broken_promises, open_promises
from planner.verify.replay import turns as module
from planner.verify.replay.arrivals import Stated
from planner.verify.replay.cases import Station, situations_of
from planner.verify.replay.run import ReplaySettings, replay_plan, world_of
from planner.verify.replay.sampling import Asked, sample
from planner.verify.replay.turns import Turn, turn_found, turns_of
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import solved
from tests.verify.replay.test_losses import SLO, solved_chat
from tests.verify.replay.test_sampling import case, stream
from tests.verify.replay.world import engine

LIMITS = {"chat": (LatencyLimit("ttft", 90.0, 1.0),)}
CHAT = workload(slo=[{"metric": "ttft_ms", "percentile": 90, "limit": 1000}])
QUICK = ReplaySettings(seeds=2)
CHUNKS = {"chat": 2048, "code": 1024}
"""Engines that run with other settings have to be started again, as with another model."""


def pool(replicas, rate=4.0):
    """Return replicas that serve one request at a time, each in 20 steps of 10 ms."""
    even = LengthDistribution(np.array([10.0]), np.array([20.0]), np.array([1.0]))
    single = engine(seats=1, dense_token_s=0.0, request_s=0.0)
    one = replace(stream(rate=rate, interarrival_cv=0.0), source=Stated(even, 0.0))
    return case(one, stations=(Station("a", single, replicas),))


def begun(before, after, late=0, late_s=60.0, blocks=24, limits=LIMITS):
    hour = problem(CHAT, time_blocks=blocks)
    steady = sample(after, limits, Asked(seeds=2, span_s=300.0)).by_stream
    turn = Turn(before, after, (late,), late_s)
    (found,) = turn_found(turn, {"chat": hour.workloads[0]}, limits, steady, problem=hour, seed=0)
    return found


def test_replicas_that_are_there_in_time_serve_from_the_turn_on():
    found = begun(pool(1), pool(2))

    assert (found.replicas_before, found.replicas, found.late) == (1, 2, 0)
    assert found.seconds == 300.0
    assert found.slo_attainment == 1.0
    assert found.kept is True


@pytest.mark.parametrize(("limit_s", "times"), [(0.012, 1), (0.0105, 2), (0.009, 2)])
def test_a_turn_is_replayed_again_where_a_limit_is_nearer_than_a_tenth(
    monkeypatch, limit_s, times
):
    """The first token comes after a step of 10 ms."""
    plain, ran = module._run, []
    monkeypatch.setattr(module, "_run", lambda *asked: ran.append(asked) or plain(*asked))

    found = begun(pool(1), pool(2), limits={"chat": (LatencyLimit("ttft", 90.0, limit_s),)})

    assert len(ran) == times
    assert found.kept is (limit_s >= 0.01)


def test_requests_that_wait_for_a_late_replica_by_hand():
    # 4 requests/s wait for 60 s. The replica then serves 5/s, so that 240 requests are less by
    # one each second, and a wait of 1 s, 5 requests, is reached 5 s before it has caught up at
    # 300 s: of 6 minutes the last 65 s are within the limit.
    found = begun(None, pool(1), late=1)

    assert found.seconds == 360.0
    assert found.late == 1
    assert found.slo_attainment == pytest.approx(65 / 360, abs=0.01)
    # Of an hour 295 s are beyond it, less than a tenth; of a longer lateness more are.
    assert found.kept is True
    assert begun(None, pool(1), late=1, late_s=120.0).kept is None


def test_the_others_take_the_requests_of_replicas_that_are_late():
    found = begun(pool(1), pool(2), late=1)

    assert found.slo_attainment == 1.0
    assert found.kept is True


def test_a_pool_that_shrinks_serves_what_the_gone_replicas_held():
    # Two of three replicas go with the requests that they serve; the last has 4 of its 5 to do.
    found = begun(pool(3, rate=13.0), pool(1))

    assert found.slo_attainment > 0.95
    assert found.replicas == 1


def cases_of(world, plan):
    whole = world_of(plan, loaded(world.problem), world.catalog, ReplaySettings())
    return situations_of(whole).cases


def test_only_blocks_with_other_replicas_have_a_turn():
    world = solved_chat()
    cases = cases_of(world, world.plan)
    count = {p: c.stations[0].replicas for c in cases for p in c.places}

    turns = turns_of(cases, world.plan, world.problem)

    found = {p for mine in turns.values() for turn in mine for p in turn.after.places}
    assert found == {(0, b) for b in range(4) if count[0, b] != count[0, (b - 1) % 4]}
    assert found
    assert all(not any(t.late) for mine in turns.values() for t in mine)


@pytest.fixture(scope="module")
def swapping():
    """Return two models on four nodes: three and one, and six hours later one and three."""
    asked = problem(
        workload("chat", slo=SLO, arrival={"mean_rate_rps": 1.0}),
        workload("code", slo=SLO, arrival={"mean_rate_rps": 1.0}),
        time_blocks=4,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, "changeover_minutes": 20.0},
    )
    world = solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))
    count = {("chat", 0): 3, ("code", 0): 1, ("chat", 1): 1, ("code", 1): 3}
    rows = tuple(
        replace(r, replicas=n, accelerators=n, chunk_tokens=CHUNKS[r.workload])
        for r in world.plan.allocations
        for n in [count.get((r.workload, r.block), 2)]
    )
    fleet = tuple(replace(n, nodes=4, accelerators=4) for n in world.plan.fleet)
    return replace(world, plan=replace(world.plan, allocations=rows, fleet=fleet))


def late_at(world, plan, block, name):
    cases = cases_of(world, plan)
    for mine in turns_of(cases, plan, world.problem).values():
        for turn in mine:
            if turn.after.pool == name and (0, block) in turn.after.places:
                return sum(turn.late)
    return None


def nodes(plan, by_block):
    return replace(
        plan,
        fleet=tuple(
            replace(n, nodes=by_block.get(n.block, 4), accelerators=by_block.get(n.block, 4))
            for n in plan.fleet
        ),
    )


def test_accelerators_that_change_their_model_are_late(swapping):
    plan = swapping.plan

    assert late_at(swapping, plan, 1, "code") == 2
    assert late_at(swapping, plan, 1, "chat") == 0
    assert late_at(swapping, plan, 2, "chat") == 1
    # Nodes that start, or were idle, have the time to load a model.
    early = replace(plan.fleet[0], starting_nodes=2)
    assert late_at(swapping, replace(plan, fleet=(early, *plan.fleet[1:])), 1, "code") == 0
    assert late_at(swapping, nodes(plan, {1: 6}), 1, "code") == 0
    assert late_at(swapping, nodes(plan, {0: 5}), 1, "code") == 1


def test_pools_that_share_a_model_hand_replicas_over_at_once(swapping):
    same = tuple(replace(r, chunk_tokens=2048) for r in swapping.plan.allocations)

    assert late_at(swapping, replace(swapping.plan, allocations=same), 1, "code") == 0


def test_what_is_missed_while_replicas_are_late_is_left_open(swapping):
    busy = tuple(
        replace(r, planned_rate_rps=25.0 if r.workload == "code" and r.block == 1 else 1.0)
        for r in swapping.plan.allocations
    )
    plan = replace(swapping.plan, allocations=busy)

    found = replay_plan(plan, loaded(swapping.problem), swapping.catalog, QUICK)
    steady = replay_plan(
        plan, loaded(swapping.problem), swapping.catalog, replace(QUICK, turns=False)
    )

    assert steady.kept is True
    assert found.kept is None
    assert broken_promises(found, plan) == []
    said = list(open_promises(found, plan))
    assert said
    assert all(text.startswith("code in 6-12 h, its beginning included: ") for text in said)
    assert "if 2 replicas of it have to load another model first" in said[0]
