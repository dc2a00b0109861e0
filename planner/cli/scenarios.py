"""``planner scenarios``: scenarios of prices and demand from dated prices."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import AsJson, CatalogFolders, ProblemName, print_json, settings_of
from planner.cli.written import write_files
from planner.errors import Fault, InputError, did_you_mean

if TYPE_CHECKING:
    from planner.problem.schema import Problem

app = typer.Typer(help="Scenarios from dated prices.", no_args_is_help=True)


@app.callback()
def _scenarios() -> None:
    """Scenarios from dated prices."""


@app.command("fit")
def fit(
    context: typer.Context,
    problem: ProblemName,
    trend: Annotated[
        list[str] | None,
        typer.Option(
            "--trend",
            metavar="FIELD=TREND",
            help="Field of supply.price_change_per_year, or item of supply.price_paths, and the "
            "row of price_trends it follows; repeatable.",
        ),
    ] = None,
    growth_sd: Annotated[
        float,
        typer.Option(
            "--growth-sd", min=0.0, max=3.0, help="Spread of ln(growth per year) of all demand."
        ),
    ] = 0.0,
    demand_correlation: Annotated[
        float,
        typer.Option(
            "--demand-correlation", min=-1.0, max=1.0, help="Of that growth with every price."
        ),
    ] = 0.0,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the section `scenarios`."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that holds something else.")
    ] = False,
    catalog: CatalogFolders = None,
    as_json: AsJson = False,
) -> None:
    """Fit price paths and growth as a few scenarios with probabilities, for planner hedge."""
    from planner.catalog.load import load_catalog  # noqa: PLC0415 - slow
    from planner.hedge.fit import fit_scenarios  # noqa: PLC0415
    from planner.problem.load import load_problem  # noqa: PLC0415
    from planner.yaml_io import yaml_text  # noqa: PLC0415

    shared = settings_of(context, catalog)
    loaded = load_problem(problem, overlays=shared.overlays)
    facts = load_catalog([*loaded.overlays, *shared.overlays])
    found = fit_scenarios(
        loaded.problem,
        facts,
        _trends(trend or [], loaded.problem),
        growth_sd=growth_sd,
        demand_correlation=demand_correlation,
    )
    text = yaml_text({"scenarios": dict(found.scenarios)})
    if output is not None:
        write_files({output: text}, force)
    if as_json:
        print_json({"scenarios": found.scenarios, "notes": list(found.notes)})
    elif output is None:
        sys.stdout.write(text)
    sys.stderr.writelines(f"{note}\n" for note in found.notes)


def _trends(stated: list[str], problem: Problem) -> dict[str, str]:
    from planner.problem.price_paths import PriceChanges  # noqa: PLC0415

    fields = [*PriceChanges.model_fields, *(path.name for path in problem.supply.price_paths)]
    trends, faults = {}, []
    for text in stated:
        field, separator, name = text.partition("=")
        if not separator or not name:
            message = "write FIELD=TREND, as in on_demand=rental-a100-sxm-80gb"
            faults.append(Fault(f"--trend {text}", None, None, "", message))
        elif field not in fields:
            hint = did_you_mean(field, fields) or "."
            message = f"`{field}` is no price{hint} Prices: {', '.join(fields)}"
            faults.append(Fault(f"--trend {text}", None, None, "", message))
        else:
            trends[field] = name
    if faults:
        raise InputError(faults, "planner catalog list price_trends")
    return trends
