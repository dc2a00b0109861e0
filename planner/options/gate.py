"""What a workload refuses before any capacity is asked: residency, context and quality.

A replica on rented nodes never serves ``on_prem_only`` work. The model's context must hold
``context_max_tokens``, by default the p99 prompt plus the p99 output. Every quality floor must be
met by a known score; a table of measured capacities replaces the performance model, not the
quality of a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.demand.lengths import percentile_tokens
from planner.options.records import Rejection

if TYPE_CHECKING:
    from planner.demand.records import LengthDistribution
    from planner.options.candidates import Candidate
    from planner.options.quality import QualityBook
    from planner.problem.schema import Workload

Scores = tuple[tuple[str, float], ...]

_CONTEXT_PERCENTILE = 99.0
_Reason = tuple[str, str, float | None]


class Gate:
    """Residency, context and quality of one workload, with the reasons collected.

    Parameters
    ----------
    workload
        The workload.
    lengths
        Its lengths, ``None`` when it states none.
    book
        Scores to compare with its floors.
    """

    def __init__(
        self, workload: Workload, lengths: LengthDistribution | None, book: QualityBook
    ) -> None:
        self.workload, self.book = workload, book
        self.rejections: list[Rejection] = []
        self._unproven: dict[tuple[str, str], str] = {}
        self._context_tokens = workload.context_max_tokens or _context_need_tokens(lengths)

    def admits(self, candidate: Candidate) -> bool:
        """Return whether the workload may use the candidate; remembers why not."""
        model, quantization = candidate.model, candidate.quantization.id
        reason = (self._residency() or self._context(model.context_tokens)) or self._quality(
            model.id, quantization
        )
        return self._noted(candidate.option_id, reason)

    def admits_measured(self, option_id: str, model: str, quantization: str) -> bool:
        """Return whether the workload may use a measured option; remembers why not."""
        return self._noted(option_id, self._residency() or self._quality(model, quantization))

    def scores(self, model: str, quantization: str) -> Scores:
        """Return the scores compared with the floors of the workload, by benchmark."""
        found: dict[str, float] = {}
        for floor in self.workload.quality:
            score = self.book.verdict(floor, model, quantization).score
            if score is not None:
                # Two floors on one benchmark may compare different evaluators: show the lower.
                found[floor.benchmark] = min(score.value, found.get(floor.benchmark, score.value))
        return tuple(sorted(found.items()))

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

    def _residency(self) -> _Reason | None:
        if self.workload.residency != "on_prem_only":
            return None
        return "residency", "on_prem_only: owned hardware is not planned by this version", None

    def _context(self, context_tokens: int) -> _Reason | None:
        if context_tokens >= self._context_tokens:
            return None
        detail = f"context of {context_tokens} tokens, needs {self._context_tokens}"
        return "context", detail, self._context_tokens / context_tokens

    def _quality(self, model: str, quantization: str) -> _Reason | None:
        unproven = []
        for floor in self.workload.quality:
            verdict = self.book.verdict(floor, model, quantization)
            if not verdict.passed:
                return verdict.reason, verdict.detail, verdict.shortfall
            if verdict.unproven:
                unproven.append(verdict.detail)
        if unproven:
            self._unproven[model, quantization] = "; ".join(unproven)
        return None


def _context_need_tokens(lengths: LengthDistribution | None) -> int:
    if lengths is None:
        return 0
    isl = percentile_tokens(lengths.isl_tokens, lengths.probability, _CONTEXT_PERCENTILE)
    osl = percentile_tokens(lengths.osl_tokens, lengths.probability, _CONTEXT_PERCENTILE)
    return int(isl + osl)
