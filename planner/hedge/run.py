"""Hedges the scenarios of a problem against each other, and says what that is worth.

With the measure m of the risk asked for (:class:`planner.milp.joint.Risk`) over all scenarios::

    WS   every scenario with perfect foresight           RP   the hedge
    EEV  orders of the mean-value plan, then adapted      PW   everything ordered without waiting

    WS <= RP <= EEV,  RP <= PW
    perfect information = RP - WS     stochastic solution = EEV - RP     waiting = PW - RP

(Birge and Louveaux, "Introduction to Stochastic Programming", chapter 4). Each figure is a
difference of two costs that are known between a bound and a plan, so it has limits of its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.hedge.futures import load_futures
from planner.hedge.mean import mean_problem
from planner.hedge.outcome import hedge_of, infeasible_hedge
from planner.hedge.own_orders import with_own_orders
from planner.hedge.policy import PolicySolver
from planner.hedge.records import Policy
from planner.hedge.work import Task, alone_of, programs_of, results_of
from planner.milp.joint import Risk
from planner.milp.scenario import worth_having
from planner.pipeline import SolveSettings, solver_settings
from planner.plan.purchases import taken_purchases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from planner.hedge.futures import Futures
    from planner.hedge.records import Hedge
    from planner.milp.records import MilpResult, SolverSettings
    from planner.options.purchases import Purchase

_ONE_PLAN = "the one of this plan"
_NOT_ASKED = Policy((), None, why_not="not asked for")


@dataclass(frozen=True, slots=True)
class HedgeSettings:
    """What is hedged for, and how.

    Parameters
    ----------
    solve
        Gap, seed, solver, and the time limit of every program.
    risk
        How costs are measured.
    compare
        True to solve the mean-value plan and the one without waiting too.
    jobs
        Processes that solve scenarios, >= 1.
    held
        Orders of a plan that take the place of those of the mean-value plan; ``None`` for none.
    """

    solve: SolveSettings = field(default_factory=SolveSettings)
    risk: Risk = field(default_factory=Risk)
    compare: bool = True
    jobs: int = 1
    held: Mapping[Purchase, float] | None = None


def run_hedge(
    name: str | Path,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    settings: HedgeSettings | None = None,
    on_solve: Callable[[int, int], None] | None = None,
) -> Hedge:
    """Return the orders that suit all scenarios of a problem best, and what they cost in each.

    Parameters
    ----------
    name, assignments, overlays
        As in :func:`planner.preparation.prepare`.
    settings
        What is hedged for.
    on_solve
        Called with the scenarios that were solved so far, and how many will be.

    Raises
    ------
    InputError
        With every fault of the problem and its scenarios.
    InternalError
        When a plan fails its own audit, or orders differ where scenarios look alike.
    """
    futures = load_futures(name, assignments, overlays)
    return hedged(futures, overlays, settings, on_solve)


def hedged(
    futures: Futures,
    overlays: Sequence[Path] = (),
    settings: HedgeSettings | None = None,
    on_solve: Callable[[int, int], None] | None = None,
) -> Hedge:
    """Return the hedge of scenarios that were loaded before.

    Parameters
    ----------
    futures
        The scenarios.
    overlays, settings, on_solve
        As in :func:`run_hedge`.

    Raises
    ------
    InternalError
        When a plan fails its own audit, or orders differ where scenarios look alike.
    """
    began_s = time.monotonic()
    asked = settings or HedgeSettings()
    solver = solver_settings(asked.solve)
    done = _Counter(len(futures.names) * (5 if asked.compare else 3), on_solve)
    wanted = _wanted(futures)
    tasks = [Task(p.demand, p.options, p.limits, solver, wanted) for p in futures.prepared]
    programs = programs_of(tasks, asked.jobs, done)
    infeasible = [n for n, program in zip(futures.names, programs, strict=True) if program is None]
    if infeasible:
        return infeasible_hedge(
            futures, overlays, asked.risk, infeasible, time.monotonic() - began_s
        )
    known = [program for program in programs if program is not None]
    policies = PolicySolver(futures, known, asked.risk, solver, wanted, asked.jobs, done)
    best = policies.solve(futures.tree)
    alone = alone_of(tasks, known, asked.jobs, done)
    if not best.answers and any(answer.decisions is None for answer in alone):
        infeasible = _infeasible(futures, alone)
        return infeasible_hedge(
            futures, overlays, asked.risk, infeasible, time.monotonic() - began_s
        )
    policies, best = policies.knowing(alone, best)
    if not best.answers:
        best = policies.solve(futures.tree)
    best = with_own_orders(policies, best, futures.tree)
    mean, words = _NOT_ASKED, ""
    at_once = _NOT_ASKED
    if asked.compare:
        if asked.held is None:
            mean, words = _mean_policy(policies, futures, solver, overlays)
        else:
            mean, words = policies.solve(futures.tree, asked.held), _ONE_PLAN
        never = futures.tree.never_known(futures.loaded.problem.horizon.periods)
        at_once = policies.solve(never)
    return hedge_of(
        policies,
        best,
        mean,
        at_once,
        mean_of=words,
        settings=asked.solve,
        seconds=time.monotonic() - began_s,
    )


def _infeasible(futures: Futures, alone: Sequence[MilpResult]) -> list[str]:
    pairs = zip(futures.names, alone, strict=True)
    return [name for name, answer in pairs if answer.proof.status == "infeasible"]


def _wanted(futures: Futures) -> dict[str, float]:
    """Return the most that any scenario may want of everything that is taken on for a term."""
    wanted: dict[str, float] = {}
    for p in futures.prepared:
        for supply, most in worth_having(p.demand, p.options, p.limits).items():
            wanted[supply] = max(wanted.get(supply, 0.0), most)
    return wanted


def _mean_policy(
    policies: PolicySolver,
    futures: Futures,
    settings: SolverSettings,
    overlays: Sequence[Path],
) -> tuple[Policy, str]:
    """Return what the orders of the mean-value plan cost, and what that plan was made for."""
    prepared, words = mean_problem(futures, overlays)
    task = Task(prepared.demand, prepared.options, prepared.limits, settings)
    (result,) = results_of([task], 1, lambda: None)
    if result.decisions is None:
        return Policy((), None, why_not=f"there is no plan for {words}"), words
    held = taken_purchases(prepared.options, prepared.demand.grid, result.decisions)
    return policies.solve(futures.tree, held), words


@dataclass(slots=True)
class _Counter:
    whole: int
    tell: Callable[[int, int], None] | None
    so_far: int = 0

    def __call__(self) -> None:
        self.so_far += 1
        if self.tell is not None:
            self.tell(min(self.so_far, self.whole), self.whole)
