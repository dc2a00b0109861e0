"""``planner verify``: a second opinion on a plan."""

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
    progress_bar,
    settings_of,
)

if TYPE_CHECKING:
    from planner.verify.verification import Verification

EXIT_NOT_KEPT = 6
_MOST_SEEDS = 1_000


def verify(
    context: typer.Context,
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="File of planner solve -o.")],
    trace: Annotated[
        list[str] | None,
        typer.Option(
            "--trace",
            metavar="[WORKLOAD=]CSV",
            help="Recorded requests (timestamp_s, input_tokens, output_tokens) to replay at the "
            "plan's mean rates; repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="First seed.")] = 0,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=_MOST_SEEDS, help="Simulations of every block.")
    ] = 5,
    full: Annotated[
        bool, typer.Option("--full", help="Replay every block for its whole length.")
    ] = False,
    nominal: Annotated[
        bool,
        typer.Option("--nominal", help="Median step times, not those at the plan's confidence."),
    ] = False,
    problem: Annotated[
        Path | None,
        typer.Option("--problem", metavar="FILE", help="The problem, for files it refers to."),
    ] = None,
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every figure of a plan, then simulate its requests one by one.

    Exit codes: 0 nothing broken was found, 2 invalid, 6 a figure or a promise does not hold.
    """
    from planner.verify.replay.run import ReplaySettings  # noqa: PLC0415 - loads numpy
    from planner.verify.verification import (  # noqa: PLC0415
        open_plan,
        traces_of,
        verify_plan,
    )

    shared = settings_of(context, catalog, quiet=quiet)
    opened = open_plan(plan, problem, shared.overlays)
    traces = traces_of(opened.loaded.problem, trace or [], Path)
    settings = ReplaySettings(seed=seed, seeds=seeds, full=full, nominal=nominal, traces=traces)
    found = verify_plan(opened, settings, progress_bar(shared, "replay", "blocks"))
    if as_json:
        print_json(_as_data(found))
    else:
        from planner.report.verify_text import write_verification  # noqa: PLC0415

        write_verification(sys.stdout, found)
    raise typer.Exit(EXIT_NOT_KEPT if found.kept is False else 0)


def _as_data(found: Verification) -> dict[str, object]:
    from planner.report.verify_text import broken_promises  # noqa: PLC0415 - needs the plan
    from planner.verify.replay.as_data import workloads_data  # noqa: PLC0415

    replay = found.replay
    return {
        "audit": list(found.audit),
        "workloads": [] if replay is None else workloads_data(replay),
        "kept": found.kept,
        "broken": [] if replay is None else broken_promises(replay, found.plan),
        "batches": [] if replay is None else [asdict(batch) for batch in replay.batches],
        "not_replayed": []
        if replay is None
        else [
            {"workload": n.workload, "what": n.what, "reason": n.reason}
            for n in replay.not_replayed
        ],
        "confidence": None if replay is None else replay.confidence,
        "seeds": None if replay is None else replay.seeds,
        "requests": None if replay is None else replay.requests,
        "notes": list(found.notes),
    }
