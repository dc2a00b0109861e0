"""``planner hedge``: one set of orders for all scenarios."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import (
    AsJson,
    Assignments,
    CatalogFolders,
    ProblemName,
    Quiet,
    checks_problem,
    print_json,
    progress,
    progress_bar,
    settings_of,
)
from planner.cli.interruptible import SoFar, interruptible
from planner.cli.solve_options import LONGEST_S, SOLVERS, Gap, Seed, SolverName, choice_of
from planner.cli.stated import count_option, number, within
from planner.cli.written import write_files
from planner.errors import Fault, InputError, as_asked

if TYPE_CHECKING:
    from planner.hedge.records import Hedge

EXIT_BY_STATUS = {"optimal": 0, "infeasible": 3, "feasible": 4, "no_solution": 5}

_LARGEST_WEIGHT = 0.99
"""With nothing but the worst outcomes, plans of the other scenarios might cost anything."""

CvarWeight = Annotated[
    float,
    typer.Option(
        "--cvar-weight",
        parser=number,
        callback=within("--cvar-weight", 0.0, _LARGEST_WEIGHT),
        help="Weight of the mean of the worst outcomes beside the expected cost.",
    ),
]
CvarLevel = Annotated[
    float,
    typer.Option(
        "--cvar-level",
        parser=number,
        callback=within("--cvar-level", 0.0, 0.999),
        help="The worst 1 - level of the probability counts as worst.",
    ),
]
Plans = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Write the plan of every scenario as SCENARIO.json, for planner verify.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that hold something else.")]
CompareWays = Annotated[
    bool,
    typer.Option(
        "--compare/--no-compare",
        help="Solve the mean-value plan and the one without waiting too: twice the time.",
    ),
]
PartTime = Annotated[
    float,
    typer.Option(
        "--time-limit",
        parser=number,
        callback=within("--time-limit", 0.001, LONGEST_S),
        metavar="SECONDS",
        help="Of every program: each scenario, and the joint one.",
    ),
]
Jobs = Annotated[int | None, count_option("--jobs", "Scenarios solved at once; default: cores.")]


def hedge(
    context: typer.Context,
    problem: ProblemName,
    output: Plans = None,
    cvar_weight: CvarWeight = 0.0,
    cvar_level: CvarLevel = 0.9,
    compare: CompareWays = True,
    assignments: Assignments = None,
    gap: Gap = 0.01,
    time_limit: PartTime = 60.0,
    seed: Seed = 0,
    solver: SolverName = "highs",
    jobs: Jobs = None,
    force: Force = False,
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Order now what suits every scenario, adapt the rest, and say what that is worth.

    Exit codes: 0 within the gap, 2 invalid, 3 infeasible, 4 stopped outside the gap, 5 stopped
    without a plan.
    """
    from planner.hedge.as_data import hedge_data  # noqa: PLC0415 - loads the solver
    from planner.hedge.run import HedgeSettings, run_hedge  # noqa: PLC0415
    from planner.hedge.text import write_hedge  # noqa: PLC0415
    from planner.milp.joint import Risk  # noqa: PLC0415
    from planner.pipeline import SolveSettings  # noqa: PLC0415

    check = checks_problem(problem, None, assignments)
    shared = settings_of(context, catalog, quiet=quiet, check=check)
    _require_folder(output)
    chosen = choice_of(solver, SOLVERS, "--solver", "not a solver")
    settings = HedgeSettings(
        SolveSettings(gap=gap, time_limit_s=time_limit, seed=seed, solver=chosen, compare=False),
        Risk(cvar_weight, cvar_level),
        compare=compare,
        jobs=jobs or os.cpu_count() or 1,
    )
    progress(shared, "reading the scenarios and modelling every option ...")
    so_far = SoFar(progress_bar(shared, "hedge", "scenarios solved"))
    several = settings.jobs > 1
    with interruptible(so_far, in_processes=several, store=None, lost="nothing was written"):
        found = run_hedge(problem, assignments or (), shared.overlays, settings, so_far)
    if output is not None:
        _write(found, output, force=force)
    if as_json:
        print_json(hedge_data(found))
    else:
        write_hedge(sys.stdout, found)
        where = "" if output is None else f"plans written to {output}. "
        next_step = "--output DIR, then " if output is None else ""
        again = as_asked(problem, None, (), shared.overlays)
        verify = f"planner verify {output or 'DIR'}/SCENARIO.json --problem {again}"
        if found.status == "infeasible":
            next_step, verify = "", f"planner explain {again}, as noted above"
        sys.stdout.write(f"\n{where}Next: {next_step}{verify}\n")
    raise typer.Exit(EXIT_BY_STATUS[found.status])


def _write(found: Hedge, folder: Path, *, force: bool) -> None:
    from planner.plan.json_io import plan_json  # noqa: PLC0415 - needs the plan

    files = {folder / f"{s.name}.json": plan_json(s.plan) for s in found.scenarios}
    write_files(files, force, folder)


def _require_folder(output: Path | None) -> None:
    if output is not None and output.exists() and not output.is_dir():
        message = "is a file; name a folder, in which every scenario has a file of its own"
        raise InputError([Fault(str(output), None, None, "--output", message)])
