"""The performance model asked for figures of operating points under moved parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.evaluate.calibration.moves import moved
from planner.evaluate.predict import Predictor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.calibration.moves import Move
    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric
    from planner.evaluate.predict import Prediction
    from planner.evaluate.runs import Run
    from planner.perf.spec import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Figures of one combination under one set of moves.

    Parameters
    ----------
    runs
        Run, replica and metric of every figure.
    moves, ln
        What is moved, and the logarithms of the factors.
    """

    runs: Sequence[tuple[Run, Case, Metric]]
    moves: Sequence[Move]
    ln: Floats


def predictions(runs: Sequence[tuple[Run, Case]]) -> list[Prediction]:
    """Return the model's answer to every run; absurd lengths overflow to figures not finite."""
    if not runs:
        return []
    with np.errstate(all="ignore"):
        return Predictor(runs).predictions()


def log_figures(asked: Sequence[Asked]) -> list[Floats]:
    """Return the logarithms of the predicted figures, all from one call of the model."""
    rows: list[tuple[Run, Case]] = []
    places: list[list[int]] = []
    for item in asked:
        cases: dict[int, Case] = {}
        known: dict[tuple[int, int], int] = {}
        places.append([])
        for run, case, _ in item.runs:
            if id(case) not in cases:
                cases[id(case)] = moved(case, item.moves, item.ln.tolist())
            place = known.setdefault((id(run), id(case)), len(rows))
            if place == len(rows):
                rows.append((run, cases[id(case)]))
            places[-1].append(place)
    answers = predictions(rows)
    return [
        np.log([answers[i].figures[m, None] for i, (_, _, m) in zip(at, item.runs, strict=True)])
        for at, item in zip(places, asked, strict=True)
    ]
