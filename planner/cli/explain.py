"""``planner explain``: what a plan hangs on; or why there is none, and what would leave one."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import (
    AsJson,
    Assignments,
    CatalogFolders,
    Quiet,
    ScenarioName,
    checks_problem,
    print_json,
    progress,
    settings_of,
)
from planner.cli.solve_options import LONGEST_S, Gap, Seed
from planner.cli.stated import number, within
from planner.errors import Fault, InputError, as_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.cli.context import Settings
    from planner.infeasibility import Explanation
    from planner.plan.document import Plan
    from planner.preparation import Prepared
    from planner.sensitivity import Sensitivity

EXIT_INFEASIBLE, EXIT_OUTSIDE_GAP, EXIT_UNKNOWN = 3, 4, 5

ProblemFile = Annotated[
    Path | None,
    typer.Option("--problem", metavar="FILE", help="The problem of PLAN.json, for its files."),
]
Within = Annotated[
    float,
    typer.Option(
        "--within",
        parser=number,
        callback=within("--within", 0.0, 1.0),
        metavar="SHARE",
        help="How much dearer the plans of the ranges may be.",
    ),
]


def explain(
    context: typer.Context,
    problem: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM|PLAN.json",
            help="Problem file, name of a shipped problem, or file of planner solve -o.",
        ),
    ],
    scenario: ScenarioName = None,
    assignments: Assignments = None,
    problem_file: ProblemFile = None,
    within: Within = 0.02,
    gap: Gap = 0.01,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit",
            parser=number,
            callback=within("--time-limit", 0.001, LONGEST_S),
            metavar="SECONDS",
            help="Of the plan, the changes, the ranges and the prices, each.",
        ),
    ] = 60.0,
    seed: Seed = 0,
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say what a plan hangs on; or why there is none, and the smallest changes that leave one.

    Everything that is shown was solved again. Exit codes: 0 there is a plan, 2 invalid, 3 there is
    none, 4 the plan is outside the gap, 5 not found out in time.
    """
    from planner.infeasibility import explain_prepared  # noqa: PLC0415 - loads the solver
    from planner.sensitivity import explain_plan  # noqa: PLC0415
    from planner.sensitivity.explain import ExplainSettings  # noqa: PLC0415

    asked_for = assignments or []
    check = checks_problem(problem, scenario, asked_for)
    shared = settings_of(context, catalog, quiet=quiet, check=check)
    named, recorded = problem, None
    if problem.endswith(".json"):
        recorded = _plan_of(Path(problem), scenario)
        prepared = _of_plan(recorded, Path(problem), problem_file, asked_for, shared)
        named = str(problem_file or "PROBLEM")
    else:
        prepared = _of_problem(problem, scenario, asked_for, shared)

    def tell(text: str) -> None:
        progress(shared, text)

    why_not = explain_prepared(
        prepared, gap=gap, time_limit_s=2 * time_limit, seed=seed, tell=tell
    )
    if why_not.infeasible is not False:
        _show_why_not(why_not, as_asked(named, scenario, asked_for, shared.overlays), as_json)
        raise typer.Exit(EXIT_UNKNOWN if why_not.infeasible is None else EXIT_INFEASIBLE)
    found = explain_plan(prepared, ExplainSettings(gap, time_limit, seed, within), tell)
    if recorded is not None and not asked_for:
        notes = _unlike(recorded, found.plan, gap)
        found = replace(found, remarks=(*notes, *found.remarks))
    _show(found, as_json)
    if found.plan.status != "optimal":
        raise typer.Exit(EXIT_OUTSIDE_GAP if found.plan.cost_usd is not None else EXIT_UNKNOWN)


def _of_problem(
    name: str, scenario: str | None, assignments: list[str], shared: Settings
) -> Callable[[Sequence[str]], Prepared]:
    from planner.preparation import prepare  # noqa: PLC0415 - loads the solver

    def prepared(changes: Sequence[str]) -> Prepared:
        asked = (*assignments, *changes)
        return prepare(name, scenario, asked, shared.overlays, possible_only=False)

    return prepared


def _plan_of(path: Path, scenario: str | None) -> Plan:
    from planner.plan.plan_file import read_plan  # noqa: PLC0415 - loads numpy

    if scenario is not None:
        message = "is that of the plan; leave it out, or explain the problem"
        raise InputError([Fault(f"--scenario {scenario}", None, None, "", message)])
    return read_plan(path)


def _unlike(recorded: Plan, solved: Plan, gap: float) -> list[str]:
    """Return that the plan of a file is not the one that is explained, where it is not."""
    notes = []
    if recorded.catalog.get("sha256") != solved.catalog.get("sha256"):
        notes.append(
            "the plan of the file was made from another catalogue: give the same --catalog, or "
            "what is explained is the plan that prices and facts at hand lead to"
        )
    before, now = recorded.cost_usd, solved.cost_usd
    if before is not None and now is not None and abs(now - before) > gap * abs(before):
        notes.append(
            f"the plan of the file costs {before:,.0f} USD, the one that is explained {now:,.0f}"
        )
    return notes


def _of_plan(
    plan: Plan,
    path: Path,
    problem_file: Path | None,
    assignments: list[str],
    shared: Settings,
) -> Callable[[Sequence[str]], Prepared]:
    from planner.finance.recorded_orders import RecordedOrders  # noqa: PLC0415 - loads numpy
    from planner.preparation import check_loaded, prepare_checked  # noqa: PLC0415 - loads the solver
    from planner.verify.verification import problem_of  # noqa: PLC0415

    before = RecordedOrders.of(plan)

    def prepared(changes: Sequence[str]) -> Prepared:
        loaded = problem_of(plan, path, problem_file, (*assignments, *changes))
        found = prepare_checked(check_loaded(loaded, shared.overlays))
        options = before.held(found.options, found.demand.grid)
        return replace(found, options=options, incumbent=before or None)

    return prepared


def _show_why_not(found: Explanation, problem: str, as_json: bool) -> None:
    if not as_json:
        from planner.infeasibility.text import write_explanation  # noqa: PLC0415

        write_explanation(sys.stdout, found, problem)
        return
    fixes = [
        {
            "set": list(f.assignments),
            "amount": f.amount,
            "unit": f.unit,
            "confirmed": f.confirmed,
            "keeps_promises": f.keeps_promises,
            "cost": None if f.cost is None else asdict(f.cost),
        }
        for f in found.fixes
    ]
    print_json(
        {
            "problem": found.problem,
            "infeasible": found.infeasible,
            "causes": [asdict(cause) for cause in found.causes],
            "fixes": fixes,
            "remarks": list(found.remarks),
        }
    )


def _show(found: Sensitivity, as_json: bool) -> None:
    if not as_json:
        from planner.sensitivity.text import write_sensitivity  # noqa: PLC0415

        write_sensitivity(sys.stdout, found)
        return
    plan = found.plan
    print_json(
        {
            "problem": plan.problem["name"],
            "infeasible": False,
            "status": plan.status,
            "cost_usd": plan.cost_usd,
            "bound_usd": plan.bound_usd,
            "binding": [asdict(row) for row in plan.binding],
            "changed": [asdict(row) for row in found.changed],
            "within": found.within,
            "ranges": [asdict(row) for row in found.ranges],
            "losers": [asdict(row) for row in found.losers],
            "remarks": list(found.remarks),
        }
    )
