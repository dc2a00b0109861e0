"""Plans that are solved until their replay keeps what they promise, or shows that none can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.demand.build import build_demand
from planner.pipeline import decide, solve_prepared
from planner.plan.json_io import plan_json
from planner.plan.tables import point_at
from planner.problem.exclusion import ExcludedOption
from planner.problem.headroom import headroom_at, option_headroom
from planner.verified import solve_verified
from planner.verified.loop import _never_enough
from planner.verified.records import Round
from planner.verified.tighten import Tightened
from planner.verify.audit import audit
from planner.verify.lack import lack_of
from planner.verify.places import missed_places
from planner.verify.replay.records import NotReplayed
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.verification import open_plan, verify_plan
from tests.options.world import workload
from tests.verified.world import QUICK, SLO, longer, loop, prepared, replicas, steady, with_changes

ALONE = {"policy": {"spare_replicas": 0}}
"""Without a spare, so that no loss is simulated."""
SHORT = {"isl_tokens": {"mean": 1000.0}, "osl_tokens": {"mean": 20.0}}
"""A fifth of the usual answers, so that a replay has a fifth of the steps."""


def test_a_plan_that_keeps_its_promises_is_left_as_it_is(tmp_path):
    asked = prepared(tmp_path)
    alone = solve_prepared(asked, QUICK)

    found = solve_verified(asked, QUICK, loop())

    assert found.kept is True
    assert (found.rounds, found.added_usd, found.why_not) == (1, 0.0, ())
    assert found.plan.allocations == alone.allocations
    assert found.plan.cost_usd == alone.cost_usd
    assert found.plan.warnings[-1] == (
        "verified by replay (2 seeds): every promise is kept; no headroom was needed"
    )


@pytest.mark.parametrize("left_out", [(), (NotReplayed("chat", "tokens", "no latency"),)])
def test_luck_with_some_seeds_does_not_end_the_loop(tmp_path, monkeypatch, left_out):
    seen = []

    def recorded(plan, loaded, catalog, settings):
        replay = replace(replay_plan(plan, loaded, catalog, settings), not_replayed=left_out)
        seen.append((settings.seed, replay.kept))
        return replay

    monkeypatch.setattr("planner.verified.loop.replay_plan", recorded)
    found = solve_verified(prepared(tmp_path), QUICK, loop())

    (first, kept), (other, kept_too) = seen
    assert first == loop().replay.seed != other
    assert kept is kept_too is found.kept is (None if left_out else True)


def test_formulas_that_are_too_hopeful_are_made_up_for(crowded):
    asked, settings, found = crowded
    first = solve_prepared(asked, QUICK)
    before = replay_plan(first, asked.loaded, asked.catalog, settings.replay)

    assert before.kept is False
    assert found.kept is True
    assert found.rounds > 1
    assert found.why_not == ()
    assert replicas(found.plan)[0, 0] > replicas(first)[0, 0]
    assert found.first_usd == first.cost_usd
    assert found.added_usd == pytest.approx(found.plan.cost_usd - first.cost_usd)
    assert found.added_usd > 0


def test_no_replica_more_is_added_than_the_replay_asks_for(crowded):
    asked, settings, found = crowded
    one_less = tuple(replace(r, replicas=r.replicas - 1) for r in found.plan.allocations)
    smaller = replace(found.plan, allocations=one_less)

    again = replay_plan(smaller, found.prepared.loaded, asked.catalog, settings.replay)

    assert again.kept is False


def test_the_headroom_stands_in_the_plan_and_its_file_is_sound(crowded, tmp_path):
    asked, _, found = crowded
    plan, (chat,) = found.plan, found.prepared.loaded.problem.workloads
    (row,), first = plan.allocations, solve_prepared(asked, QUICK)
    factor = option_headroom(chat, row.option_id, 0, 0)

    assert factor > 1
    assert headroom_at(chat, 0, 0) == 1  # other options are not asked for it
    (setting,) = plan.problem["set"]
    assert setting.startswith("workloads.chat.headroom=")
    (capacity,) = (c for c in asked.options.capacities if c.option_id == row.option_id)
    assert row.capacity_rps == pytest.approx(
        point_at(capacity, row.replicas, (0, 0)).planned_rps / factor
    )
    assert row.planned_rate_rps == pytest.approx(first.allocations[0].planned_rate_rps)
    assert row.rate_rps == pytest.approx(first.allocations[0].rate_rps)
    less = f"a replica of {row.option_id} is planned to carry {factor:.4g} times less in 1 of 1"
    assert any(less in note for note in plan.warnings)
    assert audit(plan, found.prepared.loaded.problem, asked.catalog) == []
    file = tmp_path / "plan.json"
    file.write_text(plan_json(plan))
    opened = replace(open_plan(file), catalog=asked.catalog)
    assert verify_plan(opened, ReplaySettings(seeds=2)).kept is True


def test_the_same_problem_and_assignments_give_the_same_plan(crowded):
    asked, _, found = crowded

    again = solve_prepared(
        replace(found.prepared, demand=build_demand(found.prepared.loaded, asked.catalog)), QUICK
    )

    assert again.allocations == found.plan.allocations
    assert again.cost_usd == found.plan.cost_usd


def test_only_the_pool_that_missed_is_tightened(tmp_path):
    arrival = {"mean_rate_rps": 20.0}
    chats = [workload(n, slo=SLO, lengths=SHORT, arrival=arrival) for n in ("chat", "code")]
    asked = prepared(tmp_path, *chats, **ALONE)
    first = solve_prepared(asked, QUICK)

    found = solve_verified(asked, QUICK, loop(chat=steady(isl=2200.0, osl=20.0)))

    assert found.kept is True
    assert replicas(found.plan, "chat")[0, 0] > replicas(first, "chat")[0, 0]
    assert replicas(found.plan, "code") == replicas(first, "code")
    assert found.prepared.loaded.problem.workload("code").headroom == []


def test_headroom_goes_to_the_blocks_that_missed(tmp_path):
    day = [0.5] * 12 + [2.0] * 6 + [0.5] * 6
    arrival = {"mean_rate_rps": 20.0, "profile": day}
    asked = prepared(tmp_path, workload(slo=SLO, lengths=SHORT, arrival=arrival), time_blocks=4)
    first = solve_prepared(asked, QUICK)
    settings = loop(chat=steady(isl=2200.0, osl=20.0))
    missed = missed_places(
        replay_plan(first, asked.loaded, asked.catalog, settings.replay), asked.loaded.problem
    )

    found = solve_verified(asked, QUICK, settings)

    assert found.kept is True
    (own,) = found.prepared.loaded.problem.workloads
    (option,) = {row.option_id for row in found.plan.allocations}
    tightened = {("chat", 0, b) for b in range(4) if option_headroom(own, option, 0, b) > 1}
    assert missed <= tightened
    assert tightened != {("chat", 0, b) for b in range(4)}


def test_workloads_of_a_pool_are_tightened_together(tmp_path):
    chats = [
        workload("chat", pool="talk", slo=SLO, lengths=SHORT, arrival={"mean_rate_rps": 20.0}),
        workload("code", pool="talk", slo=SLO, lengths=SHORT, arrival={"mean_rate_rps": 10.0}),
    ]
    asked = prepared(tmp_path, *chats, **ALONE)

    found = solve_verified(asked, QUICK, loop(chat=steady(isl=2500.0, osl=20.0)))

    assert found.kept is True
    (option,) = {row.option_id for row in found.plan.allocations}
    factors = {option_headroom(w, option, 0, 0) for w in found.prepared.loaded.problem.workloads}
    assert len(factors) == 1
    assert min(factors) > 1


def test_where_more_replicas_are_no_use_it_says_so_and_adds_nothing(tmp_path):
    chat = workload(slo=SLO, lengths=SHORT, arrival={"mean_rate_rps": 20.0})
    asked = prepared(tmp_path, chat, **ALONE)
    first = solve_prepared(asked, QUICK)

    # A prompt this long takes longer than the limit alone.
    found = solve_verified(asked, QUICK, loop(chat=steady(isl=12_000.0, osl=20.0)))

    assert found.kept is False
    assert found.rounds == 1
    never, no_other = found.why_not
    assert never == (
        "4 times the replicas of pool chat miss it in 0-24 h too: it is not a matter of how many "
        "there are"
    )
    assert no_other.startswith(
        "no plan without the options that miss it has what the replay asks for (infeasible)"
    )
    assert found.excluded == {}
    assert found.plan.allocations == first.allocations
    assert "NOT VERIFIED: promises of this plan are missed in its replay (2 seeds)" in (
        found.plan.warnings
    )
    assert any(note.startswith("NOT KEPT: chat in 0-24 h: ttft p99 is") for note in
               found.plan.warnings)  # fmt: skip


@pytest.fixture(scope="module")
def too_long(tmp_path_factory):
    """Return a problem whose real prompts alone take too long on one accelerator."""
    asked = prepared(
        tmp_path_factory.mktemp("long"),
        workload(slo=SLO[:1], arrival={"mean_rate_rps": 1.0}),
        sizes=(1, 2),
    )
    settings = loop(chat=steady(isl=10_000.0))
    return asked, settings, solve_verified(asked, QUICK, settings)


def test_options_on_which_no_number_of_replicas_helps_give_way_to_others(too_long):
    asked, settings, found = too_long
    first = solve_prepared(asked, QUICK)
    many = replace(
        first, allocations=tuple(replace(r, replicas=8 * r.replicas) for r in first.allocations)
    )

    assert {r.tensor_parallel for r in first.allocations} == {1}
    assert replay_plan(many, asked.loaded, asked.catalog, settings.replay).kept is False
    assert found.kept is True
    assert found.why_not == ()
    assert {r.tensor_parallel for r in found.plan.allocations} == {2}
    assert found.excluded == {"chat": {first.allocations[0].option_id: {(0, 0)}}}
    assert found.added_usd == pytest.approx(found.plan.cost_usd - first.cost_usd)


def test_what_was_left_out_stands_in_the_plan_and_its_file_is_sound(too_long, tmp_path):
    asked, _, found = too_long
    ((option,),) = (tuple(options) for options in found.excluded.values())
    file = tmp_path / "plan.json"
    file.write_text(plan_json(found.plan))

    opened = replace(open_plan(file), catalog=asked.catalog)

    assert opened.loaded.problem.workload("chat").excluded_options == [option]
    assert verify_plan(opened, ReplaySettings(seeds=2)).kept is True
    assert any(
        note.startswith("left out for chat, because a promise is missed") and option in note
        for note in found.plan.warnings
    )
    (verdict,) = [note for note in found.plan.warnings if note.startswith("verified by replay")]
    first = solve_prepared(asked, QUICK)
    added = f"{found.plan.cost_usd - first.cost_usd:,.0f} USD"
    assert f"headroom and other options found in 2 rounds add {added}" in verdict
    assert audit(first, found.prepared.loaded.problem, asked.catalog)


def test_where_no_option_helps_all_are_tried_at_once_and_the_first_plan_stands(tmp_path):
    chat = workload(slo=SLO[:1], arrival={"mean_rate_rps": 1.0})
    asked = prepared(tmp_path, chat, sizes=(1, 2), **ALONE)
    first = solve_prepared(asked, QUICK)

    found = solve_verified(asked, QUICK, loop(chat=steady(isl=40_000.0)))

    assert found.kept is False
    assert found.rounds == 1
    assert found.plan.allocations == first.allocations
    assert found.excluded == {}
    assert "it is not a matter of how many there are" in found.why_not[0]


def test_a_quota_that_leaves_no_room_ends_the_search_with_the_plan_that_there_is(tmp_path):
    first = solve_prepared(prepared(tmp_path), QUICK)
    tight = prepared(tmp_path, quota=replicas(first)[0, 0])

    found = solve_verified(tight, QUICK, loop(chat=steady(isl=4000.0)))

    assert found.kept is False
    assert found.plan.allocations == first.allocations
    (why,) = found.why_not
    assert why.startswith("no plan has the headroom that the replay asks for (infeasible)")


def test_rounds_are_bounded(tmp_path):
    found = solve_verified(prepared(tmp_path), QUICK, loop(rounds=1, chat=steady(isl=4000.0)))

    assert found.kept is False
    assert found.why_not == ("promises are still missed after 1 round",)


def test_a_problem_without_a_plan_has_nothing_to_verify(tmp_path):
    found = solve_verified(prepared(tmp_path, quota=0), QUICK, loop())

    assert found.plan.status == "infeasible"
    assert found.kept is found.replay is None


@pytest.fixture(scope="module")
def long_at_noon(tmp_path_factory):
    """Return a problem whose prompts are too long for one accelerator in one block of four."""
    asked = prepared(
        tmp_path_factory.mktemp("noon"),
        workload(slo=SLO[:1], arrival={"mean_rate_rps": 0.1}),
        sizes=(1, 2),
        time_blocks=4,
    )
    settings = loop(chat=longer(block_h=6.0, block=2, isl=10_000.0))
    return asked, settings, solve_verified(asked, QUICK, settings)


def test_an_option_is_left_out_in_the_blocks_where_it_missed_and_in_no_other(long_at_noon):
    asked, _, found = long_at_noon
    used = {(r.block, r.tensor_parallel) for r in found.plan.allocations}
    ((option, blocks),) = found.excluded["chat"].items()

    assert found.kept is True
    assert option.endswith("/tp1")
    assert blocks == {(0, 2)}
    assert used == {(0, 1), (1, 1), (2, 2), (3, 1)}
    assert found.prepared.loaded.problem.workload("chat").excluded_options == [
        ExcludedOption(option=option, periods=[0], blocks=[2])
    ]
    assert any(f"{option} in 1 of 4 blocks" in note for note in found.plan.warnings)
    assert audit(found.plan, found.prepared.loaded.problem, asked.catalog) == []


def test_leaving_an_option_out_where_it_missed_costs_less_than_all_day(long_at_noon):
    asked, settings, found = long_at_noon
    ((option, _),) = found.excluded["chat"].items()
    all_day = with_changes(asked, [f'workloads.chat.excluded_options=["{option}"]'])

    dear = solve_verified(all_day, QUICK, settings)

    assert dear.kept is True
    assert found.plan.cost_usd < 0.9 * dear.plan.cost_usd


def test_a_plan_that_serves_in_a_barred_block_is_caught(long_at_noon):
    asked, _, found = long_at_noon
    problem = found.prepared.loaded.problem
    away = next(r for r in found.plan.allocations if r.block == 1)
    moved = tuple(
        replace(away, block=2, planned_rate_rps=r.planned_rate_rps, rate_rps=r.rate_rps)
        if r.block == 2
        else r
        for r in found.plan.allocations
    )

    broken = audit(replace(found.plan, allocations=moved), problem, asked.catalog)

    assert f"period 0 block 2 {away.option_id}: chat excludes it" in broken


def test_what_later_rounds_add_does_not_raise_how_many_replicas_are_tried(long_at_noon):
    asked, settings, _ = long_at_noon
    place, tightened, most = ("chat", 0, 2), Tightened(), []
    decided = decide(asked, QUICK)

    def by_chance(*given, **asked_for):
        most.append(asked_for["most"])
        return {place: 6}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("planner.verified.tighten.lack_of", by_chance)
        tightened.tighten(Round(asked, decided, None, settings.replay), {place}, settings.replay)
    added = dict(tightened.headroom)
    now = tightened.applied(asked)
    rows = tuple(replace(r, replicas=8) if r.block == 2 else r for r in decided.plan.allocations)
    larger = replace(decided, plan=replace(decided.plan, allocations=rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "planner.verified.tighten.lack_of",
            lambda *given, **asked_for: (
                most.append(asked_for["most"]) or lack_of(*given, **asked_for)
            ),
        )
        never = tightened.tighten(
            Round(now, larger, None, settings.replay), {place}, settings.replay
        )
    last = decide(tightened.applied(asked), QUICK).plan

    assert replicas(decided.plan)[0, 2] == 2
    assert most == [{place: 8}] * 2
    assert never == [place]
    (row,) = (r for r in decided.plan.allocations if r.block == 2)
    assert added[place, row.option_id] > 1
    assert (place, row.option_id) not in tightened.headroom
    assert [(r.tensor_parallel, r.replicas) for r in last.allocations if r.block == 2] == [(2, 2)]


def test_every_block_in_which_no_number_helps_is_named_while_they_are_few(crowded):
    _, _, found = crowded
    (day,) = found.plan.time_blocks
    hours = tuple(replace(day, block=k, start_h=float(k), end_h=k + 1.0) for k in range(24))
    plan = replace(found.plan, time_blocks=hours)
    few = [("chat", 0, 20), ("chat", 1, 20), ("chat", 0, 19)]
    many = [("chat", 0, block) for block in range(24)]

    (short,), (long,) = (tuple(_never_enough(places, plan)) for places in (few, many))

    assert "of pool chat miss it in 19-20 h, 20-21 h too" in short
    assert "miss it in 0-1 h, 1-2 h, 2-3 h, 3-4 h, 4-5 h, 5-6 h and 18 more too" in long
