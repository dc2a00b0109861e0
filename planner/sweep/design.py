"""Designs: which combinations of values a sweep solves.

- ``one-at-a-time``: the problem as it stands, then every value of every variable alone.
- ``grid``: every combination of values.
- ``latin-hypercube``: N runs; each variable is cut into N strata of equal probability, and every
  stratum is used once (McKay, Beckman and Conover, Technometrics 21(2), 1979). Listed values are
  strata of equal size, so each is used equally often, but for one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.errors import Fault, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.scale import Selection
    from planner.sweep.assignments import Variable

DesignName = Literal["one-at-a-time", "grid", "latin-hypercube"]
DESIGNS: tuple[DesignName, ...] = ("one-at-a-time", "grid", "latin-hypercube")
MOST_RUNS = 100_000
"""More runs than this are a slip of the pen: a minute each would take two months."""


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of values.

    Parameters
    ----------
    scenario
        Named patch of the problem.
    values
        Path and value of everything that is set, in the order of the command.
    factors
        Figures of the catalogue that are scaled, and by how much.
    swept
        Path and value of what is swept among both; empty for the problem as it stands.
    """

    scenario: str | None
    values: tuple[tuple[str, str], ...]
    factors: tuple[tuple[Selection, float], ...]
    swept: tuple[tuple[str, str], ...]

    @property
    def assignments(self) -> tuple[str, ...]:
        """What ``--set`` takes."""
        return tuple(f"{path}={value}" for path, value in self.values)


def points_of(
    design: DesignName,
    variables: Sequence[Variable],
    scenarios: Sequence[str | None] = (None,),
    samples: int = 20,
    seed: int = 0,
) -> tuple[Point, ...]:
    """Return the runs of a design, for one scenario after another.

    Parameters
    ----------
    design
        Name of the design.
    variables
        What is set and swept; those with one value are set in every run.
    scenarios
        Patches, ``None`` for the problem without one.
    samples
        Runs of a Latin hypercube in each scenario, >= 1.
    seed
        Seed of its samples.

    Raises
    ------
    InputError
        When there would be more than a hundred thousand.
    """
    swept = [v for v in variables if v.is_swept]
    count = len(scenarios) * _count(design, swept, samples)
    if count > MOST_RUNS:
        message = f"{count:,} runs; the most is {MOST_RUNS:,}. Sweep fewer values, or sample them"
        raise InputError([Fault("", None, None, f"--design {design}", message)])
    if design == "one-at-a-time":
        chosen = list(_one_at_a_time(swept))
    elif design == "grid":
        chosen = list(_grid(swept))
    else:
        chosen = list(_latin_hypercube(swept, samples, np.random.default_rng(seed)))
    return tuple(
        _point(scenario, variables, values) for scenario in scenarios for values in chosen
    )


def _count(design: DesignName, swept: Sequence[Variable], samples: int) -> int:
    if design == "latin-hypercube":
        return samples
    sizes = [len(v.values) for v in swept]
    return 1 + sum(sizes) if design == "one-at-a-time" else math.prod(sizes)


def _point(scenario: str | None, variables: Sequence[Variable], chosen: dict[str, str]) -> Point:
    values: list[tuple[str, str]] = []
    factors: list[tuple[Selection, float]] = []
    for variable in variables:
        value = chosen.get(variable.path) if variable.is_swept else variable.values[0]
        if value is None:
            continue
        if variable.selection is None:
            values.append((variable.path, value))
        else:
            factors.append((variable.selection, float(value)))
    return Point(scenario, tuple(values), tuple(factors), tuple(chosen.items()))


def _one_at_a_time(swept: Sequence[Variable]) -> Iterator[dict[str, str]]:
    yield {}
    for variable in swept:
        for value in variable.values:
            yield {variable.path: value}


def _grid(swept: Sequence[Variable]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*(v.values for v in swept)):
        yield {v.path: value for v, value in zip(swept, values, strict=True)}


def _latin_hypercube(
    swept: Sequence[Variable], samples: int, rng: np.random.Generator
) -> Iterator[dict[str, str]]:
    columns = [hypercube_column(samples, rng) for _ in swept]
    for run in range(samples):
        yield {v.path: v.at(column[run]) for v, column in zip(swept, columns, strict=True)}


def hypercube_column(samples: int, rng: np.random.Generator) -> list[float]:
    """Return one number in [0, 1) for every run, one in each of as many equal strata.

    Parameters
    ----------
    samples
        Runs, >= 1.
    rng
        Source of the order of strata and of the place within each.
    """
    strata = rng.permutation(samples)
    within = rng.random(samples)
    # The sum may round up to the next stratum.
    return [
        min((int(s) + float(w)) / samples, math.nextafter((int(s) + 1) / samples, 0.0))
        for s, w in zip(strata, within, strict=True)
    ]
