"""Predictions of the points of a combination by fits that did not see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.evaluate.calibration.fit import Task, fit
from planner.evaluate.calibration.model import Asked, log_figures
from planner.evaluate.calibration.spread import folds_of
from planner.evaluate.calibration.tasks import task_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.evaluate.calibration.combination import Combination, Point
    from planner.evaluate.calibration.reading import Reading
    from planner.evaluate.calibration.tasks import Figures
    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import Run
    from planner.perf.spec import Floats


def figures(combinations: Iterable[Combination]) -> Figures:
    """Return what the model predicts as it is."""
    points = [point for combination in combinations for point in combination.points]
    return _answers(points, [Asked(_runs(p), (), np.zeros(0)) for p in points])


def unseen_figures(
    combinations: Sequence[Combination],
    tasks: Sequence[Task],
    fitted: Sequence[Floats],
    shipped: Figures,
) -> Figures:
    """Return predictions by fits without the point; combinations of two points have none.

    Parameters
    ----------
    combinations
        What is calibrated.
    tasks, fitted
        The fits of all points, where those of fewer start.
    shipped
        What is predicted before anything moves.
    """
    folds = [(k, fold) for k, c in enumerate(combinations) for fold in folds_of(c.points)]
    partial = []
    for k, fold in folds:
        rest = task_of([p for i, p in enumerate(combinations[k].points) if i not in fold], shipped)
        known = dict(zip(tasks[k].moves, fitted[k].tolist(), strict=True))
        start = np.array([known.get(move, 0.0) for move in rest.moves])
        partial.append(Task(rest.targets, rest.moves, start))
    points: list[Point] = []
    asked: list[Asked] = []
    for (k, fold), task, ln in zip(folds, partial, fit(partial), strict=True):
        out = [combinations[k].points[i] for i in fold]
        points += out
        asked += (Asked(_runs(p), task.moves, ln) for p in out)
    return _answers(points, asked)


def _runs(point: Point) -> list[tuple[Run, Case, Metric]]:
    return [(r.run, point.case, r.metric) for r in point.readings]


def _answers(points: Sequence[Point], asked: Sequence[Asked]) -> Figures:
    readings: list[Reading] = [r for point in points for r in point.readings]
    logs = log_figures(asked)
    values = np.exp(np.concatenate(logs)).tolist() if logs else []
    return {id(r): value for r, value in zip(readings, values, strict=True)}
