"""The hedge out of the policies that were found: the better plan is used wherever one was found.

A plan of one policy is often a plan of another kind too: what suits every scenario at once is a
hedge, and a hedge is a plan of each scenario. Found costs are put in that order before they are
compared, so that no difference is negative because a solver stopped early.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import InternalError, as_asked
from planner.hedge.records import Hedge, ScenarioOutcome, Value
from planner.pipeline import plan_of
from planner.plan.records import GAP_TOLERANCE, relative_gap
from planner.verify.audit.alike import unlike_orders

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.hedge.futures import Futures
    from planner.hedge.policy import PolicySolver
    from planner.hedge.records import Policy
    from planner.milp.joint import Risk
    from planner.milp.records import MilpResult
    from planner.pipeline import SolveSettings
    from planner.plan.document import Plan
    from planner.preparation import Prepared

_NO_VALUE = Value(None, why_not="there is no hedge")


def hedge_of(
    policies: PolicySolver,
    best: Policy,
    mean: Policy,
    at_once: Policy,
    *,
    mean_of: str,
    settings: SolveSettings,
    seconds: float,
) -> Hedge:
    """Return the hedge with its plans and what it is worth.

    Parameters
    ----------
    policies
        The scenarios, and their answers with perfect foresight.
    best, mean, at_once
        The hedge, the mean-value plan and the one without waiting.
    mean_of
        What the mean-value plan was made for.
    settings
        Of every solve.
    seconds
        Wall time.

    Raises
    ------
    InternalError
        When a plan fails its own audit, or orders differ where scenarios look alike.
    """
    futures, risk, shares = policies.futures, policies.risk, policies.futures.probabilities

    def measure(policy: Policy) -> float | None:
        return risk.measure_usd(policy.costs_usd, shares) if policy.answers else None

    found = [p for p in (best, mean, at_once) if p.answers]
    if not found:
        return _without_plan(futures, risk, best, seconds)
    bound = best.bound_usd
    best = min(found, key=lambda p: measure(p) or 0.0)
    measured = measure(best) or 0.0
    bound = None if bound is None else min(bound, measured)
    alone = _alone(policies, found)
    alone_usd = [usd for usd, _ in alone]
    bounds = [low for _, low in alone if low is not None]
    foresight = risk.measure_usd(alone_usd, shares)
    foresight_bound = risk.measure_usd(bounds, shares) if len(bounds) == len(alone) else None
    status = "feasible"
    if bound is not None and relative_gap(measured, bound) <= settings.gap + GAP_TOLERANCE:
        status = "optimal"
    scenarios = _outcomes(policies, best, mean, at_once, alone=alone, settings=settings)
    return Hedge(
        status=status,
        problem=futures.loaded.problem.name,
        tree=futures.tree,
        risk=risk,
        measure_usd=measured,
        bound_usd=bound,
        expected_usd=sum(p * c for p, c in zip(shares, best.costs_usd, strict=True)),
        cvar_usd=risk.cvar_usd(best.costs_usd, shares),
        scenarios=scenarios,
        orders=best.orders,
        perfect_information=_value(measured, bound, foresight, foresight_bound),
        stochastic_solution=_against(mean, measure(mean), measured, bound),
        waiting=_against(at_once, measure(at_once), measured, bound),
        mean_of=mean_of,
        notes=_notes(futures),
        seconds=seconds,
    )


def infeasible_hedge(
    futures: Futures,
    overlays: Sequence[Path],
    risk: Risk,
    infeasible: Sequence[str],
    seconds: float,
) -> Hedge:
    """Return the answer when a scenario has no plan even with perfect foresight.

    Parameters
    ----------
    futures, overlays, risk
        What was asked.
    infeasible
        Scenarios that no plan suits; empty when time ran out.
    seconds
        Wall time.
    """
    file, assignments = futures.loaded.document.file, futures.loaded.assignments
    notes = tuple(
        f"scenario `{name}` has no plan even alone: planner explain "
        f"{as_asked(file, name, assignments, overlays)}"
        for name in infeasible
    )
    status = "infeasible" if infeasible else "no_solution"
    return _empty(futures, risk, status, notes or ("no plan was found in time",), seconds)


def _without_plan(futures: Futures, risk: Risk, best: Policy, seconds: float) -> Hedge:
    status = "no_solution" if "in time" in best.why_not else "infeasible"
    return _empty(futures, risk, status, (best.why_not,), seconds)


def _empty(
    futures: Futures, risk: Risk, status: str, notes: tuple[str, ...], seconds: float
) -> Hedge:
    return Hedge(
        status=status,
        problem=futures.loaded.problem.name,
        tree=futures.tree,
        risk=risk,
        measure_usd=None,
        bound_usd=None,
        expected_usd=None,
        cvar_usd=None,
        scenarios=(),
        orders=(),
        perfect_information=_NO_VALUE,
        stochastic_solution=_NO_VALUE,
        waiting=_NO_VALUE,
        mean_of="",
        notes=notes,
        seconds=seconds,
    )


def _alone(policies: PolicySolver, found: Sequence[Policy]) -> list[tuple[float, float | None]]:
    """Return cost and bound of every scenario with perfect foresight, the best of any kind."""
    rows = []
    for s, answer in enumerate(policies.alone):
        costs = [answer.objective_usd, *(p.costs_usd[s] for p in found)]
        cost = min(usd for usd in costs if usd is not None)
        bound = answer.proof.bound_usd
        rows.append((cost, None if bound is None else min(bound, cost)))
    return rows


def _outcomes(
    policies: PolicySolver,
    best: Policy,
    mean: Policy,
    at_once: Policy,
    *,
    alone: Sequence[tuple[float, float | None]],
    settings: SolveSettings,
) -> tuple[ScenarioOutcome, ...]:
    futures = policies.futures
    outcomes = []
    for s, name in enumerate(futures.names):
        usd, low = alone[s]
        outcomes.append(
            ScenarioOutcome(
                name=name,
                probability=futures.probabilities[s],
                known_from=futures.tree.known_from[name],
                cost_usd=best.costs_usd[s],
                alone_usd=usd,
                alone_bound_usd=low,
                deterministic_usd=mean.costs_usd[s] if mean.answers else None,
                waiting_usd=at_once.costs_usd[s] if at_once.answers else None,
                plan=_plan(futures.prepared[s], best.answers[s], low, name, settings),
            )
        )
    plans = {outcome.name: outcome.plan for outcome in outcomes}
    unlike = list(unlike_orders(futures.loaded.problem, plans))
    if unlike:
        msg = f"orders differ where scenarios look alike: {'; '.join(unlike)}"
        raise InternalError(msg)
    return tuple(outcomes)


def _plan(
    prepared: Prepared,
    answer: MilpResult,
    bound_usd: float | None,
    name: str,
    settings: SolveSettings,
) -> Plan:
    """Return the plan of a scenario; its bound is that of any plan of it, hedged or not."""
    gap = None if bound_usd is None else relative_gap(answer.objective_usd or 0.0, bound_usd)
    is_optimal = gap is not None and gap <= settings.gap + GAP_TOLERANCE
    proof = replace(
        answer.proof, bound_usd=bound_usd, status="optimal" if is_optimal else "feasible"
    )
    plan = plan_of(prepared, replace(answer, proof=proof), settings)
    note = (
        f"orders are hedged over scenarios: those that have to be placed before `{name}` is known "
        "are shared with others, so that the plan may cost more than one for this scenario alone"
    )
    return replace(plan, warnings=(*plan.warnings, note))


def _value(
    high_usd: float, high_bound: float | None, low_usd: float, low_bound: float | None
) -> Value:
    """Return the limits of a difference of two costs, neither of which is below its bound."""
    least = None if high_bound is None else max(high_bound - low_usd, 0.0)
    most = None if low_bound is None else max(high_usd - low_bound, 0.0)
    return Value(max(high_usd - low_usd, 0.0), least, most)


def _against(
    policy: Policy, cost_usd: float | None, best_usd: float, best_bound: float | None
) -> Value:
    if cost_usd is None:
        return Value(None, why_not=policy.why_not)
    return _value(cost_usd, policy.bound_usd, best_usd, best_bound)


def _notes(futures: Futures) -> tuple[str, ...]:
    """Return what scenarios show before they are said to be known."""
    early = []
    for name, prepared in zip(futures.names, futures.prepared, strict=True):
        known = futures.tree.known_from[name]
        others = [n for n in futures.names if futures.tree.node(n, known - 1) == futures.tree.node(
            name, known - 1)]  # fmt: skip
        seen = range(max(known - 1, 0))
        first = futures.prepared[futures.names.index(others[0])]
        if any(_differs(prepared, first, t) for t in seen):
            early.append(name)
    if not early:
        return ()
    return (
        f"demand of {', '.join(early)} differs from that of scenarios that look alike more than a "
        "period before `known_from`: the hedge does not use what could be seen then",
    )


def _differs(one: Prepared, other: Prepared, period: int) -> bool:
    return any(
        a.workload != b.workload or (a.mean_rps[period] != b.mean_rps[period]).any()
        for a, b in zip(one.demand.workloads, other.demand.workloads, strict=False)
    )
