"""``planner check`` and ``planner options``: a problem before it is solved."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

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
from planner.errors import Fault, InputError, counted, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.preparation import Prepared


def check(
    context: typer.Context,
    problem: ProblemName,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Validate a problem, its scenarios and the catalogues; nothing is solved."""
    from planner.preparation import check_problem  # noqa: PLC0415 - loads numpy

    checked = check_problem(problem, settings_of(context, catalog).overlays)
    base = checked[0]
    names = [c.loaded.scenario for c in checked if c.loaded.scenario is not None]
    workloads = [w.name for w in base.loaded.problem.workloads]
    notes = _notes(checked)
    if as_json:
        print_json({"valid": True, "workloads": workloads, "scenarios": names, "notes": notes})
        return
    noted = "".join(f"note: {note}\n" for note in notes)
    sys.stdout.write(
        f"{problem}: valid. {counted(len(workloads), 'workload')}: {', '.join(workloads)}. "
        f"{counted(len(names), 'scenario')}: {', '.join(names) or 'none'}.\n"
        f"{counted(base.options.considered, 'option')} considered, "
        f"{len(base.options.options)} in the program.\n{noted}Next: planner solve {problem}\n"
    )


def _notes(checked: Sequence[Prepared]) -> list[str]:
    """Return what plans of the problem and its scenarios would note before anything is solved."""
    from planner.options.idle_ends import idle_ends  # noqa: PLC0415
    from planner.options.idle_paths import idle_paths  # noqa: PLC0415 - loads numpy
    from planner.options.idle_people import idle_people  # noqa: PLC0415
    from planner.options.old_prices import old_prices  # noqa: PLC0415
    from planner.options.spend import idle_spend  # noqa: PLC0415
    from planner.plan.remarks import refused_servers, tokens_not_asked  # noqa: PLC0415

    found: dict[str, str] = {}
    for one in checked:
        scenario = one.loaded.scenario
        label = "" if scenario is None else f"scenario {scenario}: "
        asked, options = one.loaded.problem, one.options
        remarks = (
            *refused_servers(asked, options),
            *idle_paths(asked, options, one.demand.grid),
            *idle_people(asked, options),
            *idle_ends(asked),
            *old_prices(asked, options),
            *idle_spend(asked, options.spend),
            *tokens_not_asked(asked),
            *options.without_effect,
        )
        for note in remarks:
            found.setdefault(note, label)
    return [label + note for note, label in found.items()]


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
    from planner.preparation import prepare  # noqa: PLC0415 - loads numpy

    overlays = settings_of(context, catalog).overlays
    prepared = prepare(problem, scenario, assignments or (), overlays, possible_only=False)
    names = [w.name for w in prepared.loaded.problem.workloads]
    if workload is not None and workload not in names:
        known = ", ".join(f"`{name}`" for name in names)
        message = f"no workload `{workload}`; workloads: {known}{did_you_mean(workload, names)}"
        raise InputError([Fault(problem, None, None, "--workload", message)])
    _show_options(prepared, workload, rejected=rejected, as_json=as_json)


def _show_options(
    prepared: Prepared, workload: str | None, *, rejected: bool, as_json: bool
) -> None:
    from planner.report.beside_prices import (  # noqa: PLC0415
        minimum_data,
        people_data,
        write_beside_prices,
    )
    from planner.report.options_text import (  # noqa: PLC0415
        option_rows,
        rejection_rows,
        token_rows,
        write_options,
        write_rejections,
        write_tokens,
    )

    served = option_rows(prepared.options, prepared.demand, workload)
    against = rejection_rows(prepared.options, workload)
    tokens = token_rows(prepared.options, workload)
    people, minimums = people_data(prepared.options), minimum_data(prepared.options)
    if as_json:
        print_json(
            {
                "considered": prepared.options.considered,
                "options": served,
                "api": tokens,
                "people": people,
                "order_minimums": minimums,
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
    write_beside_prices(sys.stdout, people, minimums)
    sys.stdout.write(
        f"\n{counted(prepared.options.considered, 'option')} considered; "
        f"{counted(len(against), 'reason')} against others: add --rejected\n"
    )
