"""Average quality of a plan, from the scores of the models that serve and the rates they serve.

Scores are looked up again, also those of tokens, which the other floors are held against here too.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.escalation import FIRST
from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.quality import AVERAGE, ScoreBook, chain_scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.problem.schema import Problem, QualityFloor, Workload

_BF16 = "bf16"
_UNITS = "provisioned:"

_Served = tuple["Allocation | ApiRow", str, str]
"""A row of what serves, its number format and its name."""
_Key = tuple[int, int, str, str, str, bool, float]
"""Period, block, workload, benchmark, reference, whether of its chain only, and floor."""


def average_quality_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every average that is wrong, missing or below its floor."""
    due: dict[_Key, float] = {}
    for workload in problem.workloads:
        scores = _Scores(plan, workload, problem, catalog)
        for floor in workload.quality:
            each = floor.over != AVERAGE
            yield from scores.tokens_below(floor) if each else scores.unknown(floor)
            if not each or workload.escalation is not None:
                due |= scores.averages(floor, of_chain=each)
    yield from _compared(plan, due)


def _compared(plan: Plan, due: dict[_Key, float]) -> Iterator[str]:
    stated = {
        (r.period, r.block, r.workload, r.benchmark, r.reference, r.of_chain, r.floor): r.average
        for r in plan.average_quality
    }
    if len(stated) != len(plan.average_quality):
        yield "an average quality is listed twice"
    for key in sorted(due.keys() ^ stated.keys()):
        yield f"{_place(key)}: average quality {'missing' if key in due else 'of nothing'}"
    for key, average in due.items():
        if key in stated and differs(stated[key], average):
            yield f"{_place(key)}: average {stated[key]:.6f}, recomputed {average:.6f}"
        if average < key[-1] - TOLERANCE:
            yield f"{_place(key)}: average {average:.6f} is below {key[-1]:g}"


def _place(key: _Key) -> str:
    period, block, workload, benchmark, *_ = key
    return f"period {period} block {block} {workload} {benchmark}"


def _stated(floor: QualityFloor) -> tuple[str, str, float]:
    if floor.min_score is not None:
        return floor.benchmark, "", floor.min_score
    return floor.benchmark, floor.reference or "itself", floor.min_relative or 1.0


class _Scores:
    """Scores of everything that serves a workload."""

    def __init__(self, plan: Plan, workload: Workload, problem: Problem, catalog: Catalog) -> None:
        self.workload, self.chain = workload, chain_scores(workload)
        self.book = ScoreBook(workload, problem, catalog)
        format_of = {offer.offer_id: offer.quantization for offer in catalog.api_offers}
        format_of |= {f"{_UNITS}{u.name}": u.quantization for u in problem.supply.provisioned}
        self.served = [
            (row, row.quantization, row.option_id)
            for row in plan.allocations
            if row.workload == workload.name and row.rate_rps > 0
        ]
        self.bought = [
            (row, format_of.get(row.offer_id) or _BF16, row.offer_id)
            for row in plan.api
            if row.workload == workload.name
        ]

    def unknown(self, floor: QualityFloor) -> Iterator[str]:
        """Yield a sentence for everything that serves with a score that is not known."""
        rows: list[_Served] = [*self.served, *self.bought]
        for row, number_format, name in rows:
            if self._share(floor, row, number_format) is None:
                yield f"{name}: no {floor.benchmark} score is known for {self.workload.name}"

    def tokens_below(self, floor: QualityFloor) -> Iterator[str]:
        """Yield a sentence for tokens below a floor that every model has to meet."""
        direct = [
            (row, number_format, n) for row, number_format, n in self.bought if not row.answer
        ]
        for name, model, number_format in sorted({(n, r.model, f) for r, f, n in direct}):
            found = self.book.compared(floor, model, number_format)
            if found is None:
                yield f"{name}: no {floor.benchmark} score is known for {self.workload.name}"
            elif found[0] < found[1] - TOLERANCE:
                yield f"{name}: {floor.benchmark} {found[0]:.4f} is below {found[1]:.4f}"

    def averages(self, floor: QualityFloor, *, of_chain: bool) -> dict[_Key, float]:
        """Return the average of every period and block in which anything is served."""
        rate: dict[tuple[int, int], float] = defaultdict(float)
        counted: dict[tuple[int, int], float] = defaultdict(float)
        rows: list[_Served] = [*self.served, *self.bought]
        for row, number_format, _ in rows:
            share = self._share(floor, row, number_format)
            weight = self._weight(floor, row)
            if share is not None and weight > 0 and (row.answer or not of_chain):
                rate[row.period, row.block] += weight * row.rate_rps
                counted[row.period, row.block] += weight * row.rate_rps * share
        benchmark, reference, least = _stated(floor)
        return {
            (*slot, self.workload.name, benchmark, reference, of_chain, least): counted[slot]
            / total
            for slot, total in rate.items()
        }

    def _weight(self, floor: QualityFloor, row: Allocation | ApiRow) -> float:
        """Return what a request of a row counts; one of a chain counts once in all."""
        chain = self.workload.escalation
        if chain is None or not row.answer:
            return 1.0
        if floor.benchmark in self.chain:
            return float(row.answer == FIRST)
        return 1.0 - chain.share if row.answer == FIRST else 1.0

    def _share(
        self, floor: QualityFloor, row: Allocation | ApiRow, number_format: str
    ) -> float | None:
        """Return the score of a row, as a share of the reference's where the floor is relative."""
        stated = self.chain.get(floor.benchmark) if row.answer else None
        if stated is not None and floor.min_relative is None:
            return stated
        if stated is not None:
            base = self.book.brought.get((floor.reference or row.model, _BF16, floor.benchmark))
            return None if base is None else stated / base
        found = self.book.compared(floor, row.model, number_format)
        if found is None:
            return None
        score, least = found
        # A relative floor is so many times the reference's score.
        return score if floor.min_relative is None else score / least * floor.min_relative
