"""Orders of one period that suit several courses of demand best.

The scenarios part when the period is over: what is ordered now is the same in all of them, and
whatever is decided later adapts to each. Only the orders of now are taken; in the next period the
scenarios are made anew. The joint program is that of ``planner hedge``
(:mod:`planner.milp.joint`), with equal probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.milp.joint import Part, Risk, Tie, join, solve_joint
from planner.milp.scenario import worth_having
from planner.plan.records import is_within_gap
from planner.roll.records import NoPlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.demand.records import Demand
    from planner.milp.highs import Outcome
    from planner.milp.joint import Joint
    from planner.milp.scenario import ScenarioProgram
    from planner.options.purchases import Purchase
    from planner.roll.stage import Stage

    FloatArray = NDArray[np.float64]


_MOST_WHOLE = 1_200
"""Columns up to which whole replicas and nodes take no time: those of parts without bound rows."""


def hedged_orders(stage: Stage, demands: Sequence[Demand]) -> dict[Purchase, float]:
    """Return what is ordered at the start of a period.

    Parameters
    ----------
    stage
        The period.
    demands
        What demand may come from it on, equally likely.

    Raises
    ------
    NoPlanError
        When one of them cannot be served, or not all with the same orders.
    """
    world = stage.world
    options = stage.open_options(world.expected_options(stage.period))
    now = sorted(stage.decided_now(options))
    if not now:
        return {}
    wanted: dict[str, float] = {}
    for demand in demands:
        for supply, most in worth_having(demand, options, world.limits).items():
            wanted[supply] = max(wanted.get(supply, 0.0), most)
    left = world.periods - stage.period
    parts = [stage.program_of(demand, options, left, wanted) for demand in demands]
    now = [p for p in now if any(p in part.columns for part in parts)]
    joint = join(
        [Part(part.arrays, part.money_unit_usd, 1 / len(parts)) for part in parts],
        [_tie(purchase, parts) for purchase in now],
        Risk(),
    )
    asked = stage.asked(left)
    outcome = solve_joint(joint, asked, _MOST_WHOLE)
    if outcome.values is None:
        why = "infeasible" if outcome.status == "infeasible" else "no plan in time"
        msg = f"period {stage.period}: {why} for {len(demands)} courses of demand at once"
        raise NoPlanError(msg)
    if not _is_within_gap(joint, outcome, asked.gap):
        stage.late.append(stage.period)
    return stage.beside(_orders(now, parts, joint, outcome.values))


def _orders(
    now: Sequence[Purchase],
    parts: Sequence[ScenarioProgram],
    joint: Joint,
    values: FloatArray,
) -> dict[Purchase, float]:
    """Return how much of every purchase of the period values of the joint program take on."""
    found = {}
    for purchase, column in zip(now, joint.tied.tolist(), strict=True):
        step = next(part.columns[purchase][1] for part in parts if purchase in part.columns)
        amount = float(values[column])
        found[purchase] = step * (round(amount) if joint.arrays.integer[column] else amount)
    return found


def _is_within_gap(joint: Joint, outcome: Outcome, gap: float) -> bool:
    if outcome.values is None or outcome.bound is None:
        return False
    usd = joint.money_unit_usd
    cost_usd, bound_usd = usd * float(joint.arrays.cost @ outcome.values), usd * outcome.bound
    return is_within_gap(cost_usd, bound_usd, gap)


def _tie(purchase: Purchase, parts: Sequence[ScenarioProgram]) -> Tie:
    columns = [
        (s, part.columns[purchase][0]) for s, part in enumerate(parts) if purchase in part.columns
    ]
    return Tie(tuple(columns), is_open=len(columns) == len(parts))
