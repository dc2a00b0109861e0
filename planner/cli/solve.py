"""``planner solve``: the plan."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import typer

from planner.cli.context import (
    AsJson,
    Assignments,
    CatalogFolders,
    ProblemName,
    Quiet,
    ScenarioName,
    Verbose,
    checks_problem,
    progress,
    progress_bar,
    settings_of,
)
from planner.cli.solve_options import (
    SOLVERS,
    UNIT_COSTS,
    CommitmentSheet,
    Compare,
    Futures,
    Gap,
    IncumbentFile,
    KeepOrders,
    LookForSlack,
    Output,
    Seed,
    SolverName,
    TimeLimit,
    Traces,
    UnitCosts,
    Verify,
    WriteLp,
    WriteMps,
    choice_of,
)
from planner.cli.written import require_apart
from planner.errors import Fault, InputError, as_asked, counted

if TYPE_CHECKING:
    from planner.cli.context import Settings
    from planner.hedge.futures import Futures as Scenarios
    from planner.pipeline import SolveSettings
    from planner.plan.document import Plan
    from planner.preparation import Prepared
    from planner.verified import Verified

EXIT_BY_STATUS = {"optimal": 0, "infeasible": 3, "feasible": 4, "no_solution": 5}
EXIT_NOT_KEPT = 6


class _Before(TypedDict):
    """The plan that a run begins from."""

    incumbent: Path | None
    keep_orders: bool


def solve(
    context: typer.Context,
    problem: ProblemName,
    output: Output = None,
    scenario: ScenarioName = None,
    assignments: Assignments = None,
    gap: Gap = 0.01,
    time_limit: TimeLimit = 60.0,
    seed: Seed = 0,
    solver: SolverName = "highs",
    compare: Compare = True,
    unit_costs: UnitCosts = "average",
    commitments: CommitmentSheet = False,
    incumbent: IncumbentFile = None,
    keep_orders: KeepOrders = False,
    verify: Verify = False,
    trace: Traces = None,
    slack: LookForSlack = True,
    futures: Futures = False,
    write_lp: WriteLp = None,
    write_mps: WriteMps = None,
    catalog: CatalogFolders = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Find the cheapest plan and prove how good it is.

    Exit codes: 0 within the gap, 2 invalid, 3 infeasible, 4 stopped outside the gap, 5 stopped
    without a plan, 6 a promise is missed in the replay (--verify; the plan is written, and says
    so).
    """
    from planner.pipeline import SolveSettings  # noqa: PLC0415 - slow
    from planner.preparation import prepare  # noqa: PLC0415 - slow

    check = checks_problem(problem, scenario, assignments)
    shared = settings_of(context, catalog, verbose, quiet, check)
    lone_orders = keep_orders and incumbent is None
    _require_fitting(trace, verify, futures=futures, lone_orders=lone_orders)
    require_apart(
        [output, write_lp, write_mps],
        {Path(problem): "the problem file", incumbent: "the plan to begin from"},
    )
    settings = SolveSettings(
        gap=gap,
        time_limit_s=time_limit,
        seed=seed,
        solver=choice_of(solver, SOLVERS, "--solver", "not a solver"),
        log=shared.verbose,
        compare=compare,
        unit_costs=choice_of(unit_costs, UNIT_COSTS, "--unit-costs", "no kind of unit cost"),
        commitments=commitments,
    )
    progress(shared, "reading the problem and modelling every option ...")
    before = _Before(incumbent=incumbent, keep_orders=keep_orders)
    prepared = prepare(problem, scenario, assignments or (), shared.overlays, **before)
    _export(prepared, write_lp, write_mps)
    scenarios = _scenarios(problem, assignments, shared, before) if futures else None
    progress(shared, f"solving over {counted(len(prepared.options.options), 'option')} ...")
    verified = _verified(prepared, settings, shared, trace, slack) if verify else None
    plan = verified.plan if verified else _solved(prepared, settings, scenarios, shared)
    text = _written(plan, prepared, output)
    _print(plan, prepared, problem, output, shared, machine_form=text if as_json else None)
    missed = verified is not None and verified.kept is False
    raise typer.Exit(EXIT_NOT_KEPT if missed else EXIT_BY_STATUS[plan.status])


def _solved(
    prepared: Prepared, settings: SolveSettings, futures: Scenarios | None, shared: Settings
) -> Plan:
    """Return the plan, with what its scenarios are worth to it where these are given."""
    from planner.pipeline import solve_prepared  # noqa: PLC0415 - loads the solver

    if futures is None:
        return solve_prepared(prepared, settings)
    return _among_futures(prepared, settings, futures, shared)


def _among_futures(
    prepared: Prepared, settings: SolveSettings, futures: Scenarios, shared: Settings
) -> Plan:
    """Return the plan with what its scenarios are worth to it."""
    from planner.hedge.one_plan import with_worth  # noqa: PLC0415 - loads the solver
    from planner.hedge.run import HedgeSettings  # noqa: PLC0415
    from planner.pipeline import decide, explain  # noqa: PLC0415
    from planner.plan.purchases import taken_purchases  # noqa: PLC0415

    decided = decide(prepared, settings)
    plan = explain(decided, prepared, settings)
    if decided.decisions is None:
        return plan
    progress(shared, "hedging the scenarios ...")
    held = taken_purchases(prepared.options, prepared.demand.grid, decided.decisions)
    asked = HedgeSettings(replace(settings, compare=False), jobs=os.cpu_count() or 1)
    draw = progress_bar(shared, "hedge", "scenarios solved")
    return with_worth(plan, held, futures, asked, overlays=shared.overlays, on_solve=draw)


def _scenarios(
    problem: str, assignments: list[str] | None, shared: Settings, before: _Before
) -> Scenarios:
    from planner.hedge.futures import load_futures  # noqa: PLC0415 - loads the solver

    return load_futures(problem, assignments or (), shared.overlays, **before)


def _written(plan: Plan, prepared: Prepared, output: Path | None) -> str:
    """Write a plan to its file, where there is one, and return the text."""
    from planner.plan.json_io import plan_json, write_text_whole  # noqa: PLC0415 - slow
    from planner.plan.problem_folder import with_problem_folder  # noqa: PLC0415

    if output is None:
        return plan_json(plan)
    text = plan_json(with_problem_folder(plan, prepared.loaded, output))
    write_text_whole(output, text)
    return text


def _verified(
    prepared: Prepared,
    settings: SolveSettings,
    shared: Settings,
    trace: list[str] | None,
    slack: bool,
) -> Verified:
    from planner.verified import LoopSettings, solve_verified  # noqa: PLC0415 - loads the solver
    from planner.verify.replay.run import ReplaySettings  # noqa: PLC0415
    from planner.verify.verification import traces_of  # noqa: PLC0415

    traces = traces_of(prepared.loaded.problem, trace or [], Path)
    loop = LoopSettings(ReplaySettings(seed=settings.seed, traces=traces), slack=slack)
    return solve_verified(prepared, settings, loop, lambda text: progress(shared, text))


def _print(
    plan: Plan,
    prepared: Prepared,
    problem: str,
    output: Path | None,
    shared: Settings,
    *,
    machine_form: str | None,
) -> None:
    from planner.report.text import write_no_plan, write_plan  # noqa: PLC0415 - needs the plan

    if machine_form is not None:
        sys.stdout.write(machine_form)
        return
    if plan.cost_usd is None:
        write_no_plan(sys.stdout, plan)
        next_step = "explain {}" if plan.status == "infeasible" else "options {} --rejected"
        loaded = prepared.loaded
        asked = as_asked(problem, loaded.scenario, loaded.assignments, shared.overlays)
        sys.stdout.write(f"Next: planner {next_step.format(asked)}\n")
        return
    horizon = prepared.loaded.problem.horizon
    months = horizon.periods * horizon.months_per_period
    write_plan(sys.stdout, plan, months)
    where = f"plan written to {output}. " if output else ""
    if any("probability" in s for s in prepared.loaded.problem.scenarios.values()):
        sys.stdout.write(
            f"This plans one future: --futures says what that costs, and planner hedge {problem} "
            "hedges it against the others\n"
        )
    sys.stdout.write(f"{where}Next: planner options {problem}, or another --scenario or --set\n")


def _require_fitting(
    trace: list[str] | None, verify: bool, *, futures: bool, lone_orders: bool
) -> None:
    """Refuse options that say nothing without another one, or exclude each other."""
    wrong = {
        "--futures --verify": (
            futures and verify,
            "is worked out for a plan before its replay; leave one of the two out",
        ),
        f"--trace {(trace or [''])[0]}": (
            bool(trace) and not verify,
            "is replayed with --verify only; add it, or leave the trace out",
        ),
        "--keep-orders": (
            lone_orders,
            "keeps the orders of an earlier plan; add --incumbent PLAN.json, or leave it out",
        ),
    }
    faults = [
        Fault(name, None, None, "", why) for name, (is_wrong, why) in wrong.items() if is_wrong
    ]
    if faults:
        raise InputError(faults)


def _export(prepared: Prepared, write_lp: Path | None, write_mps: Path | None) -> None:
    if write_lp is None and write_mps is None:
        return
    from planner import milp  # noqa: PLC0415 - loads the solver
    from planner.pipeline import program_of  # noqa: PLC0415

    program = program_of(prepared)
    if write_lp is not None:
        milp.write_lp(program, write_lp)
    if write_mps is not None:
        milp.write_mps(program, write_mps)
