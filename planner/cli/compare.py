"""``planner compare``: two plans side by side."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.context import AsJson, print_json


def compare(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="File of planner solve -o.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two plans, and what it costs: B less A.

    Exit codes: 0 compared, 2 a file is no plan.
    """
    from planner.compare.plans import compare_plans  # noqa: PLC0415 - loads numpy
    from planner.compare.text import write_comparison  # noqa: PLC0415

    found = compare_plans(a, b)
    if as_json:
        print_json(asdict(found))
        return
    write_comparison(sys.stdout, found)
    sys.stdout.write(f"Next: planner verify {a}, planner verify {b}\n")
