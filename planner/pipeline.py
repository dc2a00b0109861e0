"""The flow, in the order the data take. Read this file first.

    catalogue + problem -> demand -> options -> mixed-integer program -> plan -> audit

Each step is one call, here or (up to the options) in :mod:`planner.preparation`; each is a package
with the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from planner.alternatives import Answer
from planner.diagnosis import Source, diagnose_program, unservable
from planner.errors import InternalError
from planner.finance.explain import Asked, explained
from planner.finance.figures import commitment_figures
from planner.milp import (
    SolverSettings,
    build_program,
    solve_within_caps,
)
from planner.plan.assemble import assemble_plan, plan_without_allocations
from planner.plan.records import Proof
from planner.plan.remarks import binding_rows, plan_warnings
from planner.preparation import Prepared, prepare
from planner.verify.audit import require_sound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.milp import MilpResult, Program
    from planner.plan.document import Plan
    from planner.plan.records import Decisions


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """How long and how close to solve.

    Parameters
    ----------
    gap
        Relative gap to stop at, >= 0; 0 means 1e-9.
    time_limit_s
        Wall seconds of the main program; the comparisons share a second budget of this length.
    seed
        Seed of the solver.
    solver
        ``highs`` or ``cbc``.
    log
        True to show the solver's log on stderr.
    compare
        True to solve the comparisons with restricted options too.
    unit_costs
        ``average``, or ``full`` to solve the incremental and stand-alone cost of every workload
        too, within one more budget of `time_limit_s`.
    commitments
        True to solve what every commitment loses with less demand, and what a delay of its order
        costs, within one more budget of `time_limit_s`.
    """

    gap: float = 0.01
    time_limit_s: float = 60.0
    seed: int = 0
    solver: Literal["highs", "cbc"] = "highs"
    log: bool = False
    compare: bool = True
    unit_costs: Literal["average", "full"] = "average"
    commitments: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan, and the decisions of the program that made it; ``None`` where there are none."""

    plan: Plan
    decisions: Decisions | None = None


def solve_problem(
    name: str | Path,
    scenario: str | None = None,
    assignments: Sequence[str] = (),
    overlays: Sequence[Path] = (),
    settings: SolveSettings | None = None,
) -> Plan:
    """Return the cheapest plan of a problem, with its proof, or why there is none.

    Parameters
    ----------
    name
        Path of a problem file, or name of a shipped problem.
    scenario
        Named patch of the problem.
    assignments
        ``PATH=VALUE`` changes.
    overlays
        Catalogue folders that win over the shipped catalogue and the problem's own.
    settings
        Gap, time limit, seed, solver.

    Raises
    ------
    InputError
        With every fault of the problem or the catalogues.
    InternalError
        When the plan fails its own audit.
    """
    prepared = prepare(name, scenario, assignments, overlays)
    return solve_prepared(prepared, settings or SolveSettings())


def program_of(prepared: Prepared) -> Program:
    """Return the mixed-integer program of a prepared problem, for export."""
    return build_program(prepared.demand, prepared.options, prepared.limits)


def solve_prepared(prepared: Prepared, settings: SolveSettings) -> Plan:
    """Return the plan of a prepared problem.

    Raises
    ------
    InternalError
        When the plan fails its own audit.
    """
    return explain(decide(prepared, settings), prepared, settings)


def decide(prepared: Prepared, settings: SolveSettings) -> Decided:
    """Return the plan of a prepared problem before anything else is solved to explain it.

    Raises
    ------
    InternalError
        When the plan fails its own audit.
    """
    record = _record(settings, prepared)
    if without_way := unservable(prepared.options, prepared.demand, prepared.loaded.problem):
        proof = Proof("infeasible", None, settings.solver, "", 0.0, 0, 0)
        return Decided(_no_plan(prepared, proof, record, without_way))
    solver = solver_settings(settings)
    result = solve_within_caps(
        prepared.demand, prepared.options, prepared.limits, _begun(solver, prepared)
    )
    if result.decisions is None:
        tried = (prepared.demand, prepared.options, prepared.limits, solver)
        source = Source(prepared.loaded, prepared.catalog, prepared.incumbent)
        reasons = diagnose_program(*tried, source) if result.proof.status == "infeasible" else ()
        return Decided(_no_plan(prepared, result.proof, record, reasons))
    return Decided(plan_of(prepared, result, settings), result.decisions)


def plan_of(prepared: Prepared, result: MilpResult, settings: SolveSettings) -> Plan:
    """Return the plan of an answer of a prepared problem, before anything explains it.

    Raises
    ------
    InternalError
        When the answer has no decisions, or the plan fails its own audit.
    """
    if result.decisions is None:
        msg = "there are no decisions to make a plan of"
        raise InternalError(msg)
    plan = assemble_plan(
        prepared.loaded,
        prepared.catalog,
        demand=prepared.demand,
        options=prepared.options,
        decisions=result.decisions,
        proof=result.proof,
        settings=_record(settings, prepared),
    )
    figures = commitment_figures(
        plan, prepared.demand, prepared.options, result.decisions, prepared.limits.quotas
    )
    binding = binding_rows(plan, prepared.options, result.shadow_prices)
    plan = replace(plan, commitment_figures=figures, binding=binding)
    warnings = plan_warnings(plan, prepared.loaded.problem, prepared.options)
    plan = replace(plan, warnings=warnings)
    require_sound(plan, prepared.loaded.problem, prepared.catalog)
    return plan


def explain(decided: Decided, prepared: Prepared, settings: SolveSettings) -> Plan:
    """Return a plan with the comparisons and figures that are asked for, as far as there is one.

    Raises
    ------
    InternalError
        When the plan fails its own audit.
    """
    plan, decisions = decided.plan, decided.decisions
    if decisions is None:
        return plan
    own = Answer(plan.cost_usd, plan.bound_usd, None, prepared.options, prepared.limits, decisions)
    asked = Asked(settings.compare, settings.commitments, settings.unit_costs == "full")
    told = explained(
        plan,
        own,
        prepared.demand,
        loaded=prepared.loaded,
        catalog=prepared.catalog,
        settings=solver_settings(settings),
        asked=asked,
    )
    if told is not plan:
        require_sound(told, prepared.loaded.problem, prepared.catalog)
    return told


def solver_settings(settings: SolveSettings) -> SolverSettings:
    """Return what a solve asks of the solver."""
    s = settings
    return SolverSettings(s.gap, s.time_limit_s, s.seed, solver=s.solver, log=s.log)


def _no_plan(
    prepared: Prepared, proof: Proof, record: dict[str, Any], reasons: tuple[str, ...]
) -> Plan:
    return plan_without_allocations(
        prepared.loaded,
        prepared.catalog,
        options=prepared.options,
        proof=proof,
        settings=record,
        diagnosis=reasons,
        warnings=(*prepared.demand.warnings, *prepared.options.warnings),
    )


def _begun(solver: SolverSettings, prepared: Prepared) -> SolverSettings:
    """Return the settings with the decisions of the plan that the run begins from."""
    before, grid = prepared.incumbent, prepared.demand.grid
    return solver if before is None else replace(solver, incumbent=before.decisions(grid))


def _record(settings: SolveSettings, prepared: Prepared) -> dict[str, Any]:
    record: dict[str, Any] = {
        "gap": settings.gap,
        "time_limit_s": settings.time_limit_s,
        "seed": settings.seed,
        "threads": 1,
        "solver": settings.solver,
        "compare": settings.compare,
        "unit_costs": settings.unit_costs,
        "commitments": settings.commitments,
    }
    if (before := prepared.incumbent) is not None:
        kept = before.kept(prepared.options, prepared.demand.grid)
        record["incumbent"] = before.record(kept, prepared.loaded.problem)
    return record
