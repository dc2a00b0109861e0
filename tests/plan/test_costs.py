"""Cost lines and unit costs of small worlds, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.plan.costs import HardwareShares, cost_lines, unit_costs
from planner.plan.tables import api_rows, fleet_rows
from tests.options.world import lengths
from tests.plan.small import decisions, flow, nodes, replicas
from tests.worlds import api, capacity, demand, offer, option, option_set

POOLS = {"a": "a", "b": "b"}


def money(asked, options, decided):
    fleet, api_table = fleet_rows(asked, options, decided), api_rows(asked, options, decided)
    lines = cost_lines(asked, options, decided, fleet, api_table)
    return lines, unit_costs(asked, options, decided, lines, fleet)


def two_pools(accelerators_b=1):
    return option_set(
        [option("oa"), option("ob", accelerators=accelerators_b)],
        [capacity("a", "oa", 2.0), capacity("b", "ob", 2.0)],
        [offer("n", accelerators=4)],
        pools=POOLS,
    )


def by_workload(lines):
    return {line.workload: line.usd for line in lines}


def test_pools_on_one_hardware_share_by_accelerators_idle_ones_included():
    asked = demand({"a": [2.0], "b": [2.0]})
    decided = decisions(
        [replicas("oa", 2, pool="a"), replicas("ob", 3, pool="b")],
        [flow("oa", 2.0, workload="a"), flow("ob", 2.0, workload="b")],
        [nodes("n", 3)],
    )

    lines, _ = money(asked, two_pools(accelerators_b=2), decided)

    # 2 of 8 accelerators in use are a's; the 4 idle ones follow in proportion.
    assert by_workload(lines) == pytest.approx({"a": 3 * 730 * 2 / 8, "b": 3 * 730 * 6 / 8})


def one_pool():
    return option_set(
        [option("o")],
        [capacity("a", "o", 4.0), capacity("b", "o", 1.0)],
        [offer("n")],
        pools={"a": "both", "b": "both"},
    )


def test_workloads_of_a_pool_share_by_load_over_capacity_spares_included():
    asked = demand({"a": [4.0], "b": [3.0]})
    decided = decisions(
        [replicas("o", 6, pool="both")],
        [flow("o", 4.0, workload="a"), flow("o", 3.0, workload="b")],
        [nodes("n", 6)],
    )

    lines, _ = money(asked, one_pool(), decided)

    # a loads 4 / 4 = 1 replica, b 3 / 1 = 3; two spares in proportion.
    assert by_workload(lines) == pytest.approx({"a": 6 * 730 / 4, "b": 6 * 730 * 3 / 4})


def test_spare_only_option_is_shared_as_its_pool_is():
    asked = demand({"a": [4.0], "b": [3.0]})
    options = option_set(
        [option("o"), option("spare", hardware="tpu")],
        [capacity(w, o, r) for w, r in (("a", 4.0), ("b", 1.0)) for o in ("o", "spare")],
        [offer("n"), offer("t", hardware="tpu")],
        pools={"a": "both", "b": "both"},
    )
    decided = decisions(
        [replicas("o", 4, pool="both"), replicas("spare", 1, pool="both")],
        [flow("o", 4.0, workload="a"), flow("o", 3.0, workload="b")],
        [nodes("n", 4), nodes("t", 1)],
    )

    lines, _ = money(asked, options, decided)

    assert {x.workload: x.usd for x in lines if x.hardware == "tpu"} == pytest.approx(
        {"a": 730 / 4, "b": 730 * 3 / 4}
    )


def test_block_without_replicas_is_split_like_the_whole_day_by_accelerators():
    asked = demand({"a": [2.0, 2.0, 0.0, 0.0], "b": [0.0, 2.0, 0.0, 0.0]})
    decided = decisions(
        [
            replicas("oa", 1, pool="a", block=0),
            replicas("oa", 1, pool="a", block=1),
            replicas("ob", 2, pool="b", block=1),
        ],
        [
            flow("oa", 2.0, workload="a", block=0),
            flow("oa", 2.0, workload="a", block=1),
            flow("ob", 2.0, workload="b", block=1),
        ],
        [nodes("n", 1, block=b) for b in range(4)],
    )

    shares = HardwareShares(asked, two_pools(), decided)

    assert shares.at("gpu", 0, 0) == pytest.approx({"a": 1.0})
    assert shares.at("gpu", 0, 1) == pytest.approx({"a": 1 / 3, "b": 2 / 3})
    assert shares.at("gpu", 0, 2) == pytest.approx({"a": 1 / 2, "b": 1 / 2})  # 2 and 2 of the day


def test_nodes_that_start_are_paid_by_those_who_use_them_then():
    asked = demand({"a": [2.0, 0.0, 0.0, 0.0], "b": [0.0, 4.0, 0.0, 0.0]})
    options = option_set(
        [option("oa"), option("ob")],
        [capacity("a", "oa", 2.0), capacity("b", "ob", 2.0)],
        [offer("n", startup_h=0.5)],
        pools=POOLS,
    )
    decided = decisions(
        [replicas("oa", 1, pool="a", block=0), replicas("ob", 3, pool="b", block=1)],
        [flow("oa", 2.0, workload="a", block=0), flow("ob", 4.0, workload="b", block=1)],
        [nodes("n", 1, block=0), nodes("n", 3, block=1)],
    )

    lines, units = money(asked, options, decided)

    # Of 730 / 24 days with blocks of 6 h: two nodes start in block 0 for block 1, where only b
    # is, and one in block 3, which is empty, for block 0 of a.
    day_usd = {"a": 1 * 6 + 1 * 0.5, "b": 3 * 6 + 2 * 0.5}
    assert by_workload(lines) == pytest.approx({w: usd * 730 / 24 for w, usd in day_usd.items()})
    # At work: 1 replica of 6 h, and 2 of 3 replicas of 6 h.
    work = {u.workload: u.utilization for u in units}
    assert work == pytest.approx({"a": 6 / day_usd["a"], "b": 2 * 6 / day_usd["b"]})


def test_nodes_without_any_replica_are_paid_in_equal_parts():
    asked = demand({"a": [1.0], "b": [1.0]})

    lines, _ = money(asked, two_pools(), decisions(node_rows=[nodes("n", 1)]))

    assert by_workload(lines) == pytest.approx({"a": 365, "b": 365})


def test_money_of_each_period_is_discounted_by_its_factor():
    asked = demand({"a": [[2.0], [2.0]]}, discount_per_period=0.9)
    options = option_set(
        [option("oa")], [capacity("a", "oa", 2.0)], [offer("n", (1.0, 2.0))], pools=POOLS
    )
    decided = decisions(
        [replicas("oa", 1, pool="a", period=t) for t in (0, 1)],
        [flow("oa", 2.0, workload="a", period=t) for t in (0, 1)],
        [nodes("n", 1, period=t) for t in (0, 1)],
    )

    lines, _ = money(asked, options, decided)

    assert [line.usd for line in lines] == [730, 1460]
    assert [line.discounted_usd for line in lines] == pytest.approx([730, 1460 * 0.9])


def test_tokens_are_lines_of_their_own():
    asked = demand({"a": [1.0], "b": [1.0]})
    options = replace(two_pools(), api=(api("a", 0.001),))

    lines, _ = money(asked, options, decisions(api_flows=[flow("api-a", 1.0, workload="a")]))

    (line,) = lines
    assert (line.category, line.workload, line.hardware, line.tenure) == ("api", "a", "", "api")
    assert line.usd == pytest.approx(730 * 3600 * 0.001)


def with_lengths(asked, isl, osl):
    workloads = tuple(replace(w, lengths=lengths((isl,), (osl,))) for w in asked.workloads)
    return replace(asked, workloads=workloads)


def test_unit_costs_divide_by_what_is_used_at_the_mean_rate():
    asked = with_lengths(demand({"a": [2.0], "b": [0.0]}, mean_share=0.5), 300.0, 100.0)
    options = option_set(
        [option("oa")], [capacity("a", "oa", 2.0)], [offer("n")], pools={"a": "a"}
    )
    asked = replace(asked, workloads=asked.workloads[:1])
    decided = decisions(
        [replicas("oa", 2, pool="a")], [flow("oa", 2.0, workload="a")], [nodes("n", 2)]
    )

    _, (unit,) = money(asked, options, decided)

    requests = 1.0 * 730 * 3600
    assert unit.usd_per_request == pytest.approx(1460 / requests)
    assert unit.usd_per_million_output_tokens == pytest.approx(1460 / (requests * 100) * 1e6)
    assert unit.usd_per_million_tokens == pytest.approx(1460 / (requests * 400) * 1e6)
    assert unit.utilization == pytest.approx(0.25)  # 1 of 2 requests/s on one of two replicas


def test_without_lengths_there_is_no_cost_per_token():
    asked = demand({"a": [2.0], "b": [1.0]})
    decided = decisions(
        [replicas("oa", 1, pool="a"), replicas("ob", 1, pool="b")],
        [flow("oa", 2.0, workload="a"), flow("ob", 1.0, workload="b")],
        [nodes("n", 1)],
    )

    _, units = money(asked, two_pools(), decided)

    assert {u.usd_per_million_tokens for u in units} == {None}
    assert {u.usd_per_million_output_tokens for u in units} == {None}


def test_work_served_by_tokens_only_has_no_utilization():
    asked = demand({"a": [1.0]})
    options = option_set([], [], [], [api("a", 0.001)], {"a": "a"})

    _, (unit,) = money(asked, options, decisions(api_flows=[flow("api-a", 1.0, workload="a")]))

    assert unit.utilization is None
    assert unit.usd_per_request == pytest.approx(0.001)


@given(
    st.integers(0, 5), st.integers(0, 5), st.integers(0, 4), st.floats(0.1, 9), st.floats(0.1, 9)
)
def test_cost_lines_always_add_up_to_the_fleet(count_a, count_b, count_n, rate_a, rate_b):
    asked = demand({"a": [rate_a, 1.0], "b": [rate_b, 1.0]})
    decided = decisions(
        [
            *([replicas("oa", count_a, pool="a")] if count_a else []),
            *([replicas("ob", count_b, pool="b", block=1)] if count_b else []),
        ],
        [flow("oa", rate_a, workload="a")] if count_a else [],
        [nodes("n", count_n, block=b) for b in (0, 1) if count_n],
    )
    options = two_pools()

    lines, _ = money(asked, options, decided)

    total = sum(row.usd for row in fleet_rows(asked, options, decided))
    assert sum(line.usd for line in lines) == pytest.approx(total)
