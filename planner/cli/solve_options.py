"""Options of ``planner solve`` that no other command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from planner.cli.stated import not_among, number, one_of, whole, within
from planner.errors import Fault, InputError

_Choice = TypeVar("_Choice", bound=str)

Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="PLAN.json", help="Write the plan.")
]
SOLVERS: tuple[Literal["highs", "cbc"], ...] = ("highs", "cbc")
UNIT_COSTS: tuple[Literal["average", "full"], ...] = ("average", "full")
LONGEST_S = 604_800.0
"""A week, the longest time limit."""

Gap = Annotated[
    float,
    typer.Option(
        "--gap",
        parser=number,
        callback=within("--gap", 0.0, 1.0),
        help="Relative gap to stop at, 0 to 1.",
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        parser=number,
        callback=within("--time-limit", 0.001, LONGEST_S),
        metavar="SECONDS",
        help="Of the main program.",
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", parser=whole, callback=within("--seed", 0), help="Seed of the solver."),
]
SolverName = Annotated[
    str,
    typer.Option(
        "--solver",
        callback=one_of("--solver", lambda: SOLVERS, "not a solver"),
        help="highs or cbc.",
    ),
]
Compare = Annotated[
    bool,
    typer.Option("--compare/--no-compare", help="Solve the alternatives and baselines too."),
]
UnitCosts = Annotated[
    str,
    typer.Option(
        "--unit-costs",
        callback=one_of("--unit-costs", lambda: UNIT_COSTS, "no kind of unit cost"),
        metavar="average|full",
        help="full: also solve what each workload adds, and what it would cost alone.",
    ),
]
IncumbentFile = Annotated[
    Path | None,
    typer.Option(
        "--incumbent",
        metavar="PLAN.json",
        help="Begin from an earlier plan: keep what it has signed, and start the solver there.",
    ),
]
KeepOrders = Annotated[
    bool,
    typer.Option(
        "--keep-orders",
        help="With --incumbent: keep also what the earlier plan orders within the new horizon.",
    ),
]
CommitmentSheet = Annotated[
    bool,
    typer.Option(
        "--commitments",
        help="Also solve what each commitment loses with less demand, and what a delay costs.",
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Replay the plan request by request, and give headroom where a promise is missed, "
        "until every promise is kept or it shows that none can.",
    ),
]
Futures = Annotated[
    bool,
    typer.Option(
        "--futures",
        help="Say what waiting, and planning for all scenarios with a probability, are worth "
        "beside the orders of this plan.",
    ),
]
LookForSlack = Annotated[
    bool,
    typer.Option(
        "--slack/--no-slack",
        help="With --verify: find how many replicas the replay could do without (several replays "
        "more).",
    ),
]
Traces = Annotated[
    list[str] | None,
    typer.Option(
        "--trace",
        metavar="[WORKLOAD=]CSV",
        help="With --verify: recorded requests (timestamp_s, input_tokens, output_tokens) to "
        "replay at the plan's mean rates; repeatable.",
    ),
]
WriteLp = Annotated[
    Path | None, typer.Option("--write-lp", metavar="FILE", help="Write the program as LP.")
]
WriteMps = Annotated[
    Path | None, typer.Option("--write-mps", metavar="FILE", help="Write the program as MPS.")
]


def choice_of(name: str, choices: tuple[_Choice, ...], option: str, refusal: str) -> _Choice:
    """Return the choice that has a name.

    Parameters
    ----------
    name
        What the user gave.
    choices
        What may be given.
    option
        Option of the command line.
    refusal
        What any other name is, as in ``not a solver``.

    Raises
    ------
    InputError
        When it is none of them.
    """
    for choice in choices:
        if choice == name:
            return choice
    raise InputError([Fault(option, None, None, "", not_among(name, choices, refusal))])
