"""What a pool loses at once, and what is left of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.perf.traffic import LatencyLimit
from planner.verify.places import missed_places
from planner.verify.replay.cases import Station, situations_of
from planner.verify.replay.failures import (
    Failure,
    Gone,
    gone_at,
    lost_names,
    promised_failures,
)
from planner.verify.replay.losses import after, by_loss, rest_of
from planner.verify.replay.run import ReplaySettings, replay_plan, world_of
from planner.verify.replay.sampling import Asked
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import solved
from tests.verify.replay.test_sampling import FAST, QUICK, case, stream

SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 400},
    {"metric": "tpot_ms", "percentile": "mean", "limit": 30},
]
NO_LIMITS: dict[str, tuple[LatencyLimit, ...]] = {}


def gone(*replicas, factors=(1.0,)):
    return Gone(replicas, factors)


def largest(pool, count):
    return gone_at(Failure("replicas", count), pool, (0, 0), None, None).replicas


def completed(pool, lost, span_s=200.0):
    found = after(Failure("replicas"), pool, lost, NO_LIMITS, Asked(0, span_s=span_s))
    return [loss.completed_share for loss in found]


def test_largest_replicas_are_lost_first():
    one = stream(shares=(0.5, 0.5), capacity=(10.0, 40.0))
    pool = case(one, stations=(Station("a", QUICK, 3), Station("b", FAST, 1)))

    assert largest(pool, 1) == (0, 1)
    assert largest(pool, 2) == (1, 1)
    assert largest(pool, 9) == (3, 1)


def test_the_rest_takes_over_by_what_each_option_carries():
    one = stream(shares=(0.2, 0.8), capacity=(10.0, 40.0))
    pool = case(one, stations=(Station("a", QUICK, 2), Station("b", FAST, 2)))

    left = rest_of(pool, gone(0, 1)).case
    alone = rest_of(pool, gone(0, 2)).case

    assert [(s.option_id, s.replicas) for s in left.stations] == [("a", 2), ("b", 1)]
    assert left.streams[0].shares == pytest.approx((20 / 60, 40 / 60))
    assert [s.option_id for s in alone.stations] == ["a"]
    assert alone.streams[0].shares == (1.0,)


def test_one_stream_may_lose_everything_while_another_goes_on():
    chat = stream("chat", shares=(1.0, 0.0), capacity=(10.0, 0.0))
    code = stream("code", shares=(0.0, 1.0), capacity=(0.0, 10.0))
    pool = case(chat, code, stations=(Station("a", QUICK, 1), Station("b", FAST, 1)))

    rest = rest_of(pool, gone(1, 0, factors=(1.0, 1.0)))

    assert rest.position == (None, 0)
    assert [s.workload for s in rest.case.streams] == ["code"]
    assert completed(pool, gone(1, 0, factors=(1.0, 1.0))) == [0.0, pytest.approx(1.0, abs=0.1)]


def test_nothing_is_left_of_a_pool_that_loses_all():
    pool = case(stream(), replicas=2)

    assert rest_of(pool, gone(2)).case is None
    assert completed(pool, gone(2)) == [0.0]


def test_what_is_not_promised_to_be_served_is_not_missed():
    assert completed(case(stream()), gone(1, factors=(0.0,))) == [1.0]


def test_spares_decide_whether_a_pool_survives():
    roomy, tight = (case(stream(rate=rate), replicas=2) for rate in (20.0, 60.0))

    assert completed(roomy, gone(1))[0] == pytest.approx(1.0, abs=0.04)
    assert completed(tight, gone(1))[0] < 0.9


def test_requests_of_lost_tokens_come_to_the_replicas():
    pool = case(stream(rate=20.0))

    assert rest_of(pool, gone(0, factors=(4.0,))).case.streams[0].rate_rps == 80.0
    assert completed(pool, gone(0, factors=(1.0,)))[0] == pytest.approx(1.0, abs=0.04)
    assert completed(pool, gone(0, factors=(4.0,)))[0] < 0.9
    assert gone(0, factors=(1.0,)).is_nothing
    assert gone(0, factors=(0.0,)).is_nothing
    assert not gone(0, factors=(4.0,)).is_nothing


OFFERS = (
    row("offers", elastic_max_nodes=50, startup_minutes=5.0),
    row(
        "offers", provider="other", instance="four", region="south", accelerators=4,
        price_usd_per_hour=8.4, elastic_max_nodes=50,
    ),
)  # fmt: skip


def solved_chat(offers=OFFERS, rate=9.0, **policy):
    asked = problem(
        workload(
            slo=SLO, arrival={"mean_rate_rps": rate, "profile": [0.5] * 12 + [1.5] * 6 + [0.5] * 6}
        ),
        time_blocks=4,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, "confidence": 0.8} | policy,
    )
    return solved(asked, catalog(offers=list(offers)))


def cases_of(world):
    settings = ReplaySettings()
    whole = world_of(world.plan, loaded(world.problem), world.catalog, settings)
    return situations_of(whole).cases


def replayed(world, plan=None):
    return replay_plan(
        plan or world.plan, loaded(world.problem), world.catalog, ReplaySettings(seeds=2)
    )


@pytest.fixture(scope="module")
def survivor():
    return solved_chat(survive_loss_of="provider")


@pytest.fixture(scope="module")
def noded():
    return solved_chat(spare_nodes=1)


def test_promises_are_those_of_the_policy(survivor, noded):
    plain = solved_chat()

    assert promised_failures(plain.plan, plain.problem) == []
    assert promised_failures(noded.plan, noded.problem) == [Failure("nodes", 1)]
    assert [f.text for f in promised_failures(survivor.plan, survivor.problem)] == [
        "provider cloud", "provider other",
    ]  # fmt: skip
    assert lost_names(survivor.plan, "region") == ["north", "south"]


def test_a_node_takes_what_it_can_hold_of_the_pool():
    world = solved_chat()
    one = max(cases_of(world), key=lambda c: c.stations[0].replicas)
    nodes = [n for n in world.plan.fleet if (n.period, n.block) == one.places[0]]
    there = one.stations[0].replicas

    lost = gone_at(Failure("nodes", 1), one, one.places[0], world.plan, world.problem)
    every = gone_at(Failure("nodes", 99), one, one.places[0], world.plan, world.problem)
    larger = replace(
        world.plan,
        fleet=tuple(replace(n, accelerators_per_node=3) for n in nodes),
    )

    assert lost.replicas == (min(there, max(n.accelerators_per_node for n in nodes)),)
    assert every.replicas == (there,)
    taken = gone_at(Failure("nodes", 1), one, one.places[0], larger, world.problem)
    assert taken.replicas == (min(there, 3),)


def test_a_provider_takes_the_replicas_that_stand_there(survivor):
    (part, lost), *others = [
        found
        for one in cases_of(survivor)
        for found in by_loss(
            Failure("provider", name="cloud"), one, survivor.plan, survivor.problem
        )
    ]
    stand = {
        (p.period, p.block): p.replicas for p in survivor.plan.placements if p.provider == "cloud"
    }

    assert others
    assert all(lost.replicas == (stand[place],) for place in part.places)


def test_without_placements_a_provider_takes_as_many_as_fit_its_nodes():
    world = solved_chat(max_share_per_provider=0.6)
    for one in cases_of(world):
        for place in one.places:
            rented = {
                n.provider: n.accelerators
                for n in world.plan.fleet
                if (n.period, n.block) == place
            }
            for name in ("cloud", "other"):
                failure = Failure("provider", name=name)
                lost = gone_at(failure, one, place, world.plan, world.problem)
                there = one.stations[0].replicas
                assert lost.replicas == (min(there, rented.get(name, 0)),)


def test_spare_nodes_are_proven(noded):
    found = replayed(noded)
    fewer = tuple(replace(r, replicas=max(r.replicas - 1, 1)) for r in noded.plan.allocations)
    broken = replayed(noded, replace(noded.plan, allocations=fewer))

    assert found.kept is True
    losses = [x for b in found.workloads[0].blocks for x in b.losses]
    assert {x.loss for x in losses} == {"1 node"}
    assert all(x.survives for x in losses)
    assert all(0 <= x.slo_attainment <= 1 for x in losses)
    assert broken.kept is False


def test_a_loss_says_nothing_more_where_limits_are_missed_already(noded):
    peak = max(noded.plan.allocations, key=lambda r: r.replicas).block
    few = tuple(
        replace(r, replicas=max(r.replicas - 2, 1)) if r.block == peak else r
        for r in noded.plan.allocations
    )
    plan, whole = replace(noded.plan, allocations=few), loaded(noded.problem)
    every, verdict = (
        replay_plan(plan, whole, noded.catalog, ReplaySettings(seeds=2, verdict=only))
        for only in (False, True)
    )

    assert missed_places(verdict, noded.problem) == missed_places(every, noded.problem)
    pairs = list(zip(verdict.workloads[0].blocks, every.workloads[0].blocks, strict=True))
    within = [all(limit.kept for limit in block.limits) for block, _ in pairs]
    assert set(within) == {False, True}
    for (found, other), is_within in zip(pairs, within, strict=True):
        assert found.losses == (other.losses if is_within else ())
        assert other.losses


def test_loss_of_any_provider_is_proven(survivor):
    found = replayed(survivor)
    losses = [x for b in found.workloads[0].blocks for x in b.losses]

    assert found.kept is True
    assert {x.loss for x in losses} == {"provider cloud", "provider other"}
    # With everything at one provider, its loss leaves nothing.
    alone = tuple(replace(p, provider="cloud") for p in survivor.plan.placements)
    broken = replayed(survivor, replace(survivor.plan, placements=alone))
    assert broken.kept is False
    assert min(b.after_loss for b in broken.workloads[0].blocks) == 0.0


def test_only_the_promised_share_has_to_survive():
    half = solved_chat(survive_loss_of="provider", survive_share=0.5)
    whole = half.problem.model_copy(
        update={"policy": half.problem.policy.model_copy(update={"survive_share": 1.0})}
    )

    assert replayed(half).kept is True
    assert replayed(replace(half, problem=whole)).kept is False


def test_options_without_traffic_are_spares_that_take_over():
    world = solved_chat()
    (row_,) = [r for r in world.plan.allocations if r.block == 2]
    idle = replace(
        row_, option_id=f"{row_.option_id}/idle", rate_rps=0.0, planned_rate_rps=0.0, replicas=4
    )
    plan = replace(world.plan, allocations=(row_, idle))
    whole = world_of(plan, loaded(world.problem), world.catalog, ReplaySettings())

    (one,) = situations_of(whole).cases

    assert [s.replicas for s in one.stations] == [row_.replicas, 4]
    assert one.streams[0].shares == (1.0, 0.0)
    rest = rest_of(one, gone(row_.replicas, 0)).case
    assert rest.streams[0].shares == (1.0,)
    assert rest.stations[0].option_id == idle.option_id
