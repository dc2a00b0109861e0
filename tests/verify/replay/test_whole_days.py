"""Whole days: the queue that a block leaves is there when the next one begins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.demand.records import LengthDistribution
from planner.errors import InputError
from planner.perf.traffic import LatencyLimit
from planner.verify.replay.arrivals import Stated
from planner.verify.replay.blocks import How, parts_of
from planner.verify.replay.cases import Station
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.replay.sampling import Asked, sample
from planner.verify.replay.trace import Trace, Traced, TracedHours
from planner.verify.replay.whole_days import day_found, pool_days
from planner.verify.stress.records import StressSettings
from planner.verify.verification import PlanFile, verify_plan
from tests.options.world import loaded, problem, workload
from tests.verify.replay.test_run import solved_chat
from tests.verify.replay.test_sampling import case, stream
from tests.verify.replay.world import engine

QUARTERS = problem(workload(), time_blocks=4)
LONG = engine(seats=1, dense_token_s=0.0, request_s=0.0)
LIMITS = {"chat": (LatencyLimit("ttft", 90.0, 3_600.0),)}


def quarter(block, rate, replicas=1, **kept):
    """Return even arrivals at replicas that serve one after another, 20 s (2,000 steps) each."""
    even = LengthDistribution(np.array([10.0]), np.array([2_000.0]), np.array([1.0]))
    one = replace(stream(rate=rate, interarrival_cv=0.0), source=Stated(even, 0.0))
    made = case(one, stations=(Station("a", kept.get("engine", LONG), replicas),))
    return replace(made, places=((0, block),))


def day(*cases):
    (found,) = pool_days(cases, QUARTERS)
    return found


def test_a_day_of_more_requests_than_memory_holds_is_refused():
    """200/s for 6 h and as many again: 8.64 million, each block alone would fit."""
    with pytest.raises(InputError, match="8,640,000 requests of pool pool"):
        day_found(day(quarter(0, 200.0), quarter(1, 200.0)), 0, 1)


def test_an_overloaded_block_leaves_its_queue_to_the_next_by_hand():
    """0.06/s come and 0.05/s end for 6 h: 216 wait. At 0.03/s they are gone after 3 h."""
    (first, found_first), (second, found) = day_found(
        day(quarter(0, 0.06), quarter(1, 0.03)), 0, 1
    )
    before, after = found_first.by_stream[0][0], found.by_stream[0][0]

    assert (first.places, second.places) == (((0, 0),), ((0, 1),))
    assert before.requests == pytest.approx(0.06 * 21_600, abs=2)
    assert before.completed == pytest.approx(0.05 * 21_600, abs=2)
    assert after.requests == pytest.approx(0.03 * 21_600, abs=2)
    # All of its own and those that waited.
    assert after.completed == pytest.approx(0.03 * 21_600 + 216, abs=2)
    # The first of the second block waits for 216 others, 20 s each; the queue falls by 0.02/s.
    assert after.ttft_s[0] == pytest.approx(4_320.0, rel=0.01)
    assert float((after.ttft_s > 1.0).mean()) == pytest.approx(0.5, abs=0.01)
    # An hour is 180 requests, reached after 1,800 s: a twelfth of the block waits longer.
    assert float((after.ttft_s > 3_600.0).mean()) == pytest.approx(1 / 12, abs=0.01)


def test_the_same_block_by_itself_sees_nothing_of_it():
    alone = sample(quarter(1, 0.03), LIMITS, Asked(seeds=1))

    ((seen,),) = alone.by_stream
    assert seen.ttft_s.max() < 1.0


def test_a_day_wraps_at_midnight():
    """The last block is overloaded: what waits at its end is there in the first."""
    (_, found), _ = day_found(day(quarter(0, 0.03), quarter(3, 0.06)), 0, 1)

    ((seen,),) = found.by_stream
    assert seen.ttft_s[0] == pytest.approx(216 * 20.0, rel=0.02)
    assert seen.completed == pytest.approx(0.03 * 21_600 + 216, abs=2)


def test_without_a_queue_a_day_is_its_blocks_one_by_one():
    cases = quarter(0, 0.04), quarter(1, 0.02)

    for (_, carried), one in zip(day_found(day(*cases), 0, 1), cases, strict=True):
        seen = carried.by_stream[0][0]
        plain = sample(one, LIMITS, Asked(seeds=1)).by_stream[0][0]
        assert seen.ttft_s.mean() == pytest.approx(plain.ttft_s.mean())
        assert seen.e2e_s.mean() == pytest.approx(plain.e2e_s.mean())
        share = seen.busy_s / seen.span_s / seen.replicas
        assert share == pytest.approx(plain.busy_s / plain.span_s / plain.replicas, rel=0.02)


def test_replicas_that_come_for_the_next_block_share_what_comes_from_then_on():
    one, two = (
        day_found(day(quarter(0, 0.06), quarter(1, 0.03, replicas)), 0, 1)[1][1]
        for replicas in (1, 2)
    )

    assert two.by_stream[0][0].ttft_s.mean() < 0.5 * one.by_stream[0][0].ttft_s.mean()


def test_a_queue_follows_its_pool_to_another_option():
    """The next block has replicas of another kind only, which serve twice as fast."""
    fast = engine(seats=1, fixed_s=0.005, dense_token_s=0.0, request_s=0.0)
    other = quarter(1, 0.03, engine=fast)
    other = replace(other, stations=(replace(other.stations[0], option_id="b"),))

    _, (_, found) = day_found(day(quarter(0, 0.06), other), 0, 1)

    ((seen,),) = found.by_stream
    assert seen.ttft_s[0] == pytest.approx(216 * 10.0 - 1 / 0.03, rel=0.01)
    assert seen.completed == pytest.approx(0.03 * 21_600 + 216, abs=2)


def test_days_that_are_alike_are_simulated_once():
    cases = replace(quarter(0, 0.04), places=((0, 0), (1, 0))), quarter(1, 0.02)

    found = pool_days([cases[0], replace(cases[1], places=((0, 1), (1, 1)))], QUARTERS)

    assert [one.days for one in found] == [((0, 0), (1, 0))]
    assert found[0].places == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert len(pool_days(cases, QUARTERS)) == 2  # period 1 has no second block


def test_a_trace_of_whole_days_is_one_day_through():
    """Nine of ten requests come in the first half; all blocks get their own."""
    times = [*np.linspace(0.0, 12.0, 900, False), *np.linspace(12.0, 24.0, 100, False)]
    lengths = np.full(1_000, 10.0), np.full(1_000, 2_000.0)
    whole = Traced(Trace("x", np.array(times) * 3_600, *lengths))
    cases = [quarter(block, 0.02) for block in range(4)]
    cases = [
        replace(
            one,
            streams=(replace(one.streams[0], source=TracedHours(whole, 6.0 * block, 6.0)),),
        )
        for block, one in enumerate(cases)
    ]

    counts = [s.by_stream[0][0].requests for _, s in day_found(day(*cases), 0, 1)]

    assert sum(counts) == pytest.approx(0.02 * 86_400, rel=0.03)
    assert counts[0] == pytest.approx(9 * counts[2], rel=0.2)
    assert counts[1] == pytest.approx(counts[0], rel=0.1)


def how(**changes):
    return How(**{"seed": 0, "seeds": 2, "full": False, "carry": True, "alone": False} | changes)


def parts(cases, asked):
    return parts_of(cases, QUARTERS, LIMITS, asked, lambda _done, _all: None)


def test_only_a_day_with_a_growing_queue_is_simulated_whole():
    steady = quarter(0, 0.04), quarter(1, 0.03)
    grows = quarter(0, 0.06), quarter(1, 0.03)

    assert [p.is_carried for p in parts(steady, how())] == [False, False]
    assert [p.is_carried for p in parts(grows, how())] == [True, True]
    assert [p.is_carried for p in parts(grows, how(carry=False))] == [False, False]
    assert [p.is_carried for p in parts(steady, how(full=True))] == [True, True]
    assert [p.is_carried for p in parts(grows, how(full=True, alone=True))] == [False, False]


def test_days_without_a_growing_queue_stay_samples():
    cases = [
        quarter(0, 0.06),
        replace(quarter(0, 0.04), places=((1, 0),)),
        replace(quarter(1, 0.03), places=((0, 1), (1, 1))),
    ]

    found = {p.case.places: p.is_carried for p in parts(cases, how())}

    assert found == {((0, 0),): True, ((0, 1),): True, ((1, 0),): False, ((1, 1),): False}


@pytest.fixture(scope="module")
def short():
    """Return a plan without most of its replicas in the block of its peak."""
    # Few requests of many tokens: a day of them is long to simulate otherwise.
    long = {"isl_tokens": {"mean": 8000.0}, "osl_tokens": {"mean": 20.0}}
    slo = [{"metric": "ttft_ms", "percentile": 99, "limit": 3200}]
    world = solved_chat(rate=1.7, lengths=long, slo=slo)
    peak = max(world.plan.allocations, key=lambda r: r.replicas)
    rows = tuple(
        replace(r, replicas=max(r.replicas // 3, 1)) if r.block == peak.block else r
        for r in world.plan.allocations
    )
    return world, replace(world.plan, allocations=rows), peak.block


def test_the_harm_of_an_overloaded_block_is_seen_in_the_next(short):
    world, plan, peak = short
    asked = ReplaySettings(seeds=1)

    by_carry = {
        carry: {
            place: block
            for block in replay_plan(
                plan, loaded(world.problem), world.catalog, replace(asked, carry=carry)
            )
            .workloads[0]
            .blocks
            for place in block.places
        }
        for carry in (False, True)
    }

    after = (0, (peak + 1) % 4)
    assert by_carry[False][0, peak].kept is by_carry[True][0, peak].kept is False
    assert by_carry[True][after].is_carried
    assert not by_carry[True][after].kept
    assert by_carry[True][after].ttft.p99_ms > 10 * by_carry[False][after].ttft.p99_ms
    # Nobody is lost: what did not end in the one ends in the others.
    share = sum(b.completed_share * b.requests for b in by_carry[True].values())
    every = sum(b.requests for b in by_carry[True].values())
    assert share == pytest.approx(every, rel=0.02)


def test_beside_whole_days_stress_compares_blocks_by_themselves():
    """Factors of one change nothing, though the verdict rests on days and the stress does not."""
    world = solved_chat(rate=0.2)
    opened = PlanFile(world.plan, loaded(world.problem), world.catalog)
    asked = ReplaySettings(seeds=1, full=True)

    found = verify_plan(opened, asked, stress=StressSettings(demand=1.0, outputs=1.0))

    assert found.audit == ()
    assert all(block.is_carried for block in found.replay.workloads[0].blocks)
    rows = {row.stress: row for row in found.stress.rows}
    assert rows["demand"].before == rows["demand"].after
