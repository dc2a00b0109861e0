"""The scores of a plan, looked up or estimated again, against the floors of the problem.

A relative floor compares scores of one evaluator; a score nobody measured is the bf16 score less
the upper quartile of the measured losses of its format, by the same rules as the problem's
definition: at least five rows on the benchmark, else at least five over all benchmarks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planner.verify.audit.expected import TOLERANCE, differs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, Plan
    from planner.problem.exclusion import ExcludedOption
    from planner.problem.schema import Problem, QualityFloor, Workload

AVERAGE = "average"
"""`over` of a floor that requests have to meet on average."""
_BF16 = "bf16"
_LEAST_LOSSES = 5
_QUARTILE = 0.75
_NOBODY = ""
"""Evaluator of the scores a problem brings itself."""

_Scores = dict[str, float]


def quality_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every score that is wrong, missing or below its floor."""
    rows = {(r.workload, r.answer, r.option_id, str(r.quality)): r for r in plan.allocations}
    for row in rows.values():
        due: _Scores = {}
        workload = problem.workload(row.workload)
        book = ScoreBook(workload, problem, catalog)
        for floor in workload.quality:
            found = book.compared(floor, row.model, row.quantization)
            if found is None:
                stated = row.answer and floor.benchmark in chain_scores(workload)
                if not stated:
                    name, benchmark = row.option_id, floor.benchmark
                    yield f"{name}: no {benchmark} score is known for {row.workload}"
                continue
            score, least = found
            due[floor.benchmark] = min(score, due.get(floor.benchmark, score))
            each = floor.over != AVERAGE and not row.answer
            if each and score < least - TOLERANCE:
                yield f"{row.option_id}: {floor.benchmark} {score:.4f} is below {least:.4f}"
        names = due.keys() | row.quality.keys()
        if any(differs(due.get(n, -1.0), row.quality.get(n, -1.0)) for n in names):
            yield f"{row.option_id}: quality {row.quality} of {row.workload}, recomputed {due}"


def exclusion_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every workload that is served by an option it excludes there.

    Replicas without traffic count too: they are spares for the workload of their row.
    """
    for row in plan.allocations:
        if any(_excludes(item, row) for item in problem.workload(row.workload).excluded_options):
            yield (
                f"period {row.period} block {row.block} {row.option_id}: "
                f"{row.workload} excludes it"
            )


def _excludes(item: str | ExcludedOption, row: Allocation) -> bool:
    if isinstance(item, str):
        return item == row.option_id
    return (
        item.option == row.option_id
        and row.period in (item.periods or [row.period])
        and row.block in (item.blocks or [row.block])
    )


def chain_scores(workload: Workload) -> _Scores:
    """Return the scores that a workload states for its chain, by benchmark."""
    chain = workload.escalation
    return {} if chain is None else {s.benchmark: s.score for s in chain.quality_scores}


class ScoreBook:
    """Scores of one workload: those it brings have no evaluator and replace all others."""

    def __init__(self, workload: Workload, problem: Problem, catalog: Catalog) -> None:
        self.catalog = catalog
        self.measured_only = problem.policy.quality_evidence == "measured"
        self.brought = {
            (q.model, q.quantization, q.benchmark): q.score for q in workload.quality_scores
        }

    def compared(
        self, floor: QualityFloor, model: str, quantization: str
    ) -> tuple[float, float] | None:
        """Return the score that counts and the least allowed, ``None`` without a score."""
        scores = self.usable(model, quantization, floor.benchmark)
        if floor.min_score is not None:
            return (min(scores.values()), floor.min_score) if scores else None
        reference = self.scores(floor.reference or model, _BF16, floor.benchmark)
        pairs = [(scores[e], reference[e]) for e in sorted(scores.keys() & reference.keys())]
        if not pairs:
            return None
        score, base_score = min(pairs, key=lambda pair: pair[0] / pair[1])
        return score, (floor.min_relative or 1.0) * base_score

    def usable(self, model: str, quantization: str, benchmark: str) -> _Scores:
        """Return scores by evaluator, estimated from bf16 where none is measured."""
        scores = self.scores(model, quantization, benchmark)
        if self.measured_only:
            return {evaluator: s for evaluator, s in scores.items() if evaluator != _NOBODY}
        loss = None
        if not scores and quantization != _BF16:
            loss = _loss(quantization, benchmark, self.catalog)
        if loss is None:
            return scores
        base = self.scores(model, _BF16, benchmark)
        return {evaluator: score * (1 - loss) for evaluator, score in base.items()}

    def scores(self, model: str, quantization: str, benchmark: str) -> _Scores:
        """Return the scores that are stated, by evaluator."""
        brought = self.brought.get((model, quantization, benchmark))
        if brought is not None:
            return {_NOBODY: brought}
        return {
            q.evaluator: q.score
            for q in self.catalog.scores(model, benchmark)
            if q.quantization == quantization
        }


def _loss(quantization: str, benchmark: str, catalog: Catalog) -> float | None:
    group = {q.id: q.quality_group for q in catalog.quantizations}
    base = {
        (q.model, q.benchmark, q.evaluator): q.score
        for q in catalog.quality
        if q.quantization == _BF16
    }
    losses: list[tuple[str, float]] = []
    for row in catalog.quality:
        reference = base.get((row.model, row.benchmark, row.evaluator), 0.0)
        same = group.get(row.quantization) == group.get(quantization)
        if same and row.quantization != _BF16 and reference > 0:
            losses.append((row.benchmark, 1 - row.score / reference))
    here = [loss for name, loss in losses if name == benchmark]
    if len(here) < _LEAST_LOSSES:
        here = [loss for _, loss in losses]
    return max(0.0, _upper_quartile(here)) if len(here) >= _LEAST_LOSSES else None


def _upper_quartile(values: Sequence[float]) -> float:
    """Return the quantile 0.75, linear between order statistics."""
    ordered = sorted(values)
    position = _QUARTILE * (len(ordered) - 1)
    low, high = ordered[math.floor(position)], ordered[math.ceil(position)]
    return low + (high - low) * (position - math.floor(position))
