"""``planner claims``: the claims of inference economics, tested."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import (
    AsJson,
    CatalogFolders,
    Quiet,
    print_json,
    progress,
    progress_bar,
    settings_of,
)
from planner.cli.interruptible import SoFar, interruptible, usable_cores
from planner.cli.solve_options import Gap, Seed, TimeLimit
from planner.cli.sweep_options import Jobs, Store
from planner.cli.written import require_apart
from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from planner.claims.run import Assessment
    from planner.claims.runs import ClaimsSettings
    from planner.cli.context import Settings

EXIT_FAILED = 1

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="C2,C7", help="Numbers of claims; repeatable."),
]
CrossCheck = Annotated[
    bool,
    typer.Option(
        "--cross-check", help="Show published prices beside the planner's own costs instead."
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify", help="Audit and replay the plans of the figures, as planner verify does."
    ),
]
Page = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a page with a chart for each.")
]

Table = Annotated[
    Path | None,
    typer.Option("--markdown", metavar="FILE", help="Write the verdicts as a Markdown table."),
]


def claims(
    context: typer.Context,
    only: Only = None,
    html: Page = None,
    markdown: Table = None,
    cross_check: CrossCheck = False,
    verify: Verify = False,
    jobs: Jobs = None,
    store: Store = None,
    gap: Gap = 0.02,
    time_limit: TimeLimit = 60.0,
    seed: Seed = 0,
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say which claims about the cost of inference hold, for what, and where they flip.

    Exit codes: 0 tested (whatever the verdicts), 1 a run failed, 2 invalid, 130 interrupted
    (finished runs are in the store).
    """
    from planner.claims.runs import ClaimsSettings  # noqa: PLC0415 - loads the solver
    from planner.pipeline import SolveSettings  # noqa: PLC0415
    from planner.sweep.answers import Machines  # noqa: PLC0415

    shared = settings_of(context, catalog, quiet=quiet)
    require_apart([html, markdown, store], {})
    _require_alone(cross_check, only, [html, markdown], verify=verify)
    asked = [name for text in only or () for name in text.split(",")]
    machines = Machines(jobs or usable_cores(), None, store)
    solve = SolveSettings(gap=gap, time_limit_s=time_limit, seed=seed, compare=False)
    settings = ClaimsSettings(solve, machines, verify)
    so_far = SoFar(progress_bar(shared, "claims", "runs"))
    progress(shared, "checking every run ...")
    with interruptible(so_far, in_processes=machines.jobs > 1, store=store):
        if cross_check:
            _cross_check(shared, settings, so_far, as_json=as_json)
            return
        from planner.claims.run import assess_claims  # noqa: PLC0415

        replays = progress_bar(shared, "replay", "plans")
        found = assess_claims(asked, shared.overlays, settings, on_run=so_far, on_replay=replays)
    _write(html, markdown, found)
    _show(found, as_json=as_json)
    raise typer.Exit(EXIT_FAILED if found.effort.failed else 0)


def _show(found: Assessment, *, as_json: bool) -> None:
    from planner.claims.as_data import claims_data  # noqa: PLC0415
    from planner.claims.text import write_claims  # noqa: PLC0415

    if as_json:
        print_json(claims_data(found))
    else:
        write_claims(sys.stdout, found)


def _cross_check(
    shared: Settings, settings: ClaimsSettings, so_far: SoFar, *, as_json: bool
) -> None:
    from planner.claims.run import cross_checked  # noqa: PLC0415
    from planner.claims.text import write_cross_checks  # noqa: PLC0415

    found = cross_checked(shared.overlays, settings, on_run=so_far)
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        write_cross_checks(sys.stdout, found)


def _require_alone(
    cross_check: bool, only: list[str] | None, files: list[Path | None], *, verify: bool
) -> None:
    if cross_check and (only or verify or any(files)):
        message = "is no test of claims: leave --only, --verify, --html and --markdown out"
        raise InputError([Fault("--cross-check", None, None, "", message)])


def _write(html: Path | None, markdown: Path | None, found: Assessment) -> None:
    from planner.claims.markdown import claims_markdown  # noqa: PLC0415
    from planner.claims.page import claims_page  # noqa: PLC0415
    from planner.plan.json_io import write_text_whole  # noqa: PLC0415

    if html is not None:
        write_text_whole(html, claims_page(found))
    if markdown is not None:
        write_text_whole(markdown, claims_markdown(found))
