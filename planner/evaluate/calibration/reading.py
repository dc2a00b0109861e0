"""Measured rows as figures that a fit can use, or the reason why not; no catalogue is needed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.evaluate.figures import figure_of
from planner.evaluate.formats import stated_format
from planner.evaluate.observations import LATENCIES, WHOLE, collect, typical
from planner.evaluate.runs import run_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.evaluate.calibration.points import PlacedRow
    from planner.evaluate.figures import Figure
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import Run

OUTPUT_PER_S = "output tokens/s"
UNSTATED = "unstated"
"""Format of weights that a row does not state."""


@dataclass(frozen=True, slots=True)
class Unused:
    """A row that is not used.

    Parameters
    ----------
    line, metric
        Where it stands, and its metric as stated.
    reason
        A key of :data:`planner.evaluate.calibration.reasons.WAYS_OUT`.
    """

    line: int
    metric: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A figure of a run.

    Parameters
    ----------
    line
        Where it stands.
    run
        What was measured together with it.
    metric, measured
        What it is compared as: milliseconds, or output tokens/s of all accelerators.
    """

    line: int
    run: Run
    metric: Metric
    measured: float

    @property
    def unit(self) -> str:
        """Unit of the figure."""
        return "ms" if self.metric in LATENCIES else OUTPUT_PER_S

    def unused(self, reason: str) -> Unused:
        """Return that it is not used."""
        return Unused(self.line, self.metric, reason)


def readings_of(rows: Iterable[PlacedRow]) -> tuple[list[Reading], list[Unused]]:
    """Return the figures that a fit can use, and the rows that hold none."""
    configurations: dict[tuple[str, ...], list[PlacedRow]] = defaultdict(list)
    for row in rows:
        configurations[row.configuration].append(row)
    readings: list[Reading] = []
    unused: list[Unused] = []
    for group in configurations.values():
        run = run_of(group[0])
        figures = [f for f in (figure_of(r.metric, r.value) for r in group) if f is not None]
        rule = run.dropped_by(typical(figures, "ttft_ms"), typical(figures, "tpot_ms"))
        for row in group:
            found = _reading(row, run, rule)
            if isinstance(found, Reading):
                readings.append(found)
            else:
                unused.append(Unused(row.line, row.metric, found))
    return readings, unused


def _reading(row: PlacedRow, run: Run, rule: str | None) -> Reading | str:
    reason = _reason(figure_of(row.metric, row.value), run, rule)
    if reason:
        return reason
    observations = collect([row]).observations
    if not observations or observations[0].metric in WHOLE:
        return "metric"
    metric, measured = observations[0].metric, observations[0].measured
    if metric in LATENCIES and run.load.kind != "closed":
        return "load"
    return "metric" if measured is None else Reading(row.line, run, metric, measured)


def _reason(figure: Figure | None, run: Run, rule: str | None) -> str:
    """Return why a figure is not used whatever it is compared as, empty when it may be."""
    if figure is None:
        return "metric"
    reason = rule or _load_reason(run)
    if reason or figure.value is None:
        return reason or "bad_value"
    return _unstated(run) if figure.is_typical else "percentile"


def _unstated(run: Run) -> str:
    """Return what the row has to state: what others leave open, a calibration must not guess."""
    if run.gpus is None:
        return "gpus_unstated"
    is_stated = stated_format(run.row.weight_precision, run.notes) != UNSTATED
    return "" if is_stated else "precision_unstated"


def _load_reason(run: Run) -> str:
    if run.is_disaggregated:
        return "disaggregated"
    kind = run.load.kind
    if kind == "open":
        return "open_loop"
    unstated = kind in {"closed", "static"} and run.load.amount is None
    return "load" if kind == "none" or unstated else ""
