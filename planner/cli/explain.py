"""``planner explain``: why there is no plan, and the smallest changes with which there is one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from planner.cli.context import (
    AsJson,
    Assignments,
    CatalogFolders,
    ProblemName,
    Quiet,
    ScenarioName,
    print_json,
    progress,
    settings_of,
)
from planner.cli.solve_options import Seed, TimeLimit

if TYPE_CHECKING:
    from planner.infeasibility import Explanation

EXIT_BY_VERDICT = {False: 0, True: 3, None: 5}


def explain(
    context: typer.Context,
    problem: ProblemName,
    scenario: ScenarioName = None,
    assignments: Assignments = None,
    time_limit: TimeLimit = 120.0,
    seed: Seed = 0,
    catalog: CatalogFolders = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say why a problem has no plan, and find the smallest changes with which it has one.

    Every change is applied and solved again before it is shown. Exit codes: 0 there is a plan, 2
    invalid, 3 there is none, 5 not found out in time.
    """
    from planner.infeasibility import explain_infeasible  # noqa: PLC0415 - loads the solver

    shared = settings_of(context, catalog, quiet=quiet)
    found = explain_infeasible(
        problem,
        scenario,
        assignments or (),
        shared.overlays,
        time_limit_s=time_limit,
        seed=seed,
        tell=lambda text: progress(shared, text),
    )
    if as_json:
        print_json(_as_data(found))
    else:
        from planner.infeasibility.text import write_explanation  # noqa: PLC0415

        write_explanation(sys.stdout, found, problem)
    raise typer.Exit(EXIT_BY_VERDICT[found.infeasible])


def _as_data(found: Explanation) -> dict[str, object]:
    return {
        "problem": found.problem,
        "infeasible": found.infeasible,
        "causes": [
            {
                "family": cause.family,
                "workload": cause.workload,
                "where": cause.where,
                "amount": cause.amount,
                "unit": cause.unit,
            }
            for cause in found.causes
        ],
        "fixes": [
            {
                "set": list(fix.assignments),
                "amount": fix.amount,
                "unit": fix.unit,
                "confirmed": fix.confirmed,
            }
            for fix in found.fixes
        ],
        "remarks": list(found.remarks),
    }
