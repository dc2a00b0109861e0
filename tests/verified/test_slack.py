"""Replicas that the replay can do without, and what bounds them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.pipeline import solve_prepared
from planner.verified import solve_verified
from planner.verify.lack import MOST_TIMES, lack_of, unfit_options
from planner.verify.replay.batch import served_by
from planner.verify.replay.cases import Batch, situations_of
from planner.verify.replay.run import ReplaySettings, replay_plan, world_of
from planner.verify.slack import Bounds, slack_of
from tests.options.world import workload
from tests.verified.world import QUICK, SLO, loop, prepared, replicas


def test_slack_is_what_the_replay_can_do_without(tmp_path):
    asked = prepared(tmp_path, policy={"spare_replicas": 1, "max_utilization": 0.5})

    found = solve_verified(asked, QUICK, loop(slack=True))

    slack, plan = found.slack, found.plan
    ((place, count),) = slack.replicas.items()
    assert place[:3] == ("chat", 0, 0)
    assert 0 < count < replicas(plan)[0, 0]
    # By hand: one accelerator each, at what the fleet of the block costs.
    fleet = plan.fleet[0]
    assert slack.usd == pytest.approx(count * fleet.usd / fleet.accelerators)
    assert slack.share == pytest.approx(slack.usd / plan.tco_usd)
    assert "nothing was taken out" in plan.warnings[-1]
    for taken, kept in ((count, True), (count + 1, False)):
        rows = tuple(replace(r, replicas=r.replicas - taken) for r in plan.allocations)
        smaller = replace(plan, allocations=rows)
        again = replay_plan(smaller, asked.loaded, asked.catalog, ReplaySettings(seeds=2))
        assert again.kept is kept


def test_a_fleet_within_its_cap_on_utilization_has_less_slack(tmp_path):
    asked = prepared(tmp_path, policy={"spare_replicas": 1, "max_utilization": 0.5})
    plan = solve_prepared(asked, QUICK)
    quick = ReplaySettings(seeds=2)

    def taken(bounds):
        found = slack_of(plan, asked.loaded, asked.catalog, quick, bounds)
        return sum(found.replicas.values())

    within = taken(Bounds(is_capped=True))
    assert within < taken(Bounds())
    # The cap binds this plan, and formulas know the stable rate to a few percent.
    assert within <= 1
    (count,) = replicas(plan).values()
    load = plan.allocations[0].planned_rate_rps
    row = replace(plan.allocations[0], replicas=count - within)
    world = world_of(replace(plan, allocations=(row,)), asked.loaded, asked.catalog, quick)
    (case,) = situations_of(world).cases
    (stream,), (station,) = case.streams, case.stations
    stable_rps = served_by(Batch(station, stream), 0, 2).rate_rps
    assert load <= 0.5 * stable_rps * (count - within - 1)
    assert load > 0.5 * stable_rps * (count - within - 2)


def test_idle_spares_are_beside_the_replicas_that_keep_the_limits(tmp_path):
    asked = prepared(tmp_path, workload(slo=SLO[:1], arrival={"mean_rate_rps": 60.0}))
    plan = solve_prepared(asked, QUICK)
    many = replace(
        plan, allocations=tuple(replace(r, replicas=r.replicas + 3) for r in plan.allocations)
    )
    quick = ReplaySettings(seeds=2)

    found = slack_of(many, asked.loaded, asked.catalog, quick, Bounds(has_idle_spares=True))

    (less,) = found.replicas.values()
    assert less >= 3
    for lost, kept in ((less + 1, True), (less + 2, False)):
        rows = tuple(replace(r, replicas=r.replicas - lost) for r in many.allocations)
        alone = replace(many, allocations=rows)
        replay = replay_plan(alone, asked.loaded, asked.catalog, quick)
        (block,) = replay.workloads[0].blocks
        assert all(limit.kept for limit in block.limits) is kept


def test_lack_and_slack_meet(crowded):
    asked, settings, found = crowded
    plan = solve_prepared(asked, QUICK)
    place = ("chat", 0, 0)

    lack = lack_of(plan, asked.loaded, asked.catalog, [place], settings.replay)[place]
    enough = replace(
        plan,
        allocations=tuple(replace(r, replicas=r.replicas + lack + 2) for r in plan.allocations),
    )
    slack = slack_of(enough, asked.loaded, asked.catalog, settings.replay)

    assert lack > 0
    assert sum(slack.replicas.values()) == 2
    assert replicas(found.plan)[0, 0] == replicas(plan)[0, 0] + lack


def test_no_more_replicas_are_tried_than_asked_for(crowded):
    asked, settings, found = crowded
    plan, place = solve_prepared(asked, QUICK), ("chat", 0, 0)
    given = plan, asked.loaded, asked.catalog, [place], settings.replay
    enough = replicas(found.plan)[0, 0]
    (row,) = plan.allocations

    assert row.replicas < enough < MOST_TIMES * row.replicas
    assert lack_of(*given, most={place: enough - 1}) == {place: None}
    assert unfit_options(*given, most={place: row.replicas}) == [("chat", row.option_id, place)]
