"""Options of ``planner verify`` that no other command takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.stated import note, number, whole, within
from planner.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_SEEDS = 1_000

PlanFileName = Annotated[
    Path, typer.Argument(metavar="PLAN.json", help="File of planner solve -o.")
]
Traces = Annotated[
    list[str] | None,
    typer.Option(
        "--trace",
        metavar="[WORKLOAD=]CSV",
        help="Recorded requests (timestamp_s, input_tokens, output_tokens) to replay at the "
        "plan's mean rates; repeatable.",
    ),
]
RecordedRates = Annotated[
    bool,
    typer.Option(
        "--recorded-rates", help="With --trace: replay requests as many as they were recorded."
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", parser=whole, callback=within("--seed", 0), help="First seed."),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        parser=whole,
        callback=within("--seeds", 1, _MOST_SEEDS),
        metavar="N",
        help="Simulations of every block.",
    ),
]
Full = Annotated[
    bool,
    typer.Option("--full", help="Replay whole days, queues carried from block to block."),
]
Nominal = Annotated[
    bool, typer.Option("--nominal", help="Median step times, not those at the plan's confidence.")
]
Stress = Annotated[
    bool,
    typer.Option("--stress", help="Also replay a harder world: before and after in one table."),
]
StressDemand = Annotated[
    float | None,
    typer.Option(
        "--stress-demand",
        parser=number,
        metavar="FACTOR",
        help="With --stress: on all rates (default 1.5).",
    ),
]
StressOutputs = Annotated[
    float | None,
    typer.Option(
        "--stress-outputs",
        parser=number,
        metavar="FACTOR",
        help="With --stress: on the length of outputs (default 1.25).",
    ),
]
StressHitRate = Annotated[
    float | None,
    typer.Option(
        "--stress-hit-rate",
        parser=number,
        metavar="FACTOR",
        help="With --stress: on prefix-cache hits (default 0.5).",
    ),
]
ProblemFile = Annotated[
    Path | None,
    typer.Option("--problem", metavar="FILE", help="The problem, for files it refers to."),
]


def note_refused(
    context: typer.Context,
    stated: Mapping[str, float | str | None],
    *,
    stress: bool,
    recorded_rates: bool,
    trace: Sequence[str] | None,
) -> None:
    """Note options that mean nothing, alone or beside each other.

    Parameters
    ----------
    context
        Of the command.
    stated
        Factors of the stress by name, ``None`` for those that were not given.
    stress, recorded_rates, trace
        What was given.
    """
    from planner.verify.stress.records import why_not  # noqa: PLC0415 - few calls need it

    if recorded_rates and not trace:
        message = "has a meaning with --trace only; add it, or leave the option out"
        note(context, Fault("", None, None, "--recorded-rates", message))
    for name, value in stated.items():
        if value is None:
            continue
        if isinstance(value, str):
            message = "is not a number; write a factor, as in 1.5"
        else:
            message = why_not(name, value) or ""
        if not stress:
            message = "has a meaning with --stress only; add it, or leave the factor out"
        if message:
            text = value if isinstance(value, str) else f"{value:g}"
            option = f"--stress-{name.replace('_', '-')} {text}"
            note(context, Fault("", None, None, option, message))
