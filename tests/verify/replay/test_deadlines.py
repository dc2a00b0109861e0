"""Work that waits: when each request ends, and what interruptions of spot nodes do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.report.promise_text import broken_promises
from planner.verify.replay.deadlines import followed, left_to_chance, taken_in_time
from planner.verify.replay.records import DeadlineFound
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.replay.spot import DAY_MIN, Spot, interrupted
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import solved

QUICK = ReplaySettings(seeds=2)


def constant(value, length=DAY_MIN):
    return np.full(length, float(value))


def at_once(count, length=DAY_MIN):
    return np.concatenate([[float(count)], np.zeros(length - 1)])


def test_requests_that_come_at_once_end_one_after_another_by_hand():
    day = at_once(60, 60)

    left, waits_min, weights = followed(day, constant(2.0, 60), 0.0, day)

    assert left == 0.0
    assert weights.sum() == pytest.approx(60.0)
    assert waits_min.max() == pytest.approx(30.0)  # 60 requests at 2 a minute
    assert np.average(waits_min, weights=weights) == pytest.approx(15.0, abs=0.1)


def test_what_waits_already_is_served_first():
    day = at_once(60, 60)

    _, waits_min, _ = followed(day, constant(2.0, 60), 20.0, day)

    assert waits_min.max() == pytest.approx(40.0)
    assert waits_min.min() == pytest.approx(10.0, abs=0.1)


def test_a_server_that_keeps_up_lets_nobody_wait():
    day = constant(1.0, 60)

    left, waits_min, _ = followed(day, constant(1.0, 60), 0.0, day)

    assert left == 0.0
    assert waits_min.max() <= 1.0


def test_requests_that_are_never_done_end_late():
    day = at_once(60, 60)

    left, waits_min, weights = followed(day, constant(0.5, 60), 0.0, day)

    assert left == pytest.approx(30.0)
    assert weights[np.isinf(waits_min)].sum() == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize(("most_min", "late", "longest_min"), [(40.0, 0, 42.0), (20.0, 34, 56.0)])
def test_slow_replicas_take_what_they_can_still_finish_by_hand(most_min, late, longest_min):
    # 60 requests come at once, and two replicas take one a minute each. With 40 minutes (and 2 of
    # rounding) the slow one begins up to minute 22, 23 requests, and the quick one does the other
    # 37. With 20 it takes 3, the quick one 23 in time, and the others late.
    day = at_once(60, 60)
    kinds = [(0.0, constant(1.0, 60)), (20.0, constant(1.0, 60))]

    share, longest = taken_in_time(day, kinds, 0.0, day, most_min)

    assert share == pytest.approx(late / 60)
    assert longest == longest_min


def test_what_one_kind_takes_is_served_in_order_of_arrival():
    day = constant(1.0, 60)
    served = np.concatenate([np.zeros(30), constant(2.0, 30), constant(1.0, 60)])
    arrive = np.concatenate([day, np.zeros(60)])

    _, takes_min, weights = followed(arrive, served, 10.0, day, constant(5.0, 120))
    share, longest = taken_in_time(arrive, [(5.0, served)], 10.0, day, 30.0)

    late = weights[takes_min > 32.0].sum() / weights.sum()
    assert share == pytest.approx(late, abs=0.05)
    assert longest == pytest.approx(takes_min.max(), abs=1.0)


def spot(rate=1.0, down=30.0, lost=0.0, nodes=4):
    return Spot(constant(8.0), constant(nodes), lost, rate, down)


def test_nodes_that_are_never_taken_serve_everything():
    served = interrupted(spot(rate=0.0), 2, np.random.default_rng(1))

    assert served == pytest.approx(np.full(2 * DAY_MIN, 8.0))


def test_interruptions_cost_their_mean_by_hand():
    # A node is up for 60 minutes on average and gone for 30: it serves two thirds of its time,
    # less 20 requests of 120 each time.
    rng = np.random.default_rng(2)

    gone = interrupted(spot(), 100, rng).mean()
    with_loss = interrupted(spot(lost=20.0), 100, np.random.default_rng(2)).mean()

    assert gone == pytest.approx(8.0 * 60 / 90, rel=0.03)
    assert gone - with_loss == pytest.approx(4 * 20.0 / 90, rel=0.05)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), rate=st.floats(0.01, 5), down=st.floats(1, 200),
    lost=st.floats(0, 100),
)  # fmt: skip
def test_interruptions_never_serve_more_and_never_sooner(seed, rate, down, lost):
    nodes = spot(rate, down, lost)
    day = at_once(6_000)
    served = interrupted(nodes, 2, np.random.default_rng(seed))
    calm = np.tile(nodes.served, 2)
    arrive = np.concatenate([day, np.zeros(DAY_MIN)])

    assert (np.cumsum(served) <= np.cumsum(calm) + 1e-6).all()
    assert (served >= 0).all()
    first, second = (followed(arrive, s, 0.0, day)[1] for s in (calm, served))
    assert (second >= first - 1e-6).all()


def docs(tenures, **deferrable):
    asked = problem(
        workload(
            slo=[], arrival={"mean_rate_rps": 20.0},
            deferrable={"window_h": 8.0, "release_hour": 18.0} | deferrable,
        ),
        time_blocks=4,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": tenures, "spot": {"interruptions_per_h": 0.5}},
    )  # fmt: skip
    offers = [row("offers", elastic_max_nodes=50)]
    offers.append(row("offers", tenure="spot", price_usd_per_hour=0.5, elastic_max_nodes=50))
    return solved(asked, catalog(offers=offers))


def replayed(world, plan=None, asked=QUICK):
    return replay_plan(plan or world.plan, loaded(world.problem), world.catalog, asked)


def test_every_request_of_a_sound_plan_ends_within_its_window():
    world = docs(["on_demand"])

    found = replayed(world)

    (one,) = found.deadlines
    assert found.kept is True
    assert (one.window_h, one.late_share) == (8.0, 0.0)
    # All of it is served from 18 h to midnight, sooner where replicas are not fully loaded.
    assert world.plan.deferred[0].longest_wait_h == pytest.approx(6.0)
    assert one.longest_h == pytest.approx(6.0 * found.batches[0].load, rel=0.02)
    assert one.interrupted_late_share is None
    assert left_to_chance(found.deadlines) == []


def test_too_few_replicas_miss_the_window():
    world = docs(["on_demand"])
    fewer = tuple(
        replace(r, replicas=r.replicas // 2, accelerators=r.replicas // 2)
        for r in world.plan.allocations
    )
    plan = replace(world.plan, allocations=fewer)

    found = replayed(world, plan)

    assert found.kept is False
    assert found.deadlines[0].late_share > 0.3
    assert any("end after their window of 8 h" in text for text in broken_promises(found, plan))


def test_without_any_replica_everything_ends_too_late():
    world = docs(["on_demand"])

    found = replayed(world, replace(world.plan, allocations=()))

    (one,) = found.deadlines
    assert found.kept is False
    assert (one.late_share, one.longest_h) == (1.0, float("inf"))


def test_windows_on_spot_nodes_are_left_to_chance():
    world = docs(["spot"])
    assert all(r.is_interruptible for r in world.plan.allocations)
    # One replica less than planned still carries the work, with little to spare.
    fewer = tuple(
        replace(r, replicas=r.replicas - 1, accelerators=r.replicas - 1)
        for r in world.plan.allocations
    )
    plan = replace(world.plan, allocations=fewer)

    found = replayed(world, plan)
    again = replayed(world, plan)
    other = replayed(world, plan, asked=replace(QUICK, seed=5))

    (one,) = found.deadlines
    assert one.late_share == 0.0
    assert one.interruptions_per_h == 0.5
    assert 0 < one.interrupted_late_share < 0.5
    assert 0 <= one.interrupted_whole_days < 1
    assert found.deadlines == again.deadlines != other.deadlines
    # What every plan leaves to chance is no promise that is broken, and none that is kept.
    assert found.kept is None
    (item,) = found.not_replayed
    assert item.what == "windows on spot nodes, day of period 0"
    assert "end too late when nodes are interrupted 0.5 times an hour each" in item.reason


def test_something_is_said_of_a_share_that_rounds_to_nothing():
    rare = DeadlineFound("docs", 0, "day", 24.0, 20.0, 0.0, 3e-6, 0.995, 0.2)

    (item,) = left_to_chance([rare])

    assert item.reason.startswith("less than 0.01% of the requests end too late")
    assert "on 99.5% of days none" in item.reason
