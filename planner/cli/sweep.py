"""``planner sweep``: the same problem with many values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from planner.cli.context import (
    AsJson,
    CatalogFolders,
    ProblemName,
    Quiet,
    json_text,
    print_json,
    progress,
    progress_bar,
    settings_of,
)
from planner.cli.interruptible import SoFar, interruptible, usable_cores
from planner.cli.solve_options import SOLVERS, Gap, SolverName, TimeLimit, choice_of
from planner.cli.stated import stated_or
from planner.cli.sweep_options import (
    Dask,
    Design,
    Jobs,
    Samples,
    Scales,
    Scenarios,
    Store,
    SweepSeed,
    Table,
    Values,
)
from planner.cli.written import require_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.sweep.run import Sweep, SweepSettings

EXIT_FAILED = 1


def sweep(
    context: typer.Context,
    problem: ProblemName,
    assignments: Values = None,
    scale: Scales = None,
    scenario: Scenarios = None,
    design: Design = "one-at-a-time",
    samples: Samples = 20,
    jobs: Jobs = None,
    store: Store = None,
    dask: Dask = None,
    output: Table = None,
    gap: Gap = 0.01,
    time_limit: TimeLimit = 60.0,
    seed: SweepSeed = 0,
    solver: SolverName = "highs",
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Solve a problem with many values in parallel: what moves its cost, and by how much.

    Exit codes: 0 every run has an answer (none possible is one), 1 a run failed, 2 invalid, 130
    interrupted (finished runs are in the store).
    """
    from planner.pipeline import SolveSettings  # noqa: PLC0415 - loads the solver
    from planner.sweep.as_data import sweep_data  # noqa: PLC0415
    from planner.sweep.design import DESIGNS  # noqa: PLC0415
    from planner.sweep.run import SweepSettings, check_sweep, run_sweep  # noqa: PLC0415

    asked = (problem, assignments or (), scenario or (None,))
    shared = settings_of(
        context,
        catalog,
        quiet=quiet,
        check=lambda found: check_sweep(
            *asked, found.overlays, _usable(context, asked[1], design, samples), scales=scale or ()
        ),
    )
    require_apart([output, store], {Path(problem): "the problem file"})
    chosen = choice_of(solver, SOLVERS, "--solver", "not a solver")
    settings = SweepSettings(
        design=choice_of(design, DESIGNS, "--design", "not a design"),
        samples=samples,
        seed=seed,
        jobs=jobs or usable_cores(),
        dask=dask,
        store=store,
        solve=SolveSettings(gap=gap, time_limit_s=time_limit, seed=seed, solver=chosen),
    )
    so_far = SoFar(progress_bar(shared, "sweep", "runs"))
    progress(shared, "checking every run ...")
    in_processes = settings.jobs > 1 or settings.dask is not None
    with interruptible(so_far, in_processes=in_processes, store=settings.store):
        found = run_sweep(*asked, shared.overlays, settings, scales=scale or (), on_run=so_far)
    _write(found, output)
    if as_json:
        print_json(sweep_data(found))
    else:
        _print(found, problem, output)
    raise typer.Exit(EXIT_FAILED if found.failed else 0)


def _usable(
    context: typer.Context, assignments: Sequence[str], design: str, samples: int
) -> SweepSettings:
    """Return which runs to check where an option is refused: with a design that takes all values.

    Only a Latin hypercube takes ranges, so with them it stands in for what is no design.
    """
    from planner.sweep.design import DESIGNS  # noqa: PLC0415 - loads the solver
    from planner.sweep.run import SweepSettings  # noqa: PLC0415

    has_range = any(".." in text for text in assignments)
    other = "latin-hypercube" if has_range else "one-at-a-time"
    return SweepSettings(
        design=choice_of(
            stated_or(context, "--design", design, other), DESIGNS, "--design", "not a design"
        ),
        samples=stated_or(context, "--samples", samples, 20),
    )


def _print(found: Sweep, problem: str, output: Path | None) -> None:
    from planner.sweep.text import write_sweep  # noqa: PLC0415 - needs the sweep

    write_sweep(sys.stdout, found)
    where = f"runs written to {output}. " if output else ""
    sys.stdout.write(f"{where}Next: planner solve {problem} --set PATH=VALUE for one of them\n")


def _write(found: Sweep, output: Path | None) -> None:
    if output is None:
        return
    from planner.plan.json_io import write_text_whole  # noqa: PLC0415
    from planner.sweep.as_data import sweep_csv, sweep_data  # noqa: PLC0415

    is_csv = output.suffix.lower() == ".csv"
    write_text_whole(output, sweep_csv(found) if is_csv else json_text(sweep_data(found)))
