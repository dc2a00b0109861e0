"""Contradictions in what a problem says about tokens: rate limits, provisioned units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import counted
from planner.problem.mention import Mention
from planner.problem.names import repeated_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.problem.schema import Problem
    from planner.problem.supply import ProvisionedUnits
    from planner.yaml_io import Path_

_MEASURES = (
    "requests_per_minute",
    "tokens_per_minute",
    "input_tokens_per_minute",
    "output_tokens_per_minute",
)


def token_findings(problem: Problem) -> Iterator[tuple[Path_, str]]:
    """Yield path and sentence of every contradiction.

    Parameters
    ----------
    problem
        A problem that the schema accepts.
    """
    yield from _limits(problem)
    yield from _provisioned(problem)


def _limits(problem: Problem) -> Iterator[tuple[Path_, str]]:
    seen: dict[tuple[str, str | None, str], int] = {}
    for index, limit in enumerate(problem.supply.api_limits):
        path: Path_ = ("supply", "api_limits", index)
        if all(getattr(limit, name) is None for name in _MEASURES):
            yield path, f"limits nothing; give one of {', '.join(_MEASURES)}"
        key = (limit.provider, limit.model, limit.mode)
        if key in seen:
            other: Path_ = ("supply", "api_limits", seen[key])
            yield path, Mention("repeats ", other, "; put both limits into one item")
        seen.setdefault(key, index)


def _provisioned(problem: Problem) -> Iterator[tuple[Path_, str]]:
    section: Path_ = ("supply", "provisioned")
    yield from repeated_names(problem.supply.provisioned, section)
    for index, units in enumerate(problem.supply.provisioned):
        path = (*section, index)
        yield from _sizes(units, path)
        yield from _committed(units, problem, path)
        months, term = problem.horizon.months_per_period, units.term_months
        if term is not None and term % months and months % term:
            message = (
                f"{term} months and periods of {months} do not divide; give a multiple of "
                f"{months}, or change `horizon.months_per_period`"
            )
            yield (*path, "term_months"), message


def _sizes(units: ProvisionedUnits, path: Path_) -> Iterator[tuple[Path_, str]]:
    step = units.increment_units
    for field in ("min_units", "max_units"):
        value = getattr(units, field)
        if value is not None and value % step:
            low = value - value % step
            near = f"{low} or {low + step}" if low else f"{step}"
            message = f"{value} is no multiple of `increment_units`, {step}; give {near}"
            yield (*path, field), message
    if units.max_units is not None and units.max_units < units.min_units:
        message = f"{units.max_units} is below `min_units`, {units.min_units}; no size is left"
        yield (*path, "max_units"), message


def _committed(
    units: ProvisionedUnits, problem: Problem, path: Path_
) -> Iterator[tuple[Path_, str]]:
    """Yield what is wrong about units that are taken on already."""
    known: dict[str, int] = {}
    for index, item in enumerate(units.committed):
        here: Path_ = (*path, "committed", index)
        if item.until <= problem.horizon.start:
            text = f"{item.until} is not after the start of the horizon; leave the item out"
            yield (*here, "until"), text
        if known.setdefault(item.until, index) != index:
            other: Path_ = (*path, "committed", known[item.until])
            message = Mention("", other, " ends then too; put their units into one item")
            yield (*here, "until"), message
        # Those that end later are there alone from some month on, and have to be a size as well.
        there = sum(other.units for other in units.committed if other.until >= item.until)
        if text := _no_size(units, there):
            held = f"{counted(there, 'unit')} {'is' if there == 1 else 'are'} there"
            yield (*here, "units"), f"{held} until {item.until}: {text}"


def _no_size(units: ProvisionedUnits, there: int) -> str:
    """Return why so many units cannot be there, empty when they can."""
    if there % units.increment_units:
        return f"no multiple of `increment_units`, {units.increment_units}"
    if there < units.min_units:
        return f"below `min_units`, {units.min_units}"
    if units.max_units is not None and there > units.max_units:
        return f"above `max_units`, {units.max_units}"
    return ""
