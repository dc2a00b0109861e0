"""Figures that contradict physics, with the bound that they break."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from planner.evaluate.calibration.physics import bounds, memory_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.calibration.reading import Reading
    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric


@dataclass(frozen=True, slots=True)
class Refused:
    """A figure that contradicts physics.

    Parameters
    ----------
    line, metric
        Where it stands, and what it is.
    measured, bound
        The figure, and what it cannot be better than, in `unit`.
    law
        The bound in words.
    """

    line: int
    metric: str
    measured: float
    bound: float
    unit: str
    law: str


def refusals(case: Case, readings: Sequence[Reading]) -> list[Refused]:
    """Return the figures of a run that are impossible on its replica."""
    run = readings[0].run
    held_gb, memory_gb = memory_bound(run, case)
    if held_gb > memory_gb:
        law = "weights and the cache of one request in the memory of an accelerator"
        line = min(r.line for r in readings)
        return [Refused(line, "memory", held_gb, memory_gb, "GB", law)]
    figures: dict[Metric, float] = {
        metric: median(r.measured for r in readings if r.metric == metric)
        for metric in {r.metric for r in readings}
    }
    found: dict[int, Refused] = {}
    for bound in bounds(run, case, figures):
        for r in readings:
            if r.metric == bound.metric and bound.is_broken_by(r.measured):
                refused = Refused(r.line, r.metric, r.measured, bound.limit, r.unit, bound.law)
                found.setdefault(r.line, refused)
    return list(found.values())
