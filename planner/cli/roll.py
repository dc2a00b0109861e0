"""``planner roll``: a problem replayed period by period."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from planner.cli.context import (
    AsJson,
    Assignments,
    CatalogFolders,
    ProblemName,
    Quiet,
    ScenarioName,
    Verbose,
    print_json,
    progress,
    progress_bar,
    settings_of,
)
from planner.cli.interruptible import SoFar, interruptible
from planner.cli.roll_options import (
    FORECASTS,
    Actuals,
    AsCsv,
    Forecast,
    Paths,
    PathSeed,
    Penalty,
    Policies,
    Spread,
)
from planner.cli.solve_options import SOLVERS, Gap, SolverName, TimeLimit, choice_of
from planner.cli.sweep_options import Jobs, Store
from planner.cli.written import require_apart
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from planner.cli.context import Settings
    from planner.roll.run import Replayed

EXIT_UNFINISHED = 5


def roll(
    context: typer.Context,
    problem: ProblemName,
    actuals: Actuals,
    scenario: ScenarioName = None,
    assignments: Assignments = None,
    policy: Policies = None,
    forecast: Forecast = "last-seen",
    paths: Paths = 1,
    path_spread: Spread = 0.15,
    unserved_penalty: Penalty = 1.0,
    jobs: Jobs = None,
    store: Store = None,
    gap: Gap = 0.01,
    time_limit: TimeLimit = 60.0,
    seed: PathSeed = 0,
    solver: SolverName = "highs",
    catalog: CatalogFolders = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Replay a problem period by period: order on forecasts, then serve what came.

    Exit codes: 0 done, 2 invalid, 5 a policy came to no end (it has no plan, or none in time).
    """
    from planner.roll.checks import checked  # noqa: PLC0415 - loads the solver
    from planner.roll.policies import POLICIES  # noqa: PLC0415
    from planner.roll.run import RollSettings, run_roll  # noqa: PLC0415

    if as_json and as_csv:
        message = "both go to standard output; give one of them"
        raise InputError([Fault("--json", None, None, "--csv", message)])
    stated = assignments or ()

    def check(shared: Settings) -> None:
        checked(problem, actuals, scenario, stated, shared.overlays, 1.0)

    shared = settings_of(context, catalog, verbose, quiet, check)
    require_apart([store], {Path(problem): "the problem file", actuals: "the actuals"})
    names = tuple(POLICIES)
    settings = RollSettings(
        policies=tuple(choice_of(p, names, "--policy", "not a policy") for p in policy or names),
        forecast=choice_of(forecast, FORECASTS, "--forecast", "not a kind of forecast"),
        paths=paths,
        path_spread=path_spread,
        unserved_usd_per_request=unserved_penalty,
        gap=gap,
        time_limit_s=time_limit,
        seed=seed,
        solver=choice_of(solver, SOLVERS, "--solver", "not a solver"),
        log=shared.verbose,
        jobs=jobs or os.cpu_count() or 1,
        store=store,
    )
    progress(shared, "checking the problem and what came ...")
    bar = progress_bar(shared, "replay", "policies")
    so_far = SoFar(bar)
    with interruptible(so_far, in_processes=settings.jobs > 1, store=store):
        found = run_roll(problem, actuals, scenario, stated, shared.overlays, settings, so_far)
    _print(found, problem, as_json=as_json, as_csv=as_csv)
    unfinished = any(o.cost_usd is None for path in found.paths for o in path.outcomes)
    raise typer.Exit(EXIT_UNFINISHED if unfinished else 0)


def _print(found: Replayed, problem: str, *, as_json: bool, as_csv: bool) -> None:
    from planner.roll.as_data import roll_csv, roll_data  # noqa: PLC0415
    from planner.roll.text import write_roll  # noqa: PLC0415

    if as_json:
        print_json(roll_data(found))
    elif as_csv:
        sys.stdout.write(roll_csv(found))
    else:
        write_roll(sys.stdout, found)
        sys.stdout.write(f"Next: planner solve {problem} for the plan of its forecast\n")
