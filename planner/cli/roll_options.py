"""Options of ``planner roll`` that no other command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from planner.cli.stated import number, one_of, whole, within

FORECASTS: tuple[Literal["last-seen", "as-stated"], ...] = ("last-seen", "as-stated")


def _policies() -> tuple[str, ...]:
    from planner.roll.policies import POLICIES  # noqa: PLC0415 - loads the solver

    return tuple(POLICIES)


Actuals = Annotated[
    Path,
    typer.Option("--actuals", metavar="CSV", help="Demand and prices as they came, by period."),
]
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        callback=one_of("--policy", _policies, "not a policy"),
        metavar="NAME",
        help="Replay this one beside perfect_foresight; repeatable; default: all.",
    ),
]
Forecast = Annotated[
    str,
    typer.Option(
        "--forecast",
        callback=one_of("--forecast", lambda: FORECASTS, "not a kind of forecast"),
        metavar="last-seen|as-stated",
        help="Forecasts go on from the level seen last, or stay as the problem says.",
    ),
]
Paths = Annotated[
    int,
    typer.Option(
        "--paths",
        parser=whole,
        callback=within("--paths", 1, 1000),
        metavar="N",
        help="Courses of demand: that of the file, and N - 1 random ones around it.",
    ),
]
Spread = Annotated[
    float,
    typer.Option(
        "--path-spread",
        parser=number,
        callback=within("--path-spread", 0.0, 2.0),
        help="Standard deviation of the steps of random paths in a period.",
    ),
]
Penalty = Annotated[
    float,
    typer.Option(
        "--unserved-penalty",
        parser=number,
        callback=within("--unserved-penalty", 1e-9, 1e6),
        metavar="USD",
        help="Price of a missed request of workloads that state none.",
    ),
]
PathSeed = Annotated[
    int,
    typer.Option(
        "--seed",
        parser=whole,
        callback=within("--seed", 0),
        help="Seed of the solver and the paths.",
    ),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print every period of every policy as CSV.")]
