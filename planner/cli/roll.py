"""``planner roll``: a problem replayed period by period."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

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
from planner.cli.solve_options import SOLVERS, Gap, SolverName, TimeLimit, choice_of
from planner.cli.sweep_options import Jobs, Store
from planner.cli.written import require_apart
from planner.errors import Fault, InputError

EXIT_UNFINISHED = 5

Actuals = Annotated[
    Path,
    typer.Option("--actuals", metavar="CSV", help="Demand and prices as they came, by period."),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="NAME",
        help="Replay this one beside perfect_foresight; repeatable; default: all.",
    ),
]
Forecast = Annotated[
    str,
    typer.Option(
        "--forecast",
        metavar="last-seen|as-stated",
        help="Forecasts go on from the level seen last, or stay as the problem says.",
    ),
]
Paths = Annotated[
    int,
    typer.Option(
        "--paths",
        min=1,
        max=1000,
        metavar="N",
        help="Courses of demand: that of the file, and N - 1 random ones around it.",
    ),
]
Spread = Annotated[
    float,
    typer.Option(
        "--path-spread",
        min=0.0,
        max=2.0,
        help="Standard deviation of the steps of random paths in a period.",
    ),
]
Penalty = Annotated[
    float,
    typer.Option(
        "--unserved-penalty",
        min=1e-9,
        max=1e6,
        metavar="USD",
        help="Price of a missed request of workloads that state none.",
    ),
]
PathSeed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the solver and the paths.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print every period of every policy as CSV.")]


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
    from planner.roll.as_data import roll_csv, roll_data  # noqa: PLC0415 - loads the solver
    from planner.roll.policies import POLICIES  # noqa: PLC0415
    from planner.roll.run import RollSettings, run_roll  # noqa: PLC0415
    from planner.roll.text import write_roll  # noqa: PLC0415

    if as_json and as_csv:
        message = "both go to standard output; give one of them"
        raise InputError([Fault("--json", None, None, "--csv", message)])
    shared = settings_of(context, catalog, verbose, quiet)
    require_apart([store], {Path(problem): "the problem file", actuals: "the actuals"})
    names = tuple(POLICIES)
    settings = RollSettings(
        policies=tuple(choice_of(p, names, "--policy", "not a policy") for p in policy or names),
        forecast=choice_of(
            forecast, ("last-seen", "as-stated"), "--forecast", "not a kind of forecast"
        ),
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
    found = run_roll(
        problem,
        actuals,
        scenario,
        assignments or (),
        shared.overlays,
        settings,
        on_outcome=progress_bar(shared, "replay", "policies"),
    )
    if as_json:
        print_json(roll_data(found))
    elif as_csv:
        sys.stdout.write(roll_csv(found))
    else:
        write_roll(sys.stdout, found)
        sys.stdout.write(f"Next: planner solve {problem} for the plan of its forecast\n")
    unfinished = any(o.cost_usd is None for path in found.paths for o in path.outcomes)
    raise typer.Exit(EXIT_UNFINISHED if unfinished else 0)
