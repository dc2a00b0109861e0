"""Average quality of a plan, from the scores of the models that serve and the rates they serve.

Scores are looked up again, also those of tokens, which the other floors are held against here too.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.expected import TOLERANCE, differs
from planner.verify.audit.quality import AVERAGE, ScoreBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.catalog.load import Catalog
    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.problem.schema import Problem, QualityFloor, Workload

_BF16 = "bf16"
_UNITS = "provisioned:"

_Served = tuple["Allocation | ApiRow", str, str]
"""A row of what serves, its number format and its name."""
_Key = tuple[int, int, str, str, str, float]
"""Period, block, workload, benchmark, reference and floor."""


def average_quality_violations(plan: Plan, problem: Problem, catalog: Catalog) -> Iterator[str]:
    """Yield a sentence for every average that is wrong, missing or below its floor."""
    due: dict[_Key, float] = {}
    for workload in problem.workloads:
        scores = _Scores(plan, workload, problem, catalog)
        for floor in workload.quality:
            if floor.over == AVERAGE:
                yield from scores.unknown(floor)
                due |= scores.averages(floor)
            else:
                yield from scores.tokens_below(floor)
    yield from _compared(plan, due)


def _compared(plan: Plan, due: dict[_Key, float]) -> Iterator[str]:
    stated = {
        (r.period, r.block, r.workload, r.benchmark, r.reference, r.floor): r.average
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
        self.workload = workload.name
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
        for name, model, number_format in sorted({(n, r.model, f) for r, f, n in rows}):
            if self.book.compared(floor, model, number_format) is None:
                yield f"{name}: no {floor.benchmark} score is known for {self.workload}"

    def tokens_below(self, floor: QualityFloor) -> Iterator[str]:
        """Yield a sentence for tokens below a floor that every model has to meet."""
        for name, model, number_format in sorted({(n, r.model, f) for r, f, n in self.bought}):
            found = self.book.compared(floor, model, number_format)
            if found is None:
                yield f"{name}: no {floor.benchmark} score is known for {self.workload}"
            elif found[0] < found[1] - TOLERANCE:
                yield f"{name}: {floor.benchmark} {found[0]:.4f} is below {found[1]:.4f}"

    def averages(self, floor: QualityFloor) -> dict[_Key, float]:
        """Return the average of every period and block in which anything is served."""
        rate: dict[tuple[int, int], float] = defaultdict(float)
        counted: dict[tuple[int, int], float] = defaultdict(float)
        rows: list[_Served] = [*self.served, *self.bought]
        for row, number_format, _ in rows:
            found = self.book.compared(floor, row.model, number_format)
            if found is not None:
                score, least = found
                # A relative floor is so many times the reference's score.
                share = score if floor.min_relative is None else score / least * floor.min_relative
                rate[row.period, row.block] += row.rate_rps
                counted[row.period, row.block] += row.rate_rps * share
        benchmark, reference, least = _stated(floor)
        return {
            (*slot, self.workload, benchmark, reference, least): counted[slot] / total
            for slot, total in rate.items()
        }
