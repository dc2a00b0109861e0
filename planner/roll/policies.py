"""Ways to decide what is ordered at the start of a period. All serve demand in the same way.

A policy is a function of a :class:`~planner.roll.stage.Stage` that returns what is ordered now:
nodes, provisioned units and promised spending by first period. Orders that are due later may be
among them; they are then placed when they are due, at the price of that day, without being asked
for again. What serves the demand that comes (nodes by the hour, tokens, what stays unserved) is
decided by :mod:`planner.roll.replay`, alike for all. A new policy is one more entry of `POLICIES`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.options.restrict import restrict
from planner.roll.hedged import hedged_orders
from planner.roll.records import NoPlanError
from planner.roll.scenarios import demand_scenarios
from planner.roll.signed import with_orders

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.roll.records import Orders
    from planner.roll.stage import Stage

_ONE_YEAR = "reserved_1y"
FORESIGHT, HEDGED = "perfect_foresight", "hedged"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy orders.

    Parameters
    ----------
    orders
        What, and how much of it.
    bound_usd
        Proven lower limit of the cost of any policy, where the decision has one.
    """

    orders: Orders
    bound_usd: float | None = None


def perfect_foresight(stage: Stage) -> Decision:
    """Return everything that is best when all that comes is known at the start."""
    if stage.period:
        return Decision({})
    options = stage.open_options(stage.world.options)
    result = stage.solve(stage.world.demand, options, stage.world.limits, stage.world.periods)
    return Decision(stage.new_orders(options, result), result.proof.bound_usd)


def rolling(stage: Stage) -> Decision:
    """Return what is due now of the best plan for the rest of the horizon, as it is expected."""
    world = stage.world
    options = stage.open_options(world.expected_options(stage.period))
    demand = world.expected_demand(stage.period)
    result = stage.solve(demand, options, world.limits, world.periods - stage.period)
    return Decision(stage.due(stage.new_orders(options, result), options))


def hedged(stage: Stage) -> Decision:
    """Return what is due now of the orders that suit several courses of demand best."""
    demands = demand_scenarios(stage.world, stage.period)
    return Decision(hedged_orders(stage, demands)) if len(demands) > 1 else rolling(stage)


def plan_once(stage: Stage) -> Decision:
    """Return the orders of the first plan, whatever comes."""
    if stage.period:
        return Decision({})
    world = stage.world
    options = stage.open_options(world.expected_options(0))
    result = stage.solve(world.expected_demand(0), options, world.limits, world.periods)
    return Decision(stage.new_orders(options, result))


def all_on_demand(stage: Stage) -> Decision:
    """Return no order: everything is paid by use."""
    del stage
    return Decision({})


def all_reserved_1y(stage: Stage) -> Decision:
    """Return what is missing of one-year reservations for the peak expected in this period.

    All of the planned rate is covered by what is there and by terms of one year from now on, so
    terms that end are renewed as far as they are still needed.
    """
    now, limits = stage.period, replace(stage.world.limits, unserved_usd_per_request=())
    expected = stage.world.expected_options(now)
    offered = (o for o in expected.offers if o.tenure == _ONE_YEAR and not o.is_existing)
    if not any(b.start == now for o in offered for b in o.builds):
        msg = f"period {now}: no node of {_ONE_YEAR} is on offer; see supply.tenures"
        raise NoPlanError(msg)

    alone = restrict(
        expected,
        lambda _: True,
        tokens=False,
        same_model_only=False,
        tenures=frozenset({_ONE_YEAR}),
    )
    options = with_orders(alone, stage.signed, lambda build: build.start == now)
    demand = stage.world.expected_demand(now, until=now + 1)
    try:
        result = stage.solve(demand, options, limits, 1)
    except NoPlanError as error:
        msg = f"{error}: {_ONE_YEAR} alone cannot carry the expected peak within all limits"
        raise NoPlanError(msg) from None
    return Decision(stage.new_orders(options, result))


POLICIES: dict[str, Callable[[Stage], Decision]] = {
    FORESIGHT: perfect_foresight,
    "rolling": rolling,
    HEDGED: hedged,
    "plan_once": plan_once,
    "all_on_demand": all_on_demand,
    "all_reserved_1y": all_reserved_1y,
}
"""Every policy by name, the one that others are compared with first."""
