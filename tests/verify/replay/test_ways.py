"""Requests on the way, and answers of a chain: what a replay holds against which limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.report.promise_text import broken_promises
from planner.verify.replay.as_data import workloads_data
from planner.verify.replay.outcome import outcome_of
from planner.verify.replay.requests import Log, Window
from planner.verify.replay.router import simulate
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.replay.tokens import token_promises
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import solved
from tests.verify.replay.world import engine, requests

SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 6000},
    {"metric": "tpot_ms", "percentile": "mean", "limit": 40},
]
CHAIN = {"first": ["model-b"], "then": ["model-a"], "share": 0.2, "first_answer_ms": 5000}
QUICK = ReplaySettings(seeds=2)


def one_gpu(*workloads, round_trips=None, **sections):
    return problem(
        *workloads,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"], "round_trip_ms": round_trips or {}},
        **sections,
    )


def replayed(world, plan=None, settings=QUICK):
    return replay_plan(plan or world.plan, loaded(world.problem), world.catalog, settings)


def test_the_way_is_part_of_what_a_request_waits_for_and_not_of_its_tokens():
    near, far = engine(), replace(engine(), round_trip_s=0.15)
    some = requests([0.0, 0.01, 5.0], isl=40, osl=[1, 5, 9])

    here, there = (simulate(e, 1, some) for e in (near, far))

    assert there.ttft_s == pytest.approx(here.ttft_s + 0.15)
    assert there.e2e_s == pytest.approx(here.e2e_s + 0.15)
    assert there.tpot_s[1:] == pytest.approx(here.tpot_s[1:])


def test_the_way_is_added_once_by_hand():
    # A prompt of 40 tokens alone: one step of 10 ms, and 1 ms for each of its tokens but one.
    far = replace(engine(), round_trip_s=0.1)
    one = requests([0.0], isl=40, osl=1)
    log = Log(one, Window())
    log.first_s[0] = log.done_s[0] = 0.05

    outcome = outcome_of(one, log, far, 1)

    assert outcome.ttft_s[0] == pytest.approx(0.05 + far.request_s + 0.1)


@pytest.fixture(scope="module")
def distant():
    """Return a chatbot on nodes that are 150 ms away."""
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 500}, SLO[1]]
    asked = one_gpu(
        workload(slo=slo, arrival={"mean_rate_rps": 30.0}),
        round_trips={"default": 150.0},
        time_blocks=1,
        policy={"spare_replicas": 0},
    )
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))


def test_a_plan_far_away_keeps_its_limits_with_the_way(distant):
    found = replayed(distant)

    (one,) = found.workloads
    assert found.kept is True
    assert 150.0 < one.worst.ttft.p50_ms < one.worst.ttft.p99_ms <= 500.0


def test_the_way_is_what_breaks_a_limit_that_replicas_alone_keep(distant):
    (row_,) = distant.plan.allocations
    farther = replace(row_, round_trip_ms=490.0)

    near = replayed(distant, replace(distant.plan, allocations=(replace(row_, round_trip_ms=0),)))
    far = replayed(distant, replace(distant.plan, allocations=(farther,)))

    assert near.kept is True
    assert far.kept is False
    # A replay close to its limit takes more requests, so that the two differ by more than the way.
    ways = [found.workloads[0].worst.ttft.p99_ms for found in (near, far)]
    assert ways[1] - 490.0 == pytest.approx(ways[0], rel=0.1)


def test_stated_latencies_of_tokens_need_the_way_too():
    slo = [{"metric": "ttft_ms", "percentile": 95, "limit": 800}]
    asked = problem(workload(slo=slo), time_blocks=1, supply={"tenures": ["api"]})
    world = solved(asked, catalog(api_offers=[row("api_offers", ttft_p99_ms=700.0)]))
    provider = world.plan.api[0].provider
    supply = asked.supply.model_copy(update={"round_trip_ms": {provider: 120.0}})
    away = asked.model_copy(update={"supply": supply})

    assert token_promises(world.plan, asked, world.catalog) == ([], {})
    _, broken = token_promises(world.plan, away, world.catalog)

    (text,) = broken["chat"]
    assert text.endswith("states 700 ms for ttft_ms and 120 ms are on the way, promised 800 ms")


@pytest.fixture(scope="module")
def chained():
    """Return a plan in which part of the requests go through a chain, and the rest directly."""
    floors = [
        {"benchmark": "mmlu", "min_score": 0.68, "over": "average"},
        {"benchmark": "mmlu", "min_score": 0.62},  # the first model alone has less
    ]
    chat = workload(
        "chat", slo=SLO, quality=floors, escalation=CHAIN, arrival={"mean_rate_rps": 300.0}
    )
    facts = catalog(
        models=[row("models"), row("models", id="model-b", family="b", layers=4)],
        offers=[row("offers", elastic_max_nodes=500)],
        quality=[row("quality"), row("quality", model="model-b", score=0.6)],
    )
    return solved(one_gpu(chat, time_blocks=1), facts)


def answers(found):
    return {block.answer: block for block in found.workloads[0].blocks}


def test_answers_of_a_chain_are_replayed_in_their_own_pools_under_their_own_limits(chained):
    found = replayed(chained)

    rows = {r.answer: r for r in chained.plan.allocations}
    blocks = answers(found)
    assert blocks.keys() == rows.keys() == {"", "first", "then"}
    for answer, block in blocks.items():
        assert block.replicas == rows[answer].replicas
        assert block.rate_rps == pytest.approx(rows[answer].planned_rate_rps)
    limits = {
        answer: [(x.metric, x.percentile, x.limit_ms) for x in block.limits]
        for answer, block in blocks.items()
    }
    own = [("ttft_ms", 99.0, 6000.0), ("tpot_ms", None, 40.0)]
    assert limits[""] == own
    # Of those that may be late, half may be for either answer; 5 s are set aside for the first.
    assert limits["first"] == [("ttft_ms", 99.5, 6000.0), own[1], ("e2e_ms", 99.5, 5000.0)]
    assert limits["then"] == [("ttft_ms", 99.5, 1000.0), own[1]]
    assert found.kept is True
    assert found.not_replayed == ()


@pytest.mark.parametrize("answer", ["first", "then"])
def test_too_few_replicas_for_an_answer_break_the_chain(chained, answer):
    rows = tuple(
        replace(r, replicas=max(r.replicas // 2, 1)) if r.answer == answer else r
        for r in chained.plan.allocations
    )

    found = replayed(chained, replace(chained.plan, allocations=rows))

    assert found.kept is found.workloads[0].kept is False
    said = broken_promises(found, chained.plan)
    assert said
    assert all(text.startswith(f"chat/{answer} in ") for text in said)
    (data,) = workloads_data(found)
    assert {block["answer"] for block in data["blocks"]} == {"", "first", "then"}
    assert data["answer"] == answer  # the worst block


def test_answers_that_cannot_be_simulated_leave_the_chain_open(chained):
    rows = tuple(
        replace(r, coefficient_origin="measured") if r.answer == "then" else r
        for r in chained.plan.allocations
    )

    found = replayed(chained, replace(chained.plan, allocations=rows))

    assert found.kept is found.workloads[0].kept is None
    assert answers(found).keys() == {"", "first"}
    assert [n.workload for n in found.not_replayed] == ["chat"]
