"""What a workload refuses before any capacity is asked: context, quality and drafts.

The model's context must hold
``context_max_tokens``, by default the p99 prompt plus the p99 output. Every quality floor must be
met by a known score, a floor on the average by any; a table of measured capacities replaces the
performance model, not the quality of a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.demand.lengths import percentile_tokens
from planner.options.drafts import step_tokens
from planner.options.records import Rejection
from planner.problem.escalation import AVERAGE, models_of

if TYPE_CHECKING:
    from planner.demand.records import LengthDistribution
    from planner.options.candidates import Way
    from planner.options.quality import QualityBook
    from planner.problem.schema import Workload

Scores = tuple[tuple[str, float], ...]

_CONTEXT_PERCENTILE = 99.0
_Reason = tuple[str, str, float | None]


class Gate:
    """Context and quality of one workload, with the reasons collected.

    Parameters
    ----------
    workload
        The workload.
    lengths
        Its longest lengths of all periods, ``None`` when it states none.
    book
        Scores to compare with its floors.
    """

    def __init__(
        self, workload: Workload, lengths: LengthDistribution | None, book: QualityBook
    ) -> None:
        self.workload, self.book = workload, book
        self.rejections: list[Rejection] = []
        self._unproven: dict[tuple[str, str], str] = {}
        self._models = models_of(workload)
        self._context_tokens = workload.context_max_tokens or _context_need_tokens(lengths)

    def asks(self, model: str) -> bool:
        """Return whether a model may serve the workload at all; first answers name theirs."""
        return self._models is None or model in self._models

    def admits(self, candidate: Way) -> bool:
        """Return whether the workload may use the candidate; remembers why not."""
        model, quantization = candidate.model, candidate.quantization.id
        reason = self._context(model.context_tokens) or self._quality(model.id, quantization)
        return self._noted(candidate.option_id, reason or self._draft(candidate))

    def admits_measured(self, option_id: str, model: str, quantization: str) -> bool:
        """Return whether the workload may use a measured option; remembers why not."""
        return self._noted(option_id, self._quality(model, quantization))

    def scores(self, model: str, quantization: str) -> Scores:
        """Return the scores compared with the floors of the workload, by benchmark."""
        found: dict[str, float] = {}
        for floor in self.workload.quality:
            score = self.book.verdict(floor, model, quantization).score
            if score is not None:
                # Two floors on one benchmark may compare different evaluators: show the lower.
                found[floor.benchmark] = min(score.value, found.get(floor.benchmark, score.value))
        return tuple(sorted(found.items()))

    def averaged(self, model: str, quantization: str) -> tuple[float, ...]:
        """Return what counts in each average floor of the workload, in their order."""
        return self.book.averaged(self.workload.quality, model, quantization)

    def unproven_notes(self) -> list[str]:
        """Return one sentence per model and format that passes a floor without proof."""
        return [
            f"{self.workload.name}: quality of {model} in {quantization} passes unproven: {text}"
            for (model, quantization), text in sorted(self._unproven.items())
        ]

    def _noted(self, option_id: str, reason: _Reason | None) -> bool:
        if reason is None:
            return True
        code, detail, shortfall = reason
        self.rejections.append(
            Rejection("option", option_id, self.workload.name, code, detail, shortfall=shortfall)
        )
        return False

    def _context(self, context_tokens: int) -> _Reason | None:
        if context_tokens >= self._context_tokens:
            return None
        detail = f"context of {context_tokens} tokens, needs {self._context_tokens}"
        return "context", detail, self._context_tokens / context_tokens

    def _draft(self, candidate: Way) -> _Reason | None:
        drafter = candidate.draft
        if drafter is None:
            return None
        if drafter.model is not None and (short := self._context(drafter.model.context_tokens)):
            code, detail, shortfall = short
            return code, f"draft {drafter.model.id}: {detail}", shortfall
        if step_tokens(self.workload, drafter) is not None:
            return None
        known = ", ".join(row.text for row in drafter.rows)
        detail = (
            f"acceptance of {drafter.id} is known on {known} only; state a fitting "
            f"`speculation.text`, or add a row (model={candidate.model.id}, id={drafter.id}, "
            "text=...) to drafts.csv of an overlay"
        )
        return "acceptance", detail, None

    def _quality(self, model: str, quantization: str) -> _Reason | None:
        refusal = self.book.refusal(self.workload.quality, model, quantization)
        if refusal is not None:
            return refusal.reason, refusal.detail, refusal.shortfall
        verdicts = (
            self.book.verdict(floor, model, quantization)
            for floor in self.workload.quality
            if floor.over != AVERAGE
        )
        unproven = [verdict.detail for verdict in verdicts if verdict.unproven]
        if unproven:
            self._unproven[model, quantization] = "; ".join(unproven)
        return None


def _context_need_tokens(lengths: LengthDistribution | None) -> int:
    if lengths is None:
        return 0
    isl = percentile_tokens(lengths.isl_tokens, lengths.probability, _CONTEXT_PERCENTILE)
    osl = percentile_tokens(lengths.osl_tokens, lengths.probability, _CONTEXT_PERCENTILE)
    return int(isl + osl)
