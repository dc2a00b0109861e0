"""The command ``planner``: which commands exist, exit codes, and how failures are shown.

Exit codes: 0 done, 2 input invalid, 3 infeasible, 4 stopped with a plan outside the gap, 5 stopped
without a plan, 6 a promise is not kept, 1 an internal error. Results go to stdout, everything else
to stderr. Modules that are slow to load are imported inside the commands that need them.
"""

from __future__ import annotations

import signal
import sys
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli import (
    calibrate,
    catalog,
    claims,
    compare,
    demand,
    explain,
    hedge,
    problem,
    roll,
    scenarios,
    schema,
    solve,
    sweep,
    validate,
    verify,
)
from planner.cli.context import CatalogFolders, Quiet, Settings, Verbose
from planner.errors import InputError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_INTERNAL = 1
EXIT_INVALID = 2

app = typer.Typer(
    name="planner",
    help="Decides how to serve AI inference at the least cost, and proves it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and rarely asked for

        typer.echo(f"planner {version('inference-planner')}")
        raise typer.Exit


@app.callback()
def _global(
    context: typer.Context,
    catalog: CatalogFolders = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    del version
    context.obj = Settings(tuple(catalog or ()), verbose, quiet)


app.command("check")(problem.check)
app.command("options")(problem.options)
app.command("solve")(solve.solve)
app.command("verify")(verify.verify)
app.command("explain")(explain.explain)
app.command("compare")(compare.compare)
app.command("hedge")(hedge.hedge)
app.command("sweep")(sweep.sweep)
app.command("claims")(claims.claims)
app.command("roll")(roll.roll)
app.command("schema")(schema.schema)
app.command("validate")(validate.validate)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(catalog.app, name="catalog")
app.add_typer(demand.app, name="demand")
app.add_typer(scenarios.app, name="scenarios")


@cache
def _command() -> Callable[[], object]:
    """Return the command; made of the types of all parameters, which takes a while."""
    return typer.main.get_command(app)


def run() -> None:
    """Run the command; expected failures end with a message and their exit code."""
    # The solver does not return to Python for a Ctrl-C. Files are renamed into place when they
    # are whole, so ending the process at once leaves nothing half-written.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        _command()()
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_INVALID)
    except PlannerError as error:
        sys.stderr.write(f"internal error: {error}\n")
        sys.exit(EXIT_INTERNAL)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        sys.stderr.write(f"cannot write: {error.strerror or error}\n")
        sys.exit(EXIT_INTERNAL)
