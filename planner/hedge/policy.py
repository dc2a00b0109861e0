"""The best policy of a kind: shared orders from the joint program, the rest scenario by scenario.

The joint program keeps whole what is decided once. Where it is small it keeps replicas and nodes
whole too; else rows that bound whole replicas and nodes stand for them, so that its bound is one
of the joint program either way. Its orders are then held, and every scenario is solved by itself:
what those plans cost is what the policy costs, and the distance to the bound is the gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.hedge.futures import decisions_of
from planner.hedge.records import Policy, SharedOrder
from planner.hedge.work import Task, results_of
from planner.milp.joint import Part, Tie, join, solve_joint
from planner.options.purchases import hold_purchases
from planner.plan.purchases import taken_purchases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.hedge.futures import Decision, Futures
    from planner.milp.highs import Outcome
    from planner.milp.joint import Joint, Risk
    from planner.milp.records import MilpResult, SolverSettings
    from planner.milp.scenario import ScenarioProgram
    from planner.options.purchases import Purchase
    from planner.problem.scenario_tree import ScenarioTree

    FloatArray = NDArray[np.float64]

_GAP_SHARE = 0.3
_RECOURSE_SHARE = 0.5
"""Shares of the gap that the joint program and the scenarios may leave."""
_NOTHING = 1e-6
_NO_TIME = "no plan was found in time"
NO_POLICY = "no plan keeps every limit in every scenario"
"""Why there is none, whatever is ordered."""


@dataclass(frozen=True, slots=True)
class PolicySolver:
    """Finds policies for the same scenarios.

    Parameters
    ----------
    futures
        The scenarios.
    programs
        Program of every scenario by itself, with rows that bound it.
    risk
        How costs are measured.
    settings
        Gap, and time limit of every program.
    elsewhere
        What all scenarios together may want to take on.
    jobs
        Processes.
    done
        Called after every scenario that was solved.
    alone
        Answer of every scenario with perfect foresight; empty while there is none.
    """

    futures: Futures
    programs: Sequence[ScenarioProgram]
    risk: Risk
    settings: SolverSettings
    elsewhere: Mapping[str, float]
    jobs: int
    done: Callable[[], None]
    alone: Sequence[MilpResult] = ()

    def solve(self, tree: ScenarioTree, held: Mapping[Purchase, float] | None = None) -> Policy:
        """Return the best policy when scenarios are known as a tree says.

        Parameters
        ----------
        tree
            When scenarios are known.
        held
            Orders that are decided already, of those that all scenarios share: what is not named
            is not ordered. ``None`` leaves all open.
        """
        decisions = [d for d in decisions_of(self.futures, tree) if self.has_columns(d)]
        if not all(d.is_open for d in decisions if held and held.get(d.purchase, 0) > _NOTHING):
            return Policy((), None, why_not="orders what is not on offer in every scenario")
        joint = join(self._parts(), [self._tie(d) for d in decisions], self.risk)
        fixed = self._held_values(decisions, held)
        outcome = self._joint_outcome(joint.held(fixed))
        if outcome.status == "infeasible":
            orders = "" if held is None else "with its orders "
            why = f"{orders}{NO_POLICY}"
            return Policy((), None, why_not=why)
        bound = None if outcome.bound is None else outcome.bound * joint.money_unit_usd
        policy = Policy((), bound, why_not=_NO_TIME)
        for shared, rest in self._tries(joint, outcome, decisions):
            values = np.where(np.isnan(fixed), shared, fixed)
            policy = self.recourse(decisions, values, rest, bound)
            if policy.answers:
                return policy
        return policy

    def knowing(self, alone: Sequence[MilpResult], policy: Policy) -> tuple[PolicySolver, Policy]:
        """Return the solver and a policy of it when the answers with perfect foresight are known.

        Parameters
        ----------
        alone
            Answer of every scenario.
        policy
            What was found before.
        """
        knowing = replace(self, alone=alone)
        return knowing, knowing._bounded(policy, policy.bound_usd) if policy.answers else policy

    def _tries(
        self, joint: Joint, outcome: Outcome, decisions: Sequence[Decision]
    ) -> Iterator[tuple[FloatArray, Sequence[Mapping[Purchase, float]]]]:
        """Yield shared orders by tie, and the other orders by scenario where they are decided.

        First what the joint program decides, then its shared orders alone, then at least what any
        scenario alone takes on, where that is known: whole replicas may need more than bounds say.
        """
        nothing: list[Mapping[Purchase, float]] = [{} for _ in self.programs]
        shared = None if outcome.values is None else _whole(joint, outcome.values)
        if shared is not None and outcome.values is not None:
            yield shared, self._orders(joint, outcome.values)
            yield shared, nothing
        if self.alone:
            robust = self._most_wanted(decisions)
            yield robust if shared is None else np.fmax(shared, robust), nothing

    def _orders(self, joint: Joint, values: FloatArray) -> list[Mapping[Purchase, float]]:
        """Return every order of every scenario in values of the joint program."""
        return [
            program.orders(values[place])
            for program, place in zip(self.programs, joint.columns, strict=True)
        ]

    def _joint_outcome(self, joint: Joint) -> Outcome:
        return solve_joint(joint, replace(self.settings, gap=_GAP_SHARE * self.settings.gap))

    def _parts(self) -> list[Part]:
        return [
            Part(program.arrays, program.money_unit_usd, share)
            for program, share in zip(self.programs, self.futures.probabilities, strict=True)
        ]

    def has_columns(self, decision: Decision) -> bool:
        """Return whether a scenario could use what is decided."""
        return any(decision.purchase in self.programs[s].columns for s in decision.members)

    def _tie(self, decision: Decision) -> Tie:
        columns = [
            (s, self.programs[s].columns[decision.purchase][0])
            for s in decision.members
            if decision.purchase in self.programs[s].columns
        ]
        # What no replica of a scenario could use has no column there, and is not ordered.
        return Tie(tuple(columns), decision.is_open and len(columns) == len(decision.members))

    def _step(self, decision: Decision) -> int:
        columns = (self.programs[s].columns.get(decision.purchase) for s in decision.members)
        return next(found[1] for found in columns if found is not None)

    def _held_values(
        self, decisions: Sequence[Decision], held: Mapping[Purchase, float] | None
    ) -> FloatArray:
        """Return values by tie of what is decided already, NaN for the others."""
        everyone = len(self.programs)
        return np.array(
            [
                np.nan
                if held is None or len(d.members) < everyone
                else held.get(d.purchase, 0.0) / self._step(d)
                for d in decisions
            ]
        )

    def _most_wanted(self, decisions: Sequence[Decision]) -> FloatArray:
        """Return by tie the most that any scenario alone takes on."""
        taken = self.taken_alone()
        return np.array(
            [
                max(taken[s].get(d.purchase, 0.0) for s in d.members) / self._step(d) * d.is_open
                for d in decisions
            ]
        )

    def taken_alone(self) -> list[Mapping[Purchase, float]]:
        """Return what every scenario takes on with perfect foresight, as far as that is known."""
        return [
            {}
            if answer.decisions is None
            else taken_purchases(p.options, p.demand.grid, answer.decisions)
            for answer, p in zip(self.alone, self.futures.prepared, strict=True)
        ]

    def orders_of(
        self, decisions: Sequence[Decision], taken: Sequence[Mapping[Purchase, float]], first: int
    ) -> FloatArray:
        """Return by tie what one scenario takes on, or the likeliest of those that decide it.

        Parameters
        ----------
        decisions
            The ties.
        taken
            What every scenario takes on alone.
        first
            Position of the scenario.
        """
        shares = self.futures.probabilities
        whose = [
            first if first in d.members else max(d.members, key=shares.__getitem__)
            for d in decisions
        ]
        return np.array(
            [
                taken[s].get(d.purchase, 0.0) / self._step(d) * d.is_open
                for s, d in zip(whose, decisions, strict=True)
            ]
        )

    def recourse(
        self,
        decisions: Sequence[Decision],
        values: FloatArray,
        rest: Sequence[Mapping[Purchase, float]],
        bound_usd: float | None,
    ) -> Policy:
        """Return the policy with shared orders as they are, every scenario solved by itself.

        Parameters
        ----------
        decisions
            The ties.
        values
            What is ordered, by tie.
        rest
            Other orders by scenario, where they are decided.
        bound_usd
            What no policy costs less than, ``None`` where that is not known.
        """
        held = [dict(orders) for orders in rest]
        orders = []
        for decision, value in zip(decisions, values.tolist(), strict=True):
            amount = value * self._step(decision)
            for s in decision.members:
                held[s][decision.purchase] = amount
            if amount > _NOTHING:
                names = tuple(self.futures.names[s] for s in decision.members)
                orders.append(SharedOrder(decision.purchase, decision.decided_in, names, amount))
        known = [answer.decisions for answer in self.alone] or [None] * len(self.programs)
        tasks = [
            Task(
                p.demand,
                hold_purchases(p.options, p.demand.grid, taken),
                p.limits,
                replace(self.settings, gap=_RECOURSE_SHARE * self.settings.gap, incumbent=before),
                self.elsewhere,
                program.arrays,
            )
            for p, taken, program, before in zip(
                self.futures.prepared, held, self.programs, known, strict=True
            )
        ]
        answers = tuple(results_of(tasks, self.jobs, self.done))
        missing = [
            name
            for name, answer in zip(self.futures.names, answers, strict=True)
            if answer.objective_usd is None
        ]
        if missing:
            states = {a.proof.status for a in answers if a.objective_usd is None}
            why = "has no plan with these orders" if states == {"infeasible"} else _NO_TIME
            return Policy((), None, why_not=f"{', '.join(missing)}: {why}")
        return self._bounded(Policy(answers, None, tuple(orders)), bound_usd)

    def _bounded(self, policy: Policy, bound_usd: float | None) -> Policy:
        """Return a policy with the better of a bound and that of perfect foresight."""
        bounds = [b for b in (bound_usd, self._bound_alone()) if b is not None]
        measured = self.risk.measure_usd(policy.costs_usd, self.futures.probabilities)
        return replace(policy, bound_usd=min(max(bounds), measured) if bounds else None)

    def _bound_alone(self) -> float | None:
        """Return what no policy costs less than: what perfect foresight costs at least."""
        known = [a.proof.bound_usd for a in self.alone if a.proof.bound_usd is not None]
        if not known or len(known) < len(self.programs):
            return None
        return self.risk.measure_usd(known, self.futures.probabilities)


def _whole(joint: Joint, values: FloatArray) -> FloatArray:
    """Return values by tie, those that have to be whole rounded."""
    tied = values[joint.tied]
    whole = joint.arrays.integer[joint.tied]
    return np.where(whole, np.rint(tied), np.where(tied > _NOTHING, tied, 0.0))
