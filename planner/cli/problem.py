"""``planner check`` and ``planner options``: a problem before it is solved."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from planner.cli.context import (
    AsJson,
    Assignments,
    CatalogFolders,
    ProblemName,
    ScenarioName,
    print_json,
    settings_of,
)
from planner.errors import Fault, InputError, did_you_mean


def check(
    context: typer.Context,
    problem: ProblemName,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Validate a problem, its scenarios and the catalogues; nothing is solved."""
    from planner.pipeline import check_problem  # noqa: PLC0415 - loads numpy

    checked = check_problem(problem, settings_of(context, catalog).overlays)
    base = checked[0]
    names = [c.loaded.scenario for c in checked if c.loaded.scenario is not None]
    workloads = [w.name for w in base.loaded.problem.workloads]
    notes = list(dict.fromkeys(text for c in checked for text in c.options.unknown))
    if as_json:
        print_json({"valid": True, "workloads": workloads, "scenarios": names, "notes": notes})
        return
    for text in notes:
        sys.stdout.write(f"note: {text}\n")
    sys.stdout.write(
        f"{problem}: valid. {len(workloads)} workload(s): {', '.join(workloads)}. "
        f"{len(names)} scenario(s): {', '.join(names) or 'none'}.\n"
        f"{base.options.considered} options considered, {len(base.options.options)} in the "
        f"program. Next: planner solve {problem}\n"
    )


def options(
    context: typer.Context,
    problem: ProblemName,
    workload: Annotated[
        str | None, typer.Option("--workload", metavar="W", help="One workload only.")
    ] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Show what cannot serve, and why.")
    ] = False,
    scenario: ScenarioName = None,
    assignments: Assignments = None,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """List every way to serve with capacity, cost, memory and latency, and why others cannot."""
    from planner.pipeline import prepare  # noqa: PLC0415 - loads numpy
    from planner.report.options_text import (  # noqa: PLC0415
        option_rows,
        rejection_rows,
        token_rows,
        write_options,
        write_rejections,
        write_tokens,
    )

    overlays = settings_of(context, catalog).overlays
    prepared = prepare(problem, scenario, assignments or (), overlays, possible_only=False)
    names = [w.name for w in prepared.loaded.problem.workloads]
    if workload is not None and workload not in names:
        known = ", ".join(f"`{name}`" for name in names)
        message = f"no workload `{workload}`; workloads: {known}{did_you_mean(workload, names)}"
        raise InputError([Fault(problem, None, None, "--workload", message)])
    served = option_rows(prepared.options, prepared.demand, workload)
    against = rejection_rows(prepared.options, workload)
    tokens = token_rows(prepared.options, workload)
    if as_json:
        print_json(
            {
                "considered": prepared.options.considered,
                "options": served,
                "api": tokens,
                "rejected": against,
            }
        )
        return
    if rejected:
        write_rejections(sys.stdout, against)
        return
    write_options(sys.stdout, served)
    if tokens:
        write_tokens(sys.stdout, tokens)
    sys.stdout.write(
        f"\n{prepared.options.considered} options considered; {len(against)} reasons against "
        "others: add --rejected\n"
    )
