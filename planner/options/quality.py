"""Quality floors: which model in which number format may serve a workload.

A score is a fraction. ``min_score`` is absolute; ``min_relative: r`` asks for r times the bf16
score of a reference model, with both scores by one evaluator. A quantized score that nobody
measured is estimated as ``bf16 x (1 - loss)``, where loss is the upper quartile of the measured
relative losses of that format on that benchmark, or over all benchmarks when fewer than five
were measured on it; it is never negative. Missing is never a pass.

A pass by less than two standard errors of the benchmark, ``sqrt(s (1 - s) / questions)``, is
reported as unproven.

A floor on the average refuses no model for a low score, only for an unknown one. What counts in
the average is the score, or the share of the reference's score where the floor is relative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.problem.escalation import AVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.catalog.schema import QualityScore, Quantization
    from planner.problem.schema import QualityFloor, QualityScoreOverride

BF16 = "bf16"
MEASURED = "measured"
ESTIMATED = "estimated"
ASSUMED = "assumed"
_PROBLEM = "this problem"
_MIN_LOSSES = 5
_UPPER_QUARTILE = 0.75
_PROVEN_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class Score:
    """A score of a model in a number format on a benchmark."""

    value: float
    evaluator: str
    evidence: str
    setting: str
    questions: int | None

    @property
    def standard_error(self) -> float | None:
        """Binomial standard error, ``None`` when the number of questions is unknown."""
        if self.questions is None:
            return None
        return math.sqrt(self.value * (1 - self.value) / self.questions)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of one floor for one model and format.

    Parameters
    ----------
    passed
        Whether the floor is met.
    score
        The score that was compared, ``None`` when there is none.
    detail
        Sentence with the figures; for a missing score, the row to add.
    reason
        Code for counting: ``quality`` or ``quality_missing``; empty when passed.
    unproven
        Passed, but by less than two standard errors or with an unknown standard error.
    shortfall
        Floor over score when the floor is missed.
    reached
        The score, as a share of the reference's where the floor is relative; ``None`` without
        one that may be used.
    """

    passed: bool
    score: Score | None
    detail: str
    reason: str = ""
    unproven: bool = False
    shortfall: float | None = None
    reached: float | None = None

    @property
    def is_usable(self) -> bool:
        """Whether there is a score that an average may count."""
        return self.reached is not None


class QualityBook:
    """Scores of the catalogue and of a problem, ready to be compared with floors.

    Parameters
    ----------
    rows
        Scores of the catalogue.
    quantizations
        Number formats; formats of one group share measured losses.
    overrides
        Scores the workload brings itself; they come first and are marked assumed.
    evidence
        ``any``, or ``measured`` to refuse estimated and assumed scores.
    chain
        Scores that are stated for a chain, by benchmark; they count for any model that answers.
    """

    def __init__(
        self,
        rows: Sequence[QualityScore],
        quantizations: Iterable[Quantization],
        overrides: Sequence[QualityScoreOverride] = (),
        evidence: str = "any",
        chain: Mapping[str, float] | None = None,
    ) -> None:
        self._chain = chain or {}
        self._group = {q.id: q.quality_group for q in quantizations}
        self._evidence = evidence
        self._scores: dict[tuple[str, str, str], dict[str, Score]] = {}
        for row in rows:
            score = Score(row.score, row.evaluator, MEASURED, row.setting, row.questions)
            self._scores.setdefault((row.model, row.quantization, row.benchmark), {})[
                row.evaluator
            ] = score
        self._losses = self._measured_losses(rows)
        self._loss: dict[tuple[str, str], float | None] = {}
        for item in overrides:
            key = (item.model, item.quantization, item.benchmark)
            self._scores[key] = {_PROBLEM: Score(item.score, _PROBLEM, ASSUMED, "", None)}

    def verdict(self, floor: QualityFloor, model: str, quantization: str) -> Verdict:
        """Return whether a model in a format meets a floor, and why."""
        if floor.min_score is not None:
            return self._absolute(floor.benchmark, floor.min_score, model, quantization)
        reference = floor.reference or model
        return self._relative(
            floor.benchmark, floor.min_relative or 1.0, reference, model, quantization
        )

    def score(self, model: str, quantization: str, benchmark: str) -> Score | None:
        """Return the lowest score known over evaluators, ``None`` when there is none."""
        scores = self._candidates(model, quantization, benchmark)
        return min(scores, key=lambda s: (s.value, s.evaluator)) if scores else None

    def _absolute(self, benchmark: str, floor: float, model: str, quantization: str) -> Verdict:
        score = self.score(model, quantization, benchmark)
        if score is None:
            return self._missing(benchmark, model, quantization, "")
        text = f"{benchmark} {score.value:.4f} ({score.evidence}), floor {floor:.4f}"
        return self._compared(score, floor, text, is_reference=False)

    def refusal(
        self, floors: Sequence[QualityFloor], model: str, quantization: str
    ) -> Verdict | None:
        """Return why a model in a format may not serve under some floors, ``None`` if it may."""
        for floor in floors:
            if floor.benchmark in self._chain:
                continue
            verdict = self.verdict(floor, model, quantization)
            admitted = verdict.is_usable if floor.over == AVERAGE else verdict.passed
            if not admitted:
                return verdict
        return None

    def averaged(
        self, floors: Sequence[QualityFloor], model: str, quantization: str
    ) -> tuple[float, ...]:
        """Return what counts in each average floor, in their order, of a model that may serve."""
        return tuple(
            self._counted(floor, model, quantization) for floor in floors if floor.over == AVERAGE
        )

    def _counted(self, floor: QualityFloor, model: str, quantization: str) -> float:
        stated = self._chain.get(floor.benchmark)
        if stated is None:
            return self.verdict(floor, model, quantization).reached or 0.0
        if floor.min_relative is None:
            return stated
        # Both scores are the problem's own: sources are not mixed inside one ratio.
        base = self._scores[floor.reference or model, BF16, floor.benchmark][_PROBLEM]
        return stated / base.value

    def _relative(
        self, benchmark: str, ratio: float, reference: str, model: str, quantization: str
    ) -> Verdict:
        references = self._scores.get((reference, BF16, benchmark), {})
        if not references:
            return self._missing(benchmark, reference, BF16, "the reference ")
        candidates = self._candidates(model, quantization, benchmark)
        pairs = [(c, references[c.evaluator]) for c in candidates if c.evaluator in references]
        if not pairs:
            extra = f"by an evaluator who also scored {reference} ({', '.join(references)}) "
            return self._missing(benchmark, model, quantization, extra)
        score, base = min(pairs, key=lambda p: (p[0].value / p[1].value, p[0].evaluator))
        floor = ratio * base.value
        text = (
            f"{benchmark} {score.value:.4f} ({score.evidence}) is {score.value / base.value:.4f} "
            f"of {reference} bf16 {base.value:.4f}, floor {ratio:g}"
        )
        if score.setting != base.setting:
            text += f"; settings differ ({score.setting or '-'} / {base.setting or '-'})"
        is_reference = model == reference and quantization == BF16
        verdict = self._compared(score, floor, text, is_reference=is_reference)
        if verdict.reached is None:
            return verdict
        return replace(verdict, reached=score.value / base.value)

    def _compared(self, score: Score, floor: float, text: str, *, is_reference: bool) -> Verdict:
        if self._evidence == MEASURED and score.evidence != MEASURED:
            detail = f"{text}; the problem asks for measured scores only"
            return Verdict(False, score, detail, "quality_missing")
        if score.value < floor - 1e-12:
            shortfall = floor / max(score.value, 1e-9)
            return Verdict(False, score, text, "quality", shortfall=shortfall, reached=score.value)
        error = score.standard_error
        margin = score.value - floor
        unproven = not is_reference and (error is None or margin < _PROVEN_STANDARD_ERRORS * error)
        return Verdict(True, score, text, unproven=unproven, reached=score.value)

    def _candidates(self, model: str, quantization: str, benchmark: str) -> list[Score]:
        measured = self._scores.get((model, quantization, benchmark))
        if measured:
            return list(measured.values())
        if quantization == BF16:
            return []
        loss = self.loss(quantization, benchmark)
        if loss is None:
            return []
        return [
            Score(s.value * (1 - loss), s.evaluator, ESTIMATED, s.setting, s.questions)
            for s in self._scores.get((model, BF16, benchmark), {}).values()
        ]

    def loss(self, quantization: str, benchmark: str) -> float | None:
        """Return the relative loss used for unmeasured scores, ``None`` with too little data."""
        key = (self._group.get(quantization, quantization), benchmark)
        if key not in self._loss:
            self._loss[key] = self._upper_loss(*key)
        return self._loss[key]

    def _upper_loss(self, group: str, benchmark: str) -> float | None:
        by_benchmark = self._losses.get(group, {})
        losses = by_benchmark.get(benchmark, [])
        if len(losses) < _MIN_LOSSES:
            losses = [loss for values in by_benchmark.values() for loss in values]
        if len(losses) < _MIN_LOSSES:
            return None
        return max(0.0, float(np.quantile(losses, _UPPER_QUARTILE)))

    def _measured_losses(self, rows: Sequence[QualityScore]) -> dict[str, dict[str, list[float]]]:
        losses: dict[str, dict[str, list[float]]] = {}
        for row in rows:
            base = self._scores.get((row.model, BF16, row.benchmark), {}).get(row.evaluator)
            if row.quantization == BF16 or base is None or base.value <= 0:
                continue
            group = self._group.get(row.quantization, row.quantization)
            relative = 1 - row.score / base.value
            losses.setdefault(group, {}).setdefault(row.benchmark, []).append(relative)
        return losses

    def _missing(self, benchmark: str, model: str, quantization: str, extra: str) -> Verdict:
        detail = (
            f"no {benchmark} score of {model} in {quantization} {extra}"
            f"in the catalogue; add a row (model={model}, quantization={quantization}, "
            f"benchmark={benchmark}) to quality.csv of an overlay, or give the workload "
            "`quality_scores`"
        )
        return Verdict(False, None, detail, "quality_missing")
