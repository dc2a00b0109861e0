"""Options of ``planner verify`` that no other command takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.verify.stress.records import StressSettings

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
Seed = Annotated[int, typer.Option("--seed", min=0, help="First seed.")]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, max=_MOST_SEEDS, help="Simulations of every block.")
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
        "--stress-demand", metavar="FACTOR", help="With --stress: on all rates (default 1.5)."
    ),
]
StressOutputs = Annotated[
    float | None,
    typer.Option(
        "--stress-outputs",
        metavar="FACTOR",
        help="With --stress: on the length of outputs (default 1.25).",
    ),
]
StressHitRate = Annotated[
    float | None,
    typer.Option(
        "--stress-hit-rate",
        metavar="FACTOR",
        help="With --stress: on prefix-cache hits (default 0.5).",
    ),
]
ProblemFile = Annotated[
    Path | None,
    typer.Option("--problem", metavar="FILE", help="The problem, for files it refers to."),
]


def require_trace(recorded_rates: bool, trace: Sequence[str] | None) -> None:
    """Refuse recorded rates without a record.

    Parameters
    ----------
    recorded_rates, trace
        What was given.

    Raises
    ------
    InputError
        When there is no trace.
    """
    if recorded_rates and not trace:
        from planner.verify.verification import NOTHING_VERIFIED  # noqa: PLC0415 - loads numpy

        message = "has a meaning with --trace only; add it, or leave the option out"
        fault = Fault("", None, None, "--recorded-rates", message)
        raise InputError([fault], "planner verify --help", NOTHING_VERIFIED)


def stress_settings(
    asked: bool, demand: float | None, outputs: float | None, hit_rate: float | None
) -> StressSettings | None:
    """Return how hard to stress a plan, ``None`` for not at all.

    Parameters
    ----------
    asked
        Whether to stress it.
    demand, outputs, hit_rate
        Factors that were given.

    Raises
    ------
    InputError
        When factors mean nothing, or were given without stress.
    """
    from planner.verify.stress.records import StressSettings, why_not  # noqa: PLC0415
    from planner.verify.verification import NOTHING_VERIFIED  # noqa: PLC0415 - loads numpy

    stated = {"demand": demand, "outputs": outputs, "hit_rate": hit_rate}
    given = {name: value for name, value in stated.items() if value is not None}
    faults = []
    for name, value in given.items():
        message = why_not(name, value)
        if not asked:
            message = "has a meaning with --stress only; add it, or leave the factor out"
        if message:
            option = f"--stress-{name.replace('_', '-')} {value:g}"
            faults.append(Fault("", None, None, option, message))
    if faults:
        raise InputError(faults, "planner verify --help", NOTHING_VERIFIED)
    return StressSettings(**given) if asked else None
