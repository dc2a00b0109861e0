"""The start of one period as a policy sees it, with the programs that it may solve.

Programs span the whole horizon, so that a commitment is worth the same whenever it is looked at;
periods that are over have no demand, and what was ordered in them is held.

What was ordered is part of the cost of every program, though nothing can be decided about it any
more, so a gap relative to that cost would leave less and less to the decisions that are left. With
N of T periods to decide about, a program is solved to ``gap N / T``: the errors of all periods
that are served add up to the gap at most, as far as each program costs what a course costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from planner.milp import solve_within_caps
from planner.milp.scenario import bound_scenario
from planner.options.purchases import build_of, purchases
from planner.plan.moves import models_served
from planner.plan.purchases import taken_purchases
from planner.roll.records import NoPlanError
from planner.roll.signed import with_orders

if TYPE_CHECKING:
    from planner.demand.records import Demand
    from planner.milp import Limits, MilpResult, SolverSettings
    from planner.milp.scenario import ScenarioProgram
    from planner.milp.sets import Elsewhere
    from planner.options.purchases import Purchase
    from planner.options.records import OptionSet
    from planner.plan.records import Decisions
    from planner.roll.records import Orders
    from planner.roll.world import World

_NOTHING = 1e-6
"""Nodes, units or USD per hour that are the tolerance of a solver."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The start of a period.

    Parameters
    ----------
    world
        What is known when, and what came.
    period
        Counted from 0.
    signed
        What was ordered before.
    served
        How the periods before were served: models that are in use cost nothing to begin with.
    settings
        Gap and time limit of every program.
    late
        Periods in which a program was stopped by its time limit, outside the gap; written by
        `solve`.
    """

    world: World
    period: int
    signed: Orders
    served: Decisions
    settings: SolverSettings
    late: list[int] = field(default_factory=list)

    def open_options(self, options: OptionSet) -> OptionSet:
        """Return options in which earlier orders are held, and this and later ones are open."""
        return with_orders(options, self.signed, lambda b: self.world.ordered_in(b) >= self.period)

    def held_options(self, options: OptionSet) -> OptionSet:
        """Return options in which nothing can be ordered beside what is ordered already."""
        return with_orders(options, self.signed, lambda _: False)

    def solve(
        self, demand: Demand, options: OptionSet, limits: Limits, periods: int
    ) -> MilpResult:
        """Return the decisions of a program.

        Parameters
        ----------
        demand, options, limits
            The program.
        periods
            Periods that it decides about.

        Raises
        ------
        NoPlanError
            When it has none, or none in time.
        """
        asked = self.asked(periods)
        result = solve_within_caps(demand, self._in_use(options), limits, asked)
        if result.decisions is None:
            why = "infeasible" if result.proof.status == "infeasible" else "no plan in time"
            msg = f"period {self.period}: {why}"
            raise NoPlanError(msg)
        if result.proof.status != "optimal":
            self.late.append(self.period)
        return result

    def program_of(
        self, demand: Demand, options: OptionSet, periods: int, elsewhere: Elsewhere
    ) -> ScenarioProgram:
        """Return a program that will be joined with others.

        Parameters
        ----------
        demand, options, periods
            As in `solve`.
        elsewhere
            What the other programs may want to take on.

        Raises
        ------
        NoPlanError
            When it has no plan.
        """
        program = bound_scenario(
            demand,
            self._in_use(options),
            self.world.limits,
            elsewhere=elsewhere,
            settings=self.asked(periods),
        )
        if program is None:
            msg = f"period {self.period}: infeasible"
            raise NoPlanError(msg)
        return program

    def asked(self, periods: int) -> SolverSettings:
        """Return the settings of a program that decides about some periods."""
        return replace(self.settings, gap=self.settings.gap * periods / self.world.periods)

    def _in_use(self, options: OptionSet) -> OptionSet:
        """Return options in which models that are in use are paid for once only."""
        # A policy may leave out what served until now.
        serving = models_served(self.world.options, self.served)
        used = {model for _, model, _ in serving}
        return replace(
            options,
            served_before=frozenset(
                (workload, model, t + 1) for workload, model, t in serving if t + 1 == self.period
            ),
            model_costs=tuple(
                replace(cost, usd=0.0) if cost.model in used else cost
                for cost in options.model_costs
            ),
        )

    def new_orders(self, options: OptionSet, result: MilpResult) -> dict[Purchase, float]:
        """Return what a program orders beside what is ordered already, at any time."""
        if result.decisions is None:
            return {}
        return self.beside(taken_purchases(options, self.world.demand.grid, result.decisions))

    def beside(self, wanted: Orders) -> dict[Purchase, float]:
        """Return those of some orders that are more than what is ordered already."""
        return {
            purchase: amount
            for purchase, amount in wanted.items()
            if amount > self.signed.get(purchase, 0.0) + _NOTHING
        }

    def decided_now(self, options: OptionSet) -> set[Purchase]:
        """Return what has to be ordered at the start of this period, or not at all."""
        return {
            purchase
            for purchase, place in purchases(options, self.world.demand.grid).items()
            if self.world.ordered_in(build_of(options, purchase, place)) == self.period
        }

    def due(self, orders: Orders, options: OptionSet) -> dict[Purchase, float]:
        """Return the orders that have to be placed at the start of this period."""
        now = self.decided_now(options)
        return {purchase: amount for purchase, amount in orders.items() if purchase in now}
