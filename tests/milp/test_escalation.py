"""A chain of answers is one more way to serve: when it pays, and against trying every split."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from planner.demand.records import ChainAnswers
from planner.errors import InternalError
from planner.milp import (
    AverageFloor,
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from planner.milp.escalation import chain_rates
from tests import worlds

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0
SHARE = 0.2


def with_chain(demand, share=SHARE):
    """Return the demand with a chain of answers for the chat."""
    chat = demand.of("chat")
    nothing = np.zeros_like(chat.planned_rps)
    usage = np.divide(chat.mean_rps, chat.planned_rps, out=nothing, where=chat.planned_rps > 0)
    streams = worlds.demand(
        {name: nothing.tolist() for name in ("chat/first", "chat/then")}
    ).workloads
    chains = (ChainAnswers("chat", 1.0, usage), ChainAnswers("chat", share, usage))
    return replace(
        demand,
        workloads=(
            *demand.workloads,
            *(replace(w, chain=chain) for w, chain in zip(streams, chains, strict=True)),
        ),
    )


def models(small_rps, large_rps, usd_per_h=1.0, scores=(0.6, 0.9)):
    """Return a small model for first answers and a large one for the rest, on one kind of node."""
    capacities = [
        worlds.capacity("chat", "large", large_rps),
        worlds.capacity("chat/first", "small", small_rps),
        worlds.capacity("chat/then", "large", large_rps),
    ]
    score = dict(zip(("small", "large"), scores, strict=True))
    return worlds.option_set(
        [worlds.option("small", "gpu", 1, "s"), worlds.option("large", "gpu", 1, "l")],
        [replace(c, averaged=(score[c.option_id],)) for c in capacities],
        [worlds.offer("node", usd_per_h, "gpu")],
    )


def floor(least, share=SHARE):
    weights = (("chat", 1.0), ("chat/first", 1.0 - share), ("chat/then", 1.0))
    return (AverageFloor("chat", 0, "exam", least, weights=weights),)


def solve(demand, options, **limits):
    return solve_program(build_program(demand, options, Limits(**limits)), EXACT)


def through(demand, result, block=0):
    return chain_rates(demand, result.decisions).get(("chat", 0, block), [0.0, 0.0])


def test_a_cheap_first_answer_takes_everything():
    # 10 requests/s: 10 nodes of the large model, or 1 of the small one and 2 for a fifth of it.
    demand = with_chain(worlds.demand({"chat": [10.0]}))

    result = solve(demand, models(10.0, 1.0))

    assert through(demand, result) == [pytest.approx(10.0), pytest.approx(2.0)]
    assert result.objective_usd == pytest.approx(3 * HOURS)


def test_a_dear_first_answer_is_not_asked_for():
    demand = with_chain(worlds.demand({"chat": [10.0]}))

    result = solve(demand, models(1.0, 1.0))

    assert through(demand, result) == [0.0, 0.0]
    assert result.objective_usd == pytest.approx(10 * HOURS)


def test_the_average_quality_limits_how_much_goes_through_the_chain():
    # The chain has 0.8 x 0.6 + 0.2 x 0.9 = 0.66, so 0.78 takes half of the requests of each.
    demand = with_chain(worlds.demand({"chat": [10.0]}))

    result = solve(demand, models(10.0, 1.0), average_quality=floor(0.78))

    assert through(demand, result) == [pytest.approx(5.0), pytest.approx(1.0)]
    assert result.objective_usd == pytest.approx((5 + 1 + 1) * HOURS)


def test_both_answers_keep_spares_of_their_own():
    demand = with_chain(worlds.demand({"chat": [10.0]}))

    result = solve(demand, models(10.0, 1.0), spare_replicas=1)

    assert result.objective_usd == pytest.approx((3 + 2) * HOURS)


def test_without_second_answers_nothing_goes_through_the_chain():
    demand = with_chain(worlds.demand({"chat": [4.0]}))
    options = models(10.0, 1.0)
    options = replace(options, capacities=options.capacities[:2])

    result = solve(demand, options)

    assert through(demand, result) == [0.0, 0.0]
    assert result.objective_usd == pytest.approx(4 * HOURS)


def test_what_stays_unserved_is_neither_direct_nor_in_the_chain():
    demand = with_chain(worlds.demand({"chat": [10.0]}))
    cheap_to_leave = (("chat", 1e-7),)

    result = solve(demand, models(10.0, 1.0), unserved_usd_per_request=cheap_to_leave)

    assert [r.planned_rps for r in result.decisions.unserved] == [pytest.approx(10.0)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("chat/then", r"chat: 1 second answers/s to 10 first ones .* not a share of 0\.2"),
        ("chat/first", r"chat is served 5 of 10 requests/s"),
    ],
)
def test_answers_that_do_not_follow_from_each_other_are_a_fault(changed, message):
    demand = with_chain(worlds.demand({"chat": [10.0]}))
    options = models(10.0, 1.0)
    decisions = solve(demand, options).decisions
    flows = tuple(
        replace(f, planned_rps=f.planned_rps / 2) if f.workload == changed else f
        for f in decisions.flows
    )

    with pytest.raises(InternalError, match=message):
        verify_decisions(demand, options, Limits(), replace(decisions, flows=flows))


def least_nodes(planned, small, large, share, most, spares):
    """Return the fewest nodes over all splits at which some count of replicas changes."""
    steps = range(math.ceil(planned / min(small, large)) + 1)
    splits = {0.0, most}
    splits |= {planned - k * large for k in steps} | {k * small for k in steps}
    splits |= {k * large / share for k in steps}
    best = math.inf
    for c in splits:
        if not -1e-12 <= c <= most + 1e-12:
            continue
        parts = ((planned - c) / large, c / small, share * c / large)
        counts = [math.ceil(part - 1e-9) for part in parts if part > 1e-9]
        best = min(best, sum(counts) + spares * len(counts))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_the_fewest_nodes_over_all_splits(seed):
    rng = np.random.default_rng(seed)
    share = float(rng.uniform(0.05, 0.6))
    small, large = float(rng.uniform(1.0, 5.0)), float(rng.uniform(0.4, 1.5))
    planned = rng.uniform(0.5, 8.0, 2)
    spares = int(rng.random() < 0.4)
    low, high = 0.6, 0.9
    least = float(rng.uniform(low, high))
    chain_score = (1 - share) * low + share * high
    part = min(1.0, (high - least) / (high - chain_score))
    demand = with_chain(worlds.demand({"chat": planned.tolist()}, mean_share=0.5), share)

    result = solve(
        demand, models(small, large), spare_replicas=spares, average_quality=floor(least, share)
    )

    nodes = sum(least_nodes(d, small, large, share, part * d, spares) for d in planned.tolist())
    assert result.objective_usd == pytest.approx(nodes * HOURS / 2, rel=1e-7)
