"""Options of ``planner sweep`` that no other command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.stated import count_option, ending, one_of, possible, whole, within


def _designs() -> tuple[str, ...]:
    from planner.sweep.design import DESIGNS  # noqa: PLC0415 - loads the solver

    return DESIGNS


def _no_dask() -> str | None:
    from planner.sweep.cluster import missing_extra  # noqa: PLC0415 - loads the solver

    return missing_extra()


Values = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=a,b,c",
        help="Values of an input; one value is set in every run; LOW..HIGH is a range for "
        "latin-hypercube. Repeatable.",
    ),
]
Scales = Annotated[
    list[str] | None,
    typer.Option(
        "--scale",
        metavar="'KIND FILTER... COLUMN*=a,b,c'",
        help="Factors on a figure of the rows that planner catalog list KIND FILTER... lists, "
        "as in 'offers accelerator=h100-sxm-80gb price_usd_per_hour*=0.8,1.2'. Repeatable.",
    ),
]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario", metavar="NAME", help="Named patch of the problem; repeatable: sweep each."
    ),
]
Design = Annotated[
    str,
    typer.Option(
        "--design",
        callback=one_of("--design", _designs, "not a design"),
        help="one-at-a-time, grid or latin-hypercube.",
    ),
]
Samples = Annotated[int, count_option("--samples", "Runs of a Latin hypercube.")]
SweepSeed = Annotated[
    int,
    typer.Option(
        "--seed", parser=whole, callback=within("--seed", 0), help="Seed of solver and samples."
    ),
]
Jobs = Annotated[int | None, count_option("--jobs", "Processes; default: all cores.")]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="RUNS.sqlite",
        help="Keep finished runs here, and do not solve again those that are there.",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="tcp://HOST:PORT",
        callback=possible("--dask", _no_dask),
        help="Solve on this Dask cluster.",
    ),
]
Table = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        callback=ending("--output", ".csv", ".json"),
        help="Write runs as .csv, or all as .json.",
    ),
]
