"""Plans under stress: the same requests in a harder world, and what it breaks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.demand.records import LengthDistribution
from planner.verify.replay.arrivals import Span, Stated
from planner.verify.replay.cases import Station
from planner.verify.replay.failures import Gone
from planner.verify.replay.losses import rest_of
from planner.verify.replay.run import ReplaySettings, replayed
from planner.verify.replay.sampling import Asked, sample
from planner.verify.replay.trace import Trace
from planner.verify.stress.as_data import stress_data
from planner.verify.stress.records import StressSettings, why_not
from planner.verify.stress.run import simulated_again, stress_table
from tests.options.world import catalog, loaded, problem, row, workload
from tests.verify.conftest import solved
from tests.verify.replay.test_losses import SLO, solved_chat
from tests.verify.replay.test_sampling import case, stream
from tests.verify.replay.world import engine

QUICKLY = ReplaySettings(seeds=2)
HITS = {"prefix_cache": {"hit_rate": 0.4}}


def stress(world, plan=None, asked=QUICKLY, base=None, **factors):
    base = base or replayed(plan or world.plan, loaded(world.problem), world.catalog, asked)
    return base, stress_table(base, StressSettings(**factors), asked)


def rows_of(table, workload="chat"):
    return {row.stress: row for row in table.rows if row.workload == workload}


def chat(*workloads, **policy):
    asked = problem(
        *(workloads or (workload(slo=SLO, arrival={"mean_rate_rps": 9.0}, **HITS),)),
        time_blocks=1,
        candidates={"tensor_parallel": [1], "quantizations": ["bf16"]},
        supply={"tenures": ["on_demand"]},
        policy={"spare_replicas": 0} | policy,
    )
    return solved(asked, catalog(offers=[row("offers", elastic_max_nodes=50)]))


@pytest.fixture(scope="module")
def plain():
    return chat()


@pytest.fixture(scope="module")
def plainly(plain):
    """Return the replay of a plan without stress, and what gives its rows under factors."""
    base, _ = stress(plain)
    return base, cache(lambda **factors: stress(plain, base=base, **factors)[1])


@pytest.fixture(scope="module")
def levels(plainly):
    """Return the rows of a plan under more and more of every stress that has a factor."""
    _, table = plainly
    factors = {1.0: 1.0, 1.3: 0.5, 1.7: 0.0, 3.0: 0.0, 9.0: 0.0}
    return [rows_of(table(demand=f, outputs=f, hit_rate=h)) for f, h in factors.items()]


def test_every_stress_has_a_row_and_the_harder_ones_break_the_plan(plainly):
    base, table = plainly[0], plainly[1](demand=3.0)

    rows = rows_of(table)
    assert list(rows) == [
        "demand", "output_length", "node_loss", "provider_loss", "prefix_cache",
    ]  # fmt: skip
    assert table.not_applied == ()
    found = base.replay.workloads[0].worst
    assert {r.before.attainment for r in table.rows} == {found.slo_attainment}
    assert all(r.before.missed == 0 for r in table.rows)
    assert rows["demand"].after.piles_up
    assert rows["demand"].after.missed == 1
    assert rows["demand"].after.attainment < 0.5
    assert rows["provider_loss"].after.attainment == rows["provider_loss"].after.worst == 0.0
    assert rows["provider_loss"].after.unserved == 1
    assert rows["provider_loss"].text == "loss of cloud"
    assert all(r.loss_kept is None for r in table.rows)
    assert base.replay.kept is True  # the verdict is about what the plan assumes


def test_factors_of_one_change_nothing(plainly):
    table = plainly[1](demand=1.0, outputs=1.0, hit_rate=1.0)

    for name in ("demand", "output_length", "prefix_cache"):
        row_ = rows_of(table)[name]
        assert row_.after == row_.before


@pytest.mark.usefixtures("every_time")
def test_a_seed_gives_the_same_table_and_another_seed_another_one(plain):
    first, again, other = (
        stress_data(stress(plain, asked=replace(QUICKLY, seed=seed))[1]) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


@pytest.mark.parametrize("field", ["demand", "outputs"])
def test_more_never_raises_attainment(levels, field):
    name = {"demand": "demand", "outputs": "output_length"}[field]
    found = [level[name].after for level in levels]

    shares = [level.attainment for level in found]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < shares[0]
    assert [level.missed for level in found] == sorted(level.missed for level in found)


def test_a_colder_cache_never_raises_attainment(levels):
    shares = [level["prefix_cache"].after for level in levels[:3]]

    nearest = [level.nearest.value_ms for level in shares]
    assert nearest == sorted(nearest)
    assert nearest[0] < nearest[-1]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rate=st.floats(10, 70), lost=st.integers(1, 2))
def test_losing_replicas_never_raises_attainment(seed, rate, lost):
    pool = case(stream(rate=rate, interarrival_cv=1.5), replicas=3)
    before = sample(pool, {}, Asked(seed, 1, 120.0, 20.0))
    left = rest_of(pool, Gone((lost,), (1.0,))).case
    after = sample(left, {}, Asked(seed, 1, 120.0, 20.0))

    first, second = (s.by_stream[0][0].ttft_s for s in (before, after))
    assert len(first) == len(second)
    for limit_s in (0.05, 0.2, 1.0, 5.0):
        # A request may gain when another one is routed elsewhere; never the sum of all.
        assert (second <= limit_s).mean() <= (first <= limit_s).mean() + 0.01


def one_at_a_time(rate):
    """Return a replica that serves one request at a time, each in 20 steps of 10 ms."""
    even = LengthDistribution(np.array([10.0]), np.array([20.0]), np.array([1.0]))
    single = engine(seats=1, dense_token_s=0.0, request_s=0.0)
    one = stream(rate=rate, interarrival_cv=0.0)
    return case(replace(one, source=Stated(even, 0.0)), stations=(Station("a", single, 1),))


def test_requests_that_pile_up_by_hand():
    # 4 requests/s of 0.2 s each never wait. 6/s do: the n-th one waits n (0.2 - 1/6) s, so that
    # it has its first token, 0.01 s after, within 1 s when n is 29 or less.
    calm, busy = one_at_a_time(4.0), one_at_a_time(6.0)
    before = sample(calm, {}, Asked(0, 2, 50.0, 5.0))
    hour = problem(workload(), time_blocks=24)

    same, after = (simulated_again(c, before, hour, QUICKLY) for c in (calm, busy))

    assert all((run.ttft_s <= 0.011).all() for run in same.by_stream[0])
    assert [run.requests for run in same.by_stream[0]] == [201, 201]  # both ends count
    ((run,),) = after.by_stream
    assert after.span_s == 3_600.0
    assert run.requests == pytest.approx(21_600, abs=1)
    assert (run.ttft_s <= 1.0).sum() == pytest.approx(30, abs=1)
    assert run.completed == pytest.approx(18_000, abs=20)


def test_only_the_first_requests_of_a_long_block_are_simulated():
    busy = one_at_a_time(6.0)
    before = sample(one_at_a_time(4.0), {}, Asked(0, 2, 50.0, 5.0))

    after = simulated_again(busy, before, problem(workload(), time_blocks=1), QUICKLY)

    assert after.by_stream[0][0].requests == pytest.approx(50_000, abs=2)


def test_requests_are_the_same_ones_at_a_higher_rate():
    source = stream(interarrival_cv=1.3, rate_factors=(0.5, 1.5)).source
    span = Span(0.0, 7_200.0, 0.0)
    few, many = (source.draw(rate, span, np.random.default_rng(3)) for rate in (2.0, 3.0))

    count = len(few.arrival_s)
    assert len(many.arrival_s) == pytest.approx(1.5 * count, rel=0.05)
    assert (many.isl_tokens[:count] == few.isl_tokens).all()
    assert (many.osl_tokens[:count] == few.osl_tokens).all()
    assert (many.arrival_s[:count] <= few.arrival_s).all()


def test_spare_nodes_are_kept_or_broken_in_the_table():
    world = solved_chat(spare_nodes=1)
    fewer = tuple(replace(r, replicas=max(r.replicas - 1, 1)) for r in world.plan.allocations)

    base, table = stress(world)
    short, broken = stress(world, replace(world.plan, allocations=fewer))

    assert rows_of(table)["node_loss"].loss_kept is base.replay.kept is True
    assert rows_of(broken)["node_loss"].loss_kept is short.replay.kept is False


def test_spare_replicas_promise_as_much_as_a_node_that_holds_no_more():
    world = chat(spare_replicas=1)

    assert rows_of(stress(world)[1])["node_loss"].loss_kept is True


def test_the_worst_provider_is_shown_and_its_promise():
    world = solved_chat(survive_loss_of="provider")
    alone = tuple(replace(p, provider="cloud") for p in world.plan.placements)

    _, table = stress(world)
    base, broken = stress(world, replace(world.plan, placements=alone))

    assert [r.stress for r in table.rows].count("provider_loss") == 1
    assert rows_of(table)["provider_loss"].loss_kept is True
    row_ = rows_of(broken)["provider_loss"]
    assert row_.text == "loss of cloud"
    assert row_.loss_kept is base.replay.kept is False
    assert row_.after.attainment == 0.0


def test_what_does_not_apply_says_why():
    world = chat(workload(slo=SLO, arrival={"mean_rate_rps": 9.0}))
    facts = catalog(api_offers=[row("api_offers", ttft_p99_ms=100.0)])
    tokens = solved(
        problem(
            workload(slo=[{"metric": "ttft_ms", "percentile": 95, "limit": 800}]),
            time_blocks=1,
            supply={"tenures": ["api"]},
        ),
        facts,
    )

    (cold,) = stress(world)[1].not_applied
    bought = stress(tokens)[1]

    assert (cold.stress, cold.workload) == ("prefix_cache", "chat")
    assert cold.reason == "its replicas find no prompts in a prefix cache"
    assert bought.rows == ()
    assert [item.reason for item in bought.not_applied] == [
        "none of its requests is replayed", "tokens are not simulated, with stress or without",
    ]  # fmt: skip


def test_workloads_without_a_percentile_have_no_share_but_miss_blocks():
    mean = workload(
        slo=[{"metric": "tpot_ms", "percentile": "mean", "limit": 30}],
        arrival={"mean_rate_rps": 9.0},
    )

    row_ = rows_of(stress(chat(mean), demand=4.0)[1])["demand"]

    assert row_.promised is row_.before.attainment is row_.after.worst is None
    assert (row_.before.missed, row_.after.missed) == (0, 1)


def test_a_trace_is_thickened(plain):
    calm = np.arange(0, 900, 0.5)
    trace = Trace("calm.csv", calm, np.full(len(calm), 1000.0), np.full(len(calm), 100.0))
    asked = ReplaySettings(seeds=2, traces={"chat": trace})

    _, table = stress(plain, asked=asked, demand=4.0)

    rows = rows_of(table)
    assert rows["demand"].after.attainment < rows["demand"].before.attainment
    assert (
        rows["prefix_cache"].after.nearest.value_ms > rows["prefix_cache"].before.nearest.value_ms
    )


@pytest.mark.parametrize(
    ("name", "value", "is_good"),
    [
        ("demand", 1.5, True), ("demand", 0.0, False), ("demand", float("nan"), False),
        ("demand", float("inf"), False), ("outputs", 10.0, True), ("outputs", 10.1, False),
        ("hit_rate", 0.0, True), ("hit_rate", 1.0, True), ("hit_rate", -0.1, False),
        ("hit_rate", 1.1, False), ("hit_rate", float("nan"), False),
    ],
)  # fmt: skip
def test_factors_that_mean_nothing_are_refused(name, value, is_good):
    assert (why_not(name, value) is None) is is_good
