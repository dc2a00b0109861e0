"""What a hedge answers with.

A policy says what is ordered in every scenario. Its cost in a scenario is that of a whole plan of
that scenario; over all scenarios it is measured as the risk asked for says::

    (1 - weight) expected cost + weight CVaR
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.plan.records import relative_gap

if TYPE_CHECKING:
    from planner.milp.joint import Risk
    from planner.milp.records import MilpResult
    from planner.options.purchases import Purchase
    from planner.plan.document import Plan
    from planner.problem.scenario_tree import ScenarioTree

_CENT_USD = 0.005


@dataclass(frozen=True, slots=True)
class SharedOrder:
    """A purchase that is the same in scenarios which look alike when it is decided.

    Parameters
    ----------
    purchase
        What is taken on.
    decided_in
        Period in which it is ordered at the latest.
    scenarios
        Names of the scenarios that share it.
    amount
        Nodes, units or USD per hour.
    """

    purchase: Purchase
    decided_in: int
    scenarios: tuple[str, ...]
    amount: float


@dataclass(frozen=True, slots=True)
class Policy:
    """What a way to decide costs.

    Parameters
    ----------
    answers
        Answer of every scenario, in the order of the tree; empty when there is no plan.
    bound_usd
        Proven lower limit of the measured cost of any policy of the kind, ``None`` without one.
    orders
        What is decided together, zeros left out.
    why_not
        Why there is none, empty where there is.
    """

    answers: tuple[MilpResult, ...]
    bound_usd: float | None
    orders: tuple[SharedOrder, ...] = ()
    why_not: str = ""

    @property
    def costs_usd(self) -> tuple[float, ...]:
        """Cost of every scenario; empty without a plan."""
        return tuple(a.objective_usd for a in self.answers if a.objective_usd is not None)


@dataclass(frozen=True, slots=True)
class Value:
    """What knowing, deciding together or waiting is worth: a difference of two measured costs.

    Parameters
    ----------
    found_usd
        Difference of the plans that were found, ``None`` where one of them has none.
    least_usd, most_usd
        What the bounds leave possible; ``None`` without a limit.
    why_not
        Why there is no figure, empty where there is.
    """

    found_usd: float | None
    least_usd: float | None = None
    most_usd: float | None = None
    why_not: str = ""

    @property
    def is_proven(self) -> bool:
        """True when the bounds leave no doubt that it is more than nothing."""
        return self.least_usd is not None and self.least_usd > _CENT_USD


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """One scenario under the hedge.

    Parameters
    ----------
    name, probability, known_from
        As the problem states them.
    cost_usd
        Discounted cost under the hedge.
    alone_usd, alone_bound_usd
        Cost and bound with perfect foresight.
    deterministic_usd, waiting_usd
        Cost with the orders of the mean-value plan, and with everything decided at once; ``None``
        where there is no plan or none was asked for.
    plan
        The plan under the hedge.
    """

    name: str
    probability: float
    known_from: int
    cost_usd: float
    alone_usd: float
    alone_bound_usd: float | None
    deterministic_usd: float | None
    waiting_usd: float | None
    plan: Plan

    @property
    def regret_usd(self) -> float:
        """What perfect foresight would have saved."""
        return self.cost_usd - self.alone_usd


@dataclass(frozen=True, slots=True)
class Hedge:
    """The answer.

    Parameters
    ----------
    status
        ``optimal`` (within the gap asked for), ``feasible``, ``infeasible`` or ``no_solution``.
    problem
        Name of the problem.
    tree, risk
        What was asked.
    measure_usd, bound_usd
        Measured cost of the policy and its proven lower limit.
    expected_usd, cvar_usd
        Mean cost, and mean cost of the worst scenarios.
    scenarios
        In the order of the tree.
    orders
        What is decided together.
    perfect_information, stochastic_solution, waiting
        What perfect foresight is worth, deciding for all scenarios instead of for their mean, and
        waiting with what need not be decided at once.
    mean_of
        What the mean-value plan was made for, in words.
    notes
        What a reader has to know.
    seconds
        Wall time.
    """

    status: str
    problem: str
    tree: ScenarioTree
    risk: Risk
    measure_usd: float | None
    bound_usd: float | None
    expected_usd: float | None
    cvar_usd: float | None
    scenarios: tuple[ScenarioOutcome, ...]
    orders: tuple[SharedOrder, ...]
    perfect_information: Value
    stochastic_solution: Value
    waiting: Value
    mean_of: str
    notes: tuple[str, ...]
    seconds: float

    @property
    def gap(self) -> float | None:
        """Relative gap of the measured cost, ``None`` without plan or bound."""
        if self.measure_usd is None or self.bound_usd is None:
            return None
        return relative_gap(self.measure_usd, self.bound_usd)
