"""Options that every command takes, before or after its name."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.stated import require_stated
from planner.errors import NOTHING_SOLVED, Fault, InputError

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

_BAR = 30
"""Characters of a progress bar."""

CatalogFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--catalog",
        metavar="PATH",
        help="Overlay: folder of tables, or YAML file; repeatable, later wins by key.",
    ),
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show the solver's log.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress on stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the stable machine form.")]
ProblemName = Annotated[
    str, typer.Argument(metavar="PROBLEM", help="Problem file, or name of a shipped problem.")
]

ScenarioName = Annotated[
    str | None, typer.Option("--scenario", metavar="NAME", help="Named patch of the problem.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value; repeatable."),
]


def day_of(option: str, text: str) -> datetime.date:
    """Return the day that an option states, the earliest of a year or month.

    Parameters
    ----------
    option
        Name of the option in messages.
    text
        YYYY, YYYY-MM or YYYY-MM-DD.

    Raises
    ------
    InputError
        When `text` is no date.
    """
    from planner.catalog.dates import parse_partial_date  # noqa: PLC0415 - few options need it

    try:
        return parse_partial_date(text)
    except ValueError as error:
        raise InputError([Fault("", None, None, option, str(error))]) from error


def changed_on(path: Path) -> datetime.date | None:
    """Return the day (UTC) a file was last changed, ``None`` when that cannot be known."""
    import datetime  # noqa: PLC0415 - few commands need it

    try:
        seconds = path.stat().st_mtime
    except (OSError, ValueError):
        return None
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).date()


def printable(value: object) -> str:
    """Return the text of a name that users gave, with `?` for what a terminal may obey."""
    return "".join(c if c.isprintable() else "?" for c in str(value))


@dataclass(frozen=True, slots=True)
class Settings:
    """Global options of one call."""

    overlays: tuple[Path, ...] = ()
    verbose: bool = False
    quiet: bool = False


def settings_of(
    context: typer.Context,
    overlays: list[Path] | None,
    verbose: bool = False,
    quiet: bool = False,
    check: Callable[[Settings], object] | None = None,
    outcome: str = NOTHING_SOLVED,
) -> Settings:
    """Return the global options, whether given before or after the command's name.

    Parameters
    ----------
    context
        Of the command.
    overlays, verbose, quiet
        What was given after its name.
    check
        Reads the files of the command when an option is refused: what is wrong in them is told
        in the same round.
    outcome
        What did not happen when an option is refused.

    Raises
    ------
    InputError
        With every fault, when a value of an option is refused.
    """
    before: Settings = context.obj or Settings()
    found = Settings(
        (*before.overlays, *(overlays or ())),
        before.verbose or verbose,
        before.quiet or quiet,
    )
    require_stated(context, None if check is None else lambda: check(found), outcome)
    return found


def checks_problem(
    name: str, scenario: str | None = None, assignments: list[str] | None = None
) -> Callable[[Settings], object]:
    """Return what raises the faults of a problem and of its names, for :func:`settings_of`.

    Parameters
    ----------
    name
        Problem file or name of a shipped problem; a plan file has none.
    scenario, assignments
        What is applied to it.
    """

    def check(settings: Settings) -> None:
        from planner.problem.load import load_problem  # noqa: PLC0415 - loads the catalogue

        if not name.endswith(".json"):
            load_problem(name, scenario, assignments or (), settings.overlays)

    return check


def json_text(value: object) -> str:
    """Return a value as JSON text."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def print_json(value: object) -> None:
    """Write a value as JSON to stdout."""
    sys.stdout.write(json_text(value))


def progress(settings: Settings, text: str) -> None:
    """Write a line about what is going on to stderr, when somebody may be watching."""
    if not settings.quiet and sys.stderr.isatty():
        sys.stderr.write(f"{text}\n")


def progress_bar(settings: Settings, what: str, units: str) -> Callable[[int, int], None]:
    """Return what draws how far something is, when somebody may be watching.

    Parameters
    ----------
    settings
        Of the call.
    what
        What goes on, as in ``replay``.
    units
        What is counted, as in ``blocks``.
    """
    if settings.quiet or not sys.stderr.isatty():
        return lambda _done, _all: None

    def draw(done: int, whole: int) -> None:
        filled = _BAR * done // whole
        bar = "#" * filled + "." * (_BAR - filled)
        end = "\n" if done == whole else ""
        sys.stderr.write(f"\r{what} [{bar}] {done}/{whole} {units}{end}")
        sys.stderr.flush()

    return draw
