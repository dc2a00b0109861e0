"""A sweep for programs: a table of runs as CSV, and everything as JSON."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.sweep.tables import frontiers, tornado
from planner.yaml_io import parse_value

if TYPE_CHECKING:
    from planner.sweep.run import Run, Sweep

_OUTCOME = (
    "status",
    "status_reason",
    "cost_usd",
    "bound_usd",
    "gap",
    "tco_usd",
    "usd_per_month",
    "peak_accelerators",
)
_LAST = ("fleet", "serving", "solve_seconds", "processor_seconds")


def sweep_csv(sweep: Sweep) -> str:
    """Return a line for every run: what is set, what came out, with units in the headings.

    What a run leaves as it stands has the value of the problem. Unit costs have a column for each
    workload, ``WORKLOAD.usd_per_million_tokens``.
    """
    out = io.StringIO()
    rows = [_csv_row(sweep, run) for run in sweep.runs]
    columns = list(dict.fromkeys(name for row in rows for name in row if name not in _LAST))
    writer = csv.DictWriter(out, [*columns, *_LAST], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _csv_row(sweep: Sweep, run: Run) -> dict[str, Any]:
    data = asdict(run.outcome)
    row: dict[str, Any] = {"run": run.number, "scenario": run.scenario}
    if sweep.settings.design == "one-at-a-time":
        row["changed"] = next(iter(dict(run.values)), None)
    row |= {path: _value(sweep, run, path) for path in sweep.swept}
    row |= {name: data[name] for name in _OUTCOME}
    for cost in run.outcome.unit_costs:
        name = cost.workload
        row[f"{name}.usd_per_million_tokens"] = cost.usd_per_million_tokens
        row[f"{name}.usd_per_million_output_tokens"] = cost.usd_per_million_output_tokens
    return row | {name: data[name] for name in _LAST}


def sweep_data(sweep: Sweep) -> dict[str, Any]:
    """Return everything as values that JSON has; values of inputs are read as YAML reads them."""
    settings = sweep.settings
    solve = settings.solve
    return {
        "problem": sweep.problem,
        "design": settings.design,
        "samples": settings.samples if settings.design == "latin-hypercube" else None,
        "seed": settings.seed,
        "options": {
            "gap": solve.gap,
            "time_limit_s": solve.time_limit_s,
            "seed": solve.seed,
            "solver": solve.solver,
        },
        "fixed": {v.path: parse_value(v.values[0]) for v in sweep.variables if not v.is_swept},
        "swept": list(sweep.swept),
        "runs": [_run_data(sweep, run) for run in sweep.runs],
        "tornado": [_without_text(asdict(row)) for row in tornado(sweep)],
        "frontiers": [
            {
                "scenario": curve.scenario,
                "path": curve.path,
                "others": {path: parse_value(value) for path, value in curve.others},
                "points": [_without_text(asdict(point)) for point in curve.points],
            }
            for curve in frontiers(sweep)
        ],
    }


def _run_data(sweep: Sweep, run: Run) -> dict[str, Any]:
    values = {path: _value(sweep, run, path) for path in sweep.swept}
    return {
        "run": run.number,
        "scenario": run.scenario,
        "changed": list(dict(run.values)),
        "values": {path: _read(value) for path, value in values.items()},
        **asdict(run.outcome),
    }


def _value(sweep: Sweep, run: Run, path: str) -> str | None:
    value = run.value(path)
    return sweep.base.get((run.scenario, path)) if value is None else value


def _without_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose values of inputs are what their text means."""
    read = {key: _read(row[key]) for key in row if key == "value" or key.endswith("_value")}
    if "without_plan" in row:
        read["without_plan"] = [_read(value) for value in row["without_plan"]]
    return row | read


def _read(value: str | None) -> object:
    return None if value is None else parse_value(value)
