"""The whole of ``planner calibrate``: measured rows to a calibrated catalogue.

What is shown after the fit is what the catalogue with the written rows predicts, not what the fit
believed. Calibrations of combinations in the catalogue are left aside: a fit starts from what
holds for hardware, engines and formats at large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.catalog.load import with_calibration
from planner.evaluate.calibration.fit import fit
from planner.evaluate.calibration.model import predictions
from planner.evaluate.calibration.points import read_points
from planner.evaluate.calibration.rows import moved_parameters, table_rows
from planner.evaluate.calibration.spread import provenance_of, sigma_ln_time
from planner.evaluate.calibration.tasks import pace_errors_ln, task_of
from planner.evaluate.calibration.unseen import figures, unseen_figures
from planner.evaluate.calibration.usable import usable
from planner.evaluate.cases import Case, CaseBuilder
from planner.evaluate.names import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from planner.catalog.load import Catalog
    from planner.catalog.schema import Calibration, Row
    from planner.evaluate.calibration.combination import Combination
    from planner.evaluate.calibration.reading import Reading, Unused
    from planner.evaluate.calibration.refusals import Refused
    from planner.evaluate.calibration.rows import Moved
    from planner.evaluate.calibration.spread import Provenance
    from planner.evaluate.calibration.tasks import Figures

_SHIPPED = "catalogs/"


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A figure that was used, beside what the model says of it.

    Parameters
    ----------
    reading
        The figure.
    before, after
        Predictions without and with the calibration, in its unit.
    left_out
        Prediction of a fit that did not see its operating point; ``None`` after two points.
    """

    reading: Reading
    before: float
    after: float
    left_out: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A combination, calibrated.

    Parameters
    ----------
    combination
        What was calibrated.
    provenance, sigma_ln
        How it is known now, and the spread of its times.
    parameters
        Everything it states, moved or not.
    figures
        What was used, by line.
    """

    combination: Combination
    provenance: Provenance
    sigma_ln: float
    parameters: tuple[Moved, ...]
    figures: tuple[Checked, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Calibrations:
    """What a file of measured rows gave.

    Parameters
    ----------
    rows
        Rows read.
    combinations
        What was calibrated, by key.
    table
        Rows of calibration.csv.
    refused, unused
        What contradicts physics, and what cannot be used, by line.
    foreign
        Names in the combinations that only an overlay knows.
    """

    rows: int
    combinations: tuple[Calibrated, ...]
    table: tuple[Calibration, ...]
    refused: tuple[Refused, ...]
    unused: tuple[Unused, ...]
    foreign: tuple[str, ...]


def calibrate(path: Path, catalog: Catalog, as_of: str) -> Calibrations:
    """Return the performance model fitted to the rows of a file.

    Parameters
    ----------
    path
        CSV of measured rows.
    catalog
        The catalogue to start from.
    as_of
        Date of the rows that are made.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    rows = read_points(path)
    base = with_calibration(catalog, [r for r in catalog.calibration if r.scope != "combination"])
    found = usable(rows, base)
    combinations = found.combinations
    before = figures(combinations)
    tasks = [task_of(c.points, before) for c in combinations]
    fitted = fit(tasks)
    unseen = unseen_figures(combinations, tasks, fitted, before)
    fits = [
        _Fitted(
            c,
            sigma_ln_time(c, pace_errors_ln(c.points, unseen)),
            moved_parameters(c, task.moves, ln.tolist(), base),
        )
        for c, task, ln in zip(combinations, tasks, fitted, strict=True)
    ]
    source = {"source": f"planner calibrate {path.name}", "as_of": as_of}
    table = [row for one in fits for row in one.rows(source)]
    after = _predicted_by(with_calibration(base, [*base.calibration, *table]), combinations)
    return Calibrations(
        rows=len(rows),
        combinations=tuple(one.checked(before, after, unseen) for one in fits),
        table=tuple(table),
        refused=found.refused,
        unused=found.unused,
        foreign=tuple(sorted({name for c in combinations for name in _foreign(c, catalog)})),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A combination whose fit is done."""

    combination: Combination
    sigma_ln: float
    parameters: tuple[Moved, ...]

    def rows(self, source: Mapping[str, str]) -> list[Calibration]:
        points = len(self.combination.points)
        common = {"provenance": provenance_of(points), "notes": f"{points} operating points"}
        return table_rows(self.combination, self.parameters, self.sigma_ln, {**source, **common})

    def checked(self, before: Figures, after: Figures, unseen: Figures) -> Calibrated:
        readings = [r for point in self.combination.points for r in point.readings]
        return Calibrated(
            combination=self.combination,
            provenance=provenance_of(len(self.combination.points)),
            sigma_ln=self.sigma_ln,
            parameters=self.parameters,
            figures=tuple(
                Checked(r, before[id(r)], after[id(r)], unseen.get(id(r)))
                for r in sorted(readings, key=lambda r: r.line)
            ),
        )


def _predicted_by(catalog: Catalog, combinations: Sequence[Combination]) -> Figures:
    """Return what a catalogue predicts of the figures that were used."""
    builder = CaseBuilder(catalog, names_of(catalog))
    readings = [r for c in combinations for point in c.points for r in point.readings]
    cases = [(r.run, case) for r in readings if isinstance(case := builder.case(r.run), Case)]
    return {
        id(reading): answer.figures[reading.metric, None]
        for reading, answer in zip(readings, predictions(cases), strict=True)
    }


def _foreign(combination: Combination, catalog: Catalog) -> Iterator[str]:
    """Yield the names of a combination that do not ship with the planner."""
    rows: tuple[tuple[str, Row | None], ...] = (
        ("models", catalog.model(combination.model)),
        ("quantizations", catalog.quantization(combination.quantization)),
        ("engines", catalog.engine(combination.engine)),
        ("accelerators", catalog.accelerator(combination.accelerator)),
    )
    for table, row in rows:
        origin = None if row is None else catalog.origin(table, row)
        if row is not None and (origin is None or not origin.file.startswith(_SHIPPED)):
            yield row.label
