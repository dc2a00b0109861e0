"""``planner sweep``: the same problem with many values."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import (
    AsJson,
    CatalogFolders,
    ProblemName,
    Quiet,
    json_text,
    print_json,
    progress_bar,
    settings_of,
)
from planner.cli.solve_options import SOLVERS, Gap, Seed, SolverName, TimeLimit, choice_of
from planner.cli.written import require_apart
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.sweep.run import Sweep, SweepSettings

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""


def sweep(
    context: typer.Context,
    problem: ProblemName,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=a,b,c",
            help="Values of an input; one value is set in every run; LOW..HIGH is a range for "
            "latin-hypercube. Repeatable.",
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            "--scale",
            metavar="'KIND FILTER... COLUMN*=a,b,c'",
            help="Factors on a figure of the rows that planner catalog list KIND FILTER... lists, "
            "as in 'offers accelerator=h100-sxm-80gb price_usd_per_hour*=0.8,1.2'. Repeatable.",
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="Named patch of the problem; repeatable: sweep each.",
        ),
    ] = None,
    design: Annotated[
        str, typer.Option("--design", help="one-at-a-time, grid or latin-hypercube.")
    ] = "one-at-a-time",
    samples: Annotated[
        int, typer.Option("--samples", min=1, metavar="N", help="Runs of a Latin hypercube.")
    ] = 20,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, metavar="N", help="Processes; default: all cores."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="RUNS.sqlite",
            help="Keep finished runs here, and do not solve again those that are there.",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="tcp://HOST:PORT", help="Solve on this Dask cluster."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write runs as .csv, or all as .json."
        ),
    ] = None,
    gap: Gap = 0.01,
    time_limit: TimeLimit = 60.0,
    seed: Seed = 0,
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
    from planner.sweep.run import SweepSettings, run_sweep  # noqa: PLC0415
    from planner.sweep.text import write_sweep  # noqa: PLC0415

    shared = settings_of(context, catalog, quiet=quiet)
    require_apart([output, store], {Path(problem): "the problem file"})
    _require_kind(output)
    solve = SolveSettings(
        gap=gap,
        time_limit_s=time_limit,
        seed=seed,
        solver=choice_of(solver, SOLVERS, "--solver", "not a solver"),
    )
    settings = SweepSettings(
        design=choice_of(design, DESIGNS, "--design", "not a design"),
        samples=samples,
        seed=seed,
        jobs=jobs or _cores(),
        dask=dask,
        store=store,
        solve=solve,
    )
    progress = _Progress(progress_bar(shared, "sweep", "runs"))
    with _interruptible(progress, settings):
        found = run_sweep(
            problem,
            assignments or (),
            scenario or (None,),
            shared.overlays,
            settings,
            scales=scale or (),
            on_run=progress,
        )
    _write(found, output)
    if as_json:
        print_json(sweep_data(found))
    else:
        write_sweep(sys.stdout, found)
        where = f"runs written to {output}. " if output else ""
        sys.stdout.write(
            f"{where}Next: planner solve {problem} --set PATH=VALUE for one of them\n"
        )
    raise typer.Exit(EXIT_FAILED if found.failed else 0)


@dataclass(slots=True)
class _Progress:
    """How many runs are done, for the bar and for who interrupts."""

    draw: Callable[[int, int], None]
    done: int = 0
    whole: int = 0

    def __call__(self, done: int, whole: int) -> None:
        self.done, self.whole = done, whole
        self.draw(done, whole)


@contextmanager
def _interruptible(progress: _Progress, settings: SweepSettings) -> Iterator[None]:
    """End workers when Ctrl-C ends the command, and say what is left.

    A solve in this process does not come back to Python: Ctrl-C then ends it at once, as it ends
    every other command.
    """
    if settings.jobs > 1 or settings.dask is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        kept = "no --store was given, so they are lost"
        if settings.store is not None:
            kept = f"they are in {settings.store}, and the same command goes on from there"
        below_the_bar = "\n" if sys.stderr.isatty() else ""
        count = f"{progress.done} of {progress.whole} runs"
        sys.stderr.write(f"{below_the_bar}interrupted after {count}; {kept}\n")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_kind(output: Path | None) -> None:
    if output is not None and output.suffix.lower() not in {".csv", ".json"}:
        message = "is neither .csv nor .json; the name says which of them is written"
        raise InputError([Fault(str(output), None, None, "--output", message)])


def _write(found: Sweep, output: Path | None) -> None:
    if output is None:
        return
    from planner.plan.json_io import write_text_whole  # noqa: PLC0415
    from planner.sweep.as_data import sweep_csv, sweep_data  # noqa: PLC0415

    is_csv = output.suffix.lower() == ".csv"
    write_text_whole(output, sweep_csv(found) if is_csv else json_text(sweep_data(found)))
