"""Shares of providers and the loss of one: what plans hold, and what any loss leaves."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import (
    Limits,
    SolverSettings,
    build_program,
    solve_program,
    verify_decisions,
)
from planner.milp.domains import losses
from tests import worlds
from tests.milp.test_spares import can_serve

EXACT = SolverSettings(gap=0.0, time_limit_s=30)
HOURS = 730.0


def solve(demand, options, **limits):
    return solve_program(build_program(demand, options, Limits(**limits)), EXACT)


def world(planned_rps, *offers, apis=(), blocks=None):
    return (
        worlds.demand({"chat": blocks or [planned_rps]}),
        worlds.option_set(
            [worlds.option("o")], [worlds.capacity("chat", "o", 1.0)], list(offers), list(apis)
        ),
    )


def cheap_and_dear(planned_rps, **more):
    return world(
        planned_rps,
        worlds.offer("cheap", 1.0, provider="a"),
        worlds.offer("dear", 3.0, provider="b"),
        **more,
    )


def nodes(result):
    return {n.offer_id: n.nodes for n in result.decisions.nodes}


def stand(result):
    return {(p.option_id, p.offer_ids[0]): p.replicas for p in result.decisions.placements}


def test_no_provider_has_more_than_its_share():
    result = solve(*cheap_and_dear(4.0), max_share_per_provider=0.75)

    assert nodes(result) == {"cheap": 3, "dear": 1}


def test_owned_nodes_count_in_the_sum_and_have_no_provider():
    demand, options = world(
        4.0, worlds.offer("rent", 1.0, provider="a"), worlds.owned("rack", hardware="gpu",
        accelerators=1, capex_usd=9_000.0)
    )  # fmt: skip

    result = solve(demand, options, max_share_per_provider=0.5)

    assert nodes(result) == {"rent": 2, "rack": 2}


def test_what_is_left_after_a_loss_carries_all():
    # 2 requests/s survive the loss of either provider with 2 replicas at each.
    result = solve(*cheap_and_dear(2.0), survive_loss_of="provider")

    assert nodes(result) == {"cheap": 2, "dear": 2}
    assert stand(result) == {("o", "cheap"): 2, ("o", "dear"): 2}
    assert result.objective_usd == pytest.approx(8.0 * HOURS)


def test_half_of_the_rate_needs_half_of_the_replicas():
    result = solve(*cheap_and_dear(4.0), survive_loss_of="provider", survive_share=0.5)

    assert nodes(result) == {"cheap": 2, "dear": 2}


def test_three_providers_share_the_risk():
    demand, options = world(2.0, *(worlds.offer(n, 1.0, provider=n) for n in "abc"))

    result = solve(demand, options, survive_loss_of="provider")

    assert nodes(result) == {"a": 1, "b": 1, "c": 1}


def test_tokens_count_with_their_planned_rate_and_fall_with_their_provider():
    # Tokens cost 0.36 USD per 1,000 requests, 946 USD a month for 1 request/s: less than the dear
    # node (2,190 USD). Two of them replace the cheap nodes, which replace the tokens.
    demand, options = cheap_and_dear(2.0, apis=[worlds.api("chat", 3.6e-4, name="t")])

    result = solve(demand, options, survive_loss_of="provider")

    assert nodes(result) == {"cheap": 2}
    assert [(f.supply_id, f.planned_rps) for f in result.decisions.api_flows] == [
        ("t-chat", pytest.approx(2.0))
    ]


def test_tokens_of_a_lost_provider_are_lost_with_its_nodes():
    demand, options = cheap_and_dear(2.0, apis=[worlds.api("chat", 1e-5, name="b")])

    result = solve(demand, options, survive_loss_of="provider")

    assert nodes(result) == {"cheap": 2}
    demand, options = cheap_and_dear(2.0, apis=[worlds.api("chat", 1e-5, name="a")])
    assert nodes(solve(demand, options, survive_loss_of="provider")) == {"dear": 2}


def test_unserved_rate_need_not_survive():
    result = solve(
        *cheap_and_dear(2.0), survive_loss_of="provider",
        unserved_usd_per_request=(("chat", 1e-6),),
    )  # fmt: skip

    assert nodes(result) == {}


def test_the_share_that_is_kept_is_of_what_is_served_not_of_what_was_given_up_before():
    # half of 2.1 requests/s would need two nodes at either provider, 8 USD an hour; of 2.0 that
    # are served half is one node: 4 USD, and 1 USD for the 0.1 that nobody serves
    result = solve(
        *cheap_and_dear(2.1), survive_loss_of="provider", survive_share=0.5,
        unserved_usd_per_request=(("chat", 1.0 / 360.0),),
    )  # fmt: skip

    assert nodes(result) == {"cheap": 1, "dear": 1}
    assert [row.planned_rps for row in result.decisions.unserved] == [pytest.approx(0.1)]
    assert result.objective_usd == pytest.approx(5.0 * HOURS)


def test_one_provider_alone_has_no_plan():
    demand, options = world(1.0, worlds.offer("node", 1.0))

    assert solve(demand, options, survive_loss_of="provider").proof.status == "infeasible"
    assert solve(demand, options, max_share_per_provider=0.9).proof.status == "infeasible"


def test_static_replicas_stay_where_they_are():
    demand, options = world(
        0.0,
        worlds.offer("x", 1.0, provider="a"),
        worlds.offer("y", 1.0, provider="b"),
        worlds.offer("z", 1.0, provider="c"),
        blocks=[1.0, 2.0],
    )

    result = solve(demand, options, scaling="static", survive_loss_of="provider")

    by_block = [
        {p.offer_ids[0]: p.replicas for p in result.decisions.placements if p.block == b}
        for b in (0, 1)
    ]
    assert by_block[0] == by_block[1]


def losses_of(options, what):
    names = [o.offer_id for o in options.offers]
    return {
        case.name: ({names[i] for i in case.offers}, {options.api[i].id for i in case.apis})
        for case in losses(options, Limits(survive_loss_of=what))
    }


def test_a_region_takes_what_its_providers_place_nowhere():
    options = worlds.option_set(
        [],
        [],
        [
            worlds.offer("a-north", provider="a", region="north"),
            worlds.offer("a-any", provider="a", region="any"),
            worlds.offer("b-north", provider="b", region="north"),
            worlds.offer("b-south", provider="b", region="south"),
            worlds.offer("c-any", provider="c", region="any"),
            replace(worlds.owned("rack"), region="home"),
        ],
        [worlds.api("chat", 1.0, name="a"), worlds.api("chat", 1.0, name="d")],
    )

    assert losses_of(options, "region") == {
        "north": ({"a-north", "a-any", "b-north"}, {"a-chat"}),
        "south": ({"b-south"}, set()),
        "home": ({"rack"}, set()),
        "c (any)": ({"c-any"}, set()),
        "d (any)": (set(), {"d-chat"}),
    }
    assert losses_of(options, "provider") == {
        "a": ({"a-north", "a-any"}, {"a-chat"}),
        "b": ({"b-north", "b-south"}, set()),
        "c": ({"c-any"}, set()),
        "d": (set(), {"d-chat"}),
    }


def least_usd(shapes, mu_rps, planned_rps, share, token_usd):
    """Return the least cost by trying all nodes and replicas; tokens are of a provider apart."""
    best = np.inf
    for counts in itertools.product(range(4), repeat=len(shapes)):
        usd = sum(n * price for n, (_, price, _) in zip(counts, shapes, strict=True)) * HOURS
        tokens_rps = [
            tokens
            for rates in rates_held(counts, shapes, mu_rps)
            if (tokens := tokens_needed(rates, shapes, planned_rps, share)) is not None
            and (tokens == 0 or token_usd is not None)
        ]
        if tokens_rps:
            best = min(best, usd + min(tokens_rps) * HOURS * 3600 * (token_usd or 0.0))
    return best


def rates_held(counts, shapes, mu_rps):
    """Yield the rate that replicas carry at every provider, for all replicas that fit."""
    room = [n * size for n, (size, _, _) in zip(counts, shapes, strict=True)]
    ranges = [range(space // size + 1) for space in room for size, _ in mu_rps]
    for many in itertools.product(*ranges):
        held = np.array(many).reshape(len(shapes), len(mu_rps))
        if np.all(held @ np.array([size for size, _ in mu_rps]) <= room):
            yield held @ np.array([mu for _, mu in mu_rps])


def tokens_needed(rates, shapes, planned_rps, share):
    """Return the least rate of tokens with which all losses are survived, None without one."""
    kept = [
        sum(r for r, (*_, name) in zip(rates, shapes, strict=True) if name != lost)
        for *_, lost in shapes
    ]
    least = max(planned_rps - sum(rates), share * planned_rps - min(kept), 0.0)
    least = 0.0 if least < 1e-9 else least
    if least > planned_rps + 1e-9 or (least and sum(rates) < share * planned_rps - 1e-9):
        return None
    return least


@pytest.mark.parametrize("seed", range(30))
def test_the_optimum_is_the_least_cost_by_trying_everything(seed):
    rng = np.random.default_rng(seed)
    providers = ["a", "b", "c"][: int(rng.integers(2, 4))]
    shapes = [
        (int(rng.choice([1, 2])), float(np.round(rng.uniform(1, 4), 2)), name)
        for name in providers
    ]
    sizes = [1] if rng.random() < 0.5 or all(s == 1 for s, *_ in shapes) else [1, 2]
    mu_rps = [(s, float(np.round(s * rng.uniform(0.7, 1.3), 2))) for s in sizes]
    if any(size < max(sizes) for size, *_ in shapes):
        sizes, mu_rps = sizes[:1], mu_rps[:1]
    planned_rps = float(np.round(rng.uniform(0.4, 2.0), 2))
    share = float(rng.choice([0.5, 1.0]))
    token_usd = float(np.round(rng.uniform(2e-4, 2e-3), 6)) if rng.random() < 0.5 else None
    demand = worlds.demand({"chat": [planned_rps]})
    options = worlds.option_set(
        [worlds.option(f"o{s}", accelerators=s) for s, _ in mu_rps],
        [worlds.capacity("chat", f"o{s}", mu) for s, mu in mu_rps],
        [
            worlds.offer(f"n-{name}", price, accelerators=size, provider=name)
            for size, price, name in shapes
        ],
        [] if token_usd is None else [worlds.api("chat", token_usd, name="tokens")],
    )
    expected_usd = least_usd(shapes, mu_rps, planned_rps, share, token_usd)

    result = solve(demand, options, survive_loss_of="provider", survive_share=share)

    if np.isinf(expected_usd):
        assert result.proof.status == "infeasible"
    else:
        assert result.objective_usd == pytest.approx(expected_usd, rel=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_two_pooled_workloads_survive_any_provider(seed):
    rng = np.random.default_rng(seed)
    mu_rps = {
        (w, o): size * rng.uniform(0.5, 1.5)
        for w in ("chat", "code")
        for o, size in (("small", 1), ("large", 2))
    }
    demand = worlds.demand({w: [rng.uniform(0.5, 2.0)] for w in ("chat", "code")})
    options = worlds.option_set(
        [worlds.option("small", accelerators=1), worlds.option("large", accelerators=2)],
        [worlds.capacity(w, o, mu) for (w, o), mu in mu_rps.items()],
        [
            worlds.offer(f"n-{p}", rng.uniform(2, 4), accelerators=2, provider=p)
            for p in ("a", "b", "c")
        ],
        pools={"chat": "p", "code": "p"},
    )

    result = solve(demand, options, survive_loss_of="provider")

    planned = [float(w.planned_rps[0, 0]) for w in demand.workloads]
    for lost in ("n-a", "n-b", "n-c"):
        left = {"small": 0, "large": 0}
        for row in result.decisions.placements:
            if row.offer_ids != (lost,):
                left[row.option_id] += row.replicas
        assert can_serve(left, mu_rps, planned)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"placements": 0}, "not all of 4 replicas have a place"),
        ({"placements": 1}, r"do not fit cheap in period 0, block 0"),
        ({"nodes": 1}, "do not fit"),
    ],
)
def test_replicas_without_their_place_are_a_fault(changes, message):
    demand, options = cheap_and_dear(2.0)
    limits = Limits(survive_loss_of="provider")
    good = solve_program(build_program(demand, options, limits), EXACT).decisions
    verify_decisions(demand, options, limits, good)
    first, second = good.placements
    if "nodes" in changes:
        wrong = replace(good, nodes=good.nodes[:1])
    elif changes["placements"] == 0:
        wrong = replace(good, placements=(first,))
    else:
        moved = (replace(first, replicas=3), replace(second, replicas=1))
        wrong = replace(good, placements=moved)

    with pytest.raises(InternalError, match=message):
        verify_decisions(demand, options, limits, wrong)


def test_a_plan_that_keeps_half_fails_the_check_of_all_and_of_a_lower_share():
    demand, options = cheap_and_dear(2.0)
    half = solve(demand, options, survive_loss_of="provider", survive_share=0.5).decisions

    with pytest.raises(InternalError, match=r"does not survive the loss of a in period 0"):
        verify_decisions(demand, options, Limits(survive_loss_of="provider"), half)
    with pytest.raises(InternalError, match=r"a has 1 of 2 accelerators in period 0, block 0"):
        verify_decisions(demand, options, Limits(max_share_per_provider=0.4), half)
