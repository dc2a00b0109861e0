"""Figures as operating points of combinations; what is impossible or unknown is left out."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.evaluate.calibration.combination import Combination, Point
from planner.evaluate.calibration.model import predictions
from planner.evaluate.calibration.moves import MOST_TIMES
from planner.evaluate.calibration.reading import readings_of
from planner.evaluate.calibration.refusals import Refused, refusals
from planner.evaluate.cases import Case, CaseBuilder
from planner.evaluate.engines import engine_of
from planner.evaluate.formats import format_of
from planner.evaluate.names import names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.catalog.load import Catalog
    from planner.evaluate.calibration.points import PlacedRow
    from planner.evaluate.calibration.reading import Reading, Unused
    from planner.evaluate.runs import Run

LEAST_POINTS = 2
Ids = tuple[str, str, str, str]
"""Model, quantization, engine and accelerator."""


@dataclass(frozen=True, slots=True)
class Usable:
    """Rows, sorted.

    Parameters
    ----------
    combinations
        What can be calibrated, by key.
    refused, unused
        What contradicts physics, and what cannot be used, by line.
    """

    combinations: tuple[Combination, ...]
    refused: tuple[Refused, ...]
    unused: tuple[Unused, ...]


def usable(rows: Iterable[PlacedRow], catalog: Catalog) -> Usable:
    """Return the operating points in measured rows.

    Parameters
    ----------
    rows
        The rows.
    catalog
        Catalogue without calibrations of combinations: what is shipped decides what is plausible.
    """
    readings, unused = readings_of(rows)
    sorter = _Sorter(catalog, unused)
    by_run: dict[int, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_run[id(reading.run)].append(reading)
    for group in by_run.values():
        sorter.add(group)
    return Usable(
        combinations=sorter.combinations(),
        refused=tuple(sorted(sorter.refused, key=lambda r: r.line)),
        unused=tuple(sorted(sorter.unused, key=lambda u: u.line)),
    )


class _Sorter:
    """Takes runs one by one, and keeps what is possible."""

    def __init__(self, catalog: Catalog, unused: list[Unused]) -> None:
        self.catalog = catalog
        self.builder = CaseBuilder(catalog, names_of(catalog))
        self.unused = unused
        self.refused: list[Refused] = []
        self.kept: list[tuple[Ids, Case, Reading]] = []

    def add(self, readings: Sequence[Reading]) -> None:
        """Take the figures of one run."""
        run = readings[0].run
        case = self.builder.case(run)
        ids = self._ids(run) if isinstance(case, Case) else case
        if isinstance(ids, str) or isinstance(case, str):
            self.unused += (r.unused(str(ids)) for r in readings)
            return
        broken = refusals(case, readings)
        if broken:
            lines = {refused.line for refused in broken}
            self.refused += broken
            self.unused += (r.unused("same_run") for r in readings if r.line not in lines)
            return
        self.kept += ((ids, case, r) for r in readings)

    def _ids(self, run: Run) -> Ids | str:
        model, device = self.builder.model(run), self.builder.accelerator(run)
        engine = engine_of(run.row.engine)
        if engine is None:
            return "engine"
        if model is None or device is None or self.catalog.engine(engine) is None:
            return "unknown_engine"
        found = format_of(run, model, self.catalog)
        if found is None or found[1]:
            return "weights_only"
        quantization = found[0].id
        if quantization == "bf16" and device.peak_flops("bf16") is None:
            quantization = "fp16"
        ids = (model.id, quantization, engine, device.id)
        return "slash" if any("/" in name for name in ids) else ids

    def combinations(self) -> tuple[Combination, ...]:
        """Return what can be calibrated; the rest joins the unused."""
        groups: dict[Ids, dict[tuple[object, ...], list[tuple[Case, Reading]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for ids, case, reading in self._modelled():
            run = reading.run
            place = (id(case), run.isl_tokens, run.osl_tokens, run.load)
            groups[ids][place].append((case, reading))
        found = (self._combination(ids, groups[ids].values()) for ids in sorted(groups))
        return tuple(c for c in found if c is not None)

    def _modelled(self) -> list[tuple[Ids, Case, Reading]]:
        """Return the figures for which the model has a plausible one of its own."""
        answers = predictions([(reading.run, case) for _, case, reading in self.kept])
        modelled = []
        for (ids, case, reading), answer in zip(self.kept, answers, strict=True):
            predicted = answer.figures.get((reading.metric, None))
            if predicted is None:
                reason = "load"
            elif not answer.fits:
                reason = "does_not_fit"
            elif not (math.isfinite(predicted) and predicted > 0):
                reason = "unstable"
            else:
                reason = _implausible(reading, predicted)
            if reason:
                self.unused.append(reading.unused(reason))
            else:
                modelled.append((ids, case, reading))
        return modelled

    def _combination(
        self, ids: Ids, groups: Iterable[Sequence[tuple[Case, Reading]]]
    ) -> Combination | None:
        points = []
        for group in groups:
            case, first = group[0]
            point = Point(first.run, case, tuple(reading for _, reading in group))
            if point.has_pace:
                points.append(point)
            else:
                self.unused += (r.unused("no_pace") for r in point.readings)
        if len(points) < LEAST_POINTS:
            self.unused += (r.unused("one_point") for p in points for r in p.readings)
            return None
        points.sort(key=lambda p: p.order)
        return Combination(*ids, tuple(points), self._formats(ids[1], points))

    def _formats(self, quantization: str, points: Sequence[Point]) -> tuple[str, ...]:
        """Return formats that are this one but for a cache of another width, as it ran."""
        base = self.catalog.quantization(quantization)
        caches = {point.case.spec.number_format.kv_bytes for point in points}
        return tuple(
            q.id
            for q in self.catalog.quantizations
            if base is not None
            and q.kv_bytes in caches - {base.kv_bytes}
            and q.compute == base.compute
            and (q.weight_bytes, q.expert_weight_bytes)
            == (base.weight_bytes, base.expert_weight_bytes)
        )


def _implausible(reading: Reading, predicted: float) -> str:
    if reading.metric == "ttft_ms":
        return ""
    return "implausible" if abs(math.log(reading.measured / predicted)) > _MOST_LN else ""


_MOST_LN = math.log(MOST_TIMES)
