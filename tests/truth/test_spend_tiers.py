"""Spend commitments in tiers: by hand, and against the least cost over every promise."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import InternalError
from planner.milp import Limits, SolverSettings, build_program, solve_program, verify_decisions
from planner.options.purchases import hold_purchases, purchases
from planner.options.spend import BELOW
from planner.plan.purchases import taken_purchases, terms_beside_nodes
from planner.plan.records import SpendDecision
from tests.milp.test_spend import promise, world

EXACT = SolverSettings(gap=0.0, time_limit_s=60)
MONTH_H = 730.0
PRICE = 2.0


def table(*tiers, periods=1, term=1, most=None):
    """Return the tiers of a table, pairs of threshold and discount, for nodes at 2 USD/h."""
    ends = [start * BELOW for start, _ in tiers[1:]] + [most]
    return [
        replace(
            promise(
                {"chat": PRICE * (1 - off)},
                f"t/{start:g}",
                periods=periods,
                term=term,
                least=start,
                most=end,
            ),
            table="t",
            discount=off,
        )
        for (start, off), end in zip(tiers, ends, strict=True)
    ]


def solve(demand, options, limits=Limits()):  # noqa: B008
    return solve_program(build_program(demand, options, limits), EXACT)


@pytest.mark.parametrize(
    ("nodes", "usd", "tier"),
    [
        (2, 2 * 2.0, None),  # 4 USD/h on demand, and the first tier begins at 5
        (3, 5.0, "spend:t/5"),  # 3 nodes at 1.6 are 4.8: the least promise is paid
        (5, 8.0, "spend:t/5"),
        (9, 10.0, "spend:t/10"),  # 9 at 1.6 are 14.4, at 1.0 the least promise of 10
        (12, 12.0, "spend:t/10"),
    ],
)
def test_the_tier_of_what_is_promised_holds_for_all_that_is_covered(nodes, usd, tier):
    found = solve(*world({"chat": [float(nodes)]}, *table((5.0, 0.2), (10.0, 0.5))))

    assert found.objective_usd == pytest.approx(usd * MONTH_H)
    assert [row.commitment_id for row in found.decisions.spend] == ([tier] if tier else [])
    assert found.proof.status == "optimal"


def test_one_tier_at_a_time():
    """Two terms may add up within a tier, and later ones take no other tier beside them."""
    tiers = table((4.0, 0.1), (10.0, 0.5), periods=2, term=2)
    demand, options = world({"chat": [[3.0], [9.0]]}, *tiers)

    found = solve(demand, options)

    assert len({row.commitment_id for row in found.decisions.spend}) <= 1
    both = replace(
        found.decisions,
        spend=(SpendDecision("spend:t/4", 0, 5.0), SpendDecision("spend:t/10", 1, 10.0)),
    )
    with pytest.raises(InternalError, match="tiers spend:t/10 and spend:t/4 of t in period 1"):
        verify_decisions(demand, options, Limits(), both)


def least_usd(rates, tiers, term):
    """Return the least cost over promises at every corner: thresholds, and whole covered nodes."""
    months = len(rates)

    def operated(month, total, rate):
        covered = 0.0 if total <= 0 else total / rate
        return sum(PRICE * max(n - covered, 0) for n in rates[month]) / len(rates[month])

    least = sum(operated(month, 0.0, 1.0) for month in range(months))
    ends = [start for start, _ in tiers[1:]] + [np.inf]
    for (start, off), end in zip(tiers, ends, strict=True):
        rate = PRICE * (1 - off)
        corners = {0.0, start} | {n * rate for month in rates for n in month}
        corners |= set() if end == np.inf else {end}
        totals = [c for c in corners if c == 0 or start <= c <= end]
        for path in itertools.product(totals, repeat=months):
            orders, running = [], []
            for month, total in enumerate(path):
                running = [(s, usd) for s, usd in running if month < s + term]
                more = total - sum(usd for _, usd in running)
                if more < -1e-12:
                    break
                if more > 1e-12:
                    running.append((month, more))
                    orders.append(more)
            else:
                usd = sum(orders) * term
                usd += sum(operated(m, total, rate) for m, total in enumerate(path))
                least = min(least, usd)
    return least * MONTH_H


@pytest.mark.parametrize("seed", range(24))
def test_the_least_cost_over_all_promises_is_found(seed):
    draw = np.random.default_rng(seed)
    months = 1 + seed % 2
    rates = draw.integers(0, 8, (months, 3)).astype(float)
    rates[:, 0] = np.maximum(rates[:, 0], 1.0)
    starts, offs = np.sort(draw.uniform(1, 12, 2)), np.sort(draw.uniform(0.1, 0.7, 2))
    tiers = list(zip(starts.tolist(), offs.tolist(), strict=True))
    stated = table(*tiers, periods=months, term=months)

    found = solve(*world({"chat": rates.tolist()}, *stated))

    assert found.objective_usd == pytest.approx(least_usd(rates, tiers, months), rel=2e-5)
    assert found.proof.status == "optimal"


def test_a_promise_in_a_tier_can_be_held_in_either_way():
    tiers = table((5.0, 0.2), (10.0, 0.5))
    demand, options = world({"chat": [9.0]}, *tiers)
    found = solve(demand, options)
    taken = taken_purchases(options, demand.grid, found.decisions)
    everything = {p: taken.get(p, 0.0) for p in purchases(options, demand.grid)}

    for held in (
        hold_purchases(
            options, demand.grid, terms_beside_nodes(options, demand.grid, found.decisions)
        ),
        hold_purchases(options, demand.grid, taken),
        hold_purchases(options, demand.grid, everything),
    ):
        assert solve(demand, held).objective_usd == pytest.approx(found.objective_usd)
