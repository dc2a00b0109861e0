"""One policy from the first period to the last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.milp import verify_decisions
from planner.options.volumes import at_reached_tiers, kept_nodes
from planner.plan.records import Decisions
from planner.roll.book import booked
from planner.roll.policies import POLICIES
from planner.roll.records import NoPlanError, PolicyOutcome
from planner.roll.signed import with_held
from planner.roll.stage import Stage

if TYPE_CHECKING:
    from planner.milp import SolverSettings
    from planner.options.purchases import Purchase
    from planner.roll.world import World


def replay(world: World, policy: str, settings: SolverSettings) -> PolicyOutcome:
    """Return what a policy orders, serves and costs.

    Parameters
    ----------
    world
        What is known when, and what came.
    policy
        Name of one of `POLICIES`.
    settings
        Gap, and time limit of every program.

    Raises
    ------
    InternalError
        When what was decided breaks a rule of the problem.
    """
    signed: dict[Purchase, float] = {}
    served = Decisions((), (), (), ())
    bound_usd: float | None = None
    late: list[int] = []
    try:
        for period in range(world.periods):
            decision = POLICIES[policy](Stage(world, period, dict(signed), served, settings, late))
            signed |= decision.orders
            bound_usd = bound_usd if decision.bound_usd is None else decision.bound_usd
            here = Stage(world, period, signed, served, settings, late)
            served = _joined(served, _operated(here), period)
    except NoPlanError as error:
        return PolicyOutcome(policy, why_not=str(error), late=tuple(late))
    options = Stage(world, world.periods, signed, served, settings).held_options(world.options)
    options = at_reached_tiers(options, kept_nodes(options))
    course = with_held(served, options)
    verify_decisions(world.demand, options, world.limits, course)
    return replace(booked(world, policy, options, course, bound_usd), late=tuple(late))


def _operated(stage: Stage) -> Decisions:
    """Return how the demand of a period is served at actual prices beside what is there."""
    world = stage.world
    options = stage.held_options(world.options)
    try:
        result = stage.solve(world.demand_in(stage.period), options, world.limits, 1)
    except NoPlanError as error:
        msg = (
            f"{error} when its demand came; give workloads a price of unserved requests "
            "(unserved_penalty_usd_per_request)"
        )
        raise NoPlanError(msg) from None
    return result.decisions or Decisions((), (), (), ())


def _joined(served: Decisions, now: Decisions, period: int) -> Decisions:
    """Return what served so far, and what serves in a period."""
    return Decisions(
        replicas=(*served.replicas, *(r for r in now.replicas if r.period == period)),
        flows=(*served.flows, *(r for r in now.flows if r.period == period)),
        api_flows=(*served.api_flows, *(r for r in now.api_flows if r.period == period)),
        nodes=(*served.nodes, *(r for r in now.nodes if r.period == period)),
        unserved=(*served.unserved, *(r for r in now.unserved if r.period == period)),
        placements=(*served.placements, *(r for r in now.placements if r.period == period)),
    )
