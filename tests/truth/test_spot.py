"""Spot nodes: what interruptions leave of them, who may use them, and how many, by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from planner.milp import Limits
from planner.milp.draft import Draft
from planner.milp.sets import build_sets
from planner.milp.trim import trim
from planner.problem.semantics import semantic_faults
from planner.verify.audit import audit
from tests import worlds
from tests.options.world import catalog, problem, row, workload
from tests.truth.test_deferral import HOURS, rates, solve, waits
from tests.verify.conftest import MEASURED, solved


def spot_world(spot_usd, share=1.0):
    """Return batch work at 1/s a replica on demand, and at `share` of that on spot nodes."""
    spot = replace(worlds.option("o/spot"), is_interruptible=True)
    options = worlds.option_set(
        [worlds.option("o"), spot],
        [
            worlds.capacity("chat", "o", 1.0),
            worlds.capacity("batch/deferred", "o", 1.0),
            worlds.capacity("batch/deferred", "o/spot", share),
        ],
        [
            worlds.offer("rent", 2.0),
            replace(worlds.offer("taken", spot_usd), tenure="spot"),
        ],
    )
    return waits(rates([2.0] * 4, chat=[1.0] * 4), 24.0), options


@pytest.mark.parametrize(("spot_usd", "used"), [(1.5, True), (1.7, False)])
def test_spot_is_used_exactly_when_it_is_cheaper_for_what_it_carries(spot_usd, used):
    # 5 spot replicas do the work of 4: 1.6 USD/h break even with 2 USD/h on demand
    demand, options = spot_world(spot_usd, share=0.8)
    demand = replace(
        demand,
        workloads=tuple(replace(w, planned_rps=w.planned_rps * 2) for w in demand.workloads),
    )

    result = solve(demand, options)

    assert result.objective_usd == pytest.approx((2 * 2.0 + 4 * min(spot_usd / 0.8, 2.0)) * HOURS)
    assert any(r.option_id == "o/spot" for r in result.decisions.replicas) is used


@pytest.mark.parametrize(
    ("max_share", "changeover_h", "kept"),
    [(0.5, 0.0, 2), (0.5, 0.1, 2), (1.0, 0.0, 1), (1.0, 0.1, 1)],
)
def test_an_idle_replica_stays_where_others_are_on_spot_because_of_it(
    max_share, changeover_h, kept
):
    demand, options = spot_world(0.1)
    limits = Limits(max_spot_share=max_share, changeover_h=changeover_h)
    sets = build_sets(demand, options, limits)
    ids = [(sets.pools[x.pool], sets.option_of(c).id) for c, x in enumerate(sets.columns)]
    plain, spot = (ids.index(("batch/deferred", name)) for name in ("o", "o/spot"))
    replicas = np.zeros((len(ids), 1, 4), dtype=np.int64)
    replicas[[plain, spot]] = 2
    nodes = np.full((2, 1, 4), 2, dtype=np.int64)
    (batch,) = (w for w, x in enumerate(demand.workloads) if x.workload == "batch/deferred")
    flows = {(batch, c, 0, b): rps for c, rps in ((plain, 1.0), (spot, 2.0)) for b in range(4)}

    trimmed = trim(sets, Draft(replicas, nodes, np.zeros_like(nodes), flows, {}, {}))

    assert trimmed.replicas[plain, 0].tolist() == [kept] * 4
    assert trimmed.replicas[spot, 0].tolist() == [2] * 4


def test_work_that_cannot_wait_stays_off_spot_nodes():
    demand, options = spot_world(0.1)

    result = solve(demand, options)

    on_spot = {r.pool for r in result.decisions.replicas if r.option_id == "o/spot"}
    assert on_spot == {"batch/deferred"}
    assert result.objective_usd == pytest.approx((2.0 + 2 * 0.1) * HOURS)


@pytest.mark.parametrize(("most", "spot_nodes"), [(0.0, 0), (0.5, 1), (1.0, 2)])
def test_a_cap_on_the_share_of_spot_holds_in_every_block(most, spot_nodes):
    demand, options = spot_world(0.5)
    pinned = replace(demand, workloads=demand.workloads)

    result = solve(pinned, options, Limits(scaling="static", max_spot_share=most))

    usd = 2.0 + spot_nodes * 0.5 + (2 - spot_nodes) * 2.0
    assert result.objective_usd == pytest.approx(usd * HOURS)


def planned(rate=None, **spot):
    asked = problem(
        workload("docs", arrival={"mean_rate_rps": 20.0}, deferrable={"window_h": 24.0}),
        workload("chat", arrival={"mean_rate_rps": 4.0}),
        time_blocks=4,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": ["on_demand", "spot"], "spot": spot},
    )
    stated = {} if rate is None else {"interruption_rate_per_h": rate}
    offers = [
        row("offers", elastic_max_nodes=50),
        row(
            "offers", tenure="spot", price_usd_per_hour=0.5, elastic_max_nodes=50,
            startup_minutes=15, **stated,
        ),
    ]  # fmt: skip
    table = [MEASURED | {"workload": name} for name in ("docs", "chat")]
    return solved(asked, catalog(offers=offers), table)


@pytest.mark.parametrize(
    ("rate", "assumed", "left"),
    [(None, 0.1, 1 - 0.1 * 20 / 60), (None, 0.3, 1 - 0.3 * 20 / 60), (0.6, 0.1, 0.8)],
)
def test_what_interruptions_leave_is_planned_with(rate, assumed, left):
    world = planned(rate, interruptions_per_h=assumed, max_share=0.6)

    capacity = {a.option_id: a.capacity_rps for a in world.plan.allocations if a.is_deferred}
    plain, spot = sorted(capacity, key=len)
    assert spot == f"{plain}/spot"
    assert capacity[spot] == pytest.approx(capacity[plain] * left)
    assert audit(world.plan, world.problem, world.catalog) == []
    assert {c.category for c in world.plan.cost_lines} == {"on_demand", "spot"}


def test_the_audit_sees_too_much_spot_and_capacity_that_interruptions_take():
    world = planned(max_share=0.6)
    tighter = world.problem.model_copy(
        update={
            "supply": world.problem.supply.model_copy(
                update={"spot": world.problem.supply.spot.model_copy(update={"max_share": 0.3})}
            )
        }
    )
    rows = tuple(
        replace(a, capacity_rps=a.capacity_rps * 1.01) if a.is_interruptible else a
        for a in world.plan.allocations
    )
    better = replace(world.plan, allocations=rows)

    assert any("are spot" in t for t in audit(world.plan, tighter, world.catalog))
    assert any("interruptions leave" in t for t in audit(better, world.problem, world.catalog))


def test_assumptions_about_spot_are_checked():
    assert semantic_faults(problem(supply={"tenures": ["spot", "on_demand"]})) == []
    for wrong in ({"interruptions_per_h": -1.0}, {"max_share": 1.5}, {"lost_work_minutes": -1.0}):
        with pytest.raises(ValueError, match="spot"):
            problem(supply={"spot": wrong})


SPOT_RPS = 5.0 * (1 - 0.1 * 20 / 60)
"""What is left of 5/s with 0.1 interruptions an hour, of 15 and 5 minutes each."""


@cache
def due_early(fallback_minutes, tenures=("on_demand", "spot")):
    """Return a plan of work for 4 spot nodes and 5.5 hours, all of it due in 6.5 hours."""
    asked = problem(
        workload(
            "docs", arrival={"mean_rate_rps": 4 * SPOT_RPS * 5.5 / 24},
            deferrable={"window_h": 6.5, "release_hour": 20.0},
        ),
        time_blocks=24,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": list(tenures)},
        policy={"max_utilization": 1.0, "spare_replicas": 0, "changeover_minutes": 0.0},
    )  # fmt: skip
    offers = [
        row("offers", elastic_max_nodes=50, startup_minutes=fallback_minutes),
        row("offers", tenure="spot", price_usd_per_hour=0.5, elastic_max_nodes=50,
            startup_minutes=15),
    ]  # fmt: skip
    return solved(asked, catalog(offers=offers), [MEASURED | {"workload": "docs"}])


def most_nodes(world):
    return max(r.nodes for r in world.plan.fleet)


@pytest.mark.parametrize(("fallback_minutes", "early_min", "nodes"), [(10, 20, 4), (40, 45, 5)])
def test_work_on_spot_is_done_before_a_fallback_would_need_the_time(
    fallback_minutes, early_min, nodes
):
    # 6.5 h less 20 minutes leave six blocks for 5.5 h of four nodes, less 45 minutes five
    world = due_early(fallback_minutes)

    (waited,) = world.plan.deferred
    assert waited.longest_wait_h + early_min / 60 <= 6.5 + 1e-6
    assert {r.tenure for r in world.plan.fleet} == {"spot"}
    assert most_nodes(world) == nodes
    assert audit(world.plan, world.problem, world.catalog) == []


def test_the_audit_sees_work_that_a_slower_fallback_would_finish_too_late():
    fast, slow = due_early(10), due_early(40)

    found = audit(fast.plan, fast.problem, slow.catalog)

    assert any("docs period 0 day: a request takes 6.7" in text for text in found), found


@cache
def half_on_spot(tenures, most=1.0):
    """Return a plan of the work of ten node-blocks at 20:00, all of it due in 8 hours."""
    asked = problem(
        workload(
            "docs", arrival={"mean_rate_rps": 5.0 * 10 * 4 / 24},
            deferrable={"window_h": 8.0, "release_hour": 20.0},
        ),
        time_blocks=6,
        performance="table.csv",
        candidates={"quantizations": ["bf16"]},
        supply={"tenures": list(tenures), "spot": {"max_share": most}},
        policy={"max_utilization": 1.0, "spare_replicas": 0, "changeover_minutes": 0.0},
    )  # fmt: skip
    offers = [
        row("offers", elastic_max_nodes=6, startup_minutes=0),
        row("offers", tenure="spot", price_usd_per_hour=0.5, elastic_max_nodes=6,
            startup_minutes=0),
    ]  # fmt: skip
    return solved(asked, catalog(offers=offers), [MEASURED | {"workload": "docs"}])


@pytest.mark.parametrize(("most", "usd"), [(0.0, 20.0), (0.1, 20.0), (0.5, 6 * 2.0 + 5 * 0.5)])
def test_spot_on_offer_never_makes_a_plan_dearer(most, usd):
    # No more than 6 nodes can be had: on demand they work for two blocks of 4 h, ten node-blocks.
    # On spot nodes work is due 5 minutes early, so only the first block serves, at 0.99 of a node:
    # with half of it there, six on demand leave four node-blocks to five.
    without = half_on_spot(("on_demand",))
    world = half_on_spot(("on_demand", "spot"), most)

    assert {a.block for a in without.plan.allocations} == {5, 0}
    assert world.plan.cost_usd == pytest.approx(without.plan.cost_usd * usd / 20)
    assert world.plan.status == without.plan.status == "optimal"
    assert audit(world.plan, world.problem, world.catalog) == []
    assert {a.block for a in world.plan.allocations if a.is_interruptible} <= {5}


def test_the_audit_sees_work_on_spot_nodes_in_a_block_that_ends_too_late_for_them():
    world = half_on_spot(("on_demand", "spot"), 0.5)
    rows = tuple(replace(a, block=0) if a.is_interruptible else a for a in world.plan.allocations)

    found = audit(replace(world.plan, allocations=rows), world.problem, world.catalog)

    # 8 h, and 5 minutes of work that would be lost
    assert any("a request takes 8.083 h, its window is 8 h" in text for text in found), found


def test_the_plan_says_what_takes_over_and_what_that_would_cost():
    plan = due_early(40).plan

    (note,) = (n for n in plan.warnings if "may be taken away" in n)
    node_hours = sum(r.nodes * r.hours for r in plan.fleet)
    assert "up to 5 nodes may be taken away" in note
    assert "due 45 minutes early, so that as many accelerators of cloud:one:north:on_dem" in note
    assert "up to 1.50 USD an hour more for each node" in note
    # a quarter of an hour on demand for every interruption
    assert f"and {node_hours * 0.1 * 0.25 * 2.0:,.0f} USD over the horizon" in note


def test_the_plan_says_where_nothing_could_take_over():
    plan = due_early(40, ("spot",)).plan

    (note,) = (n for n in plan.warnings if "may be taken away" in n)
    assert "no on-demand nodes of gpu-a that could take over are on offer" in note
    assert most_nodes(due_early(40, ("spot",))) == 4
