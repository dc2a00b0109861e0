"""What is calibrated: a combination and its operating points.

An operating point is one replica (split and cache included) with one pair of lengths under one
load. Several runs of it are one point: a fit that counted them apart would take repetitions for
different loads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.calibration import combination_key

if TYPE_CHECKING:
    from planner.evaluate.calibration.reading import Reading
    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import Run


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """An operating point.

    Parameters
    ----------
    run, case
        One of its runs, and the replica.
    readings
        Figures of all its runs.
    """

    run: Run
    case: Case
    readings: tuple[Reading, ...]

    def figure(self, metric: Metric) -> float | None:
        """Return the geometric mean of its figures of one metric, ``None`` without any."""
        logs = [math.log(r.measured) for r in self.readings if r.metric == metric]
        return math.exp(math.fsum(logs) / len(logs)) if logs else None

    @property
    def has_pace(self) -> bool:
        """Whether it says how fast tokens are produced."""
        return any(r.metric != "ttft_ms" for r in self.readings)

    @property
    def order(self) -> tuple[object, ...]:
        """Place among the points of a combination, whatever the order of rows."""
        spec, run = self.case.spec, self.run
        split = (spec.tensor_parallel, spec.data_parallel, spec.expert_parallel)
        load = (run.isl_tokens, run.osl_tokens, run.load.kind, run.load.amount or 0.0)
        return (*split, self.case.replicas, spec.number_format.kv_bytes, *load)


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """What is calibrated.

    Parameters
    ----------
    model, quantization, engine, accelerator
        Ids.
    points
        Operating points in order.
    formats
        Number formats that differ from `quantization` in nothing but a cache that was measured.
    """

    model: str
    quantization: str
    engine: str
    accelerator: str
    points: tuple[Point, ...]
    formats: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Key of its rows in calibration.csv."""
        return combination_key(self.model, self.quantization, self.engine, self.accelerator)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its key, and those of the same in the other formats."""
        others = (
            combination_key(self.model, q, self.engine, self.accelerator) for q in self.formats
        )
        return (self.key, *others)
