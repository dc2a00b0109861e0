"""What a sweep says: how far each input moves the cost, and what the cost is along each input.

A cost is only known to lie between its bound and the plan's cost, so a difference of two is a
range: where it holds zero, the gaps of the solves are larger than what the input does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.sweep.assignments import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.sweep.run import Run, Sweep


@dataclass(frozen=True, slots=True)
class TornadoRow:
    """How far one input moves the cost, of the runs that change nothing else.

    Parameters
    ----------
    scenario
        Named patch of the problem.
    path
        The input.
    base_value
        Value that the problem has; ``None`` when it states none.
    without_plan
        Values with which no plan came out.
    low_value, high_value
        Values of the cheapest and of the dearest plan.
    low_cost_usd, high_cost_usd
        Their costs; ``None`` when no value has a plan.
    low_change_usd, high_change_usd
        Those less the cost of the problem as it stands; ``None`` when that has no plan.
    swing_usd
        Cost of the dearest less that of the cheapest plan.
    swing_at_least_usd
        What of it is proven: the highest bound less the lowest cost, 0 when the gaps hide it.
    """

    scenario: str | None
    path: str
    base_value: str | None
    without_plan: tuple[str, ...]
    low_value: str | None = None
    low_cost_usd: float | None = None
    low_change_usd: float | None = None
    high_value: str | None = None
    high_cost_usd: float | None = None
    high_change_usd: float | None = None
    swing_usd: float | None = None
    swing_at_least_usd: float | None = None


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """Cost at one value of an input.

    Parameters
    ----------
    value
        Of the input; ``None`` where it is as the problem has it without stating it.
    is_base
        Whether this is the problem as it stands.
    run
        Number of the run.
    status, cost_usd, bound_usd, fleet
        What came out.
    """

    value: str | None
    is_base: bool
    run: int
    status: str
    cost_usd: float | None
    bound_usd: float | None
    fleet: str


@dataclass(frozen=True, slots=True)
class Frontier:
    """Cost along one input, all others fixed.

    Parameters
    ----------
    scenario
        Named patch of the problem.
    path
        The input.
    others
        Path and value of what else is swept, fixed here.
    points
        By rising value where all are numbers, else in the order given.
    """

    scenario: str | None
    path: str
    others: tuple[tuple[str, str], ...]
    points: tuple[FrontierPoint, ...]


def tornado(sweep: Sweep) -> tuple[TornadoRow, ...]:
    """Return a row for every input, the largest swing of each scenario first.

    Only of a one-at-a-time design; inputs without any plan come last.
    """
    if sweep.settings.design != "one-at-a-time":
        return ()
    rows = []
    for scenario in sweep.scenarios:
        mine = [run for run in sweep.runs if run.scenario == scenario]
        base = next(run for run in mine if not run.values)
        found = [_tornado_row(sweep, base, path, _changing(mine, path)) for path in sweep.swept]
        rows += sorted(found, key=lambda row: (row.swing_usd is None, -(row.swing_usd or 0.0)))
    return tuple(rows)


def _tornado_row(sweep: Sweep, base: Run, path: str, runs: list[Run]) -> TornadoRow:
    solved = [(r.outcome.cost_usd, r) for r in runs if r.outcome.cost_usd is not None]
    without = tuple(run.value(path) or "" for run in runs if run.outcome.cost_usd is None)
    base_value = sweep.base.get((base.scenario, path))
    if not solved:
        return TornadoRow(base.scenario, path, base_value, without)
    (low_usd, low), (high_usd, high) = (
        choose(solved, key=lambda item: round(item[0], 2)) for choose in (min, max)
    )
    bounds = [run.outcome.bound_usd for _, run in solved if run.outcome.bound_usd is not None]
    return TornadoRow(
        scenario=base.scenario,
        path=path,
        base_value=base_value,
        without_plan=without,
        low_value=low.value(path),
        low_cost_usd=low_usd,
        low_change_usd=_less(low_usd, base.outcome.cost_usd),
        high_value=high.value(path),
        high_cost_usd=high_usd,
        high_change_usd=_less(high_usd, base.outcome.cost_usd),
        swing_usd=high_usd - low_usd,
        swing_at_least_usd=max([0.0, *(bound - low_usd for bound in bounds)]),
    )


def _less(value: float, base: float | None) -> float | None:
    return None if base is None else value - base


def frontiers(sweep: Sweep) -> tuple[Frontier, ...]:
    """Return the cost along every input, for each combination of the others.

    Of a one-at-a-time design the problem as it stands is a point of every input. A Latin hypercube
    has none, because no two of its runs differ in one input only.
    """
    if sweep.settings.design == "latin-hypercube":
        return ()
    found = []
    for scenario in sweep.scenarios:
        mine = [run for run in sweep.runs if run.scenario == scenario]
        for path in sweep.swept:
            curves = _curves(mine, path)
            found += [
                Frontier(scenario, path, others, _points(sweep, path, runs))
                for others, runs in curves.items()
            ]
    return tuple(found)


def _changing(runs: Iterable[Run], path: str) -> list[Run]:
    return [run for run in runs if run.value(path) is not None]


def _curves(runs: Iterable[Run], path: str) -> dict[tuple[tuple[str, str], ...], list[Run]]:
    """Return the runs that differ in one input only, by what else they set."""
    curves: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        if run.values and run.value(path) is None:
            continue  # one at a time, another input
        others = tuple(item for item in run.values if item[0] != path)
        curves.setdefault(others, []).append(run)
    return curves


def _points(sweep: Sweep, path: str, runs: list[Run]) -> tuple[FrontierPoint, ...]:
    points = []
    for run in runs:
        value = run.value(path)
        is_base = value is None
        stated = sweep.base.get((run.scenario, path)) if value is None else value
        out = run.outcome
        points.append(
            FrontierPoint(
                stated, is_base, run.number, out.status, out.cost_usd, out.bound_usd, out.fleet
            )
        )
    listed = {_comparable(p.value) for p in points if not p.is_base}
    points = [p for p in points if not p.is_base or _comparable(p.value) not in listed]
    keys = [number_of(point.value) for point in points]
    if None not in keys:
        points.sort(key=lambda point: number_of(point.value) or 0.0)
    return tuple(points)


def _comparable(value: str | None) -> float | str | None:
    """Return what two spellings of one value have in common."""
    number = number_of(value)
    return value if number is None else number
