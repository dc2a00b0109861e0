"""Plans replayed: what is kept, what breaks, what cannot be said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.verify.replay.as_data import workloads_data
from planner.verify.replay.run import ReplaySettings, replay_plan
from planner.verify.replay.trace import Trace
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import MEASURED, solved

SLO = [
    {"metric": "ttft_ms", "percentile": 99, "limit": 400},
    {"metric": "tpot_ms", "percentile": "mean", "limit": 30},
]
DAY = [0.5] * 12 + [1.5] * 6 + [0.5] * 6
QUICK = ReplaySettings(seeds=2)


def solved_chat(*, slo=SLO, rate=9.0, blocks=4, policy=None, **changes):
    asked = problem(
        workload(slo=slo, arrival={"mean_rate_rps": rate, "profile": DAY}, **changes),
        time_blocks=blocks,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0, "confidence": 0.8} | (policy or {}),
    )
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))


@pytest.fixture(scope="module")
def chat():
    return solved_chat()


@pytest.fixture(scope="module")
def found(chat):
    """Return the replay of the plan as it is."""
    return replayed(chat)


def replayed(world, plan=None, settings=QUICK, measured=()):
    return replay_plan(
        plan or world.plan, loaded(world.problem, measured), world.catalog, settings
    )


def fewer(plan, by):
    rows = tuple(replace(r, replicas=max(r.replicas - by, 1)) for r in plan.allocations)
    return replace(plan, allocations=rows)


def test_a_plan_at_its_planned_rate_keeps_its_limits(found):
    (one,) = found.workloads
    assert one.kept is True
    assert found.kept is True
    assert one.promised == 0.99
    assert found.not_replayed == ()
    assert one.worst.slo_attainment > 0.99
    assert one.worst.completed_share == pytest.approx(1.0, abs=0.05)
    assert one.worst.preempted_share == 0


def test_blocks_that_are_alike_are_simulated_once(found):
    (one,) = found.workloads

    assert [block.places for block in one.blocks] == [((0, 0), (0, 1), (0, 3)), ((0, 2),)]
    assert one.blocks[1].rate_rps == pytest.approx(3 * one.blocks[0].rate_rps)


def test_headroom_is_no_part_of_what_is_promised(chat, found):
    """Requests come at the planned rate without the capacity that is asked for beyond it."""
    headroom = [{"factor": 1.6, "blocks": [2]}, {"factor": 1.2, "blocks": [1]}]
    more = solved_chat(headroom=headroom)

    plain, with_it = found.workloads[0], replayed(more).workloads[0]

    assert more.plan.cost_usd > chat.plan.cost_usd
    rates = {place: b.rate_rps for b in with_it.blocks for place in b.places}
    assert rates == pytest.approx({place: b.rate_rps for b in plain.blocks for place in b.places})
    replicas = {place: b.replicas for b in with_it.blocks for place in b.places}
    assert replicas[0, 2] > {p: b.replicas for b in plain.blocks for p in b.places}[0, 2]


def test_enough_requests_for_the_promised_percentile(found):
    (one,) = found.workloads

    for block in one.blocks:
        assert block.requests >= 2 * 1_900  # 20 of a hundredth, for each of two seeds
        assert all(limit.is_sure for limit in block.limits)


def test_too_few_replicas_break_the_promise(chat):
    found = replayed(chat, fewer(chat.plan, 1))

    (one,) = found.workloads
    assert found.kept is one.kept is False
    assert not all(limit.kept for limit in one.worst.limits) or not one.worst.keeps_up


def test_median_step_times_are_shorter_than_those_planned_with(chat, found):
    nominal = replayed(chat, settings=replace(QUICK, nominal=True))

    assert (found.confidence, nominal.confidence) == (0.8, 0.5)
    first, second = (one.workloads[0].worst.tpot.mean_ms for one in (found, nominal))
    assert second < first


@pytest.mark.usefixtures("every_time")
def test_a_seed_gives_the_same_figures_and_another_seed_others(chat):
    first, again, other = (
        workloads_data(replayed(chat, settings=replace(QUICK, seed=seed))) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_full_replay_takes_whole_blocks():
    answers = {"isl_tokens": {"mean": 1000.0}, "osl_tokens": {"mean": 10.0}}  # of few steps
    world = solved_chat(rate=0.5, lengths=answers)
    found = replayed(world, settings=ReplaySettings(seeds=1, full=True))

    (one,) = found.workloads
    rates = [block.rate_rps for block in one.blocks]
    assert [b.requests for b in one.blocks] == pytest.approx(
        [rate * 21_600 for rate in rates], rel=0.03
    )
    assert one.blocks[0].limits[0].low_ms is None


def test_workloads_of_a_pool_share_replicas_and_have_limits_of_their_own():
    asked = problem(
        workload("chat", pool="talk", slo=SLO, arrival={"mean_rate_rps": 20.0}),
        workload(
            "code", pool="talk", arrival={"mean_rate_rps": 3.0},
            slo=[{"metric": "itl_ms", "percentile": 95, "limit": 60}],
            lengths={"isl_tokens": {"mean": 3000.0}, "osl_tokens": {"mean": 300.0}},
        ),
        time_blocks=1,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
    )  # fmt: skip
    world = solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))

    chat, code = replayed(world).workloads

    assert chat.kept
    assert code.kept
    assert chat.worst.replicas == code.worst.replicas
    assert code.worst.ttft.mean_ms > chat.worst.ttft.mean_ms  # longer prompts
    assert code.worst.limits[0].metric == "itl_ms"
    assert chat.worst.rate_rps == pytest.approx(20 * 1.2)


def test_measured_capacities_are_not_claimed_to_be_kept(day):
    table = [MEASURED | {"workload": "chat"}, MEASURED | {"workload": "code", "capacity_rps": 3.0}]
    found = replayed(day, measured=table)

    assert found.kept is None
    assert {w.workload: w.kept for w in found.workloads} == {
        "chat": None, "code": None, "bulk": None,
    }  # fmt: skip
    reasons = {item.workload: item.reason for item in found.not_replayed}
    assert "measured as a whole" in reasons["chat"]


def test_work_that_waits_has_a_rate_to_keep():
    asked = problem(
        workload(
            slo=SLO, arrival={"mean_rate_rps": 9.0},
            deferrable={"window_h": 12.0, "share": 0.5},
        ),
        time_blocks=1,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
    )  # fmt: skip
    world = solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))
    waiting = [r for r in world.plan.allocations if r.is_deferred]

    found = replayed(world)

    assert waiting
    assert found.workloads[0].kept is True
    own = [r for r in waiting if r.pool.endswith("/deferred")]
    assert {b.option_id for b in found.batches} == {r.option_id for r in own}
    assert all(b.load <= 1.05 for b in found.batches)
    assert all(b.served_rps == pytest.approx(b.planned_rps, rel=0.2) for b in found.batches)


def test_spares_are_taken_away_to_see_whether_the_rest_keeps_up():
    world = solved_chat(policy={"spare_replicas": 1})

    found = replayed(world)
    without = replayed(world, fewer(world.plan, 1))

    assert found.kept is True
    assert all(b.after_loss == pytest.approx(1.0, abs=0.05) for b in found.workloads[0].blocks)
    # With the spare gone already, another loss is one too many.
    assert without.workloads[0].kept is False
    assert min(b.after_loss for b in without.workloads[0].blocks) < 0.95


def test_a_limit_over_the_day_takes_the_requests_of_all_blocks():
    slo = [{"metric": "ttft_ms", "percentile": 90, "limit": 400, "window": "day"}]
    world = solved_chat(slo=slo)

    (one,) = replayed(world).workloads

    (found,) = one.over_day
    period, day, limit = found.period, found.day_type, found.limit
    assert (period, day) == (0, 0)
    blocks = [block.limits[0].value_ms for block in one.blocks]
    assert min(blocks) <= limit.value_ms <= max(blocks)
    assert limit.kept is one.kept is True


def test_a_trace_replaces_the_requests_at_the_mean_rate(chat):
    calm = np.arange(0, 900, 0.5)
    trace = Trace("calm.csv", calm, np.full(len(calm), 1000.0), np.full(len(calm), 100.0))

    found = replayed(chat, settings=ReplaySettings(seeds=2, traces={"chat": trace}))

    (one,) = found.workloads
    assert [b.rate_rps for b in one.blocks] == pytest.approx([6.0, 18.0])
    assert one.kept is True


def test_a_trace_that_keeps_its_rate_comes_as_it_was(chat):
    calm = np.arange(0, 900, 0.25)
    short = Trace("calm.csv", calm, np.full(len(calm), 1000.0), np.full(len(calm), 10.0))
    at_s = np.concatenate([np.arange(0, 43_200, 2.0), np.arange(43_200, 86_400, 0.5)])
    day = Trace("day.csv", at_s, np.full(len(at_s), 1000.0), np.full(len(at_s), 10.0))

    for trace, expected in ((short, {4.0}), (day, {0.5, 2.0})):
        asked = ReplaySettings(seeds=1, traces={"chat": replace(trace, keeps_rate=True)})
        (one,) = replayed(chat, settings=asked).workloads
        for block in one.blocks:
            assert min(abs(block.rate_rps / rate - 1) for rate in expected) < 0.01
        assert {round(b.rate_rps, 1) for b in one.blocks} == expected


def test_bursts_of_a_trace_break_what_a_steady_stream_keeps(chat):
    at_s = np.sort(
        np.repeat(np.arange(0, 3_600, 30.0), 100) + np.tile(np.linspace(0, 1, 100), 120)
    )
    trace = Trace("bursts.csv", at_s, np.full(len(at_s), 1000.0), np.full(len(at_s), 100.0))

    found = replayed(chat, settings=ReplaySettings(seeds=2, traces={"chat": trace}))

    assert found.kept is False
    assert found.workloads[0].worst.limits[0].is_sure


def test_requests_longer_than_the_cache_are_refused_and_count_as_endless(chat):
    at_s = np.arange(0, 900, 0.5)
    isl = np.where(np.arange(len(at_s)) % 20 == 0, 5_000_000.0, 1000.0)
    trace = Trace("long.csv", at_s, isl, np.full(len(at_s), 100.0))

    (one,) = replayed(chat, settings=ReplaySettings(seeds=2, traces={"chat": trace})).workloads

    assert one.kept is False
    assert one.worst.refused > 0
    assert one.worst.limits[0].value_ms is None
    assert one.worst.limits[0].attained == pytest.approx(0.95, abs=0.01)


def test_machine_form_has_the_agreed_names(found):
    (one,) = workloads_data(found)

    agreed = {"workload", "slo_attainment", "promised", "kept", "ttft_p99_ms", "tpot_mean_ms"}
    assert agreed <= set(one)
    assert one["ttft_p50_ms"] < one["ttft_p90_ms"] < one["ttft_p99_ms"]
    assert one["blocks"][0]["places"] == [
        {"period": 0, "block": 0}, {"period": 0, "block": 1}, {"period": 0, "block": 3},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def growing():
    """Return a plan whose traffic grows by little from period to period."""
    asked = problem(
        workload(slo=SLO, arrival={"mean_rate_rps": 9.0, "profile": DAY}, growth_per_period=1.03),
        time_blocks=4,
        horizon={"start": "2027-01", "periods": 4, "months_per_period": 3},
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 1, "confidence": 0.8},
    )
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))


def test_the_busiest_block_stands_for_those_with_as_many_replicas_and_little_less_traffic(growing):
    each = replayed(growing).workloads[0].blocks
    shared = replayed(growing, settings=replace(QUICK, share=True)).workloads[0].blocks
    own = {place: block for block in each for place in block.places}
    over = {place: block for block in shared for place in block.places}

    assert over.keys() == own.keys()
    assert len(shared) < len(each)
    for place, block in own.items():
        assert block.rate_rps <= over[place].rate_rps <= block.rate_rps / 0.9
        assert over[place].replicas == block.replicas
        assert over[place].kept <= block.kept
    # What is simulated sees what it saw by itself.
    busiest = {block.rate_rps: block.limits for block in each}
    assert all(busiest[block.rate_rps] == block.limits for block in shared)


def test_where_the_busiest_block_misses_a_limit_each_is_replayed(growing):
    plan = fewer(growing.plan, 2)
    each = replayed(growing, plan).workloads[0].blocks
    shared = replayed(growing, plan, replace(QUICK, share=True)).workloads[0].blocks
    verdicts = [{p: block.kept for block in blocks for p in block.places}
                for blocks in (each, shared)]  # fmt: skip

    assert False in verdicts[0].values()
    assert verdicts[0] == verdicts[1]
