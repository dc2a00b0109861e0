"""Chains of answers in a plan: who answers, how many second answers, and under which limits."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from planner.verify.audit.expected import differs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan.document import Allocation, ApiRow, Plan
    from planner.problem.schema import Problem, Slo, Workload

FIRST, THEN = "first", "then"
_FROM_ARRIVAL = {"ttft_ms", "e2e_ms"}


def escalation_violations(plan: Plan, problem: Problem) -> Iterator[str]:
    """Yield a sentence for every answer of a chain that its workload does not allow."""
    rows: list[Allocation | ApiRow] = [*plan.allocations, *plan.api]
    yield from dict.fromkeys(text for row in rows for text in _wrong_answer(row, problem))
    rates: dict[tuple[str, int, int, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in rows:
        if row.answer:
            pair = rates[row.workload, row.period, row.block, row.answer]
            pair[0] += row.rate_rps
            pair[1] += row.planned_rate_rps
    for workload, period, block in sorted({key[:3] for key in rates}):
        chain = problem.workload(workload).escalation
        firsts = rates[workload, period, block, FIRST]
        thens = rates[workload, period, block, THEN]
        for kind, first, then in zip(("mean", "planned"), firsts, thens, strict=True):
            due = first * (0.0 if chain is None else chain.share)
            if differs(then, due):
                yield (
                    f"period {period} block {block} {workload}: {kind} rate of second answers "
                    f"{then:.9g}/s, {due:.9g}/s are escalated"
                )


def _wrong_answer(row: Allocation | ApiRow, problem: Problem) -> Iterator[str]:
    workload = problem.workload(row.workload)
    chain, pool = workload.escalation, getattr(row, "pool", None)
    if pool is not None and (pool in chain_pools(workload)) != bool(row.answer):
        yield f"{row.workload} in pool {pool}: answer {row.answer or 'of no chain'} does not fit"
    if not row.answer:
        return
    if chain is None or row.answer not in {FIRST, THEN}:
        yield f"{row.workload}: {row.answer} answers, which the problem does not ask for"
        return
    if pool not in {None, f"{workload.pool_name}/{row.answer}"}:
        yield f"{row.workload}: {row.answer} answers in pool {pool}"
    if row.model not in (chain.first if row.answer == FIRST else chain.then):
        yield f"{row.workload}: {row.model} may not give {row.answer} answers"


def chain_pools(workload: Workload) -> frozenset[str]:
    """Return the pools of the answers of a workload's chain."""
    own = workload.pool_name
    return frozenset({f"{own}/{FIRST}", f"{own}/{THEN}"} if workload.escalation else ())


def limits_of(workload: Workload, answer: str) -> list[tuple[Slo, float]]:
    """Return the limits of an answer with their milliseconds, from when it is asked."""
    chain = workload.escalation
    if chain is None or answer != THEN:
        return [(slo, slo.limit) for slo in workload.slo]
    asked = workload.slo if chain.slo is None else chain.slo
    aside = chain.first_answer_ms or 0.0
    return [(slo, slo.limit - (aside if slo.metric in _FROM_ARRIVAL else 0.0)) for slo in asked]
