"""Plans made by hand: what claims read of them, and nothing else."""

from __future__ import annotations

from planner.claims.records import Case
from planner.plan.document import Plan

FAST, SLOW = Case("p", "fast"), Case("p", "slow")


def plan(cost_usd, bound_usd=None):
    """A plan that costs so much."""
    bound = cost_usd if bound_usd is None else bound_usd
    return Plan(1, {}, {}, {}, 0, {}, "optimal", cost_usd, bound, 0.0, cost_usd, {})
