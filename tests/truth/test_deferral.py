"""Work that can wait: what it costs, when it is done, what it may use; by hand and at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.demand.deferral import Deferral
from planner.demand.records import DayType
from planner.diagnosis import diagnose_program
from planner.milp import Limits, SolverSettings, build_program, solve_program
from planner.milp.draft import Draft
from planner.milp.sets import build_sets
from planner.milp.trim import trim
from planner.plan.waiting import deferred_work, longest_wait_h
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0


def waits(demand, window_h, release_hour=None, batch="batch/deferred", joined=None):
    """Return a demand in which one stream, or two with one backlog, can wait."""
    deferral = Deferral("batch", window_h, release_hour, np.ones(demand.grid.periods))
    names = {batch, joined}
    return replace(
        demand,
        workloads=tuple(
            replace(w, deferral=deferral) if w.workload in names else w for w in demand.workloads
        ),
    )


def one_gpu(*offers, apis=(), chat_rps=1.0, batch_rps=1.0, **joined):
    capacities = [
        worlds.capacity("chat", "o", chat_rps),
        worlds.capacity("batch/deferred", "o", batch_rps),
        *(worlds.capacity(f"batch/{name}", "o", rate) for name, rate in joined.items()),
    ]
    pools = {"batch/joined": "chat"} if joined else None
    return worlds.option_set([worlds.option("o")], capacities, offers, apis, pools)


def solve(demand, options, limits=Limits()):  # noqa: B008 - immutable
    return solve_program(build_program(demand, options, limits), EXACT)


def rates(batch, chat=(4.0, 4.0, 1.0, 1.0), **more):
    return worlds.demand({"chat": list(chat), "batch/deferred": list(batch), **more})


def leases(count_there=0):
    """Return nodes for the month at 1 USD per hour, there all day."""
    lease = worlds.reserved("lease", 1.0, accelerators=1, term_months=1)
    if count_there:
        lease = replace(lease, builds=(replace(lease.builds[0], fixed_nodes=count_there),))
    return lease


def test_work_that_waits_fills_the_valley_of_nodes_that_are_there_all_day():
    # busy blocks need 4 nodes; the 2 quiet ones have 3 idle nodes each: 6 node-blocks of 8 fit
    options = one_gpu(leases())
    at_once = solve(rates([1.5] * 4), options)
    later = solve(waits(rates([1.5] * 4), 24.0), options)
    more = solve(waits(rates([2.0] * 4), 24.0), options)

    assert at_once.objective_usd == pytest.approx(6 * HOURS)
    assert later.objective_usd == pytest.approx(4 * HOURS)
    assert more.objective_usd == pytest.approx(5 * HOURS)


def test_without_idle_nodes_waiting_saves_nothing():
    flat = rates([2.0] * 4, chat=[3.0] * 4)
    options = one_gpu(leases())

    assert solve(waits(flat, 24.0), options).objective_usd == pytest.approx(5 * HOURS)
    assert solve(flat, options).objective_usd == pytest.approx(5 * HOURS)


@pytest.mark.parametrize(("window_h", "nodes"), [(6.0, 7), (12.0, 4), (18.0, 4)])
def test_a_window_wraps_midnight(window_h, nodes):
    # 6 node-blocks arrive at 18:00, when one node is busy until 06:00: in 6 h they need 6 nodes
    # more, in 12 h the 3 that the busy day has anyway
    demand = waits(rates([0.0, 0.0, 0.0, 6.0], chat=[1.0, 4.0, 4.0, 1.0]), window_h, 18.0)

    result = solve(demand, one_gpu(leases()))

    assert result.objective_usd == pytest.approx(nodes * HOURS)


def test_work_of_a_release_is_not_served_before_it():
    # all arrives at 12:00 with a window of 6 h: block 2 alone serves it
    demand = waits(rates([0.0, 0.0, 3.0, 0.0], chat=[0.0] * 4), 6.0, 12.0)

    result = solve(demand, one_gpu(worlds.offer("rent", 2.0)))

    assert {(f.block, round(f.planned_rps, 6)) for f in result.decisions.flows} == {(2, 3.0)}


def test_a_release_inside_a_block_counts_from_its_own_hour():
    # released at 15:00 with 6 h: half of block 12-18 and half of 18-24 are in the window, and a
    # block serves evenly, so that nothing can be served in 12-18, which began too early
    demand = waits(rates([0.0, 0.0, 3.0, 0.0], chat=[0.0] * 4), 6.0, 15.0)
    result = solve(demand, one_gpu(worlds.offer("rent", 2.0)))

    assert result.proof.status == "infeasible"
    longer = solve(waits(demand, 9.0, 15.0), one_gpu(worlds.offer("rent", 2.0)))
    assert {f.block for f in longer.decisions.flows} == {3}


def test_the_diagnosis_names_the_shortest_window_that_suffices():
    demand = waits(rates([0.0, 0.0, 3.0, 0.0], chat=[0.0] * 4), 6.0, 15.0)

    reasons = diagnose_program(
        demand, one_gpu(worlds.offer("rent", 2.0)), Limits(), SolverSettings()
    )

    assert reasons[1:] == ("with a window of 9 h for batch instead of 6 h there is a plan",)


def test_work_that_arrives_evenly_waits_no_longer_than_its_window():
    # 1/s arrives evenly; tokens are cheap in block 0 only. A window of 12 h lets half of the day
    # wait for it: what arrives in the last two blocks
    price = [[1e-6, 1e-3, 1e-3, 1e-3]]
    tokens = replace(worlds.api("batch/deferred", 1.0), usd_per_request=tuple(map(tuple, price)))
    demand = waits(rates([1.0] * 4, chat=[0.0] * 4), 12.0)

    result = solve(demand, one_gpu(apis=[tokens]))

    served = {f.block: f.planned_rps for f in result.decisions.api_flows}
    assert served[0] == pytest.approx(3.0)
    assert sum(served.values()) == pytest.approx(4.0)


def test_replicas_of_a_pool_may_serve_it_at_their_own_rate():
    # one node is there; a batch replica would need another. Joined, half a replica is idle at
    # night, and carries 0.8 of its rate of the other's work
    demand = waits(
        rates([0.2] * 4, chat=[1.0, 1.0, 0.5, 0.5], **{"batch/joined": [0.0] * 4}),
        24.0,
        joined="batch/joined",
    )
    options = one_gpu(leases(), joined=0.8)

    result = solve(demand, options)

    assert result.objective_usd == pytest.approx(HOURS)
    assert {f.workload for f in result.decisions.flows} == {"chat", "batch/joined"}
    [row] = deferred_work(demand, result.decisions)
    assert (row.own_share, row.joined_share, row.token_share) == pytest.approx((0.0, 1.0, 0.0))


def test_joined_work_leaves_the_spare_of_the_pool_alone():
    demand = waits(
        rates([0.2] * 4, chat=[1.0, 1.0, 0.5, 0.5], **{"batch/joined": [0.0] * 4}),
        24.0,
        joined="batch/joined",
    )

    result = solve(demand, one_gpu(leases(), joined=0.8), Limits(spare_replicas=1))

    # the spare doubles the nodes of the pool, and the work still fits beside it
    assert result.objective_usd == pytest.approx(2 * HOURS)


def test_batch_replicas_need_no_spare():
    demand = waits(rates([1.0] * 4, chat=[0.0] * 4), 24.0)

    result = solve(demand, one_gpu(leases()), Limits(spare_replicas=2))

    assert result.objective_usd == pytest.approx(HOURS)


@pytest.mark.parametrize(("changeover_h", "nodes"), [(0.0, 4), (0.5, 4), (1.0, 5)])
def test_a_batch_replica_loses_time_when_it_comes_and_when_it_goes(changeover_h, nodes):
    # 3 replicas for two blocks of 6 h lose twice the change-over of 12 h each: 3 (12 - 2 x 0.5)
    # = 33 h of work fit into the valley, 32.4 h are asked
    demand = waits(rates([1.35] * 4), 24.0)

    result = solve(demand, one_gpu(leases()), Limits(changeover_h=changeover_h))

    assert result.objective_usd == pytest.approx(nodes * HOURS)


@pytest.mark.parametrize("changeover_h", [0.8, 1.2, 5.0])
def test_a_change_over_may_take_longer_than_a_block(changeover_h):
    # idle replicas that keep others from coming and going are not taken out of the plan
    demand = waits(rates([0.25] * 24, chat=[4.0] * 12 + [1.0] * 12), 24.0)

    result = solve(demand, one_gpu(leases()), Limits(changeover_h=changeover_h))

    stays = changeover_h > 1  # for the whole day, beside four that are busy in half of it
    assert result.objective_usd == pytest.approx((5 if stays else 4) * HOURS)


@pytest.mark.parametrize(("second", "held"), [(1.0, [1, 1, 1, 0]), (5 / 6, [1, 1, 0, 0])])
def test_a_replica_without_work_is_held_only_where_a_full_block_has_no_time_to_change_over(
    second, held
):
    # A change-over of an hour is a sixth of a block: it comes in the first, and goes in the second
    # unless that is full of work.
    demand = waits(rates([1.0, 0.0, 0.0, 0.0], chat=[0.0] * 4), 18.0, release_hour=0.0)
    sets = build_sets(demand, one_gpu(leases(1)), Limits(changeover_h=1.0))
    (batch,) = (c for c, column in enumerate(sets.columns) if sets.is_batch(column.pool))
    replicas = np.zeros((len(sets.columns), 1, 4), dtype=np.int64)
    replicas[batch, 0] = [1, 1, 1, 0]
    nodes = np.ones((1, 1, 4), dtype=np.int64)
    flows = {(1, batch, 0, 0): 5 / 6, (1, batch, 0, 1): second}

    trimmed = trim(sets, Draft(replicas, nodes, np.zeros_like(nodes), flows, {}, {}))

    assert trimmed.replicas[batch, 0].tolist() == held


def test_batch_replicas_that_stay_lose_nothing():
    demand = waits(rates([1.0] * 4, chat=[0.0] * 4), 24.0)

    result = solve(demand, one_gpu(leases()), Limits(changeover_h=3.0))

    assert result.objective_usd == pytest.approx(HOURS)


def test_every_type_of_day_does_its_own_work():
    demand = waits(rates([1.0, 1.0, 3.0, 3.0], chat=[0.0] * 4), 24.0)
    days = (DayType("a", 0.5), DayType("b", 0.5))
    split = replace(demand, grid=replace(demand.grid, day_types=days, block_h=12.0))

    result = solve(split, one_gpu(leases()))

    assert result.objective_usd == pytest.approx(3 * HOURS)


def test_growth_is_served_in_its_own_period():
    demand = waits(worlds.demand({"chat": [[0.0]] * 2, "batch/deferred": [[1.0], [2.0]]}), 24.0)

    result = solve(demand, one_gpu(worlds.offer("rent", [2.0, 2.0])))

    assert result.objective_usd == pytest.approx((1 + 2) * 2.0 * HOURS)


def random_world(seed):
    rng = np.random.default_rng(seed)
    blocks = int(rng.choice([4, 6]))
    release = None if rng.random() < 0.5 else float(rng.integers(0, 24))
    work = rng.uniform(0.1, 2.0, blocks).round(2)
    if release is not None:
        total = work.sum()
        work = np.zeros(blocks)
        work[int(release // (24 / blocks))] = total
    chat = rng.uniform(0.0, 4.0, blocks).round(2)
    demand = rates(list(work), chat=list(chat), **{"batch/joined": [0.0] * blocks})
    options = one_gpu(
        worlds.offer("rent", 2.0, startup_h=0.2),
        leases(),
        apis=[worlds.api("batch/deferred", float(rng.uniform(3e-4, 8e-4)))],
        joined=0.9,
        batch_rps=1.2,
    )
    limits = Limits(
        spare_replicas=int(rng.integers(0, 2)), changeover_h=float(rng.choice([0.0, 0.3]))
    )
    return demand, options, limits, release


@pytest.mark.parametrize("seed", range(10))
def test_more_time_never_costs_more_and_every_request_is_in_time(seed):
    demand, options, limits, release = random_world(seed)
    before = np.inf
    for window_h in (7.0, 12.5, 19.0, 24.0):
        waiting = waits(demand, window_h, release, joined="batch/joined")
        result = solve(waiting, options, limits)
        if result.decisions is None:
            assert before == np.inf
            continue
        [row] = deferred_work(waiting, result.decisions)
        assert row.longest_wait_h <= window_h + 1e-3
        assert row.own_share + row.joined_share + row.token_share == pytest.approx(1.0)
        assert result.objective_usd <= before + 1e-6
        before = result.objective_usd
    at_once = solve(demand, options, limits)
    if release is None:
        assert before <= at_once.objective_usd + 1e-6 or limits.changeover_h > 0


def slow_wait_h(arrivals, served, release):
    """Follow a thousand parcels of work one by one through three days."""
    blocks, size = len(arrivals), 24.0 / len(arrivals)
    parcels = []
    for day in range(3):
        for b, rate in enumerate(arrivals):
            at = [day * 24 + (b + (i + 0.5) / 200) * size for i in range(200)]
            if release is not None:
                at = [day * 24 + release] * 200
            parcels += [(t, rate * size / 200) for t in at]
    parcels.sort()
    queue, waits_h = [], []
    step = size / 400
    clock, place = 0.0, 0
    while clock < 72:
        while place < len(parcels) and parcels[place][0] <= clock:
            queue.append(list(parcels[place]))
            place += 1
        left = served[int(clock % 24 // size) % blocks] * step
        while queue and left > 1e-12:
            done = min(left, queue[0][1])
            queue[0][1] -= done
            left -= done
            if queue[0][1] <= 1e-9:
                waits_h.append((queue[0][0], clock - queue[0][0]))
                queue.pop(0)
        clock += step
    return max((w for t, w in waits_h if 24 <= t < 48), default=0.0)


@pytest.mark.parametrize("seed", range(8))
def test_the_longest_wait_is_that_of_parcels_followed_one_by_one(seed):
    rng = np.random.default_rng(seed)
    release = None if seed % 2 else float(rng.integers(0, 12) * 2)
    arrivals = rng.uniform(0.2, 1.0, 6)
    served = np.where(rng.random(6) < 0.4, 0.0, rng.uniform(0.2, 1.0, 6))
    served[2] = 1.0
    served *= arrivals.sum() / served.sum()

    exact = longest_wait_h(arrivals, served, release)

    assert exact == pytest.approx(slow_wait_h(arrivals, served, release), abs=0.1)
