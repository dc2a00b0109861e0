"""Tables of a plan from whole decisions, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.plan.shares import load_in_replicas
from planner.plan.tables import (
    allocation_rows,
    api_rows,
    fleet_rows,
    mean_share,
    point_at,
)
from tests.plan.small import decisions, flow, nodes, replicas
from tests.worlds import api, capacity, demand, offer, option, option_set

CHAT = {"w": "w"}


def small(*points, accelerators=1, pools=None):
    fast = option("o", accelerators=accelerators)
    return option_set([fast], [capacity("w", "o", *points)], [offer("n")], pools=pools or CHAT)


def test_utilization_is_the_mean_rate_over_capacity_times_replicas():
    asked = demand({"w": [6.0]}, mean_share=0.5)

    (row,) = allocation_rows(asked, small(2.0), decisions([replicas("o", 4)], [flow("o", 6.0)]))

    assert row.rate_rps == 3.0
    assert row.planned_rate_rps == 6.0
    assert row.utilization == pytest.approx(3.0 / (2.0 * 4))


def test_spare_replicas_lower_the_utilization():
    asked = demand({"w": [6.0]})
    rows = [
        allocation_rows(asked, small(2.0), decisions([replicas("o", n)], [flow("o", 6.0)]))[0]
        for n in (3, 4)
    ]

    assert [r.utilization for r in rows] == pytest.approx([1.0, 0.75])


def test_capacity_is_that_of_the_replicas_that_share_the_queue():
    asked = demand({"w": [6.0]})

    (row,) = allocation_rows(
        asked, small((1, 1.0), (4, 3.0)), decisions([replicas("o", 4)], [flow("o", 6.0)])
    )

    assert row.capacity_rps == 3.0


def test_accelerators_are_those_of_all_replicas():
    asked = demand({"w": [6.0]})

    (row,) = allocation_rows(
        asked, small(9.0, accelerators=4), decisions([replicas("o", 3)], [flow("o", 6.0)])
    )

    assert (row.replicas, row.accelerators) == (3, 12)


def test_replicas_without_traffic_are_shown_for_every_workload_they_cover():
    pools = {"a": "both", "b": "both", "c": "c"}
    rates = [capacity(w, "o", 1.0) for w in "abc"]
    options = option_set([option("o")], rates, [], pools=pools)

    rows = allocation_rows(
        demand({"a": [1.0], "b": [1.0], "c": [1.0]}),
        options,
        decisions([replicas("o", 1, pool="both")]),
    )

    assert [(r.workload, r.rate_rps, r.utilization) for r in rows] == [("a", 0, 0), ("b", 0, 0)]


def test_workloads_of_a_pool_repeat_the_replicas_they_share():
    options = option_set(
        [option("o")],
        [capacity("a", "o", 1.0), capacity("b", "o", 2.0)],
        [],
        pools={"a": "both", "b": "both"},
    )
    decided = decisions(
        [replicas("o", 2, pool="both")],
        [flow("o", 1.0, workload="a"), flow("o", 2.0, workload="b")],
    )

    rows = allocation_rows(demand({"a": [1.0], "b": [2.0]}), options, decided)

    assert [(r.workload, r.replicas, r.capacity_rps) for r in rows] == [("a", 2, 1), ("b", 2, 2)]


def test_quality_is_that_of_the_workload():
    options = small(1.0)
    scored = replace(options.capacities[0], quality=(("mmlu", 0.8),))
    options = replace(options, capacities=(scored,))

    (row,) = allocation_rows(
        demand({"w": [1.0]}), options, decisions([replicas("o", 1)], [flow("o", 1.0)])
    )

    assert row.quality == {"mmlu": 0.8}


def test_fleet_row_costs_hours_times_price_times_nodes():
    rows = fleet_rows(demand({"w": [1.0]}), small(1.0), decisions(node_rows=[nodes("n", 3)]))

    assert rows[0].hours == 730
    assert rows[0].usd == pytest.approx(3 * 730 * 1.0)


def test_blocks_share_the_hours_of_the_period():
    rows = fleet_rows(
        demand({"w": [1.0] * 4}),
        small(1.0),
        decisions(node_rows=[nodes("n", 1, block=b) for b in range(4)]),
    )

    assert [r.hours for r in rows] == [182.5] * 4
    assert sum(r.usd for r in rows) == pytest.approx(730)


def starting(*counts, startup_h=0.5):
    options = option_set(
        [option("o")], [capacity("w", "o", 1.0)], [offer("n", 2.0, startup_h=startup_h)]
    )
    decided = [nodes("n", count, block=b) for b, count in enumerate(counts) if count]
    return fleet_rows(demand({"w": [1.0] * len(counts)}), options, decisions(node_rows=decided))


def test_node_started_for_a_block_is_paid_in_the_block_before():
    rows = starting(1, 3, 1, 1)

    # Two starts a day of half an hour, 730 / 24 days.
    assert [r.startup_node_hours for r in rows] == pytest.approx([2 * 0.5 * 730 / 24, 0, 0, 0])
    assert rows[0].usd == pytest.approx(2.0 * (182.5 + 2 * 0.5 * 730 / 24))


def test_the_day_wraps_so_the_last_block_pays_for_the_first():
    rows = starting(2, 1, 1, 1)

    assert [r.startup_node_hours > 0 for r in rows] == [False, False, False, True]


def test_block_without_nodes_pays_the_start_of_the_next():
    rows = starting(0, 1, 0, 0)

    assert [(r.block, r.nodes, r.startup_node_hours > 0) for r in rows] == [
        (0, 0, True),
        (1, 1, False),
    ]


def test_nodes_that_run_all_day_never_start():
    assert sum(r.startup_node_hours for r in starting(2, 2, 2, 2)) == 0


def test_every_period_has_its_own_price_and_date():
    dated = replace(offer("n", (1.0, 3.0)), price_dates=("2026-01-01", "2026-06-01"))
    options = option_set([option("o")], [capacity("w", "o", 1.0)], [dated])
    decided = decisions(node_rows=[nodes("n", 1, period=t) for t in (0, 1)])

    rows = fleet_rows(demand({"w": [[1.0], [1.0]]}), options, decided)

    assert [(r.price_usd_per_hour, r.price_date) for r in rows] == [
        (1.0, "2026-01-01"),
        (3.0, "2026-06-01"),
    ]


def test_nodes_without_a_price_are_refused():
    options = option_set([option("o")], [capacity("w", "o", 1.0)], [offer("n", (None,))])

    with pytest.raises(KeyError, match="n has no price in period 0"):
        fleet_rows(demand({"w": [1.0]}), options, decisions(node_rows=[nodes("n", 1)]))


def test_tokens_are_paid_at_the_mean_rate():
    options = option_set([], [], [], [api("w", 0.001)], CHAT)
    asked = demand({"w": [8.0]}, mean_share=0.25)

    (row,) = api_rows(asked, options, decisions(api_flows=[flow("api-w", 8.0)]))

    requests = 2.0 * 730 * 3600
    assert row.rate_rps == 2.0
    assert row.usd == pytest.approx(requests * 0.001)
    assert row.input_mtok == pytest.approx(requests * 100 / 1e6)
    assert row.output_mtok == pytest.approx(requests * 10 / 1e6)
    assert row.ttft_p99_ms is row.tpot_mean_ms is None


def test_load_is_planned_rate_over_capacity():
    decided = decisions([replicas("o", 4)], [flow("o", 6.0)])

    loads = load_in_replicas(demand({"w": [6.0]}), small(2.0), decided)

    assert loads == {("w", "o", 0, 0): 3.0}


def test_too_few_replicas_for_any_limit_are_refused():
    with pytest.raises(ValueError, match="o meets no limit with 1 replica,"):
        point_at(capacity("w", "o", (2, 1.0)), 1, (0, 0))


def test_block_without_demand_has_no_mean_share():
    assert mean_share(demand({"w": [0.0]}), "w", 0, 0) == 0.0
