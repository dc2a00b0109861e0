"""The check on unscaled data finds every kind of broken row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import InternalError
from planner.milp import (
    Limits,
    Quota,
    SolverSettings,
    build_program,
    decisions_usd,
    solve_program,
    verify_decisions,
)
from planner.milp.check_fleet import fits_nodes
from planner.plan.records import (
    BuildDecision,
    Decisions,
    FlowDecision,
    NodeDecision,
    ReplicaDecision,
)
from tests import worlds


@pytest.fixture
def world():
    """Two blocks, an option with two brackets, one offer and tokens."""
    demand = worlds.demand({"chat": [2.0, 3.0]})
    options = worlds.option_set(
        [worlds.option("o", accelerators=2, model="m")],
        [worlds.capacity("chat", "o", (1, 1.0), (3, 2.0))],
        [worlds.offer("node", 2.0, accelerators=4)],
        [worlds.api("chat", 1e-3, model="tokens")],
    )
    return demand, options


def decisions(replicas=(2, 3), flow=(2.0, 3.0), nodes=(1, 2), brackets=(1, 3), api=(0.0, 0.0)):
    return Decisions(
        tuple(
            ReplicaDecision("chat", "o", 0, b, n, brackets[b]) for b, n in enumerate(replicas) if n
        ),
        tuple(FlowDecision("chat", "o", 0, b, f) for b, f in enumerate(flow) if f),
        tuple(FlowDecision("chat", "api-chat", 0, b, f) for b, f in enumerate(api) if f),
        tuple(NodeDecision("node", 0, b, n) for b, n in enumerate(nodes) if n),
    )


def test_decisions_that_keep_every_row_pass(world):
    verify_decisions(*world, Limits(), decisions())


def test_a_rate_in_a_barred_block_breaks_a_row(world):
    demand, options = world
    (capacity,) = options.capacities
    barred = replace(options, capacities=(replace(capacity, barred=frozenset({(0, 1)})),))

    with pytest.raises(InternalError, match="chat uses o, which has no replicas for it"):
        verify_decisions(demand, barred, Limits(), decisions())


def test_violations_below_the_tolerance_pass(world):
    verify_decisions(*world, Limits(), decisions(flow=(2.0 + 1e-7, 3.0)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flow": (1.9, 3.0)}, r"served 1\.9 of 2 requests/s in period 0, block 0"),
        ({"flow": (2.1, 3.0)}, r"served 2\.1 of 2 requests/s"),
        ({"flow": (3.0, 3.0), "api": (-1.0, 0.0)}, r"sends -1 requests/s to api-chat"),
        ({"replicas": (1, 3)}, r"o carries 2 with 1 replicas"),
        ({"replicas": (2, 2), "nodes": (1, 1)}, r"2 replicas claim what 3 carry"),
        ({"replicas": (0, 3)}, r"uses o, which has no replicas for it"),
        ({"nodes": (1, 1)}, r"do not fit its nodes in period 0, block 1"),
    ],
)
def test_a_broken_row_is_named(world, changes, message):
    with pytest.raises(InternalError, match=message):
        verify_decisions(*world, Limits(), decisions(**changes))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(scaling="static"), r"nodes of node differ by block in period 0"),
        (Limits(spare_replicas=1), r"pool chat does not survive a loss in period 0, block 0"),
        (Limits(quotas=(Quota("gpu", 4),)), r"8 accelerators of gpu, quota 4"),
        (Limits(max_models=0), r"1 models where 0 are allowed"),
        (Limits(max_hardware_types=0), r"1 hardware types where 0 are allowed"),
    ],
)
def test_a_limit_that_is_not_kept_is_named(world, limits, message):
    with pytest.raises(InternalError, match=message):
        verify_decisions(*world, limits, decisions())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"elastic_max_nodes": 0}, r"node follows the day by 2 nodes"),
        ({"min_billing_h": 24.0}, r"end before their minimum billing time"),
        ({"price_usd_per_hour": (None,)}, r"without a price"),
    ],
)
def test_a_rule_of_an_offer_that_is_not_kept_is_named(world, changes, message):
    demand, options = world
    offers = tuple(replace(o, **changes) for o in options.offers)

    with pytest.raises(InternalError, match=message):
        verify_decisions(
            demand,
            replace(options, offers=offers),
            Limits(),
            decisions(nodes=(0, 2), replicas=(0, 3), flow=(0.0, 3.0), api=(2.0, 0.0)),
        )


def test_two_brackets_of_one_option_are_refused(world):
    good = decisions()
    twice = replace(good, replicas=(*good.replicas, ReplicaDecision("chat", "o", 0, 0, 3, 3)))

    with pytest.raises(InternalError, match=r"o uses two brackets in period 0, block 0"):
        verify_decisions(*world, Limits(), twice)


def test_tokens_of_another_workload_are_refused(world):
    wrong = replace(decisions(), api_flows=(FlowDecision("chat", "elsewhere", 0, 0, 0.0),))
    demand, options = world
    named = replace(options, api=(*options.api, worlds.api("code", 1e-3, "elsewhere")))

    with pytest.raises(InternalError, match=r"chat cannot use elsewhere"):
        verify_decisions(
            demand,
            replace(
                named, api=(*named.api, replace(options.api[0], id="elsewhere", workload="x"))
            ),
            Limits(),
            wrong,
        )


def test_static_replicas_must_be_there_in_every_block(world):
    flat = decisions(replicas=(3, 3), brackets=(3, 3), nodes=(2, 2))
    missing = replace(
        flat,
        replicas=flat.replicas[1:],
        flows=flat.flows[1:],
        api_flows=(FlowDecision("chat", "api-chat", 0, 0, 2.0),),
    )

    with pytest.raises(InternalError, match=r"replicas of o in pool chat differ by block"):
        verify_decisions(*world, Limits(scaling="static"), missing)


def test_an_order_below_its_minimum_is_refused_unless_it_was_decided_before():
    lease = worlds.reserved("lease", accelerators=1, term_months=1)
    demand = worlds.demand({"chat": [2.0]})

    def check(kept):
        build = replace(lease.builds[0], min_nodes=3, least_nodes=kept)
        options = worlds.option_set(
            [worlds.option("o")],
            [worlds.capacity("chat", "o", 1.0)],
            [replace(lease, builds=(build,))],
        )
        chosen = Decisions(
            (ReplicaDecision("chat", "o", 0, 0, 2, 1),),
            (FlowDecision("chat", "o", 0, 0, 2.0),),
            (),
            (NodeDecision("lease", 0, 0, 2),),
            (BuildDecision("lease", 0, 2),),
        )
        verify_decisions(demand, options, Limits(), chosen)

    check(kept=2)
    with pytest.raises(InternalError, match=r"2 nodes of lease .* an order has 3 or more"):
        check(kept=1)


def test_every_fault_is_counted_and_the_first_are_shown(world):
    with pytest.raises(InternalError, match=r"break 4 rows of the program: .*; .*; "):
        verify_decisions(*world, Limits(), decisions(flow=(1.0, 1.0), nodes=(0, 0)))


def test_cost_is_nodes_starts_and_tokens(world):
    demand, options = world
    offers = tuple(replace(o, startup_h=0.5) for o in options.offers)

    usd = decisions_usd(
        demand, replace(options, offers=offers), Limits(), decisions(api=(0.0, 0.25))
    )

    node_blocks_usd = 3 * 2.0 * 365.0
    start_usd = 1 * 0.5 * 2.0 * 730.0 / 24.0
    tokens_usd = 0.25 * 1e-3 * 365.0 * 3600.0
    assert usd == pytest.approx(node_blocks_usd + start_usd + tokens_usd)


def test_cost_of_the_check_is_the_cost_of_the_program(world):
    demand, options = world
    program = build_program(demand, options, Limits(spare_replicas=1))

    result = solve_program(program, SolverSettings(gap=0.0))

    recomputed = decisions_usd(demand, options, Limits(spare_replicas=1), result.decisions)
    assert result.objective_usd == recomputed


@pytest.mark.parametrize(
    ("replicas", "nodes", "fits"),
    [
        ({8: 1, 4: 1, 2: 2}, [8, 8], True),
        ({8: 1, 4: 3}, [8, 8], False),
        ({4: 1}, [6], False),
        ({2: 3}, [6], True),
        ({4: 2, 2: 5}, [12, 6], True),
        ({4: 3, 2: 4}, [12, 6], False),
        ({3: 1, 2: 1}, [6], True),
        ({}, [], True),
    ],
)
def test_replicas_fit_whole_nodes_by_shape(replicas, nodes, fits):
    anywhere = frozenset({0})
    kinds = {(size, anywhere): count for size, count in replicas.items()}

    assert fits_nodes(kinds, [(0, shape) for shape in nodes]) is fits


def test_work_that_must_stay_at_home_gets_the_nodes_there():
    home, anywhere = frozenset({1}), frozenset({0, 1})
    nodes = [(0, 4), (1, 4)]

    assert fits_nodes({(4, anywhere): 1, (4, home): 1}, nodes)
    assert fits_nodes({(4, anywhere): 1, (2, home): 2}, nodes)
    assert not fits_nodes({(2, home): 3}, nodes)
