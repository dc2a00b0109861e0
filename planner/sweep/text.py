"""A sweep on a terminal: what came out, the tornado, the cost along each input, and the runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from planner.errors import counted
from planner.report.tables import NUMBER, Column, money, number, write_table
from planner.sweep.tables import frontiers, tornado

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from planner.sweep.run import Run, Sweep
    from planner.sweep.tables import Frontier, FrontierPoint

_MOST_CURVES = 6
_MOST_RUNS = 60


def write_sweep(out: TextIO, sweep: Sweep) -> None:
    """Write a sweep.

    Parameters
    ----------
    out
        Stream to write to.
    sweep
        All runs.
    """
    _headline(out, sweep)
    _tornado(out, sweep)
    _frontiers(out, sweep)
    if sweep.settings.design != "one-at-a-time":
        _runs(out, sweep)
    _without_plan(out, sweep)


def _headline(out: TextIO, sweep: Sweep) -> None:
    found = Counter(run.outcome.status for run in sweep.runs)
    states = ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
    solved = "" if sweep.solved == len(sweep.runs) else f", {sweep.solved} of them solved now"
    out.write(
        f"{sweep.problem}: {sweep.settings.design} over {counted(len(sweep.swept), 'input')}, "
        f"{counted(len(sweep.runs), 'run')}{solved}: {states}\n"
    )
    costs = [r.outcome.cost_usd for r in sweep.runs if r.outcome.cost_usd is not None]
    if costs:
        gap = sweep.settings.solve.gap
        out.write(
            f"cost {money(min(costs))} to {money(max(costs))} USD discounted; optimal is within "
            f"{gap:.2%} of the optimum\n"
        )


def _tornado(out: TextIO, sweep: Sweep) -> None:
    rows = tornado(sweep)
    if not rows:
        return
    some_without = any(row.without_plan for row in rows)
    columns = [
        *_scenario_column(sweep),
        Column("input", whole=True),
        Column("base", NUMBER, gives_way=1),
        Column("cheapest at", NUMBER),
        Column("USD", NUMBER),
        Column("to base", NUMBER, gives_way=1),
        Column("dearest at", NUMBER),
        Column("USD", NUMBER),
        Column("to base", NUMBER, gives_way=1),
        Column("swing USD", NUMBER),
        Column("proven USD", NUMBER),
        *([Column("no plan at", NUMBER)] if some_without else []),
    ]
    cells = [
        [
            *_scenario_cell(sweep, row.scenario),
            row.path,
            row.base_value or "-",
            row.low_value or "-",
            money(row.low_cost_usd),
            _change(row.low_change_usd),
            row.high_value or "-",
            money(row.high_cost_usd),
            _change(row.high_change_usd),
            money(row.swing_usd),
            money(row.swing_at_least_usd),
            *([", ".join(row.without_plan)] if some_without else []),
        ]
        for row in rows
    ]
    title = (
        "Tornado: one input at a time, the largest swing first (proven: what of the swing the "
        "gaps of the solves cannot explain)"
    )
    write_table(out, columns, cells, title)


def _change(usd: float | None) -> str:
    """Return a difference with its sign; less than a cent is none."""
    if usd is None:
        return "-"
    return "0" if round(usd, 2) == 0.0 else f"{'+' if usd > 0 else ''}{money(usd)}"


def _frontiers(out: TextIO, sweep: Sweep) -> None:
    by_input: dict[tuple[str | None, str], list[Frontier]] = {}
    for curve in frontiers(sweep):
        by_input.setdefault((curve.scenario, curve.path), []).append(curve)
    for (scenario, path), curves in by_input.items():
        title = f"Cost against {path}" + (f" [{scenario}]" if scenario else "")
        if len(curves) == 1:
            _curve(out, title, curves[0])
        elif len(curves) <= _MOST_CURVES:
            _curves(out, title, curves)
        else:
            _range_of_curves(out, title, curves)


def _curve(out: TextIO, title: str, curve: Frontier) -> None:
    columns = [
        Column("value", NUMBER, whole=True),
        Column("status", whole=True),
        Column("cost USD", NUMBER),
        Column("at least USD", NUMBER),
        Column("fleet", gives_way=1),
    ]
    rows = [
        [
            _shown(point),
            point.status,
            money(point.cost_usd),
            money(point.bound_usd),
            point.fleet,
        ]
        for point in curve.points
    ]
    write_table(out, columns, rows, title)


def _curves(out: TextIO, title: str, curves: Sequence[Frontier]) -> None:
    heads = [", ".join(f"{path}={value}" for path, value in curve.others) for curve in curves]
    columns = [Column("value", NUMBER, whole=True), *(Column(head, NUMBER) for head in heads)]
    rows = [
        [_shown(points[0]), *(_cell(point) for point in points)]
        for points in zip(*(curve.points for curve in curves), strict=True)
    ]
    write_table(out, columns, rows, f"{title} (USD)")


def _range_of_curves(out: TextIO, title: str, curves: Sequence[Frontier]) -> None:
    """Write the least and the most of all curves, of which there are too many to show."""
    columns = [
        Column("value", NUMBER, whole=True),
        Column("least cost USD", NUMBER),
        Column("most cost USD", NUMBER),
        Column("runs", NUMBER),
        Column("without a plan", NUMBER),
    ]
    rows = []
    for points in zip(*(curve.points for curve in curves), strict=True):
        costs = [point.cost_usd for point in points if point.cost_usd is not None]
        rows.append(
            [
                _shown(points[0]),
                money(min(costs, default=None)),
                money(max(costs, default=None)),
                f"{len(points)}",
                f"{len(points) - len(costs)}",
            ]
        )
    write_table(out, columns, rows, f"{title}, whatever the other inputs")


def _cell(point: FrontierPoint) -> str:
    return point.status if point.cost_usd is None else money(point.cost_usd)


def _shown(point: FrontierPoint) -> str:
    return f"{point.value or '-'}{' (base)' if point.is_base else ''}"


def _runs(out: TextIO, sweep: Sweep) -> None:
    shown = sweep.runs[:_MOST_RUNS]
    workloads = list(dict.fromkeys(c.workload for r in shown for c in r.outcome.unit_costs))
    one = len(workloads) == 1
    columns = [
        Column("run", NUMBER),
        *_scenario_column(sweep),
        *(Column(path, NUMBER) for path in sweep.swept),
        Column("status", whole=True),
        Column("cost USD", NUMBER),
        Column("at least USD", NUMBER, gives_way=1),
        *([Column("USD per M tokens", NUMBER, gives_way=1)] if one else []),
        Column("peak accelerators", NUMBER, gives_way=1),
        Column("fleet", gives_way=2),
    ]
    rows = [
        [
            f"{run.number}",
            *_scenario_cell(sweep, run.scenario),
            *(run.value(path) or "-" for path in sweep.swept),
            run.outcome.status,
            money(run.outcome.cost_usd),
            money(run.outcome.bound_usd),
            *([_unit_cost(run)] if one else []),
            number(run.outcome.peak_accelerators, 0),
            run.outcome.fleet,
        ]
        for run in shown
    ]
    left = len(sweep.runs) - len(shown)
    more = f" ({left} more in --json and in the file of -o)" if left else ""
    write_table(out, columns, rows, f"Runs{more}")


def _unit_cost(run: Run) -> str:
    costs = run.outcome.unit_costs
    return number(costs[0].usd_per_million_tokens, 3) if costs else "-"


def _without_plan(out: TextIO, sweep: Sweep) -> None:
    """Say why runs have no plan, or none within the gap, each reason once."""
    reasons: dict[tuple[str, str], list[int]] = {}
    for run in sweep.runs:
        if run.outcome.status_reason:
            key = (run.outcome.status, run.outcome.status_reason)
            reasons.setdefault(key, []).append(run.number)
    if reasons:
        out.write("\n")
    for (status, reason), numbers in reasons.items():
        out.write(f"{status} ({_numbers(sweep, numbers)}): {reason}\n")


def _numbers(sweep: Sweep, numbers: Iterable[int]) -> str:
    runs = [sweep.runs[n] for n in numbers]
    if sweep.settings.design != "one-at-a-time":
        return "run " + ", ".join(str(run.number) for run in runs)
    return ", ".join(
        " ".join(f"{path}={value}" for path, value in run.values) or "the problem as it stands"
        for run in runs
    )


def _scenario_column(sweep: Sweep) -> list[Column]:
    return [Column("scenario", whole=True)] if len(sweep.scenarios) > 1 else []


def _scenario_cell(sweep: Sweep, scenario: str | None) -> list[str]:
    return [scenario or "-"] if len(sweep.scenarios) > 1 else []
