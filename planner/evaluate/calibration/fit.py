"""Robust fit in log space with priors, of many combinations and folds at once.

Sought are the moves m (logarithms of factors) that minimise::

    sum_i w_i (nu + 1) ln(1 + r_i^2 / (nu s_i^2)) + sum_j (m_j / p_j)^2
    r_i = ln(measured_i / predicted_i(m))

the mode of the posterior under errors of Student's t with nu = 4 degrees of freedom and normal
priors of width p_j. It is found by Levenberg-Marquardt on squares with the weights ``w_i (nu + 1)
/ (nu + (r_i / s_i)^2)``, slopes by differences, and moves kept within their range. All fits step
together, and figures are asked for with their slopes, because one call of the model for thousands
of rows costs little more than for ten.

Source: Lange, Little and Taylor (1989) for the weights; Levenberg (1944), Marquardt (1963).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.evaluate.calibration.model import Asked, log_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.evaluate.calibration.moves import Move
    from planner.evaluate.cases import Case
    from planner.evaluate.observations import Metric
    from planner.evaluate.runs import Run
    from planner.perf.spec import Floats

FREEDOM = 4.0
"""Degrees of freedom of the errors: a stray figure counts for little."""
_DIFFERENCE_LN = 0.01
_ROUNDS = 40
_CLOSE_LN = 1e-4
_FIRST_DAMPING, _MOST_DAMPING = 1e-3, 1e6
_FASTER, _SLOWER = 0.1, 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A figure to meet.

    Parameters
    ----------
    run, case, metric
        What was measured on which replica.
    measured
        The figure.
    sigma_ln
        Standard deviation of ln(measured / predicted) of a single figure.
    weight
        Figures that it counts for.
    """

    run: Run
    case: Case
    metric: Metric
    measured: float
    sigma_ln: float
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Figures of one combination, and what may move to meet them.

    Parameters
    ----------
    targets
        The figures.
    moves
        What may move.
    start
        Where to start; at what is shipped unless given.
    """

    targets: tuple[Target, ...]
    moves: tuple[Move, ...]
    start: Floats | None = None

    def asked(self, ln: Floats) -> Asked:
        """Return the question for its figures under some moves."""
        return Asked([(t.run, t.case, t.metric) for t in self.targets], self.moves, ln)


def fit(tasks: Sequence[Task]) -> list[Floats]:
    """Return the logarithms of the moves of every task."""
    fits = [_Fit(task) for task in tasks]
    for one, answers in zip(fits, _answers(fits, [f.ln for f in fits]), strict=True):
        one.take(one.ln, answers)
    for _ in range(_ROUNDS):
        live = [f for f in fits if not f.is_done]
        if not live:
            break
        trials = [f.trial() for f in live]
        for one, trial, answers in zip(live, trials, _answers(live, trials), strict=True):
            one.judge(trial, answers)
    return [f.ln for f in fits]


class _Fit:
    """One task on its way."""

    def __init__(self, task: Task) -> None:
        self.task = task
        targets, moves = task.targets, task.moves
        self.measured_ln = np.log([t.measured for t in targets])
        self.sigma_ln = np.array([t.sigma_ln for t in targets])
        self.weight = np.array([t.weight for t in targets])
        self.pull = np.array([1.0 / m.prior_ln for m in moves]) ** 2
        self.most_ln = np.array([m.most_ln for m in moves])
        start = np.zeros(len(moves)) if task.start is None else task.start
        self.ln: Floats = np.asarray(start, dtype=float)
        self.residual_ln: Floats = np.zeros(len(targets))
        self.cost = np.inf
        self.slopes: Floats = np.zeros((len(targets), len(moves)))
        self.damping = _FIRST_DAMPING
        self.is_done = False

    def asked(self, ln: Floats) -> list[Asked]:
        """Return the questions for the figures under some moves, and for their slopes."""
        steps = np.eye(len(ln)) * _DIFFERENCE_LN
        return [self.task.asked(ln), *(self.task.asked(ln + step) for step in steps)]

    def trial(self) -> Floats:
        """Return the moves to try next."""
        slopes = self.slopes
        robust = (FREEDOM + 1.0) / (FREEDOM + (self.residual_ln / self.sigma_ln) ** 2)
        weight = self.weight * robust / self.sigma_ln**2
        curve = slopes.T @ (weight[:, None] * slopes) + np.diag(self.pull)
        fall = slopes.T @ (weight * self.residual_ln) - self.pull * self.ln
        curve += self.damping * np.diag(np.diag(curve))
        step = np.linalg.solve(curve, fall)
        return np.asarray(np.clip(self.ln + step, -self.most_ln, self.most_ln), dtype=float)

    def take(self, ln: Floats, answers: Sequence[Floats]) -> None:
        """Go on from some moves."""
        figures_ln, *shifted_ln = answers
        self.ln, self.residual_ln = ln, self.measured_ln - figures_ln
        self.cost = self._cost(self.residual_ln, ln)
        at_ln = self.measured_ln - self.residual_ln
        self.slopes = np.stack([(f - at_ln) / _DIFFERENCE_LN for f in shifted_ln], axis=1)

    def judge(self, trial: Floats, answers: Sequence[Floats]) -> None:
        """Take the trial when it is better, and decide whether to go on."""
        cost = self._cost(self.measured_ln - answers[0], trial)
        step = np.abs(trial - self.ln).max()
        if cost <= self.cost:
            self.take(trial, answers)
            self.damping *= _FASTER
        else:
            self.damping *= _SLOWER
        self.is_done = bool(step <= _CLOSE_LN) or self.damping > _MOST_DAMPING

    def _cost(self, residual_ln: Floats, ln: Floats) -> float:
        away = (residual_ln / self.sigma_ln) ** 2
        figures = self.weight * (FREEDOM + 1.0) * np.log1p(away / FREEDOM)
        return float(figures.sum() + (self.pull * ln**2).sum())


def _answers(fits: Sequence[_Fit], trials: Sequence[Floats]) -> list[list[Floats]]:
    """Return the figures of every trial, and those with each of its moves a little larger."""
    asked = [one.asked(trial) for one, trial in zip(fits, trials, strict=True)]
    answers = iter(log_figures([one for group in asked for one in group]))
    return [[next(answers) for _ in group] for group in asked]
